"""Whatever JSON a log holds in its fields, an export comes out, or one error that says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.errors import SessionError
from station.session.export.har import to_har
from station.session.export.html import to_html
from station.session.export.identities import identities, quoted
from station.session.export.pcapng import to_pcapng
from station.session.export.surroundings import elsewhere
from station.session.format import KINDS, Event, SessionLog
from station.session.wire_words import decoders_for

_NAMES = (
    *(
        "hex",
        "text",
        "mask",
        "headers",
        "status",
        "err",
        "msg",
        "port",
        "name",
        "args",
        "value",
        "raised",
        "step",
        "at",
        "want",
    ),
    *(
        "wall_s",
        "result",
        "message",
        "method",
        "url",
        "dtr",
        "rts",
        "asked",
        "station",
        "socket",
        "start",
        "driver",
        "agent",
    ),
    *("configuration", "files", "printers", "sockets", "session"),
)
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=6) | st.just("00ff"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=3),
    max_leaves=6,
)
_EVENT = st.tuples(
    st.integers(0, 2**63 - 1),
    st.sampled_from(sorted(KINDS - {"head"})),
    st.sampled_from(["main", "bind", "\ud800"]),
    st.sampled_from([None, "uart", "api"]),
    st.dictionaries(st.sampled_from(_NAMES), _PLAIN, max_size=6),
)


def _log(head: dict[str, object], rows: list[tuple[int, str, str, str | None, dict[str, object]]]) -> SessionLog:
    """Events as a file might hold them: only an end may be last."""
    events = [Event(0, 0, "head", fields={"format": 1, **head})]
    for number, (time_ns, kind, lane, channel, fields) in enumerate(rows, start=1):
        plain = json.loads(json.dumps(fields))
        events.append(Event(number, time_ns, kind, lane, channel, plain))
    return SessionLog(Path("any.jsonl"), tuple(events))


@pytest.mark.parametrize(
    "export",
    [
        lambda log: to_html(log, decoders_for(log)),
        to_har,
        lambda log: to_pcapng(log, decoders_for(log)),
        lambda log: (list(identities(log)), list(quoted(log))),
        lambda log: elsewhere(log.head),
    ],
    ids=["html", "har", "pcapng", "identities", "surroundings"],
)
@settings(max_examples=60, deadline=None)
@given(head=st.dictionaries(st.sampled_from(_NAMES), _PLAIN, max_size=6), rows=st.lists(_EVENT, max_size=5))
def test_nothing_but_a_session_error_comes_of_odd_fields(
    export: Callable[[SessionLog], object],
    head: dict[str, object],
    rows: list[tuple[int, str, str, str | None, dict[str, object]]],
) -> None:
    with suppress(SessionError):
        export(_log(head, rows))
