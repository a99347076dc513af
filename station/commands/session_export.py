"""``station sessions export``: a session log in a form that other programs read."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from station.errors import SessionError
from station.session.format import SessionLog, encode_events, read_log

KEY_BYTES, MAX_KEY_BYTES = 32, 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``station sessions export``."""
    parser.add_argument("log", type=Path, metavar="LOG")
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="must not exist yet")
    known = ", ".join(FORMATS)
    parser.add_argument("--format", choices=tuple(FORMATS), help=f"{known}; by default what FILE ends in")
    parser.add_argument(
        "--anonymise",
        action="store_true",
        help="pseudonyms for boards, station, hosts and paths; replays the same; may leave the factory",
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="--anonymise, with the same pseudonyms in every copy made with this file; it is made where it is missing: keep it",
    )


def run(options: argparse.Namespace) -> int:
    """Raises SessionError for a log that cannot be read or anonymised, a file that cannot be written, and a name that tells no
    format."""
    format_name = options.format or options.to.suffix.removeprefix(".")
    if format_name not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise SessionError(f"{options.to}: tells no format: end it in one of {known}, or give --format")
    log = read_log(options.log)
    if options.anonymise or options.key is not None:
        from station.anonymise import anonymised

        log = anonymised(log, None if options.key is None else _key(options.key))
    _write(options.to, FORMATS[format_name](log))
    return 0


def _html(log: SessionLog) -> bytes:
    from station.session.export.html import to_html
    from station.session.export.label_picture import label_picture
    from station.session.wire_words import decoders_for

    return to_html(log, decoders_for(log), label_png=label_picture(log))


def _har(log: SessionLog) -> bytes:
    from station.session.export.har import to_har

    return to_har(log)


def _pcapng(log: SessionLog) -> bytes:
    from station.session.export.pcapng import to_pcapng
    from station.session.wire_words import decoders_for

    return to_pcapng(log, decoders_for(log))


def _jsonl(log: SessionLog) -> bytes:
    return encode_events(log.events)


FORMATS: dict[str, Callable[[SessionLog], bytes]] = {
    "html": _html,
    "har": _har,
    "pcapng": _pcapng,
    "jsonl": _jsonl,
}
"""By name, which is what a file of it ends in."""


def _key(path: Path) -> bytes:
    """The key that a file holds; a new file with a new one where there is none. Raises SessionError."""
    try:
        if not path.exists():
            _write(path, secrets.token_bytes(KEY_BYTES))
        with path.open("rb") as file:
            key = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise SessionError(f"{path}: {error.strerror}") from error
    if not KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise SessionError(f"{path}: holds {len(key)} bytes where a key has {KEY_BYTES} to {MAX_KEY_BYTES}")
    return key


def _write(to: Path, content: bytes) -> None:
    """A new file, readable by its owner only; none where it cannot be written whole."""
    try:
        fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SessionError(f"{to}: {error.strerror}") from error
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
    except OSError as error:
        to.unlink(missing_ok=True)
        raise SessionError(f"{to}: {error.strerror}") from error
