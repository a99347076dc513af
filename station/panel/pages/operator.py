"""The operator's page: a tile per socket, and what an operator does."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse, Response

from station.desk import PrintAgain, SettleLabel
from station.panel.people import Role
from station.panel.visit import Page, Refused, Visit, known_socket
from station.panel.words import operator

MAX_SCAN_CHARS = 128


def show(visit: Visit) -> Response:
    """The page with the board as it is now; its script goes on by ``/events``."""
    return visit.render(
        "operator.html",
        board=visit.context.board.snapshot(),
        script_words=operator.for_script(visit.context.words.language),
        asks_for_sn=visit.context.configuration.station.scan.means == "sn",
    )


def board(visit: Visit) -> Response:
    """The same as JSON, for a browser that cannot hold a stream open."""
    return JSONResponse(visit.context.board.snapshot())


def start(visit: Visit) -> Response:
    """A press of the button: a start like any other trigger's. ``text``: what a scanner would have brought."""
    socket, text = known_socket(visit), visit.form.get("text", "").strip()
    if len(text) > MAX_SCAN_CHARS or not text.isprintable():
        raise Refused(HTTPStatus.BAD_REQUEST, visit.context.words.t("error.scan"))
    visit.context.station.start(socket, text or None)
    visit.context.audit(visit.who, "page.start", detail=f"socket {socket}")
    return visit.done(visit.context.words.t("start.taken", socket=socket))


def abort(visit: Visit) -> Response:
    """End the cycle in progress before its next step."""
    socket, words = known_socket(visit), visit.context.words
    is_running = visit.context.station.abort(socket)
    visit.context.audit(visit.who, "page.abort", detail=f"socket {socket}{'' if is_running else ': no cycle'}")
    return visit.done(words.t("abort.taken" if is_running else "abort.nothing", socket=socket))


def settle_label(visit: Visit) -> Response:
    """Whether the label in doubt is there: ``printed`` is yes or no."""
    answer = visit.field("printed")
    if answer not in ("yes", "no"):
        raise Refused(HTTPStatus.BAD_REQUEST, visit.context.words.t("error.field_missing", field="printed"))
    reason = visit.form.get("reason", "").strip() or f"asked at the page: {answer}"
    request = SettleLabel(visit.part("chip_id"), answer == "yes", reason, visit.who.name)
    return visit.done(visit.context.act(request).text)


def reprint(visit: Visit) -> Response:
    """One more label, with the ``reason`` for it; counted."""
    printer = visit.form.get("printer", "").strip() or None
    request = PrintAgain(visit.part("chip_id"), visit.field("reason"), visit.who.name, printer)
    done = visit.context.act(request)
    return visit.done(done.text, problem=done.problem)


PAGES = (
    Page("/", show, Role.OPERATOR, nav="nav.operator"),
    Page("/board.json", board, Role.OPERATOR),
    Page("/sockets/{socket}/start", start, Role.OPERATOR, "POST"),
    Page("/sockets/{socket}/abort", abort, Role.OPERATOR, "POST"),
    Page("/units/{chip_id}/label", settle_label, Role.OPERATOR, "POST"),
    Page("/units/{chip_id}/reprint", reprint, Role.OPERATOR, "POST"),
)
