"""What each kind of fault does to the answer of a call, once that call has been carried out, or not."""

from __future__ import annotations

import json
from typing import Any

from station.production_api.codes import result_code
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.simulator.http_server import Answer, Connection

NOT_DONE = frozenset({FaultKind.DROP_BEFORE, FaultKind.STATUS, FaultKind.CODE, FaultKind.RAW, FaultKind.REDIRECT})
"""The faults that keep a call from being carried out, unless ``Fault.done`` says otherwise."""

HUGE_BYTES = 8 << 20
_HTML = b"<html><body><h1>Gateway</h1></body></html>"


def misbehave(fault: Fault, answer: Answer, connection: Connection) -> bool:
    """Send what the fault makes of ``answer``; False closes the connection."""
    match fault.kind:
        case FaultKind.ANSWER_LOST | FaultKind.DROP_BEFORE:
            return False
        case FaultKind.TRUNCATED:
            connection.send_part(answer, len(answer.body) // 2)
            return False
        case FaultKind.ENDLESS:
            connection.flood(answer)
            return False
        case FaultKind.SLOW:
            connection.drip(answer, fault.delay_s)
            return False
        case FaultKind.DELAY if connection.pause(fault.delay_s):
            return False
        case _:
            connection.send(_altered(fault, answer))
            return fault.kind is not FaultKind.CLOSE_IDLE


def _altered(fault: Fault, answer: Answer) -> Answer:
    """Another answer in place of the right one, or that one where the kind does not touch it."""
    retry_after = (("Retry-After", fault.retry_after),) if fault.retry_after is not None else ()
    match fault.kind:
        case FaultKind.STATUS:
            return Answer(fault.http_status, _HTML, "text/html", retry_after)
        case FaultKind.CODE:
            desc = fault.body or result_code(fault.code).meaning
            packet = {"code": fault.code, "desc": desc, "data": None}
            return Answer(fault.http_status, json.dumps(packet).encode(), extra=retry_after)
        case FaultKind.RAW:
            return Answer(fault.http_status, fault.body.encode("utf-8", "surrogateescape"))
        case FaultKind.HUGE:
            return Answer(answer.status, answer.body + b" " * (HUGE_BYTES - len(answer.body)))
        case FaultKind.NOT_JSON:
            return Answer(200, _HTML, "text/html")
        case FaultKind.DOUBLE_ENCODED:
            return Answer(200, json.dumps(answer.body.decode()).encode())
        case FaultKind.REDIRECT:
            return Answer(fault.http_status, b"", "text/plain", (("Location", fault.location),))
        case FaultKind.WRONG_ID | FaultKind.DUPLICATES | FaultKind.FEWER | FaultKind.EMPTY:
            return _with_data_changed(fault, answer)
        case _:
            return answer


def _with_data_changed(fault: Fault, answer: Answer) -> Answer:
    packet = json.loads(answer.body)
    if isinstance(packet.get("data"), dict):
        packet["data"] = {name: _changed(fault, value) for name, value in packet["data"].items()}
    return Answer(answer.status, json.dumps(packet).encode())


def _changed(fault: Fault, value: Any) -> Any:
    """One value of ``data``: an id or a list of ids."""
    if isinstance(value, str) and fault.kind is FaultKind.WRONG_ID:
        return value[:-1] + ("1" if value.endswith("0") else "0")
    if isinstance(value, list) and value:
        match fault.kind:
            case FaultKind.DUPLICATES:
                return [*value[:-1], value[0]]
            case FaultKind.FEWER:
                return value[: max(0, len(value) - fault.count)]
            case FaultKind.EMPTY:
                return []
    return value
