"""What all parts of a configuration are made from."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}"

Name = Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$")]


class Part(BaseModel):
    """Base of all parts: frozen, strict, no unknown keys.

    Validators are built when a configuration is read, those of all its parts in one go: each by itself, at import, they would be a
    quarter of the time that ``station replay`` takes to start.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)


class Choice(Part):
    """A mapping with exactly one key."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            kinds = ", ".join(type(self).model_fields)
            raise ValueError(f"exactly one of {kinds} must stand here, not {', '.join(given) or 'none'}")
        return self
