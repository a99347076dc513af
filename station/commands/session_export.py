"""``station sessions export``: a session log in a form that other programs read."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from station.errors import SessionError
from station.session.format import SessionLog, encode_events, read_log


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


def run(options: argparse.Namespace) -> int:
    """Raises SessionError for a log that cannot be read or anonymised, a file that cannot be written, and a name that tells no
    format."""
    format_name = options.format or options.to.suffix.removeprefix(".")
    if format_name not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise SessionError(f"{options.to}: tells no format: end it in one of {known}, or give --format")
    log = read_log(options.log)
    if options.anonymise:
        from station.anonymise import anonymised

        log = anonymised(log)
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
