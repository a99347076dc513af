"""Text from outside made fit to be shown: on a terminal, in a log line, in a report."""

from __future__ import annotations


def printable(text: str, max_chars: int = 480) -> str:
    """``text`` as one line: control and other unprintable characters escaped, cut (with ``…``) to ``max_chars`` characters."""
    if not text.isprintable():
        # Only as much as can be shown is worth escaping.
        escaped = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[: max_chars + 1])
        text = "".join(escaped)
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"
