"""The page as a browser and as a parser see it: whole in itself, and harmless whatever stands in a log."""

from __future__ import annotations

import base64
import io
import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from drivers.errors import TransportError
from station.cli import main
from station.model import LabelFate, Outcome, Step
from station.production_api.http import FailureKind, HttpFailure, HttpRequest, HttpResponse
from station.session.export import event_rows
from station.session.export.html import parts, to_html
from station.session.export.spans import gaps, steps
from station.session.format import KINDS, Event, SessionLog, read_log
from station.session.recorder import RecordingSession
from station.session.wire_words import decoders_for
from tests.support.sessions import SOON, ScriptedHttp, ScriptedTransport, record, result_of, start
from tests.support.station import station

HOSTILE = """"><script>document.title='owned'</script><img src=x onerror="document.title='owned'">'</style></pre>&lt;"""
SECRET = "sesame-4711-open"


class _Page(HTMLParser):
    """Elements, attributes and text of a page, and what is wrong with its nesting."""

    VOID = frozenset(("meta", "br", "img"))

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page.decode("utf-8"))
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes what was opened last"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def values(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.found if (value := attributes.get(attribute)) is not None]


def _talk(session: RecordingSession) -> None:
    with session.step(Step.IDENTIFY):
        link = session.serial("uart", lambda: ScriptedTransport([b"\x79", TransportError("/dev/uart", "it is gone")]))
        link.set_lines(dtr=True, rts=False)
        link.write(b"\x7f", SOON)
        link.read(1, SOON)
        link.set_lines(dtr=False)
        with pytest.raises(TransportError):
            link.read(1, SOON)
        link.write(bytes(range(40)), SOON)
    with session.step(Step.ACTIVATE):
        answers = [HttpResponse(200, (), b'{"code": "000000"}'), HttpFailure(FailureKind.TIMEOUT, "it never came")]
        port = session.http("api", ScriptedHttp(answers))
        request = HttpRequest("POST", "http://api/x", (("X-Key", SECRET),), b'{"method": "activateDeviceId"}')
        port.send(request, 1.0)
        with pytest.raises(HttpFailure):
            port.send(request, 1.0)


def _page(log: SessionLog, **options: Any) -> _Page:
    return _Page(to_html(log, decoders_for(log), **options))


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = _page(record(tmp_path, _talk))
    tags = {tag for tag, _ in page.found}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base"}
    assert all(target.startswith("#e") for target in page.values("href"))
    assert page.values("src") == []
    policy = next(value for value in page.values("content") if "default-src" in value)
    assert "default-src 'none'" in policy
    assert "script-src" not in policy, "so scripts fall under the default: none"


def test_every_mark_leads_to_an_event_of_the_page(tmp_path: Path) -> None:
    page = _page(record(tmp_path, _talk))
    assert {target[1:] for target in page.values("href")} <= set(page.values("id"))


def test_outcome_code_and_what_to_do_stand_first_with_a_sign(tmp_path: Path) -> None:
    session = start(tmp_path)
    session.end(
        result_of(Outcome.FAIL, code="board.silent", sn=None, label=LabelFate.NOT_PRINTED, message="no answer to 7F")
    )
    text = _page(read_log(session.close().path)).text
    head = text[: text.index("Facts")]
    assert [
        word
        for word in ("✘", "FAIL", "board.silent", "Check that the board sits right", "no answer to 7F")
        if word not in head
    ] == []
    assert "35003200" in text


@pytest.mark.parametrize(
    ("outcome", "sign"), [(Outcome.PASS, "✔"), (Outcome.ERROR, "⚠"), (Outcome.ABORTED, "■"), (None, "✂")]
)
def test_each_outcome_has_its_sign(tmp_path: Path, outcome: Outcome | None, sign: str) -> None:
    session = start(tmp_path)
    if outcome is not None:
        session.end(result_of(outcome))
    text = _page(read_log(session.close().path)).text
    assert sign in text
    assert (outcome.value if outcome else "CUT OFF") in text


