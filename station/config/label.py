"""The label that a configuration names, and the files it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from station.config.loader import ConfigError, Document, Location, parse
from station.config.models import LabelConfig
from station.errors import LabelError
from station.label.design import Image, LabelDesign
from station.label.layout import lay_out
from station.label.template import label_values
from station.label.zpl_template import ZplTemplate, render_template
from station.ports import LabelData

Label = LabelDesign | ZplTemplate

SAMPLE_DOTS_PER_MM = 8.0
MAX_ASSET_BYTES = 512 * 1024
"""Bound of one file that a label is made of: each session log holds a copy, so that it can be replayed elsewhere."""


def read_label(
    document: Document, config: LabelConfig, extra: dict[str, str], anchor: Callable[[str], Path]
) -> tuple[Label, dict[str, str]]:
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
        name = _name_in(document, "zpl_template")
        return _template(document, content(("label", "zpl_template"), name), extra), files
    where: Location = ("label", "design")
    if config.file is not None:
        document, where = parse(content(("label", "file"), _name_in(document, "file")), str(config.file)), ()
    values = document.values if config.file is not None else config.design or {}
    design = _design(document, values, where, extra)
    return _anchored(design, where, content, anchor), files


def _name_in(document: Document, key: str) -> str:
    return str(document.values["label"][key])


def _template(document: Document, raw: bytes, extra: dict[str, str]) -> ZplTemplate:
    where: Location = ("label", "zpl_template")
    try:
        template = ZplTemplate(raw.decode("utf-8"))
        render_template(template, _sample(extra))
        return template
    except UnicodeDecodeError as error:
        raise ConfigError([document.mistake(where, "the template is not UTF-8", "save it as UTF-8")]) from error
    except LabelError as error:
        raise ConfigError([document.mistake(where, str(error), "correct the template")]) from error


def _design(document: Document, values: Mapping[str, object], where: Location, extra: dict[str, str]) -> LabelDesign:
    try:
        design = LabelDesign.from_mapping(values)
        lay_out(design, _sample(extra), SAMPLE_DOTS_PER_MM)
        return design
    except LabelError as error:
        place, separator, what = str(error).partition(": ")
        parts = place.split(".") if separator else []
        location = (*where, *(int(part) if part.isdecimal() else part for part in parts))
        message = what if separator else place
        raise ConfigError([document.mistake(location, message, "correct the label's design")]) from error


def _sample(extra: dict[str, str]) -> dict[str, str]:
    """Values as short as any real ones: a label that has no room even for these, or that names others, is a mistake."""
    return label_values(LabelData("1", "1", "1", "1", extra=extra), None)


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
