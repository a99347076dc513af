"""From a document to a configuration, every mistake with its place, its cause and its remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from drivers.bootloader.stm32.options import MAX_BAUD, MIN_BAUD
from station.config.label import Label, read_label
from station.config.loader import ConfigError, Document, Location, Mistake, load
from station.config.mistakes import mistakes_of
from station.config.models import StationConfig
from station.config.references import Surroundings
from station.config.signals import contradictions as contradictions_of_signals


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
        raise ConfigError(mistakes_of(document, error)) from error
    mistakes = list(_contradictions(document, station))
    if mistakes:
        raise ConfigError(mistakes)
    label, files = read_label(document, station.label, station.label_extra, surroundings.anchor)
    return Configuration(station, label, document, files)


def _contradictions(document: Document, station: StationConfig) -> Iterator[Mistake]:
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
        baud = socket.serial.framing.baud
        if station.board.stm32 is not None and not MIN_BAUD <= baud <= MAX_BAUD:
            yield document.mistake(
                (*here, "serial", "framing", "baud"),
                f"{baud} baud is none for an STM32's bootloader",
                f"use {MIN_BAUD} to {MAX_BAUD}; 115200 is usual",
            )
        if socket.printer is None and len(names) > 1:
            yield document.mistake(here, "there are several printers", f"name one: printer: {' | '.join(names)}")
        if socket.printer is not None and socket.printer not in names:
            yield document.mistake(
                (*here, "printer"), f"no printer is named {socket.printer}", f"use {', '.join(names)}"
            )
    yield from _of_triggers(document, station)
    yield from _of_queues(document, station)
    yield from contradictions_of_signals(document, station)
    if station.label.zpl_template is not None:
        for index, printer in enumerate(station.printers):
            if printer.driver.zpl is None:
                what = "this printer does not speak ZPL, and the label is a ZPL template"
                yield document.mistake(("printers", index, "driver"), what, "use a label design instead")


def _of_queues(document: Document, station: StationConfig) -> Iterator[Mistake]:
    """A CUPS queue passes no answers back, and a configuration that promises a proof by the printer would mislead."""
    for index, printer in enumerate(station.printers):
        if printer.connection.cups is None:
            continue
        zpl, escpos = printer.driver.zpl, printer.driver.escpos
        here: Location = ("printers", index, "driver")
        what = "a CUPS queue passes no status of the printer back"
        if zpl is not None and zpl.status != "none":
            yield document.mistake((*here, "zpl"), what, "say so with status: none")
        if escpos is not None and escpos.proof != "none":
            yield document.mistake((*here, "escpos"), what, "say so with proof: none")
        if printer.driver.png is not None:
            yield document.mistake(here, "a CUPS queue is sent labels as they are, and no picture", "use zpl or escpos")


def _of_triggers(document: Document, station: StationConfig) -> Iterator[Mistake]:
    names = [shared.name for shared in station.shared_triggers]
    for index, shared in enumerate(station.shared_triggers):
        here: Location = ("shared_triggers", index)
        if shared.name in names[:index]:
            yield document.mistake((*here, "name"), f"{shared.name} names two triggers", "give each its own name")
        if shared.trigger.presence is not None:
            what = "board presence is seen through one socket's port"
            yield document.mistake((*here, "trigger"), what, "give each socket a presence trigger of its own")
        if shared.trigger.button is not None:
            what = "the page has a button for each socket"
            yield document.mistake((*here, "trigger"), what, "give each socket the trigger button")
    users: dict[str, str] = {}
    for index, socket in enumerate(station.sockets):
        there: Location = ("sockets", index, "trigger")
        if socket.trigger.button is not None and station.panel is None:
            yield document.mistake(there, "the button is on the page, and there is none", "add panel: {}")
        named = socket.trigger.shared
        if named is not None and named not in names:
            remedy = f"use {', '.join(names)}" if names else "describe it under shared_triggers"
            yield document.mistake(there, f"no shared trigger is named {named}", remedy)
            continue
        if station.scan.means != "sn":
            continue
        if not station.trigger_of(socket).brings_text:
            what = "this trigger brings no scan, but scan.means is sn"
            yield document.mistake(there, what, "use a scanner or the keyboard")
        if named is not None and users.setdefault(named, socket.name) != socket.name:
            what = f"a scanned SN is for one board, but {named} starts socket {users[named]} too"
            yield document.mistake(there, what, "give each socket a scanner of its own")
