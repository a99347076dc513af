"""The capture as tshark, Wireshark's own reader, sees it."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from drivers.errors import TransportError
from drivers.transport import Framing
from station.model import Step
from station.session.export.pcapng import MAX_PACKET_BYTES, to_pcapng
from station.session.format import Event, SessionLog
from station.session.recorder import RecordingSession
from station.session.wire_words import decoders_for
from tests.support.sessions import SOON, PairTransport, ScriptedTransport, record

FIELDS = (
    "frame.interface_name",
    "rtacser.eventtype",
    "rtacser.dtr",
    "rtacser.rts",
    "data.data",
    "frame.packet_flags_direction",
    "frame.comment",
)
TX, RX, STATUS = "0x01", "0x02", "0x00"


def _tshark(folder: Path, log: SessionLog, *, words: bool = False) -> list[dict[str, str]]:
    """One row per packet; several comments of one are joined by bars."""
    capture = folder / "capture.pcapng"
    capture.write_bytes(to_pcapng(log, decoders_for(log) if words else None))
    command = ["tshark", "-r", str(capture), "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|"]
    command += [word for name in FIELDS for word in ("-e", name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in done.stdout.splitlines()]


def _talk(session: RecordingSession) -> None:
    end, board = socket.socketpair()
    with board:
        link = session.serial("uart", lambda: PairTransport(end, "/dev/board"))
        link.set_framing(Framing(baud=115200, parity="even"))
        with session.step(Step.IDENTIFY):
            link.set_lines(dtr=True, rts=False)
            link.write(b"\x7f", SOON)
            board.sendall(b"\x79")
            assert link.read(1, SOON) == b"\x79"
            link.set_lines(dtr=False)
        link.modem_lines()
        link.close()


def test_tshark_shows_both_directions_and_the_lines(tmp_path: Path) -> None:
    rows = _tshark(tmp_path, record(tmp_path, _talk))
    assert [(row["rtacser.eventtype"], row["data.data"]) for row in rows if row["data.data"]] == [
        (TX, "7f"),
        (RX, "79"),
    ]
    lines = [(row["rtacser.dtr"], row["rtacser.rts"]) for row in rows]
    assert lines == [("0", "0"), ("0", "0"), ("1", "0"), ("1", "0"), ("1", "0"), ("0", "0"), ("0", "0"), ("0", "0")]
    directions = {row["data.data"]: row["frame.packet_flags_direction"] for row in rows if row["data.data"]}
    assert int(directions["7f"], 0) == 2, "outbound"
    assert int(directions["79"], 0) == 1, "inbound"


def test_steps_and_settings_stand_in_comments(tmp_path: Path) -> None:
    comments = [row["frame.comment"] for row in _tshark(tmp_path, record(tmp_path, _talk))]
    assert comments[1].startswith("cfg baud=115200")
    assert comments[2].split("|")[0].split(",")[0] == "main: start of step identify"
    assert "main: end of step identify" in comments[6]


def test_each_channel_is_an_interface_of_its_name(tmp_path: Path) -> None:
    def work(session: RecordingSession) -> None:
        session.serial("uart", lambda: ScriptedTransport([b"\x79"])).write(b"\x7f", SOON)
        session.pipe("printer", lambda: ScriptedTransport()).write(b"~HS", SOON)

    rows = _tshark(tmp_path, record(tmp_path, work))
    assert {row["frame.interface_name"]: row["data.data"] for row in rows} == {"uart": "7f", "printer": "7e4853"}


def test_frames_of_a_known_driver_are_put_in_words(tmp_path: Path) -> None:
    log = record(tmp_path, _talk)
    head = Event(0, 0, "head", fields={**log.head, "driver": "stm32 STM32WL"})
    rows = _tshark(tmp_path, SessionLog(log.path, (head, *log.events[1:])), words=True)
    assert [row["frame.comment"] for row in rows if row["data.data"] == "79"] == ["ACK"]


def test_a_failure_is_a_packet_that_says_so(tmp_path: Path) -> None:
    def work(session: RecordingSession) -> None:
        link = session.serial("uart", lambda: ScriptedTransport([TransportError("/dev/scripted", "it is gone")]))
        with pytest.raises(TransportError):
            link.read(1, SOON)

    failed = _tshark(tmp_path, record(tmp_path, work))[-1]
    assert failed["rtacser.eventtype"] == STATUS
    assert "rx failed" in failed["frame.comment"]
    assert "it is gone" in failed["frame.comment"]


def test_a_long_transfer_is_cut_into_packets_that_hold_all_of_it(tmp_path: Path) -> None:
    data = bytes(range(256)) * (MAX_PACKET_BYTES // 256) + b"rest"
    log = record(tmp_path, lambda session: session.pipe("printer", ScriptedTransport).write(data, SOON))
    rows = _tshark(tmp_path, log)
    assert bytes.fromhex("".join(row["data.data"] for row in rows)) == data
    assert len(rows) == 3, "opened, and two packets"


def test_a_hostile_log_still_makes_a_capture_that_is_read(tmp_path: Path) -> None:
    log = record(tmp_path, _talk)
    head = Event(0, 5, "head", fields={**log.head, "wall_s": 1e30, "station": "\x00\ud800" * 9000})
    noisy = Event(1, 6, "note", fields={"text": "\n\t\ud800" * 50_000})
    line = Event(2, 7, "line", channel="\x00\x1b[2J", fields={"dtr": "yes", "asked": None})
    closed = Event(3, 8, "close", fields={})
    rows = _tshark(tmp_path, SessionLog(log.path, (head, noisy, line, closed)))
    assert [row["rtacser.dtr"] for row in rows] == ["1", "0"]


def test_a_log_without_traffic_makes_an_empty_capture(tmp_path: Path) -> None:
    assert _tshark(tmp_path, record(tmp_path, lambda session: None)) == []
