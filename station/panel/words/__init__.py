"""Every text of the page, in each of its languages: a table of keys for each, with the same keys and placeholders."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from station.errors import CATALOGUE
from station.panel.words import engineer, operator, supervisor


class Words:
    """The texts of one language."""

    def __init__(self, language: str, texts: Mapping[str, str], codes: Mapping[str, tuple[str, str]]) -> None:
        self.language = language
        self._texts = texts
        self._codes = codes

    def t(self, key: str, **values: object) -> str:
        """The text of a key, its placeholders filled. Raises KeyError for a key that there is not."""
        text = self._texts[key]
        return text.format(**values) if values else text

    def of_code(self, code: str) -> tuple[str, str]:
        """A code's headline and action; the catalogue's own where there is no translation."""
        found = self._codes.get(code)
        if found is None:
            row = CATALOGUE.get(code, CATALOGUE["station.defect"])
            found = row.headline, row.action
        return found


def words_for(language: str) -> Words:
    """The words of a language that the configuration may name."""
    module = importlib.import_module(f"station.panel.words.{language}")
    # What is said of codes in English stands in the catalogue.
    codes = {} if language == "en" else importlib.import_module(f"station.panel.words.codes_{language}").CODES
    tables = (operator, engineer, supervisor)
    texts = {key: text for table in tables for key, text in table.texts(language).items()}
    return Words(language, {**module.TEXTS, **texts}, codes)
