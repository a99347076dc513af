"""What text the journal takes: ids exactly or not at all, remarks made printable and bounded. Imports no database."""

from __future__ import annotations

from station.journal.errors import JournalMisuse

ID_MAX_CHARS = 128
"""Longest chipId, DeviceID, SN, AppEUI or name taken. The API document sets no bound; its examples are under 20."""

REMARK_MAX_CHARS = 2000


def id_problem(value: str) -> str | None:
    """Why ``value`` cannot be an id, or None: 1 to 128 printable characters, no space. A key is never trimmed or altered."""
    if not value:
        return "empty"
    if len(value) > ID_MAX_CHARS:
        return f"longer than {ID_MAX_CHARS} characters"
    if not value.isprintable() or " " in value:  # no other space is printable
        return "holds a space or a character that is not printable"
    return None


def checked_id(name: str, value: str) -> str:
    """``value``, if it can be an id. Raises JournalMisuse naming ``name``."""
    problem = id_problem(value)
    if problem is not None:
        raise JournalMisuse(f"{name} {remark(value, 80)!r}: {problem}")
    return value


def remark(text: str, max_chars: int = REMARK_MAX_CHARS) -> str:
    """Free text as the journal keeps it: whatever is not printable as an escape, cut to ``max_chars``."""
    text = text[:max_chars]
    if not text.isprintable():
        escaped = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
        text = "".join(escaped)[:max_chars]
    return text
