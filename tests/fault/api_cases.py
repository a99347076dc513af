"""An API that loses, delays, spoils, refuses or contradicts. Each fault strikes activateDeviceId and bindSN alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from station.events import Event, PoolChanged
from station.model import Hold
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.simulator.settings import SimulatorSettings, Temper
from station.production_api.wire import ACTIVATE_DEVICE_ID, BIND_SN, REQUEST_DEVICE_ID, REQUEST_SN
from tests.fault.case import PASS, Case, Kind, Scene, When
from tests.fault.limits import CALL, NOTHING, REFILL, TWO_CALLS, Bound
from tests.support.api import wait_until

CALLS = (ACTIVATE_DEVICE_ID, BIND_SN)
ONE = {"vary": (ACTIVATE_DEVICE_ID,)}
SHORT = {"api_options": "timeout_s: 1.5"}
"""For faults that take all of the time-out."""


def server(temper: Temper) -> SimulatorSettings:
    return SimulatorSettings(seed=7, temper=temper)


def strike(*kinds: FaultKind, times: int | None = 1, **more: Any) -> Callable[[Scene], None]:
    """These faults, on the call that is the trial's value."""

    def inject(scene: Scene) -> None:
        for kind in kinds:
            scene.rig.api.add_fault(Fault(kind, scene.value, times=times, **more))

    return inject


def strike_all(*faults: Fault) -> Callable[[Scene], None]:
    """These faults, whatever varies."""

    def inject(scene: Scene) -> None:
        for fault in faults:
            scene.rig.api.add_fault(fault)

    return inject


def _rows(rows: list[tuple[str, tuple[str, ...], Bound, Callable[[Scene], None], dict[str, Any]]]) -> Iterator[Case]:
    for fault, ends, costs, inject, more in rows:
        yield Case(Kind.API, fault, ends, costs, inject, **({"vary": CALLS} | more))


SET_ASIDE = {"again": ("unit.set_aside",), "hold": Hold.SET_ASIDE}
GATEWAY = (429, 502, 503)

