"""What is damaged is found at its line; what a crash leaves is read."""

from __future__ import annotations

import gzip
import random
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import SessionError
from station.model import Step
from station.session import Session
from station.session.format import Event, decode_event, encode_event, log_lines, read_log
from tests.support.sessions import SOON, ScriptedTransport, record


def _work(session: Session) -> None:
    link = session.serial("uart", lambda: ScriptedTransport([b"\x79", b"abc"]))
    with session.step(Step.IDENTIFY):
        link.write(b"\x7f", SOON)
        link.read(1, SOON)
        link.read(10, SOON)
    session.given("seed", {"ä": [1, 2.5, None]}, int, lambda: 5)
    link.close()


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A whole log as plain lines."""
    log = record(tmp_path, _work)
    path = tmp_path / "plain.jsonl"
    with gzip.open(log.path) as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    return path


def _damaged_line(path: Path, lines: list[bytes]) -> int:
    path.write_bytes(b"".join(lines))
    with pytest.raises(SessionError) as caught:
        read_log(path)
    found = re.search(r"line (\d+)", str(caught.value))
    assert found, caught.value
    return int(found[1])


def test_any_flipped_bit_is_found_at_its_line(plain: Path) -> None:
    lines = list(log_lines(plain))
    chance = random.Random(1)
    for number, line in enumerate(lines):
        for at in {*range(0, len(line), 7), len(line) - 1, len(line) - 2}:
            changed = bytearray(line)
            changed[at] ^= 1 << chance.randrange(8)
            assert _damaged_line(plain, [*lines[:number], bytes(changed), *lines[number + 1 :]]) == number + 1


def test_dropped_doubled_and_swapped_lines_are_found(plain: Path) -> None:
    lines = list(log_lines(plain))
    for number in range(len(lines) - 1):
        assert _damaged_line(plain, lines[:number] + lines[number + 1 :]) == number + 1
        assert _damaged_line(plain, lines[: number + 1] + lines[number:]) == number + 2
        swapped = [*lines[:number], lines[number + 1], lines[number], *lines[number + 2 :]]
        assert _damaged_line(plain, swapped) == number + 1
    assert _damaged_line(plain, lines + lines[-1:]) == len(lines) + 1
    assert _damaged_line(plain, lines + lines) == len(lines) + 1


def test_a_torn_tail_is_tolerated_at_every_byte(plain: Path) -> None:
    data = plain.read_bytes()
    lines = list(log_lines(plain))
    whole = read_log(plain)
    assert whole.torn is None
    assert whole.end is not None
    for kept in range(1, len(lines[-1])):
        plain.write_bytes(data[: len(data) - len(lines[-1]) + kept])
        log = read_log(plain)
        assert log.torn == f"the last line was cut off after {kept} bytes"
        assert log.end is None
        assert log.events == whole.events[:-1]
    plain.write_bytes(data[: len(data) - len(lines[-1])])
    log = read_log(plain)
    assert (log.torn, log.end, log.events) == (None, None, whole.events[:-1])


def test_a_damaged_gzip_is_an_error(tmp_path: Path) -> None:
    path = record(tmp_path, _work).path
    packed = path.read_bytes()
    padded = len(packed) - 9
    """The last byte before gzip's checksum and size, whose unused bits say nothing."""
    for at in range(10, len(packed), 13):
        if at == padded:
            continue
        path.write_bytes(packed[:at] + bytes([packed[at] ^ 0x10]) + packed[at + 1 :])
        with pytest.raises(SessionError):
            read_log(path)
    path.write_bytes(packed[:-20])
    with pytest.raises(SessionError):
        read_log(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"[]\n", b"\x00" * 100, b"[" * 100_000 + b"\n", b"PASS\n"])
def test_what_is_no_log_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(SessionError):
        read_log(path)


def test_another_format_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(encode_event(Event(0, 0, "head", fields={"format": 2}), 0)[0])
    with pytest.raises(SessionError, match="format 2"):
        read_log(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="No such file"):
        read_log(tmp_path / "none.jsonl.gz")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(
    st.integers(0, 10**9),
    st.sampled_from(["rx", "given", "note"]),
    st.sampled_from(["main", "bind", "ü"]),
    st.none() | st.text(min_size=1),
    st.dictionaries(st.text(min_size=5), JSON, max_size=5),
    st.integers(0, 2**32 - 1),
)
def test_an_event_survives_the_trip(number, kind, lane, channel, fields, seed) -> None:
    event = Event(number, number * 3, kind, lane, channel, fields)
    line, crc = encode_event(event, seed)
    assert line.count(b"\n") == 1
    assert decode_event(line, seed) == (event, crc)
    with pytest.raises(SessionError):
        decode_event(line, seed ^ 1)
