"""A secret text that cannot slip into a log, an error or a record by being formatted."""

from __future__ import annotations

import hmac
from typing import NoReturn

MASK = "***"


class Secret:
    """Holds one secret text. ``str``, ``repr`` and every format give ``***``; only ``reveal`` gives the text.

    It compares equal to another Secret of the same text, in constant time, and refuses to be pickled.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text itself, for the one place that must send it."""
        return self.__text

    def hide_in(self, text: str) -> str:
        """``text`` with every occurrence of the secret replaced by ``***``."""
        return text.replace(self.__text, MASK) if self.__text else text

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__text.encode(), other.__text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not to be pickled")