def test_steps_calls_traffic_and_lines_are_drawn(tmp_path: Path) -> None:
    page = to_html(record(tmp_path, _talk)).decode()
    rows = re.findall(r'class="row">([^<]*)<', page)
    assert rows == ["steps", "api", "uart", "uart DTR", "uart RTS"]
    titles = re.findall(r"<title>([^<]*)</title></rect>", page)
    assert any(title.startswith("POST activateDeviceId: 200, ") for title in titles)
    assert any(title.startswith("POST activateDeviceId: timeout, ") for title in titles)
    assert "41 bytes sent" in titles or {"1 bytes sent", "40 bytes sent"} <= set(titles)
    assert "failed" in titles


def test_bytes_and_bodies_can_be_opened(tmp_path: Path) -> None:
    text = _page(record(tmp_path, _talk)).text
    assert "40 bytes" in text
    assert "0010  10 11 12 13" in text
    assert '"method": "activateDeviceId"' in text


def test_frames_are_put_in_words(tmp_path: Path) -> None:
    log = record(tmp_path, _talk)
    head = replace(log.events[0], fields={**log.head, "driver": "stm32 STM32WL"})
    assert "ACK" in _page(SessionLog(log.path, (head, *log.events[1:]))).words


def test_bytes_that_are_text_read_as_lines(tmp_path: Path) -> None:
    def work(session: RecordingSession) -> None:
        link = session.serial("uart", lambda: ScriptedTransport([b"chipid=00AA\r\nOK\r\n> "]))
        link.write(b"get chipid\r\n", SOON)
        link.read(64, SOON)

    words = _page(record(tmp_path, work)).words
    assert {"get chipid ⏎", "chipid=00AA ⏎ OK ⏎ >"} <= set(words)


def test_the_silence_in_which_time_was_lost_is_named(tmp_path: Path) -> None:
    log = record(tmp_path, lambda session: session.clock.sleep(0.0))
    slow = [replace(event, time_ns=event.time_ns + (700_000_000 if event.kind == "end" else 0)) for event in log.events]
    late = SessionLog(log.path, tuple(slow))
    (gap,) = gaps(late)
    assert gap.took_ms >= 700
    assert "a pause that the station made" in _page(late).text


def test_the_step_in_which_a_cycle_failed_is_told(tmp_path: Path) -> None:
    session = start(tmp_path)
    with session.step(Step.IDENTIFY):
        pass
    with session.step(Step.RESERVE):
        pass
    session.end(result_of(Outcome.FAIL, code="pool.empty"))
    log = read_log(session.close().path)
    assert [(span.name, span.failed) for span in steps(log)] == [("identify", False), ("reserve", True)]


def test_a_label_that_was_sent_as_a_picture_is_shown_as_it_was(tmp_path: Path) -> None:
    sent, drawn = io.BytesIO(), io.BytesIO()
    Image.new("1", (8, 8)).save(sent, "PNG")
    Image.new("1", (9, 9)).save(drawn, "PNG")
    job = b"before" + sent.getvalue() + b"after"
    log = record(tmp_path, lambda session: session.pipe("printer", ScriptedTransport).write(job, SOON))
    page = _page(log, label_png=drawn.getvalue())
    assert page.values("src") == ["data:image/png;base64," + base64.b64encode(sent.getvalue()).decode()]
    assert "the label as it was sent" in page.text
    other = _page(record(tmp_path / "b", _talk), label_png=drawn.getvalue())
    assert other.values("src") == ["data:image/png;base64," + base64.b64encode(drawn.getvalue()).decode()]


def _hostile(folder: Path) -> SessionLog:
    """A log with an event of every kind in which every text is hostile."""
    log = record(folder, lambda session: None)
    names = [
        "port",
        "err",
        "msg",
        "method",
        "url",
        "text",
        "name",
        "step",
        "at",
        "station",
        "socket",
        "driver",
        "agent",
    ]
    fields: dict[str, Any] = dict.fromkeys(names, HOSTILE)
    fields |= {"headers": [[HOSTILE, HOSTILE]], "args": {HOSTILE: HOSTILE}, "value": HOSTILE, "status": 200}
    result = dict.fromkeys(("outcome", "code", "chip_id", "sn", "device_id", "label", "duration_s"), HOSTILE)
    kinds = ["head", *sorted(KINDS - {"head", "end", "tx", "rx", "discard"}), "tx", "end"]
    events = []
    for number, kind in enumerate(kinds):
        own = {"result": result, "message": HOSTILE} if kind == "end" else fields
        if kind in ("req", "resp", "open", "line"):
            own = {name: value for name, value in fields.items() if name != "err"}
        if kind == "head":
            own = fields | {"format": 1, "wall_s": HOSTILE, "start": {"source": HOSTILE, "text": HOSTILE}}
        events.append(Event(number, number * 60_000_000, kind, lane=HOSTILE, channel=HOSTILE, fields=own))
    return SessionLog(Path(log.path.with_name("<b>.jsonl")), tuple(events), torn=HOSTILE)