# fmt: off
_LOST = _rows([
    ("The call is carried out, then the connection drops: once", (PASS,), CALL, strike(FaultKind.ANSWER_LOST), {}),
    ("The call is carried out, then the connection drops: once, at a server that refuses every repeat (020100)",
         (PASS,), CALL, strike(FaultKind.ANSWER_LOST),
     {"station": {"api": server(Temper.STRICT)}}),
    ("The call is carried out, then the connection drops: for good", ("api.answer_lost",), CALL,
         strike(FaultKind.ANSWER_LOST, times=None), {}),
    ("The call is carried out, then the connection drops: for good, at a server that refuses every repeat",
         ("api.answer_lost",), CALL,
     strike(FaultKind.ANSWER_LOST, times=2), {"station": {"api": server(Temper.STRICT)}}),
    ("The connection drops before the call is carried out: once", (PASS,), CALL, strike(FaultKind.DROP_BEFORE), {}),
    ("The connection drops before the call is carried out: for good", ("api.answer_lost",), CALL,
         strike(FaultKind.DROP_BEFORE, times=None), {}),
    ("The answer is cut short: once", (PASS,), CALL, strike(FaultKind.TRUNCATED), {}),
    ("The answer is cut short: for good", ("api.answer_lost",), CALL, strike(FaultKind.TRUNCATED, times=None), {}),
    ("The answer is longer than `http.max_answer_bytes`: once", (PASS,), CALL, strike(FaultKind.HUGE), {}),
    ("The answer never ends: once", (PASS,), CALL, strike(FaultKind.ENDLESS), {}),
    ("The answer never ends: for good", ("api.answer_lost",), CALL, strike(FaultKind.ENDLESS, times=None), {}),
    ("The answer drips in and is not there in time: once", (PASS,), CALL, strike(FaultKind.SLOW, delay_s=0.1),
     {"station": SHORT, "vary": (BIND_SN,)}),
    ("An idle connection is closed by the server each time", (PASS,), NOTHING, strike(FaultKind.CLOSE_IDLE, times=None),
     {"vary": ("*",)}),
    ("Nobody listens at the API's address", ("api.unreachable",), CALL, lambda scene: scene.rig.api_down(),
     {"vary": (None,), "mend": lambda scene: scene.rig.api_up()}),
])
_BODIES = _rows([
    ("A web page in place of JSON, with status 200: once", (PASS,), CALL, strike(FaultKind.NOT_JSON), {}),
    ("A web page in place of JSON, with status 200: for good", ("api.answer_lost",), CALL, strike(FaultKind.NOT_JSON,
         times=None), {}),
    ("The answer is encoded twice (JSON within a JSON text)", ("api.answer_invalid",), NOTHING,
     strike(FaultKind.DOUBLE_ENCODED), SET_ASIDE),
    ("Success without the id", ("api.answer_invalid",), NOTHING,
     strike(FaultKind.RAW, body='{"code": "000000"}', done=True), SET_ASIDE),
    ("JSON that is not the documented packet", ("api.answer_invalid",), NOTHING, strike(FaultKind.RAW, body="[]",
         done=True),
     SET_ASIDE),
    ("JSON nested 100,000 deep", ("api.answer_invalid",), NOTHING, strike(FaultKind.RAW, body="[" * 100_000, done=True),
     SET_ASIDE),
    ("Success that names another id", ("api.answer_other",), NOTHING, strike(FaultKind.WRONG_ID), SET_ASIDE),
])
_REFUSALS = _rows([
    ("Turned away by a gateway, 429, 502 or 503 without Retry-After: once", (PASS,), CALL,
     lambda scene: scene.rig.api.add_fault(Fault(FaultKind.STATUS, BIND_SN, status=scene.value)), {"vary": GATEWAY}),
    ("Turned away by a gateway, 429, 502 or 503 without Retry-After: for good", ("api.answer_lost",), CALL,
     lambda scene: scene.rig.api.add_fault(Fault(FaultKind.STATUS, ACTIVATE_DEVICE_ID, times=None, status=scene.value)),
     {"vary": GATEWAY}),
    ("Turned away by a gateway, 429, 502 or 503 without Retry-After: for good, and the call was carried out",
         ("api.answer_lost",), CALL,
     lambda scene: scene.rig.api.add_fault(
         Fault(FaultKind.STATUS, ACTIVATE_DEVICE_ID, times=None, status=scene.value, done=True)),
     {"vary": GATEWAY, "station": {"api": server(Temper.STRICT)}}),
    ("429 or 503 with a Retry-After of an hour, a date, or no sense: once", (PASS,), CALL,
     lambda scene: scene.rig.api.add_fault(Fault(FaultKind.STATUS, BIND_SN, status=503, retry_after=scene.value)),
     {"vary": ("3600", "Wed, 21 Oct 2099 07:28:00 GMT", "-1", "soon")}),
    ("The server is busy (010000): once", (PASS,), CALL, strike(FaultKind.CODE, code="010000"), ONE),
    ("The server is busy (010000) or its limits are reached (010301), for good", ("api.unavailable",), CALL,
     lambda scene: scene.rig.api.add_fault(Fault(FaultKind.CODE, ACTIVATE_DEVICE_ID, times=None, code=scene.value)),
     {"vary": ("010000", "010301")}),
    ("Unknown error (999999), for good", ("api.answer_lost",), CALL, strike(FaultKind.CODE, times=None, code="999999"),
         ONE),
    ("The board is refused (020103), or a code that is not documented", ("api.unit_refused",), NOTHING,
     lambda scene: scene.rig.api.add_fault(Fault(FaultKind.CODE, ACTIVATE_DEVICE_ID, times=None, code=scene.value)),
     {"vary": ("020103", "123456")}),
    ("The first call for a board is answered \"already bound\" (020100)", ("api.conflict",), NOTHING,
     strike(FaultKind.CODE, code="020100"), SET_ASIDE),
    ("The answer is lost, the repeat refused (020100), and the bind says that it was somebody else (020101)",
     ("api.unit_refused",), CALL,
     strike_all(Fault(FaultKind.DROP_BEFORE, ACTIVATE_DEVICE_ID), Fault(FaultKind.CODE, ACTIVATE_DEVICE_ID, times=None,
                                                                        code="020100")),
     {**SET_ASIDE, "vary": (None,), "station": {"api": server(Temper.STRICT)}}),
    ("A redirect", ("api.redirected",), NOTHING, strike(FaultKind.REDIRECT, times=None), {}),
    ("No such method (404) at this address", ("api.config",), NOTHING, strike(FaultKind.STATUS, times=None, status=404),
         ONE),
    ("Access is forbidden (403)", ("api.scope",), NOTHING, strike(FaultKind.STATUS, times=None, status=403), ONE),
    ("The form of the request is refused (010202)", ("api.defect",), NOTHING, strike(FaultKind.CODE, times=None,
         code="010202"), ONE),
    ("The token has expired early: once", (PASS,), TWO_CALLS, strike(FaultKind.EXPIRE_TOKENS), ONE),
    ("No token is good any more (010104)", ("api.auth",), TWO_CALLS, strike(FaultKind.CODE, times=None, code="010104"), ONE),
    ("No token is given", ("api.auth",), TWO_CALLS, strike_all(
        Fault(FaultKind.CODE, "Manage.createAccessToken", times=None, code="010102"),
        Fault(FaultKind.EXPIRE_TOKENS, ACTIVATE_DEVICE_ID, times=None)), {"vary": (None,)}),
])
_ALLOCATING = _rows([
    ("Where the server allocates: the answer is lost, whether the call was carried out or not", ("unit.in_doubt",),
     CALL,
     lambda scene: scene.rig.api.add_fault(Fault(scene.value, ACTIVATE_DEVICE_ID)),
     {"vary": (FaultKind.ANSWER_LOST, FaultKind.DROP_BEFORE), "again": ("unit.in_doubt",), "hold": Hold.IN_DOUBT,
      "station": {"ids": "server", "api": server(Temper.WORST)}}),
    ("Where the server allocates, and a repeat is asked for (`repeat_unnamed`): the answer is lost",
         ("api.answer_lost",),
     TWO_CALLS, strike(FaultKind.ANSWER_LOST), {"station": {"ids": "server", "repeat_unnamed": True}}),
])
# fmt: on


