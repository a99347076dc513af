"""Copies that may leave the factory: they name nothing of the original, in any encoding, and replay the same.

The search here knows nothing of how the copy was made: it takes every value that the journal and the server's books hold.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from drivers.simulated.escpos_printer import SimulatedEscposPrinter
from drivers.simulated.link import TcpLink
from drivers.simulated.stm32_faults import ChipFaults, PowerFailure
from station.anonymise import anonymised
from station.cli import main
from station.config.validate import load_configuration
from station.model import Outcome
from station.production_api.simulator.settings import SimulatorSettings
from station.rerun import replay
from station.session.format import Event, SessionLog, encode_events, read_log
from station.session.messages import bytes_of
from tests.support import command
from tests.support.station import SHARED_SLOT_AT, SLOT_AT, Rig, Settings, Start, station

_QR = '{kind: qr, x_mm: 20, y_mm: 13, size_mm: 16, data: "{sn}"}'


def _forms(value: str) -> set[bytes]:
    """The ways a value may be written, in lower case."""
    texts = {value, value.encode().hex(), value.upper().encode().hex(), value.lower().encode().hex()}
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        return {text.lower().encode() for text in texts}
    for data in (raw, raw[::-1]):
        texts |= {data.hex(), data.hex(":"), data.hex("-"), data.hex(" ")}
    return {text.lower().encode() for text in texts}


def _raws(value: str) -> set[bytes]:
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        return {value.encode()}
    return {raw, raw[::-1], value.upper().encode(), value.lower().encode()}


def _streams(log: SessionLog) -> Iterable[bytes]:
    """Each direction of each channel as one run of bytes."""
    found: dict[tuple[str | None, bool], bytes] = {}
    for event in log.events:
        if event.kind in ("tx", "rx", "discard") and "hex" in event.fields:
            key = (event.channel, event.kind == "tx")
            found[key] = found.get(key, b"") + bytes_of(event)
    return found.values()


def _named(rig: Rig) -> set[str]:
    """Every value that names a board of this rig, from its journal and from the server's books."""
    values = {
        row[name] for row in rig.rows("SELECT * FROM units") for name in ("chip_id", "app_eui", "device_id", "sn")
    }
    values |= {row["value"] for row in rig.rows("SELECT value FROM ids")}
    books: Any = rig.api.ledger()
    values |= {*books["device_ids"], *books["sns"], *books["activated"], *rig.boards}
    return {value for value in values if value}


def _copy_of(path: Path, folder: Path) -> SessionLog:
    """The copy as the command writes it, which replays as the original does."""
    to = folder / f"copy-{path.name}.jsonl"
    assert main(["sessions", "export", str(path), "--to", str(to), "--anonymise"]) == 0
    then, now = replay(path), replay(to)
    assert now.is_same, now.difference
    assert (now.cut_off is None) == (then.cut_off is None)
    if then.result is not None and now.result is not None:
        assert (now.result.outcome, now.result.code, now.result.label) == (
            then.result.outcome,
            then.result.code,
            then.result.label,
        )
    assert main(["replay", str(to)]) == 0
    return read_log(to)


def _check(rig: Rig, folder: Path) -> list[SessionLog]:
    """Copy every log of a rig and look for everything that it knows."""
    values = _named(rig)
    assert values
    copies = []
    for path in rig.logs():
        copy = _copy_of(path, folder)
        content = encode_events(copy.events).lower()
        for value in values:
            assert not [form for form in _forms(value) if form in content], f"{path.name}: {value}"
            assert not [raw for raw in _raws(value) for stream in _streams(copy) if raw in stream], (
                f"{path.name}: {value}"
            )
        assert str(rig.folder).encode().lower() not in content
        assert b'"bench"' not in content
        copies.append(copy)
    return copies


@pytest.mark.parametrize("kind", ["stm32", "text"])
@pytest.mark.parametrize("ids", ["pool", "server"])
def test_a_cycle_that_passed(tmp_path: Path, kind: str, ids: str) -> None:
    with station(tmp_path, kind=kind, ids=ids) as rig:
        uid = {} if kind == "text" else {"uid": bytes.fromhex("0f1e2d3c4b5a69788796a5b4")}
        assert rig.one(rig.board(**uid)).outcome is Outcome.PASS
        (copy,) = _check(rig, tmp_path)
        assert len(copy.events) == len(read_log(rig.logs()[0]).events)


@pytest.mark.parametrize("slot", [SLOT_AT, SHARED_SLOT_AT])
def test_a_write_that_was_cut_off_and_its_resumption(tmp_path: Path, slot: int) -> None:
    with station(tmp_path, slot=slot) as rig:
        board: Any = rig.board(faults=ChipFaults(power_failure=PowerFailure("write")))
        rig.run(board, board)
        _check(rig, tmp_path)


