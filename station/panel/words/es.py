"""The page in es."""

from __future__ import annotations

from station.panel.words import en

TEXTS: dict[str, str] = dict(en.TEXTS)
CODES: dict[str, tuple[str, str]] = {}
