"""Reading one lane of a log in strict order."""

from __future__ import annotations

import threading

from station.session.difference import Difference, Diverged, LogCutOff, describe, first_difference
from station.session.format import Event, SessionLog
from station.session.masking import Masker, comparable
from station.session.messages import bytes_of, raise_recorded, spans_of


class Lane:
    """A cursor over one lane's events. One thread uses it."""

    def __init__(self, name: str, events: list[Event], lanes: Lanes) -> None:
        self.name = name
        self.step: str | None = None
        self._events = events
        self._lanes = lanes
        self._position = 0
        self._last_time_ns = events[0].time_ns if events else 0
        self._sending: Event | None = None
        """The ``tx`` event whose bytes are being compared, until the code has sent all of them."""
        self._wanted = b""
        self._sent_bytes = 0
        """How many of ``_wanted``, the bytes of ``_sending``, the code has sent."""

    @property
    def time_s(self) -> float:
        """When the last event that was read happened; the first one's time before that."""
        return self._last_time_ns / 1e9

    def peek(self) -> Event | None:
        """The next event that a replay has to come to, None after the last."""
        return self._events[self._position] if self._position < len(self._events) else None

    def take(self, kind: str, channel: str | None, doing: str, sent: bytes | None = None) -> Event:
        """The next event, which has to be of this kind and channel; ``doing`` says in words what the code does, ``sent`` what it
        sends thereby. Raises Diverged, also where another lane diverged already, or LogCutOff."""
        self._lanes.check_no_difference()
        if self._sending is not None:
            rest = self._wanted[self._sent_bytes :]
            raise self.diverged(self._sending, f"tx of {rest.hex()}", doing, self._sending.channel)
        event = self.peek()
        if event is None and self._lanes.cut_off:
            raise LogCutOff(self.name, self.step, doing)
        if event is None or event.kind != kind or event.channel != channel:
            raise self.diverged(event, describe(event), doing, channel, sent)
        self._advance(event)
        return event

    def send(self, channel: str, data: bytes, masker: Masker) -> None:
        """Compare bytes sent with the ``tx`` events, as a stream; then raise the TransportError that followed them, if one
        did. Raises Diverged or LogCutOff."""
        rest = comparable(*masker.mask_bytes(data)) if self._lanes.is_masked(channel) else data
        while rest:
            if self._sending is None:
                self._begin_sending(channel, rest)
                continue
            if self._sending.channel != channel:
                self.take("tx", channel, f"tx of {rest.hex()}", rest)
            rest = self._compare(self._sending, rest)
        follows = self.peek()
        if self._sending is None and follows is not None and _is_failed_tx(follows, channel):
            self._advance(follows)
            raise_recorded(follows)

    def diverged(
        self, event: Event | None, wanted: str, got: str, channel: str | None = None, sent: bytes | None = None
    ) -> Diverged:
        """The error for a difference at ``event``; every lane raises it from now on."""
        number = event.number if event else None
        is_sent = event is not None and event.kind == "tx" and event.channel == channel and "hex" in event.fields
        wanted_bytes = bytes_of(event) if event is not None and is_sent else None
        difference = Difference(
            number, self.name, self.step, channel, wanted, got, wanted_bytes=wanted_bytes, got_bytes=sent
        )
        return self._lanes.diverged(difference)

    def diverged_bytes(self, event: Event, wanted: bytes, got: bytes, what: str) -> Diverged:
        """The same for bytes; ``what`` names them."""
        at = first_difference(wanted, got)
        difference = Difference(
            event.number,
            self.name,
            self.step,
            event.channel,
            f"{what} of {wanted.hex()}",
            f"{what} of {got.hex()}",
            at,
            wanted,
            got,
        )
        return self._lanes.diverged(difference)

    def check_all_read(self) -> None:
        """Raises Diverged where the log holds events that the code never came to."""
        event = self._sending or self.peek()
        if event is not None:
            raise self.diverged(event, describe(event), "nothing more", event.channel)

    def _begin_sending(self, channel: str, rest: bytes) -> None:
        event = self.take("tx", channel, f"tx of {rest.hex()}", rest)
        if _is_failed_tx(event, channel):
            raise self.diverged(event, describe(event), f"tx of {rest.hex()} more", channel)
        self._sending, self._sent_bytes = event, 0
        self._wanted = bytes_of(event)
        if self._lanes.is_masked(channel):
            self._wanted = comparable(self._wanted, spans_of(event.fields))

    def _compare(self, event: Event, rest: bytes) -> bytes:
        """Check as much of ``rest`` as the event holds and return what is left of it."""
        start = self._sent_bytes
        shared = min(len(rest), len(self._wanted) - start)
        if rest[:shared] != self._wanted[start : start + shared]:
            raise self.diverged_bytes(event, self._wanted, self._wanted[:start] + rest, "tx")
        self._sent_bytes += shared
        if self._sent_bytes == len(self._wanted):
            self._sending = None
        return rest[shared:]

    def _advance(self, event: Event) -> None:
        self._position += 1
        self._last_time_ns = event.time_ns


class Lanes:
    """All lanes of one replay, and the first difference that any of them found."""

    def __init__(self, log: SessionLog) -> None:
        by_lane: dict[str, list[Event]] = {"main": []}
        for event in log.events[1:]:
            if event.kind != "note" and not event.fields.get("aside"):
                by_lane.setdefault(event.lane, []).append(event)
        self.cut_off = log.end is None
        self._masked = {event.channel for event in log.events if event.kind == "tx" and "mask" in event.fields}
        self._lock = threading.Lock()
        self._lanes = {name: Lane(name, events, self) for name, events in by_lane.items()}
        self._diverged: Diverged | None = None

    def lane(self, name: str) -> Lane:
        """The lane of this name; one that the log does not have is empty."""
        with self._lock:
            return self._lanes.setdefault(name, Lane(name, [], self))

    def is_masked(self, channel: str) -> bool:
        """Whether a secret was sent on this channel; else each byte of it is compared, stars as well."""
        return channel in self._masked

    def diverged(self, difference: Difference) -> Diverged:
        """Keep the first difference, so that no handler and no thread that nobody waits for can hide it; returns the error
        to raise."""
        with self._lock:
            self._diverged = self._diverged or Diverged(difference)
            return Diverged(difference)

    def check_no_difference(self) -> None:
        """Raises the first difference again."""
        with self._lock:
            if self._diverged is not None:
                raise Diverged(self._diverged.difference)

    def check_all_read(self) -> None:
        """Raises Diverged for a difference in any lane, and for events that the code never came to."""
        self.check_no_difference()
        for lane in self._lanes.values():
            lane.check_all_read()


def _is_failed_tx(event: Event, channel: str) -> bool:
    return event.kind == "tx" and event.channel == channel and "err" in event.fields
