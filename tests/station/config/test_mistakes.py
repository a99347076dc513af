"""What is said of a wrong value: its file, line and column, where in the configuration, what is wrong, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.configuration import GOOD, SECRET, changed, line_of, loaded, told

OWN_TRIGGER = 'serial_scanner:\n        serial: {port: /dev/ttyABSENT1}\n        pattern: "[!-~]{4,64}"'
PEDAL = "{name: floor, trigger: {pedal: {device: /dev/x}}}"
ONE_LINE = re.compile(r"station\.yaml:[0-9]+:[0-9]+: [^:]+: .+ — .+")


def test_the_good_configuration_is_good(tmp_path: Path) -> None:
    assert told(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "where", "what", "remedy"),
    [
        ("state_dir: state", "sate_dir: state", "sate_dir", "unknown key", "did you mean state_dir?"),
        ("timeout_s: 10", "time_out_s: 10", "api.time_out_s", "unknown key", "did you mean timeout_s?"),
        ("batch: 50", "bach: 50", "ids.refill.bach", "unknown key", "did you mean batch?"),
        ("baud: 115200", "bauds: 9600", "sockets.0.serial.framing.bauds", "unknown key", "did you mean baud?"),
        ("means: start", "zzz: start", "scan.zzz", "unknown key", "known here: means, sn_case"),
        ("timeout_s: 10", "timeout_s: 10 kg", "api.timeout_s", "'kg' is no unit", "use us, ms, s, min, h"),
        ("timeout_s: 10", "timeout_s: 10 mm", "api.timeout_s", "'mm' is no unit", "use us, ms, s, min, h"),
        ("width_mm: 50", "width_mm: 5 ms", "label.design.width_mm", "'ms' is no unit", "use mm, cm, in"),
        ("timeout_s: 10", 'timeout_s: "10"', "api.timeout_s", "valid number", "without quotes"),
        ("timeout_s: 10", "timeout_s: 1e400", "api.timeout_s", "inf is not between", "correct this value"),
        ("timeout_s: 10", "timeout_s: .nan", "api.timeout_s", "valid number", "without quotes"),
        ("timeout_s: 10", "timeout_s: 12:30:45", "api.timeout_s", "valid number", "without quotes"),
        ("timeout_s: 10", "timeout_s: -1", "api.timeout_s", "-1.0 is not between", "correct this value"),
        ("baud: 115200", "baud: 0115200", "sockets.0.serial.framing.baud", "valid integer", "without quotes"),
        ("baud: 115200", "baud: 115200.5", "sockets.0.serial.framing.baud", "valid integer", "whole number"),
        ("baud: 115200", "baud: true", "sockets.0.serial.framing.baud", "valid integer", "without quotes"),
        ("baud: 115200", "baud: 7", "sockets.0.serial.framing.baud", "must be 50 to 4000000", "correct"),
        ("parity: even", "parity: evn", "sockets.0.serial.framing.parity", "'even'", "use one of the words"),
        ("station: jig-1", "station: jig 1", "station", "pattern", "at most 32"),
        ("station: jig-1", "station: 7", "station", "valid string", "put it in quotes"),
        ("station: jig-1", "station:", "station", "valid string", "put it in quotes"),
        ("require_ports: false", "require_ports: no", "require_ports", "valid boolean", "true or false"),
        ("part: STM32WL", "part: STM32XX", "board.stm32.part", "unknown STM32 part", "STM32WL"),
        ("chip_id: uid64", "chip_id: uid65", "board.stm32.chip_id", "'uid96' or 'uid64'", "use one of the words"),
        ("chip_id: uid64", "chip_id: 7", "board.stm32.chip_id", "'uid96' or 'uid64'", "use one of the words"),
        ("chip_id: uid64", "chip_id: {address: 9}", "board.stm32.chip_id.format", "required", "add this key"),
        (
            "chip_id: uid64",
            "chip_id: {address: 9, format: {size_bytes: x}}",
            "board.stm32.chip_id.format.size_bytes",
            "valid integer",
            "whole number",
        ),
        (
            "chip_id: uid64",
            "chip_id: {address: 9, format: {sizebytes: 8}}",
            "board.stm32.chip_id.format.sizebytes",
            "unknown key",
            "did you mean size_bytes?",
        ),
        (
            'pattern: "[!-~]{4,64}"',
            'pattern: "[!-~"',
            "sockets.0.trigger.serial_scanner.pattern",
            "does not compile",
            "regular expression",
        ),
        (
            'device_id_pattern: "[0-9a-f]{16}"',
            'device_id_pattern: "([0-9a-f]"',
            "api.device_id_pattern",
            "not a regular expression",
            "regular expression",
        ),
        ("{tcp: {host: 192.0.2.50}}", "{}", "printers.0.connection", "exactly one of tcp, serial", "correct"),
        ("{tcp: {host: 192.0.2.50}}", "{tcp: {host: h}, file: {path: x}}", "printers.0.connection", "not tcp,", ""),
        ("host: 192.0.2.50", "host: h, port: 70000", "printers.0.connection.tcp.port", "1 to 65535", "correct"),
        ("base_url: https:", "base_url: http:", "api.base_url", "show the token", "use https"),
        ("batch: 50", "batch: 0", "ids.refill.batch", "1 to 1000", "correct"),
        ("refill: {batch: 50, low_water: 20}", "refill: [50]", "ids.refill", "object", "mapping of keys"),
        ("  model: YS-1234", "  model: 1234", "label_extra.model", "valid string", "put it in quotes"),
        ("port: /dev/ttyABSENT0", "port: ftp://h", "sockets.0.serial.port", "device path", "correct"),
    ],
)
def test_a_wrong_value_is_one_line_at_its_own_place(
    tmp_path: Path, old: str, new: str, where: str, what: str, remedy: str
) -> None:
    text = changed((old, new))
    (line,) = told(tmp_path, text)
    assert ONE_LINE.fullmatch(line)
    place, said, *rest = line.split(": ", 2)
    assert said == where
    wrong, _, to_do = rest[0].partition(" — ")
    assert what in wrong
    assert remedy in to_do
    assert int(place.split(":")[1]) == line_of(text, new.splitlines()[0])


def test_a_nested_mistake_says_nothing_of_the_parts_around_it(tmp_path: Path) -> None:
    """Neither that a list has too few items, nor that the other kinds of value did not fit either."""
    text = changed(("name: A", "nam: A"), ("{zpl: {dots_per_mm: 8}}", "{zpl: {dots: 8}}"))
    lines = told(tmp_path, text)
    assert [line.split(": ", 2)[1] for line in lines] == ["printers.0.driver.zpl.dots", "sockets.0.nam"]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = changed(("station: jig-1", "station: jig 1"), ("batch: 50", "batch: x"), ("baud: 115200", "baud: x"))
    numbers = [int(line.split(":")[1]) for line in told(tmp_path, text)]
    assert numbers == [line_of(text, mark) for mark in ("jig 1", "batch: x", "baud: x")]


@pytest.mark.parametrize("key", ["station", "state_dir", "api", "board", "label", "printers", "sockets"])
def test_a_missing_part_is_named(tmp_path: Path, key: str) -> None:
    text = re.sub(rf"(?m)^{key}:.*\n(?:[ -].*\n)*", "", GOOD)
    (line,) = told(tmp_path, text)
    assert line == f"station.yaml:1:1: {key}: field required — add this key"


@pytest.mark.parametrize("key", ["printers", "sockets"])
@pytest.mark.parametrize("count", [0, 65])
def test_there_are_1_to_64_sockets_and_printers(tmp_path: Path, key: str, count: int) -> None:
    part = {"printers": "{name: P%d, driver: {png: {}}, connection: {file: {path: x}}}"}.get(
        key, "{name: S%d, serial: {port: /dev/t%d}, trigger: {keyboard: {}}}"
    )
    items = ", ".join(part.replace("%d", str(index)) for index in range(count))
    text = re.sub(rf"(?m)^{key}:.*\n(?:[ -].*\n)*", f"{key}: [{items}]\n", GOOD)
    (line,) = told(tmp_path, text)
    assert f"{key}: 1 to 64 must stand here, not {count} — " in line


@pytest.mark.parametrize(
    ("changes", "where", "what", "remedy"),
    [
        ([("sockets:\n", "sockets:\n  - {name: A, serial: {port: /dev/x}, trigger: {keyboard: {}}}\n")],
         "sockets.1.name", "already used by socket A", "use each once"),
        ([("sockets:\n", "sockets:\n  - {name: B, serial: {port: /dev/ttyABSENT0}, trigger: {keyboard: {}}}\n")],
         "sockets.1.serial", "/dev/ttyABSENT0 is already used by socket B", "use each once"),
        ([("baud: 115200", "baud: 300")],
         "sockets.0.serial.framing.baud", "300 baud is none for an STM32's bootloader", "use 1200 to 1000000"),
        ([("baud: 115200", "baud: 3000000")],
         "sockets.0.serial.framing.baud", "3000000 baud is none for an STM32's bootloader", "use 1200 to 1000000"),
        ([("printers:\n", "printers:\n  - {name: P, driver: {png: {}}, connection: {file: {path: x}}}\n")],
         "sockets.0", "several printers", "name one: printer: P | line-1"),
        ([("  - name: A\n", "  - name: A\n    printer: line-2\n")], "sockets.0.printer", "no printer", "use line-1"),
        ([("printers:\n", "printers:\n  - {name: line-1, driver: {zpl: {}}, connection: {file: {path: x}}}\n"),
          ("  - name: A\n", "  - name: A\n    printer: line-1\n")],
         "printers.1.name", "line-1 names two printers", "its own name"),
        ([("means: start", "means: sn"),
          ('serial_scanner:\n        serial: {port: /dev/ttyABSENT1}\n        pattern: "[!-~]{4,64}"', "presence: {}")],
         "sockets.0.trigger", "this trigger brings no scan", "use a scanner or the keyboard"),
        ([(OWN_TRIGGER, "shared: floor")], "sockets.0.trigger", "no shared trigger is named floor", "shared_triggers"),
        ([(OWN_TRIGGER, "shared: flor"),
          ("sockets:\n", "shared_triggers: [{name: floor, trigger: {pedal: {device: /dev/x}}}]\nsockets:\n")],
         "sockets.0.trigger", "no shared trigger is named flor", "use floor"),
        ([("sockets:\n", f"shared_triggers: [{PEDAL}, {PEDAL}]\nsockets:\n")],
         "shared_triggers.1.name", "floor names two triggers", "its own name"),
        ([("sockets:\n", "shared_triggers: [{name: floor, trigger: {presence: {}}}]\nsockets:\n")],
         "shared_triggers.0.trigger", "one socket's port", "a presence trigger of its own"),
        ([("means: start", "means: sn"), (OWN_TRIGGER, "shared: gun"),
          ("sockets:\n", ("shared_triggers: [{name: gun, trigger: {hid_scanner: {device: /dev/x}}}]\nsockets:\n"
                         "  - {name: B, serial: {port: /dev/y}, trigger: {shared: gun}}\n"))],
         "sockets.1.trigger", "a scanned SN is for one board, but gun starts socket B too", "a scanner of its own"),
    ],
)  # fmt: skip
def test_parts_that_contradict_each_other_are_told(
    tmp_path: Path, changes: list[tuple[str, str]], where: str, what: str, remedy: str
) -> None:
    (line,) = told(tmp_path, changed(*changes))
    assert ONE_LINE.fullmatch(line)
    assert f": {where}: " in line
    assert what in line.partition(" — ")[0]
    assert remedy in line.partition(" — ")[2]


def test_no_secret_stands_in_any_line(tmp_path: Path) -> None:
    """Not even where the secret itself was written into the file, under its key or a misspelt one."""
    for key in ("cs_sec_key", "cs_seckey"):
        lines = told(tmp_path, changed(('cs_sec_key: "${file:key}"', f"{key}: {SECRET}")))
        assert lines
        assert SECRET not in "".join(lines)


def test_a_key_or_value_with_line_ends_and_escapes_stays_one_line(tmp_path: Path) -> None:
    lines = told(tmp_path, GOOD + '"a\\nb\\e[31m": 1\n"x\\u2028y": 2\n')
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_a_line_is_bounded(tmp_path: Path) -> None:
    (line,) = told(tmp_path, GOOD + "k" * 50_000 + ": 1\n")
    assert len(line) <= 2000


def test_the_configuration_holds_what_the_file_says(tmp_path: Path) -> None:
    station = loaded(tmp_path, changed(("timeout_s: 10", "timeout_s: 2500 ms"))).station
    assert station.api.timeout_s == 2.5
    assert station.state_dir == tmp_path / "state"
    assert station.api.options().auth.cs_sec_key.reveal() == SECRET  # type: ignore[union-attr]
    assert station.printer_of(station.sockets[0]).name == "line-1"
    assert SECRET not in repr(station)
