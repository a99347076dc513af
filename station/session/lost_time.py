"""Where the time of a cycle went: every stretch of the main lane, by what the cycle waited for in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from station.session.event_words import GAP_NS
from station.session.format import Event
from station.session.messages import body_of

MAX_CAUSES = 8
LEAST_SHARE = 0.02
"""What took less of the cycle is summed up in one line, unless it was a silence worth marking (``GAP_NS``)."""
_MAX_NAMES = 100
_MAX_NAME_CHARS = 60
_JOURNAL = "journal."
ELSE = "in all else"
_PAUSES = "in pauses that the station makes"


@dataclass(slots=True)
class _Sum:
    total_ns: int = 0
    times: int = 0
    longest_ns: int = 0

    def add(self, took_ns: int) -> None:
        self.total_ns += took_ns
        self.times += 1
        self.longest_ns = max(self.longest_ns, took_ns)


class LostTime:
    """Takes the events of one log in order, and sums up the waits of the main lane, on which every cycle begins and ends: the sums
    make up the whole cycle. What another lane does beside it costs time only where the main lane waits for it."""

    def __init__(self) -> None:
        self._sums: dict[str, _Sum] = {}
        self._calls: dict[tuple[str, str | None], str] = {}
        self._previous: dict[str, Event] = {}
        self._beside: str | None = None
        self._total_ns = 0

    def take(self, event: Event) -> str:
        """Count one event; what its lane waited for before it, in words."""
        if event.kind == "req":
            self._calls[event.lane, event.channel] = _asked(event)
        is_main = event.lane == "main"
        cause = self._cause(event, self._previous.get(event.lane), self._beside if is_main else None)
        if is_main or len(self._previous) < _MAX_NAMES:
            self._previous[event.lane] = event
        if not is_main:
            if event.kind == "step" and event.fields.get("at") == "end":
                self._beside = _short(event.fields.get("step"))
            return cause
        took_ns = max(0, event.time_ns - self._total_ns)
        if cause not in self._sums and len(self._sums) >= _MAX_NAMES:
            cause = ELSE
        self._sums.setdefault(cause, _Sum()).add(took_ns)
        self._total_ns += took_ns
        self._beside = None
        return cause

    def lines(self) -> Iterator[str]:
        """The causes that took most first, then the rest; nothing where no time passed."""
        if self._total_ns == 0:
            return
        yield f"where time was lost, of {self._total_ns / 1e6:.1f} ms"
        ranked = sorted(self._sums.items(), key=lambda item: -item[1].total_ns)
        shown = [
            (cause, each)
            for cause, each in ranked
            if cause != ELSE and (each.total_ns >= LEAST_SHARE * self._total_ns or each.longest_ns >= GAP_NS)
        ][:MAX_CAUSES]
        for cause, each in shown:
            often = f", {each.times} times, at most {each.longest_ns / 1e6:.1f} ms" if each.times > 1 else ""
            yield f"{self._share(each.total_ns)}  {cause}{often}"
        rest_ns = self._total_ns - sum(each.total_ns for _, each in shown)
        if rest_ns > 0:
            yield f"{self._share(rest_ns)}  {ELSE}"

    def _share(self, took_ns: int) -> str:
        return f"{took_ns / 1e6:10.1f} ms {100 * took_ns / self._total_ns:3.0f} %"

    def _cause(self, event: Event, previous: Event | None, beside: str | None) -> str:
        if previous is not None and previous.fields.get("name") == "clock.sleep":  # written down before it is slept
            return f"in pauses before {_short(event.channel)} is asked again" if event.channel else _PAUSES
        match event.kind:
            case "resp":
                call = self._calls.pop((event.lane, event.channel), "a request")
                return f"waiting for the API's answer to {call}"
            case "rx":
                failed = " that did not come" if "err" in event.fields else ""
                return f"waiting for bytes from {_short(event.channel)}{failed}"
            case "open":
                return f"opening {_short(event.channel)}"
        name = _short(event.fields.get("name")) if event.kind == "given" else ""
        if name.startswith(_JOURNAL):
            return "waiting for the journal"
        if beside is not None:
            return f"waiting for {beside}, which runs beside"
        if previous is not None and previous.kind == "tx" and event.kind in ("tx", "close"):
            return f"sending to {_short(previous.channel)}"
        return f"waiting for {name}" if name and name != "abort" else "in the station itself"


def _asked(event: Event) -> str:
    """What a request asks for: the API's method where its body names one, else the address's path."""
    try:
        told: Any = json.loads(body_of(event) or b"null")
    except (ValueError, RecursionError):
        told = None
    method = told.get("method") if isinstance(told, dict) else None
    if isinstance(method, str):
        return _short(method)
    url = str(event.fields.get("url"))
    return _short(f"{event.fields.get('method')} /{url.partition('://')[2].partition('/')[2]}")


def _short(name: object) -> str:
    return str(name)[:_MAX_NAME_CHARS]