def test_a_board_that_holds_somebody_elses_device_id(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        result = rig.one(rig.board(device_id="a1b2c3d4e5f60718"))
        assert result.outcome is Outcome.FAIL
        (copy,) = _check(rig, tmp_path)
        assert b"a1b2c3d4e5f60718" not in encode_events(copy.events).lower()
        assert not any(bytes.fromhex("a1b2c3d4e5f60718") in stream for stream in _streams(copy))


def test_a_scan_that_is_the_sn_and_one_that_is_none(tmp_path: Path) -> None:
    with station(tmp_path, scan="sn", api=SimulatorSettings(seed=7, known_sns_only=False)) as rig:
        results = rig.run(Start(rig.board(), text="QX-2024-000471"), Start(rig.board(), text="bad!sn!471"))
        assert results[0].sn == "QX-2024-000471"
        assert results[1].code == "scan.invalid"
        for copy in _check(rig, tmp_path):
            assert b"QX-2024" not in encode_events(copy.events)


def test_an_answer_that_was_lost_and_a_socket_without_a_board(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        rig.run(Start(rig.board()), Start(None))
        rig.api_down()
        rig.one(rig.board())
        rig.api_up()
        _check(rig, tmp_path)


def test_a_log_that_was_cut_off_at_any_event(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        rig.one(rig.board(uid=bytes.fromhex("0f1e2d3c4b5a69788796a5b4")))
        whole = read_log(rig.logs()[0])
        for length in range(2, len(whole.events), 9):
            copy = anonymised(SessionLog(whole.path, whole.events[:length]))
            content = encode_events(copy.events).lower()
            assert b"0f1e2d3c4b5a69788796a5b4" not in content, length
            assert len(copy.events) == length


def test_the_same_board_has_one_pseudonym_in_all_of_a_log_and_another_in_the_next_copy(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        rig.one(rig.board(uid=bytes.fromhex("0f1e2d3c4b5a69788796a5b4")))
        (log,) = map(read_log, rig.logs())
        copies = [anonymised(log), anonymised(log)]
        results = [copy.events[-1].fields["result"] for copy in copies]
        assert results[0]["chip_id"] != results[1]["chip_id"], "a fresh key each time"
        for copy, result in zip(copies, results, strict=True):
            claims = [event for event in copy.events if event.fields.get("name") == "unit.claim"]
            assert [event.fields["args"] for event in claims] == [{"chip_id": result["chip_id"]}]
            came_in = b"".join(
                bytes_of(event) for event in copy.events if event.kind == "rx" and event.channel == "uart"
            )
            assert bytes.fromhex(result["chip_id"]) in came_in
            printed = b"".join(
                bytes_of(event) for event in copy.events if event.kind == "tx" and event.channel == "printer"
            )
            assert result["sn"].encode() in printed


def test_a_label_drawn_as_pixels_shows_the_pseudonym(tmp_path: Path) -> None:
    with command.simulated_desk(tmp_path) as configuration:
        ended = command.station("run", "--config", configuration, "--cycles", "1", "--json", cwd=tmp_path, stdin="\n")
        assert ended.status == 0, ended
        (row,) = ended.rows()
        assert row["outcome"] == "PASS", ended
    copy = _copy_of(tmp_path / row["session"], tmp_path)
    job = b"".join(bytes_of(event) for event in copy.events if event.kind == "tx" and event.channel == "printer")
    with Image.open(io.BytesIO(job)) as picture:
        (code,) = zxingcpp.read_barcodes(picture)
    assert code.text == copy.events[-1].fields["result"]["sn"] != row["sn"]


def test_a_raster_for_a_receipt_printer_shows_the_pseudonym(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig, printer = Rig(tmp_path, Settings()), SimulatedEscposPrinter()
    link = TcpLink(printer)
    try:
        rig.configuration()
        file = tmp_path / "station.yaml"
        text = re.sub(r"driver: .*", "driver: {escpos: {}}", file.read_text("utf-8"))
        text = re.sub(r"(tcp: .*port: )\d+", rf"\g<1>{link.address[1]}", text)
        text = text.replace('{kind: text, x_mm: 1, y_mm: 2, height_mm: 2, text: "{sn}"}', _QR)
        file.write_text(text, "utf-8")
        configuration = load_configuration(file)
        monkeypatch.setattr(rig, "configuration", lambda: configuration)
        result = rig.one(rig.board())
        assert (result.outcome, len(printer.labels)) == (Outcome.PASS, 1), result
        copy = _copy_of(rig.logs()[0], tmp_path)
    finally:
        rig.close()
        link.close()
    again = SimulatedEscposPrinter()
    again.feed(b"".join(bytes_of(event) for event in copy.events if event.kind == "tx" and event.channel == "printer"))
    (label,) = again.labels
    with Image.open(io.BytesIO(label)) as picture:
        (code,) = zxingcpp.read_barcodes(picture)
    assert code.text == copy.events[-1].fields["result"]["sn"] != result.sn


def test_the_place_is_not_named(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        rig.one(rig.board())
        (copy,) = map(anonymised, map(read_log, rig.logs()))
        assert (copy.head["station"], copy.head["socket"]) == ("station-1", "socket-1")
        assert copy.head["configuration"]["sockets"][0]["serial"]["port"].startswith("/dev/elsewhere-")
        secret = copy.head["configuration"]["api"]["auth"]["csid"]
        assert secret == {"csid": "0" * len("csid-simulated"), "cs_sec_key": "${env:SECRET}"}
        opened = {event.fields["port"] for event in copy.events if event.kind == "open" and event.channel == "uart"}
        assert opened == {copy.head["configuration"]["sockets"][0]["serial"]["port"]}


def test_what_a_head_says_besides_is_not_in_the_copy(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        rig.one(rig.board())
        log = read_log(rig.logs()[0])
    head = replace(log.events[0], fields={**log.head, "host_name": "factory-7", "files": {}})
    copy = anonymised(SessionLog(log.path, (head, *log.events[1:])))
    assert b"factory-7" not in encode_events(copy.events)


def test_a_log_that_does_not_replay_is_refused_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with station(tmp_path) as rig:
        rig.one(rig.board())
        log = read_log(rig.logs()[0])
    wrong = tmp_path / "wrong.jsonl"
    at = next(event for event in log.events if event.kind == "tx")
    changed = replace(at, fields={"hex": "7e"})
    wrong.write_bytes(encode_events([changed if event is at else event for event in log.events]))
    to = tmp_path / "copy.jsonl"
    assert main(["sessions", "export", str(wrong), "--to", str(to), "--anonymise"]) == 2
    assert capsys.readouterr().err.startswith("station: session.not_anonymised: ")
    assert not to.exists()


def test_a_text_that_names_a_board_where_no_field_does_is_replaced_too(tmp_path: Path) -> None:
    """An id that only stands in a message of another time."""
    with station(tmp_path) as rig:
        rig.one(rig.board())
        log = read_log(rig.logs()[0])
    note = Event(
        len(log.events) - 1, log.events[-1].time_ns, "note", fields={"text": "as in board 5A4B3C2D1E0F99887766AABB"}
    )
    end = replace(log.events[-1], number=len(log.events))
    copy = anonymised(SessionLog(log.path, (*log.events[:-1], note, end)))
    assert "5A4B3C2D1E0F99887766AABB" not in json.dumps([event.fields for event in copy.events])


@pytest.mark.parametrize("suffix", ["html", "har", "pcapng", "jsonl"])
def test_every_format_can_be_anonymised(tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    with station(tmp_path) as rig:
        result = rig.one(rig.board())
        to = tmp_path / f"copy.{suffix}"
        assert main(["sessions", "export", str(rig.logs()[0]), "--to", str(to), "--anonymise"]) == 0
    content = to.read_bytes().lower()
    for value in (result.sn, result.device_id, result.app_eui):
        assert value is not None
        assert not [form for form in _forms(value) | _raws(value) if form in content]


def test_copies_made_with_one_key_file_tell_that_it_is_one_board(tmp_path: Path) -> None:
    key = tmp_path / "key"
    with station(tmp_path) as rig:
        board = rig.board(uid=bytes.fromhex("0f1e2d3c4b5a69788796a5b4"))
        rig.run(board, board)
        copies = []
        for number, path in enumerate(rig.logs()):
            to = tmp_path / f"copy-{number}.jsonl"
            assert main(["sessions", "export", str(path), "--to", str(to), "--key", str(key)]) == 0
            copies.append(read_log(to).events[-1].fields["result"])
    assert key.stat().st_mode & 0o777 == 0o600
    assert [copy["chip_id"] for copy in copies] == [copies[0]["chip_id"]] * 2
    assert copies[0]["sn"] == copies[1]["sn"]
    assert copies[0]["chip_id"] != "0F1E2D3C4B5A69788796A5B4"


def test_a_key_file_that_is_too_short_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with station(tmp_path) as rig:
        rig.one(rig.board())
        command_line = ["sessions", "export", str(rig.logs()[0]), "--to", str(tmp_path / "copy.jsonl")]
        assert main([*command_line, "--key", str(tmp_path / "key")]) == 2
    assert "holds 5 bytes" in capsys.readouterr().err


def test_no_secret_of_the_station_is_in_any_export(tmp_path: Path) -> None:
    with station(tmp_path) as rig:
        rig.one(rig.board())
        secret = rig.settings.api.cs_sec_key.reveal()
        for suffix in ("html", "har", "pcapng", "jsonl"):
            for flags in ([], ["--anonymise"]):
                to = tmp_path / f"copy{len(flags)}.{suffix}"
                assert main(["sessions", "export", str(rig.logs()[0]), "--to", str(to), *flags]) == 0
                content = to.read_bytes()
                for form in (secret, secret.encode().hex(), base64.b64encode(secret.encode()).decode()):
                    assert form.encode() not in content
                assert b"Bearer" not in content