def test_hostile_content_is_shown_and_never_an_element(tmp_path: Path) -> None:
    page = _page(_hostile(tmp_path))
    assert not {"script", "b/.jsonl"} & {tag for tag, _ in page.found}
    assert page.values("src") == page.values("onerror") == []
    assert page.text.count("<script>") >= 20, "as text"


def test_a_log_of_nonsense_still_makes_a_page(tmp_path: Path) -> None:
    log = record(tmp_path, lambda session: None)
    odd = [Event(number + 1, 10**18, kind, fields={}) for number, kind in enumerate(sorted(KINDS - {"head", "end"}))]
    end = Event(len(odd) + 1, 0, "end", fields={"result": 7, "message": None})
    head = replace(log.events[0], fields={**log.head, "wall_s": float("inf"), "start": 3, "station": "\ud800\x00"})
    _page(SessionLog(log.path, (head, *odd, end)))


def test_a_long_log_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_rows, "MAX_EVENTS", 3)
    log = record(tmp_path, _talk)
    page = to_html(log).decode()
    assert f"{len(log.events) - 4} more events" in page
    assert page.count('<tr id="e') == 3


def test_no_secret_is_on_the_page(tmp_path: Path) -> None:
    assert SECRET.encode() not in to_html(record(tmp_path, _talk, secrets=[SECRET]))


def _chromium(*arguments: str, folder: Path) -> bytes:
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={folder / 'profile'}",
    ]
    return subprocess.run([*command, *arguments], capture_output=True, timeout=50, check=True, cwd=folder).stdout


def test_a_browser_shows_the_outcome_and_runs_nothing(tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.html"
    hostile.write_bytes(to_html(_hostile(tmp_path)))
    shown = _chromium("--dump-dom", hostile.as_uri(), folder=tmp_path).decode()
    assert "owned</title>" not in shown
    assert "<script" not in shown
    folder = tmp_path / "rig"
    folder.mkdir()
    with station(folder) as rig:
        rig.one(rig.board())
        page = tmp_path / "page.html"
        assert main(["sessions", "export", str(rig.logs()[0]), "--to", str(page)]) == 0
    picture = tmp_path / "page.png"
    _chromium("--window-size=1200,900", f"--screenshot={picture}", page.as_uri(), folder=tmp_path)
    with Image.open(picture) as image:
        pixels = image.convert("RGB")
        assert pixels.getpixel((400, 30)) == (0x15, 0x80, 0x3D), "the green of PASS"
        assert len(pixels.getcolors(1 << 24) or ()) > 50


def test_a_part_of_the_events_reads_as_in_the_whole_and_is_linked_to_where_each_event_is(tmp_path: Path) -> None:
    """What a decoder saw before the part still counts."""
    with station(tmp_path) as rig:
        rig.one(rig.board())
        log = read_log(rig.logs()[0])
    whole = parts(log, decoders_for(log))
    first, second = range(1, 61), range(61, 10_000)

    def link(number: int) -> str:
        return f"#e{number}" if number in first else f"?events=2#e{number}"

    shown = parts(log, decoders_for(log), rows=first, link=link)
    rest = parts(log, decoders_for(log), rows=second)
    rows = re.compile(r"<tr id=.*?</tr>", re.DOTALL)
    assert rows.findall(shown.events) + rows.findall(rest.events) == rows.findall(whole.events)
    numbers = [int(number) for number in re.findall(r'href="#e(\d+)"', shown.chart)]
    assert numbers
    assert max(numbers) <= 60
    assert 'href="?events=2#e' in shown.chart
    assert "style=" not in "".join((shown.chart, shown.steps, shown.lost, shown.calls, shown.events, shown.facts))
