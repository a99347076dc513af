"""The bytes and lines of a session log as a pcapng capture that Wireshark opens.

One interface per channel, of link type RTAC SERIAL (250): each packet is a header of 12 bytes, then the data. The blocks and
options are those of the pcapng specification (draft-ietf-opsawg-pcapng); the header, its event types and its line bits those of
https://www.tcpdump.org/linktypes/LINKTYPE_RTAC_SERIAL.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from station.session.difference import describe
from station.session.event_words import Decoder
from station.session.format import Event, SessionLog
from station.session.messages import bytes_of
from station.text import printable

LINKTYPE_RTAC_SERIAL = 250
STATUS_CHANGE, DATA_TX, DATA_RX = 0x00, 0x01, 0x02
CTS, DCD, DSR, RTS, DTR, RING = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_HEADER = struct.Struct(">IIBBH")
"""Seconds, microseconds, event type, state of the lines, two bytes that are reserved."""

MAX_PACKET_BYTES = 65_536
"""A longer transfer becomes several packets: readers refuse packets above 256 KiB."""
MAX_COMMENT_CHARS = 1000
MAX_COMMENTS = 64
_MAX_NAME_CHARS = 200

_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_OPT_END, _OPT_COMMENT = 0, 1
_SHB_APPLICATION = 4
_IF_NAME, _IF_DESCRIPTION, _IF_RESOLUTION = 2, 3, 9
_EPB_FLAGS = 2
_INBOUND, _OUTBOUND = 1, 2
_NANOSECONDS = b"\x09"
_MAX_WALL_NS = 2**32 * 1_000_000_000 - 1
"""The header's seconds have 32 bits."""

_KINDS = frozenset(("open", "tx", "rx", "discard", "line", "cfg", "close"))
_LINE_BITS = {"dtr": DTR, "rts": RTS, "cts": CTS, "dsr": DSR, "dcd": DCD, "ri": RING}


def to_pcapng(log: SessionLog, decoders: Mapping[str, Decoder] | None = None) -> bytes:
    """The capture. ``decoders`` by channel put the frames in words beside the packet that ends them. Raises SessionError for an
    event that holds no bytes."""
    channels = list(dict.fromkeys(event.channel or "" for event in log.events if event.kind in _KINDS))
    blocks = [_section(log)]
    blocks += [_interface(log, name) for name in channels]
    capture = _Capture(_started_ns(log), {name: number for number, name in enumerate(channels)}, decoders or {})
    packets = [packet for event in log.events for packet in capture.packets(event)]
    if packets and capture.comments:
        packets[-1].comments += capture.comments
    return b"".join(blocks + [packet.to_bytes() for packet in packets])


