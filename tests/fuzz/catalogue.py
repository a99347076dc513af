"""All targets, by area. Each area is a module of its own, so that a process imports only what it fuzzes."""

from __future__ import annotations

from importlib import import_module

from tests.fuzz.target import Target

AREAS = ("boards", "fields", "printers", "api", "api_server", "sessions", "masking", "configuration", "labels")

PROOF = "proof"
"""Targets that break on purpose: they prove that breaking is noticed, and are no part of a run."""


def targets_of(area: str) -> tuple[Target, ...]:
    """The targets of one area; their names begin with it."""
    found: tuple[Target, ...] = import_module(f"tests.fuzz.{area}").TARGETS
    return found


def target_named(name: str) -> Target:
    """The target of this name. Raises LookupError."""
    area = name.partition("-")[0]
    if area in (*AREAS, PROOF):
        for target in targets_of(area):
            if target.name == name:
                return target
    raise LookupError(f"no fuzz target {name}; there are {', '.join(target.name for target in all_targets())}")


def all_targets() -> tuple[Target, ...]:
    """Every target, in the order they run."""
    return tuple(target for area in AREAS for target in targets_of(area))
