"""Every text that the page asks for is there, in every language, with the same places to be filled."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import station.panel
from station.errors import CATALOGUE
from station.panel.words import Words, words_for

PANEL = Path(station.panel.__file__).parent
LANGUAGES = ("en", "zh", "es")
_ASKED = re.compile(r"""\bt\(\s*['"]([a-z_]+\.[a-z_0-9]+)['"]\s*[,)]""")
_BEGUN = re.compile(r"""\bt\(\s*f?['"]([a-z_]+\.[a-z_]*)(?:['"]\s*~|\{)""")
"""A key of which only the beginning stands there."""
LONGEST_OF_ENGLISH = 1.6
"""How much longer a code's words may be than the English ones, so that they fit a tile too."""


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


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_code_is_said_in_every_language_and_as_short(language: str) -> None:
    codes = words_for(language)._codes
    assert codes.keys() == CATALOGUE.keys()
    for code, (headline, action) in codes.items():
        english = CATALOGUE[code]
        assert headline.strip(), code
        assert action.strip(), code
        assert headline != english.headline, code
        assert len(headline + action) <= LONGEST_OF_ENGLISH * len(english.headline + english.action), code


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_names_that_people_look_for_are_left_as_they_are(language: str) -> None:
    """What stands on labels, in files and in commands is written the same in every language."""
    for code, said in words_for(language)._codes.items():
        english = CATALOGUE[code]
        wanted = re.findall(
            r"AppEUI|chipId|postgresql|production/\*|docs/operation\.md|--help|CSID",
            f"{english.headline} {english.action}",
        )
        assert [name for name in wanted if name not in " ".join(said)] == [], code
