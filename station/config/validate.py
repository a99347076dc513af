"""From a document to a configuration, every mistake with its place, its cause and its remedy."""

from __future__ import annotations

import difflib
import json
import types
import typing
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from station.config.label import Label, read_label
from station.config.loader import ConfigError, Document, Location, Mistake, load
from station.config.models import StationConfig
from station.config.references import Surroundings


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration that can be used, with what it was made from (references, never secrets)."""

    station: StationConfig
    label: Label
    document: Document
    files: dict[str, str]
    """Files that the label is made of, by the name the configuration gives them, as hex: what a replay needs of the disk."""


def load_configuration(path: Path) -> Configuration:
    """Read and check a file. Raises ConfigError with all mistakes found."""
    return build_configuration(load(path), Surroundings.of_folder(path.absolute().parent))


def build_configuration(document: Document, surroundings: Surroundings) -> Configuration:
    """Check a document. Raises ConfigError with all mistakes found."""
    try:
        station = StationConfig.model_validate_json(json.dumps(document.values), context=surroundings)
    except ValidationError as error:
        raise ConfigError([_mistake(document, row) for row in error.errors()]) from error
    mistakes = list(_contradictions(document, station))
    if mistakes:
        raise ConfigError(mistakes)
    label, files = read_label(document, station.label, station.label_extra, surroundings.anchor)
    return Configuration(station, label, document, files)


_REMEDIES = {
    "missing": "add this key",
    "int_type": "write a whole number, without quotes",
    "float_type": "write a number, without quotes",
    "bool_type": "write true or false, without quotes",
    "string_type": "write a text; put it in quotes if it looks like a number",
    "tuple_type": "write a list",
    "dict_type": "write a mapping of keys to values",
    "model_type": "write a mapping of keys to values",
    "dataclass_type": "write a mapping of keys to values",
    "literal_error": "use one of the words named",
    "enum": "use one of the words named",
    "string_pattern_mismatch": "use letters, digits, '.', '_' and '-' only, at most 32",
}
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")


def _mistake(document: Document, row: Any) -> Mistake:
    location: Location = tuple(row["loc"])
    kind: str = row["type"]
    if kind in _UNKNOWN_KEY:
        known = _keys_at(StationConfig, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return document.mistake(location, "unknown key", remedy)
    what: str = row["msg"].removeprefix("Value error, ")
    return document.mistake(location, what[0].lower() + what[1:], _REMEDIES.get(kind, ""))


def _keys_at(root: type[Any], location: Location) -> list[str]:
    """The keys that may stand in the mapping at ``location``."""
    current: Any = root
    for part in location:
        hints = typing.get_type_hints(current) if isinstance(part, str) and isinstance(current, type) else {}
        current = _plain_type(hints.get(str(part), current))
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return [field.name for field in fields(current)] if is_dataclass(current) else []


def _plain_type(hint: Any) -> Any:
    """The class inside Optional, Annotated, tuple and list."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _plain_type(next(item for item in typing.get_args(hint) if item is not type(None)))
    if origin in (typing.Annotated, tuple, list):
        return _plain_type(typing.get_args(hint)[0])
    return hint


def _contradictions(document: Document, station: StationConfig) -> typing.Iterator[Mistake]:
    """What each part allows and the whole does not."""
    names = [printer.name for printer in station.printers]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield document.mistake(("printers", index, "name"), f"{name} names two printers", "give each its own name")
    seen: dict[str, str] = {}
    for index, socket in enumerate(station.sockets):
        here: Location = ("sockets", index)
        for key, value in (("name", socket.name), ("serial", socket.serial.port)):
            if value in seen:
                yield document.mistake(
                    (*here, key), f"{value} is already used by socket {seen[value]}", "use each once"
                )
            seen[value] = socket.name
        if socket.printer is None and len(names) > 1:
            yield document.mistake(here, "there are several printers", f"name one: printer: {' | '.join(names)}")
        if socket.printer is not None and socket.printer not in names:
            yield document.mistake(
                (*here, "printer"), f"no printer is named {socket.printer}", f"use {', '.join(names)}"
            )
        if station.scan.means == "sn" and socket.trigger.presence is not None:
            yield document.mistake(
                (*here, "trigger"),
                "board presence brings no scan, but scan.means is sn",
                "use a scanner or the keyboard",
            )
    if station.label.zpl_template is not None:
        for index, printer in enumerate(station.printers):
            if printer.driver.zpl is None:
                what = "this printer does not speak ZPL, and the label is a ZPL template"
                yield document.mistake(("printers", index, "driver"), what, "use a label design instead")
