"""Lamps, buzzers and sounds: relays on ptys, lines over RFC 2217, GPIO at the interface before libgpiod, players as processes."""

from __future__ import annotations

import io
import os
import sys
import wave
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from drivers.clock import SystemClock
from drivers.errors import PortLost, PortMissing, PortUnsupported
from drivers.gpio_line import GpioLineOptions, GpioOutput
from drivers.signal.gpio import GpioSignalOptions, open_gpio_signals
from drivers.signal.relay import RelayBoard, RelayCommand, RelayOptions, open_relay
from drivers.signal.serial_line import SerialLineOptions, open_serial_lines
from drivers.signal.sound import RATE_HZ, SoundOptions, SoundPlayer, ToneOptions, player_of, wav_of
from drivers.simulated.link import PtyLink
from drivers.simulated.relay import SimulatedRelay
from tests.support.links import Rfc2217Peer, wait_until

CLOCK = SystemClock()
BEEP = (ToneOptions(1000, 0.1),)


# -- relays ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "on", "wire"),
    [(1, True, "a00101a2"), (1, False, "a00100a1"), (2, True, "a00201a3"), (16, False, "a01000b0")],
)
def test_a_command_is_the_bytes_that_the_boards_are_sold_with(channel: int, on: bool, wire: str) -> None:
    command = RelayCommand(channel, on)
    assert command.to_bytes().hex() == wire
    assert RelayCommand.from_bytes(bytes.fromhex(wire)) == command


@pytest.mark.parametrize("wire", ["", "a00101", "a00101a3", "a10101a3", "a00102a3", "a00101a200"])
def test_what_is_no_command_is_refused(wire: str) -> None:
    with pytest.raises(ValueError, match="no relay command"):
        RelayCommand.from_bytes(bytes.fromhex(wire))


def test_each_output_moves_its_own_relay_and_opening_moves_none() -> None:
    board = SimulatedRelay()
    with closing(PtyLink(board)) as link:
        relay = open_relay(RelayOptions(link.path, {"green": 1, "red": 3}), CLOCK)
        with closing(relay):
            for output, on in (("red", True), ("green", True), ("red", False)):
                relay.set(output, on)
            wait_until(lambda: len(board.moves) == 3)
    assert board.moves == [RelayCommand(3, True), RelayCommand(1, True), RelayCommand(3, False)]
    assert board.on == {1}


def test_a_relay_that_talks_is_not_listened_to() -> None:
    """Some boards answer; nothing of it piles up, nor stands in the way of the next command."""
    board = SimulatedRelay()
    with closing(PtyLink(board)) as link, closing(open_relay(RelayOptions(link.path, {"green": 1}), CLOCK)) as relay:
        for on in (True, False, True):
            link.say(b"\xa0\x01\x01\xa2ON\r\n" * 50)
            relay.set("green", on)
        wait_until(lambda: len(board.moves) == 3)
    assert board.on == {1}


def is_lost(relay: RelayBoard) -> bool:
    try:
        relay.check()
    except PortLost:
        return True
    return False


def test_a_relay_that_is_unplugged_is_lost_whether_it_is_used_or_not() -> None:
    with closing(PtyLink(SimulatedRelay())) as link:
        with closing(open_relay(RelayOptions(link.path, {"green": 1}), CLOCK)) as relay:
            relay.check()
            link.unplug()
            wait_until(lambda: is_lost(relay))
            with pytest.raises(PortLost):
                relay.set("green", True)
        with pytest.raises(PortMissing):
            open_relay(RelayOptions("/dev/ttyABSENT9", {"green": 1}), CLOCK)


def test_a_simulated_relay_obeys_whole_commands_only_however_they_are_cut() -> None:
    board = SimulatedRelay(channels=2)
    wire = b"\xa0\xa0" + bytes.fromhex("a00101a2") + b"noise" + bytes.fromhex("a00201a4a00301a4a00201a3")
    for byte in wire:
        board.feed(bytes([byte]))
    assert board.moves == [RelayCommand(1, True), RelayCommand(2, True)]
    board.power_on()
    assert board.on == frozenset()


# -- lines of an adapter -----------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
@pytest.mark.parametrize(("on", "shown"), [("asserted", True), ("released", False)])
def test_a_line_stands_as_its_output_and_is_opened_off(on: str, shown: bool) -> None:
    peer = Rfc2217Peer()
    with ExitStack() as stack:
        stack.callback(peer.hang_up)
        options = SerialLineOptions(f"rfc2217://127.0.0.1:{peer.port}", {"red": "rts"}, on)  # type: ignore[arg-type]
        lines = open_serial_lines(options, CLOCK)
        stack.callback(lines.close)
        wait_until(lambda: ("rts", not shown) in peer.uart.changes)
        assert ("rts", shown) not in peer.uart.changes
        lines.set("red", True)
        wait_until(lambda: peer.uart.changes[-1] == ("rts", shown))
        lines.set("red", False)
        wait_until(lambda: peer.uart.changes[-1] == ("rts", not shown))
        assert ("dtr", True) not in peer.uart.changes, "a line that is no output is released"


def test_a_port_without_lines_says_so() -> None:
    with closing(PtyLink()) as link:
        lines = open_serial_lines(SerialLineOptions(link.path, {"red": "dtr"}), CLOCK)
        with closing(lines), pytest.raises(PortUnsupported, match="no control lines"):
            lines.set("red", True)


# -- GPIO --------------------------------------------------------------------------------------------------------------


class RecordedLine:
    """A line that only remembers. Implements ``GpioOutput``."""

    def __init__(self) -> None:
        self.states: list[bool] = []
        self.closed = False

    def set(self, active: bool) -> None:
        self.states.append(active)

    def close(self) -> None:
        self.closed = True


