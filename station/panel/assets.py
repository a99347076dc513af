"""Scripts and styles, read once: they are small, and a station has no other host to take them from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, its type, and what changes with it."""

    data: bytes
    media_type: str
    etag: str


@cache
def assets() -> dict[str, Asset]:
    """By name, all that ``station/panel/static`` holds."""
    found: dict[str, Asset] = {}
    for file in (resources.files("station.panel") / "static").iterdir():
        suffix = "." + file.name.rpartition(".")[2]
        if suffix in MEDIA_TYPES:
            data = file.read_bytes()
            found[file.name] = Asset(data, MEDIA_TYPES[suffix], f'"{hashlib.sha256(data).hexdigest()[:16]}"')
    return found


async def answer(request: Request) -> Response:
    """The file of that name; a browser asks each time whether its own is still the one."""
    asset = assets().get(request.path_params["name"])
    if asset is None:
        return PlainTextResponse("not found\n", 404)
    headers = {"etag": asset.etag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    return Response(asset.data, media_type=asset.media_type, headers=headers)
