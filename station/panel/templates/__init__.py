"""The page's templates: HTML with every value escaped, and an error for a name that is not there."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from station import __version__


def templates() -> Environment:
    """An environment of its own for each server."""
    environment = Environment(
        loader=PackageLoader("station.panel"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["version"] = __version__
    return environment
