"""Pseudonyms for what names a board: as long, of the same alphabet, and taken or refused by the same checks.

Within one ``Pseudonyms`` a value always gets the same pseudonym, whatever case it is written in. Which one is drawn from a random
key: a DeviceID has few enough bits that anything computed from it alone could be found again by trying all of them.
"""

from __future__ import annotations

import hashlib
import hmac
import string
from collections.abc import Callable, Iterator

MIN_CHARS = 4
"""A shorter text names nothing, and stands by chance in anything."""
_TRIES = 64
_HEX = frozenset(string.hexdigits)
_MIN_WRITTEN = 8
"""Hex digits from which on it is no chance that all bits are as a write left them: (3/4)^32."""
_OUI_CHARS = 6
"""Hex digits of an EUI-64 that name its maker (IEEE's OUI)."""


class NoPseudonym(ValueError):
    """Raised where no pseudonym was found that the checks take, or refuse, as they do the value itself."""


class Pseudonyms:
    """``accept(kind, text)`` says whether the station takes a text as a value of this kind."""

    def __init__(self, key: bytes, accept: Callable[[str, str], bool]) -> None:
        self._key = key
        self._accept = accept
        self._known: dict[str, str] = {}
        self._values: dict[str, tuple[str, str, str]] = {}

    def add(self, kind: str, value: str) -> None:
        """Give ``value`` a pseudonym where it has none. Raises NoPseudonym."""
        if len(value) >= MIN_CHARS and value.upper() not in self._known and not is_blank(value):
            self.put(kind, value, self._drawn(kind, value))

    def add_read(self, kind: str, value: str) -> None:
        """The same for what came over a wire. What is nearly a known value, or its beginning, as a read that was disturbed or a
        write that was cut off leaves it, gets what is as nearly that value's pseudonym."""
        if len(value) >= MIN_CHARS and value.upper() not in self._known and not is_blank(value):
            self.put(kind, value, self._near(value) or self._drawn(kind, value))

    def put(self, kind: str, value: str, pseudonym: str) -> None:
        """Give ``value`` this pseudonym where it has none."""
        if value.upper() not in self._known and not is_blank(value):
            self._known[value.upper()] = pseudonym.upper()
            self._values[value.upper()] = (kind, value, pseudonym)

    def of(self, value: str) -> str | None:
        """The pseudonym of a value, in its case; None where it has none."""
        known = self._values.get(value.upper())
        if known is None:
            return None
        return known[2] if known[1] == value else in_case_of(value, known[2])

    def pairs(self) -> Iterator[tuple[str, str, str]]:
        """``(kind, value, pseudonym)`` of all that were added, as they were written first."""
        yield from self._values.values()

    def _near(self, value: str) -> str | None:
        wanted = value.upper()
        for known, pseudonym in self._known.items():
            if known.startswith(wanted):
                return in_case_of(value, pseudonym[: len(wanted)])
            if len(known) == len(wanted) and (is_near(known, wanted) or is_cut_off(known, wanted)):
                return in_case_of(value, as_near(known, wanted, pseudonym))
        return None

    def _drawn(self, kind: str, value: str) -> str:
        fits = self._accept(kind, value)
        taken = {*self._known, *self._known.values(), value.upper()}
        for draw, keep in enumerate((0, _OUI_CHARS, len(value) // 2, len(value) * 3 // 4)):
            for attempt in range(_TRIES):
                candidate = value[:keep] + self._redrawn(value[keep:], f"{draw} {attempt} {value.upper()}")
                if candidate.upper() not in taken and self._accept(kind, candidate) == fits:
                    return candidate
        raise NoPseudonym(f"no other text of the shape of a {kind} passes, or fails, the same checks")

    def _redrawn(self, text: str, salt: str) -> str:
        randomness = hashlib.shake_256(hmac.digest(self._key, salt.encode("utf-8", "surrogatepass"), "sha256"))
        alphabets = [_alphabet(character, text) for character in text]
        drawn = randomness.digest(2 * len(text) or 1)
        return "".join(
            alphabet[int.from_bytes(drawn[2 * index : 2 * index + 2], "big") % len(alphabet)]
            for index, alphabet in enumerate(alphabets)
        )


def is_blank(text: str) -> bool:
    """What erased memory reads as: it names no board."""
    return set(text.upper()) <= {"0"} or set(text.upper()) <= {"F"}


def in_case_of(text: str, pseudonym: str) -> str:
    """``pseudonym`` in lower case where ``text`` is, else in upper case: letters and digits may have traded places."""
    return pseudonym.lower() if text == text.lower() and text != text.upper() else pseudonym.upper()


def is_near(known: str, found: str) -> bool:
    """Whether two texts of one length, in upper case, are the same in three quarters of the characters found that say
    something: that are not what erased memory reads as."""
    telling = [index for index, character in enumerate(found) if character not in "0F"]
    same = sum(known[index] == found[index] for index in telling)
    return known != found and len(telling) >= MIN_CHARS and 4 * same >= 3 * len(telling)


def is_cut_off(known: str, found: str) -> bool:
    """Whether a write of ``known``, hex digits, that was cut off may have left ``found``: each bit is the one written, or blank."""
    if len(known) < _MIN_WRITTEN or not _HEX.issuperset(known + found):
        return False
    pairs = [(int(was, 16), int(now, 16)) for was, now in zip(known, found, strict=True)]
    return all(was | now == now for was, now in pairs) or all(was & now == now for was, now in pairs)


def as_near(known: str, found: str, pseudonym: str) -> str:
    """What is to ``pseudonym`` as ``found`` is to ``known``: the same hex digits differ, by the same bits where a bit was
    disturbed, and towards the same blank value where a write was cut off. Other characters stay as found."""
    digits = [_Digits.of(*three) for three in zip(known, found, pseudonym, strict=True)]
    nibbles = [each for each in digits if each is not None]
    towards_ones = all(each.found | each.known == each.found for each in nibbles)
    towards_zeros = all(each.found & each.known == each.found for each in nibbles)
    result: list[str] = []
    for each, character, other in zip(digits, found, pseudonym, strict=True):
        if each is None:
            result.append(other if character == known[len(result)] else character)
        else:
            result.append(f"{each.moved(towards_ones, towards_zeros):X}")
    text = "".join(result)
    if text == pseudonym:
        blank = "0" if towards_zeros and not towards_ones else "F"
        place = next((index for index, character in enumerate(text) if character not in "0F"), 0)
        text = text[:place] + blank + text[place + 1 :]
    return text


class _Digits:
    """One place of three texts, as hex digits."""

    def __init__(self, known: int, found: int, pseudonym: int) -> None:
        self.known, self.found, self.pseudonym = known, found, pseudonym

    @classmethod
    def of(cls, known: str, found: str, pseudonym: str) -> _Digits | None:
        if {known, found, pseudonym} <= _HEX:
            return cls(int(known, 16), int(found, 16), int(pseudonym, 16))
        return None

    def moved(self, towards_ones: bool, towards_zeros: bool) -> int:
        changed = self.known ^ self.found
        if towards_ones:
            return self.pseudonym | changed
        if towards_zeros:
            return self.pseudonym & ~changed & 0xF
        return self.pseudonym ^ changed


def _alphabet(character: str, text: str) -> str:
    """What may stand in the place of ``character``. In a text that is all digits, or all hex digits of one case, any of those."""
    if text.isdigit():
        return string.digits
    if _HEX.issuperset(text):
        if text == text.upper():
            return string.digits + "ABCDEF"
        if text == text.lower():
            return string.digits + "abcdef"
    for alphabet in (string.digits, string.ascii_uppercase, string.ascii_lowercase):
        if character in alphabet:
            return alphabet
    return character
