"""``/api/v1``: each operation with who may use it, what it takes and what it answers; the description is made from this table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from station.desk import MarkShipped, PrintAgain, RefillPool, Request, Resolve, SettleLabel
from station.errors import UnitError
from station.journal.opening import open_journal_readonly
from station.journal.records import UnitQuery
from station.journal.session_index import CycleFound, CycleSearch
from station.journal.statistics import DAY_MS, Counts, StatisticsQuery
from station.journal.text import id_problem
from station.panel.api import asked, told
from station.panel.api.feed import ended_after
from station.panel.people import Person, Role
from station.panel.visit import Refused, Visit
from station.text import printable

BASE = "/api/v1"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``answer`` gets what was asked, its values checked, and gives what ``told`` is made from."""

    name: str
    method: str
    path: str
    role: Role
    summary: str
    answer: Callable[[Visit, Any], object]
    told: type[told.Told]
    asked: type[asked.Asked] = asked.Nothing

    @property
    def is_action(self) -> bool:
        return self.method == "POST"

    def __call__(self, visit: Visit) -> Response:
        """Answer one request. Raises Refused, StationError, DriverError."""
        if self.is_action:
            query_of_none(visit)
            wanted = asked.body_of(visit.request, visit.body, self.asked)
        else:
            wanted = asked.query_of(visit.request, self.asked)
        answer = self.told.model_validate(self.answer(visit, wanted))
        return Response(answer.model_dump_json(by_alias=True), media_type="application/json")


def query_of_none(visit: Visit) -> None:
    """An action has no query: a value in it would be passed over. Raises Refused."""
    asked.query_of(visit.request, asked.Nothing)


# -- looking ---------------------------------------------------------------------------------------------------------------


def _state(visit: Visit, _: asked.Nothing) -> object:
    return visit.context.board.snapshot()


def _sockets(visit: Visit, _: asked.Nothing) -> object:
    return {"sockets": visit.context.board.tiles()}


def _socket(visit: Visit, _: asked.Nothing) -> object:
    return visit.context.board.tile(_known_socket(visit))


def _units(visit: Visit, wanted: asked.UnitsAsked) -> object:
    query = UnitQuery(wanted.text, wanted.status, wanted.held, wanted.unsettled, wanted.limit)
    return {"units": visit.context.reader.units(query)}


def _unit(visit: Visit, _: asked.Nothing) -> object:
    history = visit.context.reader.unit_history(_chip_id(visit))
    if history is None:
        raise _unknown(visit.part("chip_id"))
    return history


def _cycles(visit: Visit, wanted: asked.CyclesAsked) -> object:
    in_order = wanted.after is not None
    search = CycleSearch(
        visit.context.configuration.station.station,
        chip_id=wanted.chip_id,
        device_id=wanted.device_id,
        sn=wanted.sn,
        socket=wanted.socket,
        outcome=wanted.outcome,
        code=wanted.code,
        since_ms=wanted.since_ms,
        before_ms=wanted.before_ms,
        after_cycle=wanted.after,
        before_cycle=wanted.before,
        oldest_first=in_order,
        limit=wanted.limit,
    )
    reader = visit.context.reader
    found: tuple[CycleFound, ...] = ended_after(reader, search) if in_order else reader.find_sessions(search)
    last = found[-1].cycle if found else wanted.after
    is_more = len(found) == wanted.limit
    return {"cycles": found, "after": last if in_order else None, "before": last if is_more and not in_order else None}


def _cycle(visit: Visit, _: asked.Nothing) -> object:
    number = visit.part("cycle")
    if number.isascii() and number.isdecimal() and len(number) <= asked.MAX_CYCLE_DIGITS:
        search = CycleSearch(
            visit.context.configuration.station.station,
            after_cycle=int(number) - 1,
            before_cycle=int(number) + 1,
        )
        for found in visit.context.reader.find_sessions(search):
            return found
    raise Refused(HTTPStatus.NOT_FOUND, f"no cycle has the number {printable(number)}")


def _statistics(visit: Visit, wanted: asked.PeriodAsked) -> object:
    before_ms = int(visit.context.clock.wall_s() * 1000) + 1 if wanted.before_ms is None else wanted.before_ms
    config = visit.context.configuration.station
    query = StatisticsQuery(config.station, before_ms - wanted.days * DAY_MS, before_ms)
    # A connection of its own: a year's cycles take seconds, for which nobody else has to wait.
    with closing(open_journal_readonly(config.journal_place)) as reader:
        slots = reader.production(query)
        return {
            "since_ms": query.since_ms,
            "before_ms": before_ms,
            "total": sum((slot.counts for slot in slots), Counts()),
            "slots": slots,
            "steps": reader.step_times(query),
            "codes": reader.codes(query),
        }


def _ids(visit: Visit, _: asked.Nothing) -> object:
    return visit.context.reader.pool_levels(count_used=True)


# -- acting ----------------------------------------------------------------------------------------------------------------


def _start(visit: Visit, wanted: asked.StartAsked) -> object:
    socket, words = _known_socket(visit), visit.context.words
    visit.context.station.start(socket, wanted.text)
    visit.context.audit(_who(visit, wanted), "page.start", detail=f"socket {socket}")
    return {"text": words.t("start.taken", socket=socket), "problem": None}