HOSTILE = ["\x1b[2J", "A^XZ^XA", "'); DROP TABLE units;--", "../../etc/passwd", "x" * 129, "\u202e7654"]


def raw(data: object) -> Fault:
    """Success with these data."""
    body = json.dumps({"code": "000000", "data": data})
    return Fault(FaultKind.RAW, REQUEST_DEVICE_ID, times=None, body=body)


def _ids(fault: str, ends: tuple[str, ...], struck: Fault, **more: Any) -> Iterator[Case]:
    """A pool that is empty when the station starts, and a fault on its first list. What could not be had is asked for again
    when the station starts anew, or after ``refill.pause_after_failure_s``."""

    def inject(scene: Scene) -> None:
        scene.rig.api.add_fault(struck)

    yield Case(Kind.IDS, fault, ends, REFILL, inject, when=When.BEFORE_STATION, restarts=True, **more)


def repeat_the_first_list(scene: Scene) -> None:
    """The second list that the server sends is its first one again."""

    def on_event(event: Event) -> None:
        if isinstance(event, PoolChanged) and not scene.kept:
            first = scene.kept["list"] = list(scene.rig.api.ledger()["device_ids"])  # type: ignore[call-overload]
            body = json.dumps({"code": "000000", "data": {"deviceIdList": first}})
            scene.rig.api.add_fault(Fault(FaultKind.RAW, REQUEST_DEVICE_ID, body=body))

    scene.rig.on_event = on_event


def second_list_was_refused(scene: Scene) -> None:
    """It has been asked for and taken in, and none of its ids was taken twice."""
    query = "SELECT accepted FROM id_batches WHERE kind = 'device_id' AND state = 'answered' ORDER BY id"
    wait_until(lambda: len(scene.rig.rows(query)) >= 2)
    assert [row["accepted"] for row in scene.rig.rows(query)][:2] == [len(scene.kept["list"]), 0]


def batch_is_on_record(kind: str) -> Callable[[Scene], None]:
    """As possibly lost."""

    def proves(scene: Scene) -> None:
        query = "SELECT asked FROM id_batches WHERE state = 'lost' AND kind = ?"
        assert scene.rig.rows(query, kind) == [{"asked": scene.rig.settings.batch}]

    return proves


NO_IDS = ("pool.empty",)
_IDS = (
    *_ids("The list has fewer ids than asked for", (PASS,), Fault(FaultKind.FEWER, REQUEST_DEVICE_ID)),
    *_ids("One id stands in the list twice", (PASS,), Fault(FaultKind.DUPLICATES, REQUEST_DEVICE_ID)),
    *_ids("The list is empty", NO_IDS, Fault(FaultKind.EMPTY, REQUEST_DEVICE_ID)),
    *_ids("The list is no list", NO_IDS, raw({"deviceIdList": "none"})),
    *_ids(
        "The list holds ids that do not print, are too long or hold SQL, ZPL or paths",
        NO_IDS,
        raw({"deviceIdList": HOSTILE}),
    ),
    *_ids(
        "The server gives DeviceIDs and the answer is lost",
        NO_IDS,
        Fault(FaultKind.ANSWER_LOST, REQUEST_DEVICE_ID),
        proves=batch_is_on_record("device_id"),
    ),
    *_ids(
        "The server gives SNs and the answer is lost",
        NO_IDS,
        Fault(FaultKind.ANSWER_LOST, REQUEST_SN),
        proves=batch_is_on_record("sn"),
    ),
    *_ids(
        "The server gives no more DeviceIDs",
        NO_IDS,
        Fault(FaultKind.CODE, REQUEST_DEVICE_ID, times=None, code="030101"),
    ),
    *_ids("The server gives no more SNs", NO_IDS, Fault(FaultKind.CODE, REQUEST_SN, times=None, code="030101")),
    Case(
        Kind.IDS,
        "A second list names the ids of the first one again",
        (PASS,),
        NOTHING,
        repeat_the_first_list,
        when=When.BEFORE_STATION,
        station={"batch": 4, "low_water": 8},
        proves=second_list_was_refused,
    ),
)

CASES = (*_LOST, *_BODIES, *_REFUSALS, *_ALLOCATING, *_IDS)