@dataclass(slots=True)
class _Packet:
    interface: int
    wall_ns: int
    event_type: int
    lines: int
    data: bytes
    comments: list[str]

    def to_bytes(self) -> bytes:
        seconds, rest_ns = divmod(self.wall_ns, 1_000_000_000)
        payload = _HEADER.pack(seconds, rest_ns // 1000, self.event_type, self.lines, 0) + self.data
        options = [(_OPT_COMMENT, comment.encode("utf-8")) for comment in self.comments[:MAX_COMMENTS]]
        direction = {DATA_TX: _OUTBOUND, DATA_RX: _INBOUND}.get(self.event_type, 0)
        options.append((_EPB_FLAGS, struct.pack("<I", direction)))
        head = struct.pack(
            "<IIIII", self.interface, self.wall_ns >> 32, self.wall_ns & 0xFFFFFFFF, len(payload), len(payload)
        )
        return _block(_PACKET, head + _padded(payload), options)


@dataclass(slots=True)
class _Capture:
    """What the packets so far leave behind."""

    started_ns: int
    interfaces: dict[str, int]
    decoders: Mapping[str, Decoder]
    lines: dict[str, int] = field(default_factory=dict)
    """State of each channel's lines, as bits."""
    comments: list[str] = field(default_factory=list)
    """Steps and notes that wait for the next packet."""

    def packets(self, event: Event) -> Iterator[_Packet]:
        if event.kind in ("step", "note"):
            self.comments.append(_comment(f"{event.lane}: {describe(event)}"))
        if event.kind not in _KINDS:
            return
        channel = event.channel or ""
        event_type, data, words = self._read(event, channel)
        comments, self.comments = self.comments + [_comment(word) for word in words], []
        wall_ns = min(self.started_ns + event.time_ns, _MAX_WALL_NS)
        for start in range(0, max(len(data), 1), MAX_PACKET_BYTES):
            piece = data[start : start + MAX_PACKET_BYTES]
            lines = self.lines.get(channel, 0)
            yield _Packet(self.interfaces[channel], wall_ns, event_type, lines, piece, comments if start == 0 else [])

    def _read(self, event: Event, channel: str) -> tuple[int, bytes, list[str]]:
        """Event type, data and words of one event; a line that changes is noted first."""
        fields = event.fields
        if "err" in fields:
            return STATUS_CHANGE, b"", [f"{event.kind} failed: {fields['err']}: {fields.get('msg', '')}"]
        match event.kind:
            case "tx" | "rx":
                data, decoder = bytes_of(event), self.decoders.get(channel)
                words = decoder(event.kind, data) if decoder is not None else []
                return (DATA_TX if event.kind == "tx" else DATA_RX), data, words
            case "discard":
                data = bytes_of(event)
                return (
                    (DATA_RX if data else STATUS_CHANGE),
                    data,
                    ["discarded unread" if data else "nothing to discard"],
                )
            case "line":
                self.lines[channel] = _lines_after(self.lines.get(channel, 0), fields)
        return STATUS_CHANGE, b"", [describe(event)]


def _lines_after(before: int, fields: dict[str, Any]) -> int:
    """The lines' bits after an event that set or asked some of them; null leaves one as it is."""
    after = before
    for name, bit in _LINE_BITS.items():
        if fields.get(name) is not None:
            after = after | bit if fields[name] else after & ~bit
    return after


def _started_ns(log: SessionLog) -> int:
    """Wall time of the monotonic clock's start, in nanoseconds since 1970; 0 where the head knows none."""
    wall_s = log.head.get("wall_s")
    if not isinstance(wall_s, int | float) or not 0 <= wall_s < _MAX_WALL_NS / 1e9:
        return 0
    return max(0, int(wall_s * 1e9) - log.events[0].time_ns)


def _section(log: SessionLog) -> bytes:
    text = f"station {log.head.get('station')}, socket {log.head.get('socket')}, {log.path.name}"
    application = f"station {log.head.get('agent')}"
    body = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, -1)
    return _block(_SECTION, body, [_text(_OPT_COMMENT, text), _text(_SHB_APPLICATION, application)])


def _interface(log: SessionLog, channel: str) -> bytes:
    opened = (event.fields for event in log.events if event.kind == "open" and event.channel == channel)
    port = str(next(opened, {}).get("port", ""))
    options = [_text(_IF_NAME, channel), _text(_IF_DESCRIPTION, port), (_IF_RESOLUTION, _NANOSECONDS)]
    return _block(_INTERFACE, struct.pack("<HHI", LINKTYPE_RTAC_SERIAL, 0, 0), options)


def _text(code: int, text: str) -> tuple[int, bytes]:
    return code, printable(text, _MAX_NAME_CHARS).encode("utf-8")


def _comment(text: str) -> str:
    return printable(text, MAX_COMMENT_CHARS)


def _block(kind: int, body: bytes, options: list[tuple[int, bytes]]) -> bytes:
    tail = b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
    size = 12 + len(body) + len(tail) + 4
    return struct.pack("<II", kind, size) + body + tail + struct.pack("<HHI", _OPT_END, 0, size)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