def _abort(visit: Visit, wanted: asked.Action) -> object:
    socket, words = _known_socket(visit), visit.context.words
    is_running = visit.context.station.abort(socket)
    visit.context.audit(
        _who(visit, wanted), "page.abort", detail=f"socket {socket}{'' if is_running else ': no cycle'}"
    )
    return {"text": words.t("abort.taken" if is_running else "abort.nothing", socket=socket), "problem": None}


def _settle_label(visit: Visit, wanted: asked.LabelAsked) -> object:
    return visit.context.act(SettleLabel(_chip_id(visit), wanted.printed, wanted.reason, _who(visit, wanted).name))


def _reprint(visit: Visit, wanted: asked.ReprintAsked) -> object:
    printers = {printer.name for printer in visit.context.configuration.station.printers}
    if wanted.printer is not None and wanted.printer not in printers:
        raise Refused(HTTPStatus.NOT_FOUND, f"no printer is named {printable(wanted.printer)}")
    return visit.context.act(PrintAgain(_chip_id(visit), wanted.reason, _who(visit, wanted).name, wanted.printer))


def _resolve(visit: Visit, wanted: asked.ResolveAsked) -> object:
    who = _who(visit, wanted).name
    request: Request = Resolve(_chip_id(visit), wanted.decision, wanted.reason, who, wanted.device_id, wanted.sn)
    return visit.context.act(request)


def _ship(visit: Visit, wanted: asked.ReasonedAction) -> object:
    return visit.context.act(MarkShipped(_chip_id(visit), wanted.reason, _who(visit, wanted).name))


def _refill(visit: Visit, wanted: asked.Action) -> object:
    visit.context.audit(_who(visit, wanted), "page.refill")
    return visit.context.act(RefillPool())


def _who(visit: Visit, wanted: asked.Action) -> Person:
    """Whose name the audit keeps: the one that is said, and the one that is known."""
    person = visit.who
    if wanted.operator is None:
        return person
    return Person(f"{printable(wanted.operator)} ({person.name})", person.role, person.is_local)


def _chip_id(visit: Visit) -> str:
    """The unit that the path names. Raises UnitError("unit.unknown") for what can be none's name."""
    name = visit.part("chip_id")
    if id_problem(name) is not None:
        raise _unknown(name)
    return name


def _unknown(chip_id: str) -> UnitError:
    return UnitError("unit.unknown", f"no unit has chipId {printable(chip_id)}")


def _known_socket(visit: Visit) -> str:
    """The socket that the path names. Raises Refused."""
    name = visit.part("socket")
    if name not in {socket.name for socket in visit.context.configuration.station.sockets}:
        raise Refused(HTTPStatus.NOT_FOUND, f"no socket is named {printable(name)}")
    return name


# fmt: off
OPERATIONS: tuple[Operation, ...] = (
    Operation("state", "GET", f"{BASE}/state", Role.OPERATOR, "All that the operator's page shows", _state, told.State),
    Operation("sockets", "GET", f"{BASE}/sockets", Role.OPERATOR, "Every socket as it is now", _sockets, told.Sockets),
    Operation("socket", "GET", f"{BASE}/sockets/{{socket}}", Role.OPERATOR, "One socket as it is now", _socket, told.Tile),
    Operation("start", "POST", f"{BASE}/sockets/{{socket}}/start", Role.OPERATOR,
              "Start a cycle; refused, and not kept for later, while one runs", _start, told.Done, asked.StartAsked),
    Operation("abort", "POST", f"{BASE}/sockets/{{socket}}/abort", Role.OPERATOR,
              "End the cycle in progress before its next step", _abort, told.Done, asked.Action),
    Operation("units", "GET", f"{BASE}/units", Role.ENGINEER, "Units, newest first", _units, told.Units, asked.UnitsAsked),
    Operation("unit", "GET", f"{BASE}/units/{{chip_id}}", Role.ENGINEER, "All that is on record of one unit", _unit,
              told.UnitHistory),
    Operation("settleLabel", "POST", f"{BASE}/units/{{chip_id}}/label", Role.OPERATOR,
              "Say whether a label in doubt is there", _settle_label, told.Done, asked.LabelAsked),
    Operation("reprint", "POST", f"{BASE}/units/{{chip_id}}/reprint", Role.OPERATOR, "Print one more label; it is counted",
              _reprint, told.Done, asked.ReprintAsked),
    Operation("resolve", "POST", f"{BASE}/units/{{chip_id}}/resolve", Role.SUPERVISOR, "Settle a unit that is held", _resolve,
              told.Done, asked.ResolveAsked),
    Operation("ship", "POST", f"{BASE}/units/{{chip_id}}/ship", Role.SUPERVISOR, "Say that a unit has left the factory", _ship,
              told.Done, asked.ReasonedAction),
    Operation("cycles", "GET", f"{BASE}/cycles", Role.ENGINEER, "Cycles of this station", _cycles, told.Cycles,
              asked.CyclesAsked),
    Operation("cycle", "GET", f"{BASE}/cycles/{{cycle}}", Role.ENGINEER, "One cycle of this station", _cycle, told.Cycle),
    Operation("statistics", "GET", f"{BASE}/statistics", Role.ENGINEER, "How production went", _statistics, told.Statistics,
              asked.PeriodAsked),
    Operation("ids", "GET", f"{BASE}/ids", Role.ENGINEER, "The pool of DeviceIDs and SNs", _ids, told.Ids),
    Operation("refill", "POST", f"{BASE}/ids/refill", Role.ENGINEER, "Ask for one batch of each kind of id that is low, now",
              _refill, told.Done, asked.Action),
)
# fmt: on
