"""The values that name boards in one log, and what the station takes for such a value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drivers.bootloader.fields import SEPARATORS, FieldFormat, check_eui64
from drivers.bootloader.stm32.options import MemoryField
from drivers.errors import DriverMisuse
from station.bench import check_sn
from station.config.validate import Configuration
from station.errors import UnitError
from station.parts import bootloader_driver
from station.session.export.board_reads import BoardField, stm32_fields, text_fields
from station.session.export.identities import OTHER, identities, quoted, tokens
from station.session.export.pseudonyms import Pseudonyms
from station.session.format import SessionLog
from station.session.messages import bytes_of

_PRODUCT_ID_CHARS = 4
"""A chipId from a field of the board's own begins with the chip's product id (``Stm32Options``)."""


class BoardNames:
    """What names boards in ``log``, which was recorded with ``configuration``."""

    def __init__(self, log: SessionLog, configuration: Configuration) -> None:
        self._log = log
        self._station = configuration.station
        framing = self._station.sockets[0].serial.framing
        self._driver = bootloader_driver(self._station.board, framing)
        self._stm32, self._text = self._station.board.stm32, self._station.board.text_line
        self._fields = tuple(self._board_fields())

    def accepts(self, kind: str, value: str) -> bool:
        """Whether the station takes ``value`` as what this ``kind`` of field holds."""
        try:
            if kind == "device_id":
                self._driver.check_device_id(value)
                return re.fullmatch(self._station.api.device_id_pattern, value) is not None and _names_a_device(value)
            if kind == "sn":
                return check_sn(value, self._station.api.sn_pattern, self._station.scan.sn_case) == value
            if kind == "app_eui":
                check_eui64(value, () if self._text is None else self._text.eui_prefixes)
            elif kind == "chip_id":
                return self._chip_form(value) == value
        except (DriverMisuse, UnitError, ValueError):
            return False
        return True

    def add_all(self, pseudonyms: Pseudonyms) -> None:
        """Give every value a pseudonym, and every memory field the bytes of one. Raises NoPseudonym."""
        for kind, value in identities(self._log):
            pseudonyms.add(kind, self._own_part(kind, value))
        for field in self._fields:
            self._add_value(pseudonyms, field)
        for _, value, _ in list(pseudonyms.pairs()):
            for layout in self._layouts():
                _put_encoded(pseudonyms, layout, value)
        for field in self._fields:
            pseudonyms.add_read(field.kind, _digits(field))
        for kind, value in quoted(self._log):
            pseudonyms.add_read(kind, value)
        if self._text is not None:
            for value in tokens(self._came_in().decode("latin-1")):
                pseudonyms.add_read(OTHER, value)

    def written(self, pseudonyms: Pseudonyms) -> Iterator[tuple[str, str]]:
        """Texts in which a board wrote a value with separators in it, and the same of the pseudonym."""
        for field in self._fields:
            text = field.raw.decode("ascii", "replace")
            pseudonym = pseudonyms.of(_digits(field)) if self._text is not None else None
            if pseudonym is not None and len(text) > len(pseudonym):
                characters = iter(pseudonym)
                yield text, "".join(each if each in SEPARATORS else next(characters, each) for each in text)

    def _board_fields(self) -> Iterator[BoardField]:
        if self._stm32 is not None:
            return stm32_fields(self._log, self._stm32)
        assert self._text is not None, "checked by Choice"
        return text_fields(self._log, self._text)

    def _add_value(self, pseudonyms: Pseudonyms, field: BoardField) -> None:
        """The value that a field holds whole."""
        if field.layout is None:
            return
        try:
            raw = field.raw if self._stm32 is not None else bytes.fromhex(_digits(field))
            value = field.layout.decode(raw).value
        except ValueError:
            return
        if value is not None:
            pseudonyms.add_read(field.kind, value)

    def _layouts(self) -> Iterator[FieldFormat]:
        yield from {field.layout for field in self._fields if field.layout is not None}
        if self._text is not None and self._text.device_id.memory is not None:
            yield self._text.device_id.memory

    def _own_part(self, kind: str, value: str) -> str:
        if kind == "chip_id" and self._stm32 is not None and isinstance(self._stm32.chip_id, MemoryField):
            return value[_PRODUCT_ID_CHARS:]
        return value

    def _chip_form(self, value: str) -> str:
        if self._stm32 is not None:
            return self._stm32.canonical.apply(value)
        assert self._text is not None, "checked by Choice"
        return self._text.chip_id_form.apply(value)

    def _came_in(self) -> bytes:
        return b"".join(bytes_of(event) for event in self._log.events if event.kind == "rx" and event.channel == "uart")


def _names_a_device(value: str) -> bool:
    """Of 16 hex digits: whether they have the form of a device's EUI-64."""
    try:
        return len(value) != 16 or bool(check_eui64(value))
    except ValueError:
        return False


def _digits(field: BoardField) -> str:
    """What a field holds, as text: bytes as hex digits, a text without its separators."""
    if not field.is_text:
        return field.raw.hex()
    return field.raw.decode("ascii", "replace").translate({ord(separator): None for separator in SEPARATORS})


def _put_encoded(pseudonyms: Pseudonyms, layout: FieldFormat, value: str) -> None:
    """A memory field's bytes with ``value`` in it, and with its pseudonym; nothing where the field cannot hold it."""
    for written in (value, value.upper(), value.lower()):
        pseudonym = pseudonyms.of(written)
        try:
            raw, other = layout.encode(written), layout.encode(pseudonym or "")
        except ValueError:
            continue
        pseudonyms.put(OTHER, raw.hex(), other.hex())
