"""The label that a configuration names, and the files it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from station.config.loader import ConfigError, Document, Location, parse
from station.config.models import LabelConfig
from station.errors import LabelError
from station.label.design import Image, LabelDesign
from station.label.template import ZplTemplate

Label = LabelDesign | ZplTemplate

MAX_ASSET_BYTES = 512 * 1024
"""Bound of one file that a label is made of: each session log holds a copy, so that it can be replayed elsewhere."""


def read_label(document: Document, config: LabelConfig, anchor: Callable[[str], Path]) -> tuple[Label, dict[str, str]]:
    """The label, its paths made absolute, and the content of each of its files as hex by the name the configuration gives.

    Raises ConfigError that names the line, in the design's own file where it has one.
    """
    files: dict[str, str] = {}

    def content(location: Location, name: str) -> bytes:
        path = anchor(name)
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_ASSET_BYTES + 1)
        except OSError as error:
            raise ConfigError(
                [document.mistake(location, f"{path}: {error.strerror}", "name an existing file")]
            ) from error
        if len(raw) > MAX_ASSET_BYTES:
            what = f"{path} is larger than {MAX_ASSET_BYTES} bytes"
            raise ConfigError([document.mistake(location, what, "use a smaller file")])
        files[name] = raw.hex()
        return raw

    if config.zpl_template is not None:
        return _template(document, content(("label", "zpl_template"), _name_in(document, "zpl_template"))), files
    where: Location = ("label", "design")
    if config.file is not None:
        document, where = parse(content(("label", "file"), _name_in(document, "file")), str(config.file)), ()
    design = _design(document, document.values if config.file is not None else config.design or {}, where)
    return _anchored(design, where, content, anchor), files


def _name_in(document: Document, key: str) -> str:
    return str(document.values["label"][key])


def _template(document: Document, raw: bytes) -> ZplTemplate:
    where: Location = ("label", "zpl_template")
    try:
        return ZplTemplate.from_text(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError([document.mistake(where, "the template is not UTF-8", "save it as UTF-8")]) from error
    except LabelError as error:
        raise ConfigError([document.mistake(where, str(error), "correct the template")]) from error


def _design(document: Document, values: dict[str, object], where: Location) -> LabelDesign:
    try:
        return LabelDesign.from_mapping(values)
    except LabelError as error:
        place, separator, what = str(error).partition(": ")
        parts = place.split(".") if separator else []
        location = (*where, *(int(part) if part.isdecimal() else part for part in parts))
        raise ConfigError([document.mistake(location, what if separator else place)]) from error


def _anchored(
    design: LabelDesign, where: Location, content: Callable[[Location, str], bytes], anchor: Callable[[str], Path]
) -> LabelDesign:
    elements = list(design.elements)
    for index, element in enumerate(elements):
        if isinstance(element, Image):
            content((*where, "elements", index, "path"), element.path)
            elements[index] = replace(element, path=str(anchor(element.path)))
    font = design.font
    if font is not None:
        content((*where, "font"), font)
        font = str(anchor(font))
    return replace(design, elements=tuple(elements), font=font)
