"""What tells of the place where a session was recorded (station, hosts, ports, paths, accounts), and what stands for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

STATION = "station-1"
SESSION = "state/sessions/session.jsonl.gz"
_SECRET = re.compile(r"\$\{(?:env|file|credential):[^}]+\}")
_SECRET_ELSEWHERE = "${env:SECRET}"
_LOCAL_HOSTS = frozenset(("localhost", "127.0.0.1", "::1", "[::1]"))
_ACCOUNTS = frozenset(("csid", "client_id"))
_USED = frozenset(
    ("station", "state_dir", "api", "ids", "scan", "board", "label", "label_extra", "printers", "sockets")
)
"""Parts of a configuration that a cycle depends on."""
_KEPT = frozenset(("board", "label", "label_extra", "scan"))
"""Parts that name no place: what a board says, what a label shows."""
_STAYS = frozenset(("format", "wall_s", "agent", "python", "driver", "socket", "start"))
"""Of a head. What a later version says there besides may be a name."""
Names = dict[str, str]


def elsewhere(head: dict[str, Any]) -> tuple[dict[str, Any], Names]:
    """A log's head as of a station somewhere else, with what stands for each name that was replaced. Of the configuration only
    the socket of the log and its printer are left; label texts and what a board looks like stay as they are."""
    names: Names = {}
    values = json.loads(json.dumps(head.get("configuration", {})))
    if isinstance(values, dict):
        values = {name: part for name, part in values.items() if name in _USED}
        socket = _only_socket(values, head.get("socket"))
        values = _replaced(values, names, head.get("files", {}))
        values["station"] = STATION
    else:
        socket = None
    files = head.get("files", {})
    kept = {names.get(name, name): content for name, content in files.items()} if isinstance(files, dict) else {}
    _add(names, str(head.get("station", "")), STATION)
    session = str(head.get("session", ""))
    _add(names, session, SESSION)
    _add(names, str(PurePosixPath(session).parent.parent.parent), "state")
    changed = {"station": STATION, "session": SESSION, "configuration": values, "files": kept}
    stays = {name: value for name, value in head.items() if name in _STAYS}
    return stays | changed | ({} if socket is None else {"socket": socket}), names


def _only_socket(values: dict[str, Any], name: object) -> str | None:
    """Leave only the socket called ``name``, and its printer; returns what it is called now."""
    sockets = [each for each in values.get("sockets", ()) if isinstance(each, dict) and each.get("name") == name]
    printers = [each for each in values.get("printers", ()) if isinstance(each, dict)]
    if len(sockets) != 1:
        return None
    socket = dict(sockets[0])
    chosen = [each for each in printers if each.get("name") == socket.get("printer")] or printers[:1]
    values["sockets"], values["printers"] = [socket], [dict(each) for each in chosen]
    socket["name"] = "socket-1"
    for printer in values["printers"]:
        printer["name"] = "printer-1"
    socket.pop("printer", None)
    return "socket-1"


def _replaced(plain: Any, names: Names, files: Any, key: str = "") -> Any:
    """A part of the configuration with its places replaced, and noted in ``names``."""
    if isinstance(plain, dict):
        return {name: _replaced(value, names, files, key if key in _KEPT else name) for name, value in plain.items()}
    if isinstance(plain, list):
        return [_replaced(value, names, files, key) for value in plain]
    if not isinstance(plain, str):
        return plain
    if isinstance(files, dict) and plain in files:
        return _add(names, plain, f"file-{len(names)}{PurePosixPath(plain).suffix}")
    for known, replacement in () if key in _KEPT else _place(key, plain, len(names)):
        _add(names, known, replacement)
    return names.get(plain, _SECRET.sub(_SECRET_ELSEWHERE, plain))


def _place(key: str, text: str, number: int) -> Iterator[tuple[str, str]]:
    """What stands for a text of the configuration, by the key it stands under, and for the parts of it that messages name."""
    if key in _ACCOUNTS:
        yield text, "0" * len(text)
    elif key == "host":
        yield from _host(text, number)
    elif key == "state_dir":
        yield text, "state"
    elif key == "base_url" or "://" in text:
        host = _host_of(text)
        replaced = dict(_host(host, number)).get(host)
        if replaced is not None:
            yield text, text.replace(host, replaced)
            yield host, replaced
    elif key in ("port", "path") or key.endswith(("_file", "_dir")) or _is_path(key, text):
        yield text, f"/dev/elsewhere-{number}{PurePosixPath(text).suffix}"


def _is_path(key: str, text: str) -> bool:
    """Whether a text names a file. The paths of the API's address are public, and part of what is compared."""
    return text.startswith(("/", "./", "../", "~")) and not key.endswith("_path")


def _host(host: str, number: int) -> Iterator[tuple[str, str]]:
    if host and host not in _LOCAL_HOSTS:
        yield host, f"host-{number}.invalid"


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _add(names: Names, name: str, replacement: str) -> str:
    return names.setdefault(name, replacement) if name else replacement
