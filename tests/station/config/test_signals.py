"""What may stand under ``signals``, and what is said of what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.gpio_line import GpioLineOptions
from drivers.signal.sound import ToneOptions
from station.config.signals import SignalDeviceConfig
from station.signal_rules import Condition
from tests.support.configuration import changed, line_of, loaded, told

SCAN = "scan: {means: start}"
SIGNALS = """\
signals:
  devices:
    - relay: {port: /dev/ttyABSENT5, outputs: {green: 1, red: 2}}
    - serial_line: {port: /dev/ttyABSENT6, outputs: {amber: rts}}
    - gpio: {outputs: {buzzer: {chip: /dev/gpiochip0, line: 17, active_low: false}}}
    - sound: {outputs: {chime: [{frequency_hz: 880, duration_s: 0.2}, {frequency_hz: 440.5}]}}
  rules:
    - {output: green, when: [pass]}
    - {output: red, when: [fail], socket: A}
    - {output: amber, when: [running], blink_s: 500 ms}
    - {output: amber, when: [error, attention]}
    - {output: buzzer, when: [fail, error], for_s: 0.5}
    - {output: chime, when: [fail]}
scan: {means: start}"""
WHOLE = changed((SCAN, SIGNALS))


def test_each_kind_of_device_and_each_rule_is_read(tmp_path: Path) -> None:
    signals = loaded(tmp_path, WHOLE).station.signals
    assert [device.kind for device in signals.devices] == ["relay", "serial_line", "gpio", "sound"]
    assert [device.name for device in signals.devices][:3] == [
        "relay /dev/ttyABSENT5",
        "serial_line /dev/ttyABSENT6",
        "gpio",
    ]
    assert [device.outputs for device in signals.devices] == [("green", "red"), ("amber",), ("buzzer",), ("chime",)]
    gpio, sound = signals.devices[2].gpio, signals.devices[3].sound
    assert gpio is not None
    assert gpio.outputs == {"buzzer": GpioLineOptions("/dev/gpiochip0", 17, active_low=False)}
    assert sound is not None
    assert sound.outputs["chime"] == (ToneOptions(880, 0.2), ToneOptions(440.5))
    assert signals.rules[2].blink_s == 0.5
    assert signals.rules[3].when == (Condition.ERROR, Condition.ATTENTION)


def test_a_station_needs_no_signals(tmp_path: Path) -> None:
    signals = loaded(tmp_path).station.signals
    assert (signals.devices, signals.rules) == ((), ())


@pytest.mark.parametrize(
    ("old", "new", "mark", "where", "what"),
    [
        ("{output: green,", "{output: gren,", "gren", "rules.0.output", "no output is named gren"),
        ("socket: A}", "socket: Z}", "socket: Z", "rules.1.socket", "no socket is named Z"),
        ("when: [pass]", "when: [passed]", "passed", "rules.0.when.0", "use one of the words named"),
        ("when: [pass]", "when: []", "when: []", "rules.0.when", "at least"),
        ("when: [pass]", "wen: [pass]", "wen:", "rules.0.wen", "did you mean when?"),
        ("for_s: 0.5", "for_s: 2 h", "2 h", "rules.4.for_s", "0.05 to 3600"),
        ("amber: rts", "green: rts", "green: rts", "devices.1.serial_line.outputs.green", "two devices"),
        ("amber: rts", "amber: cts", "amber: cts", "devices.1.serial_line.outputs.amber", "use one of the words"),
        ("red: 2}", "red: 99}", "red: 99", "devices.0.relay.outputs", "1 to 16"),
        ("ABSENT5", "ABSENT0", "relay:", "devices.0.relay.port", "already used by socket A"),
        ("ABSENT5", "ABSENT1", "relay:", "devices.0.relay.port", "already used by the trigger of socket A"),
        ("ABSENT6", "ABSENT5", "serial_line:", "devices.1.serial_line.port", "already used by another signal"),
        ("line: 17", "line: 9999", "9999", "devices.2.gpio.outputs.buzzer.line", "0 to 1023"),
        ("- relay:", "- relais:", "relais", "devices.0.relais", "did you mean relay?"),
        (
            "frequency_hz: 880",
            "frequency_hz: 1",
            "sound:",
            "devices.3.sound.outputs.chime.0.frequency_hz",
            "50 to 8000",
        ),
    ],
)
def test_each_mistake_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, mark: str, where: str, what: str
) -> None:
    head, tail = WHOLE.split("signals:\n")
    assert old in tail
    text = f"{head}signals:\n{tail.replace(old, new, 1)}"
    found = [line for line in told(tmp_path, text) if f": signals.{where}: " in line]
    assert len(found) == 1, told(tmp_path, text)
    assert found[0].startswith(f"station.yaml:{line_of(text, mark)}:")
    assert what in found[0]


def test_devices_and_rules_are_bounded(tmp_path: Path) -> None:
    many = "\n".join(["  rules:", *["    - {output: green, when: [pass]}"] * 257])
    (line,) = told(tmp_path, WHOLE.replace("  rules:", many, 1))
    assert ": signals.rules: " in line
    devices = "".join(f"    - sound: {{outputs: {{tone{number}: [{{frequency_hz: 880}}]}}}}\n" for number in range(13))
    (line,) = told(tmp_path, WHOLE.replace("  rules:\n", devices + "  rules:\n", 1))
    assert ": signals.devices: " in line


def test_a_port_is_the_same_under_each_of_its_links(tmp_path: Path) -> None:
    link = tmp_path / "by-path"
    link.symlink_to("/dev/ttyABSENT0")
    (line,) = told(tmp_path, WHOLE.replace("/dev/ttyABSENT5", str(link)))
    assert "/dev/ttyABSENT0 is already used by socket A" in line


ROOT = Path(__file__).resolve().parents[3]


def test_the_example_that_stands_in_comments_is_good(tmp_path: Path) -> None:
    lines = (ROOT / "configs" / "stm32-zpl.yaml").read_text("utf-8").splitlines()
    start = lines.index("# signals:")
    end = next(index for index in range(start, len(lines)) if not lines[index].startswith("#"))
    example = "\n".join(line.removeprefix("# ") for line in lines[start:end])
    signals = loaded(tmp_path, changed((SCAN, f"{example}\n{SCAN}"))).station.signals
    assert {device.kind for device in signals.devices} == set(SignalDeviceConfig.model_fields)
    assert {rule.output for rule in signals.rules} == {name for device in signals.devices for name in device.outputs}


def test_the_readme_names_every_kind_of_device_and_every_condition() -> None:
    section = (ROOT / "README.md").read_text("utf-8").split("### The operator's signals")[1].split("\n## ")[0]
    words = {*Condition, *SignalDeviceConfig.model_fields, "blink_s", "for_s", "socket"}
    assert {word for word in words if f"`{word}`" not in section} == set()