def test_each_output_is_its_own_gpio_line() -> None:
    options = GpioSignalOptions(
        {"green": GpioLineOptions("/dev/gpiochip0", 4), "red": GpioLineOptions("/dev/gpiochip1", 5)}
    )
    lines = {4: RecordedLine(), 5: RecordedLine()}

    def open_line(line: GpioLineOptions) -> GpioOutput:
        return lines[line.line]

    signals = open_gpio_signals(options, open_line)
    signals.set("red", True)
    signals.set("green", False)
    assert (lines[4].states, lines[5].states) == ([False], [True])
    assert signals.name == "/dev/gpiochip0, /dev/gpiochip1"
    signals.close()
    assert lines[4].closed
    assert lines[5].closed


def test_gpio_lines_are_had_all_or_none() -> None:
    options = GpioSignalOptions(
        {"green": GpioLineOptions("/dev/gpiochip9", 4), "red": GpioLineOptions("/dev/gpiochip9", 5)}
    )
    first = RecordedLine()

    def open_line(line: GpioLineOptions) -> GpioOutput:
        if line.line == 5:
            raise PortLost(line.name, "gone")
        return first

    with pytest.raises(PortLost):
        open_gpio_signals(options, open_line)
    assert first.closed
    with pytest.raises(PortMissing):
        open_gpio_signals(options)


# -- sound -------------------------------------------------------------------------------------------------------------


def player(folder: Path, name: str, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A player of this name, and no other, that runs this Python program on the file it is given."""
    file = folder / name
    file.write_text(f"#!{sys.executable}\nimport sys, time\n{program}\n", encoding="utf-8")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_sound_is_a_wav_of_its_length_that_neither_clips_nor_clicks() -> None:
    tones = (ToneOptions(1000, 0.1), ToneOptions(0, 0.05), ToneOptions(500, 0.1))
    with wave.open(io.BytesIO(wav_of(tones, 0.5))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE_HZ)
        frames = file.readframes(file.getnframes())
    samples = memoryview(frames).cast("h").tolist()
    assert abs(len(samples) / RATE_HZ - 0.25) < 0.001
    assert 15_000 < max(samples) <= 16_384
    assert samples[0] == 0
    assert abs(samples[-1]) < 200
    silent = samples[int(0.101 * RATE_HZ) : int(0.149 * RATE_HZ)]
    assert set(silent) == {0}


def test_the_player_is_given_the_wav_and_has_ended_when_set_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player(
        tmp_path,
        "aplay",
        f"open({str(tmp_path / 'heard')!r}, 'wb').write(open(sys.argv[-1], 'rb').read())",
        monkeypatch,
    )
    options = SoundOptions({"beep": BEEP})
    sound = SoundPlayer(options)
    sound.set("beep", False)
    assert not (tmp_path / "heard").exists()
    sound.set("beep", True)
    assert (tmp_path / "heard").read_bytes() == wav_of(BEEP, options.volume)


def test_a_player_that_fails_says_why_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player(tmp_path, "paplay", r"sys.exit('first\nno \x1b card')", monkeypatch)
    with pytest.raises(PortLost) as failed:
        SoundPlayer(SoundOptions({"beep": BEEP})).set("beep", True)
    assert "ended with status 1 and said: 'no \\x1b card'" in str(failed.value)
    assert str(failed.value).isprintable()


def test_a_player_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.signal.sound.GRACE_S", 0.3)
    pid = tmp_path / "pid"
    player(
        tmp_path, "aplay", f"import os; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)", monkeypatch
    )
    with pytest.raises(PortLost, match="was killed"):
        SoundPlayer(SoundOptions({"beep": BEEP})).set("beep", True)
    if pid.exists():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)


def test_a_computer_without_a_player_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for options, named in (({}, "no aplay and no paplay"), ({"player": "paplay"}, "no paplay")):
        with pytest.raises(PortMissing, match=f"there is {named} on this computer"):
            player_of(SoundOptions({"beep": BEEP}, **options))  # type: ignore[arg-type]


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: RelayOptions("/dev/ttyUSB0", {}), "1 to 64"),
        (lambda: RelayOptions("/dev/ttyUSB0", {"a b": 1}), "named by letters"),
        (lambda: RelayOptions("/dev/ttyUSB0", {"a": 17}), "channels from 1 to 16"),
        (lambda: RelayOptions("/dev/ttyUSB0", {"a": 1, "b": 1}), "one channel twice"),
        (lambda: RelayOptions("telnet://x", {"a": 1}), "port must be"),
        (lambda: SerialLineOptions("/dev/ttyUSB0", {"a": "cts"}), "dtr and rts"),  # type: ignore[dict-item]
        (lambda: SerialLineOptions("/dev/ttyUSB0", {"a": "rts", "b": "rts"}), "one line twice"),
        (lambda: SerialLineOptions("socket://h:1", {"a": "rts"}), "carries no lines"),
        (lambda: SerialLineOptions("/dev/ttyUSB0", {"a": "rts"}, "high"), "asserted or released"),  # type: ignore[arg-type]
        (lambda: GpioSignalOptions({n: GpioLineOptions("/dev/gpiochip0", 1) for n in "ab"}), "one line twice"),
        (lambda: ToneOptions(9000), "50 to 8000"),
        (lambda: ToneOptions(440, 6), "0.01 to 5"),
        (lambda: SoundOptions({"a": ()}), "1 to 16 tones"),
        (lambda: SoundOptions({"a": (ToneOptions(440, 3), ToneOptions(440, 3))}), "at most 5 s"),
        (lambda: SoundOptions({"a": BEEP}, volume=0), "volume"),
        (lambda: SoundOptions({"a": BEEP}, player="mpv"), "player"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(make: object, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        make()  # type: ignore[operator]
