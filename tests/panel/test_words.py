"""Every text that the page asks for is there, in every language, with the same places to be filled."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import station.panel
from station.panel.words import Words, words_for

PANEL = Path(station.panel.__file__).parent
LANGUAGES = ("en", "zh", "es")
_ASKED = re.compile(r"""\bt\(\s*['"]([a-z_]+\.[a-z_0-9]+)['"]\s*[,)]""")
_BEGUN = re.compile(r"""\bt\(\s*f?['"]([a-z_]+\.[a-z_]*)(?:['"]\s*~|\{)""")
"""A key of which only the beginning stands there."""


def sources() -> str:
    """All templates and modules of the page."""
    return "\n".join(path.read_text() for suffix in ("html", "py") for path in sorted(PANEL.rglob(f"*.{suffix}")))


def texts(language: str) -> dict[str, str]:
    words: Words = words_for(language)
    return dict(words._texts)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_asked_for_is_there(language: str) -> None:
    known, source = texts(language), sources()
    asked = set(_ASKED.findall(source))
    assert len(asked) > 100
    assert sorted(asked - known.keys()) == []
    for beginning in set(_BEGUN.findall(source)):
        assert any(key.startswith(beginning) for key in known), beginning


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_languages_have_the_same_texts_with_the_same_places_in_them(language: str) -> None:
    english, other = texts("en"), texts(language)
    assert other.keys() == english.keys()
    assert [key for key in english if places(english[key]) != places(other[key])] == []
    assert [key for key, text in other.items() if not text.strip()] == []
