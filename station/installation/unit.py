"""The systemd unit of a station, written from a template that lies beside this module."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from station.health import call_bound_s, stop_bound_s
from station.installation.references import Needs

MODULES = ("usbserial", "cdc_acm", "usblp")
"""Kernel modules that register the device classes of the unit's DeviceAllow=, which systemd looks up when the service starts."""
GROUPS = ("dialout", "lp", "input", "audio")
CREDENTIALS = Path("/etc/station/credentials")
STOP_MARGIN_S = 10
LEAST_START_S = 120


@dataclass(frozen=True, slots=True)
class UnitOptions:
    """What differs between computers. ``modules``: those of ``MODULES`` that this computer's kernel has as modules."""

    python: Path
    user: str
    modules: tuple[str, ...]


def render_unit(needs: Needs, options: UnitOptions) -> str:
    """The unit as text."""
    wanted = "".join(f" modprobe@{module}.service" for module in options.modules)
    api = needs.configuration.station.api.options()
    return template("station.service.template").format(
        name="station.service",
        after_modules=wanted,
        wants_modules=wanted,
        python=options.python,
        config=needs.file,
        start_s=max(LEAST_START_S, math.ceil(2 * call_bound_s(api)) + STOP_MARGIN_S),
        stop_s=math.ceil(stop_bound_s(api.timeout_s)) + STOP_MARGIN_S,
        user=options.user,
        groups=" ".join(GROUPS),
        state="".join(f"ReadWritePaths={folder}\n" for folder in needs.writable),
        credentials="".join(f"LoadCredential={name}:{CREDENTIALS / name}\n" for name in needs.credentials),
    )


def unit_environment() -> dict[str, str]:
    """What the unit sets in the agent's environment."""
    lines = template("station.service.template").splitlines()
    settings = [line.removeprefix("Environment=") for line in lines if line.startswith("Environment=")]
    return dict(setting.split("=", 1) for setting in settings)


def template(name: str) -> str:
    """A file of this package."""
    return resources.files("station.installation").joinpath(name).read_text(encoding="utf-8")


def modules_present(root: Path, release: str | None = None) -> tuple[str, ...]:
    """Those of ``MODULES`` that the kernel of this release (the running one's by default) has as loadable modules."""
    listing = root / "lib" / "modules" / (release or os.uname().release) / "modules.dep"
    try:
        lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    names = {Path(line.partition(":")[0]).name.partition(".ko")[0].replace("-", "_") for line in lines}
    return tuple(module for module in MODULES if module in names)
