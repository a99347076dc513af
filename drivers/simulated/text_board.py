"""A simulated board whose bootloader speaks lines of text, in the dialect that ``TextLineOptions`` takes by default.

    get chipid | get appeui | get deviceid | set deviceid VALUE | version

A value is answered as ``name=value`` (``name=none`` where there is none) and ``OK``; everything else as ``OK`` or
``ERROR number text``. Each answer ends with the prompt.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from drivers.simulated import Reply

MAX_LINE_BYTES = 128
_DEVICE_ID = re.compile(r"[0-9A-Za-z._:-]{1,64}")


class Fault(StrEnum):
    """What may go wrong with one command."""

    SILENT = "silent"
    """Ignored: not done, not answered, not echoed."""
    REFUSED = "refused"
    """Not done, answered with an ERROR."""
    GARBLED = "garbled"
    """Done; bits of the answer arrive flipped."""
    MISREAD = "misread"
    """The first character of the value arrives as another that is as good."""
    ENDLESS = "endless"
    """Answered with a line that does not end."""
    FLOOD = "flood"
    """Answered with lines that mean nothing, more than anyone should read."""
    REPLY_LOST = "reply_lost"
    """Done, and not answered."""
    NOT_STORED = "not_stored"
    """Acknowledged, and not done."""
    BROWN_OUT = "brown_out"
    """Done, not answered, and the board starts anew."""
    NUL_BYTES = "nul_bytes"
    """Done; NUL bytes stand before and within the answer."""


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """``fault`` befalls the ``nth`` command (from 1; 0: each) that starts with ``command``."""

    fault: Fault
    command: str = ""
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Manner:
    """How a board talks. ``wakes_needed``: empty lines it ignores after power-on before it listens."""

    banner: str = "TL-Boot 1.4 (c) 2024\r\nram ok, 2 sectors\r\n"
    prompt: str = "> "
    newline: str = "\r\n"
    echoes: bool = True
    has_closing: bool = True
    wakes_needed: int = 0
    write_once: bool = False
    answer_after_s: float = 0.0


class SimulatedTextBoard:
    """One board. What it holds outlives power; given a ``path``, it outlives the process too."""

    def __init__(
        self,
        chip_id: str,
        app_eui: str | None,
        device_id: str | None = None,
        *,
        manner: Manner | None = None,
        misbehaviours: tuple[Misbehaviour, ...] = (),
        path: Path | None = None,
    ) -> None:
        self._fields: dict[str, str | None] = {"chipid": chip_id, "appeui": app_eui, "deviceid": device_id}
        self._manner = manner or Manner()
        self._misbehaviours = misbehaviours
        self._path = path
        self._met: Counter[Misbehaviour] = Counter()
        self._typed = b""
        self._after_cr = False
        self._wakes_left = self._manner.wakes_needed
        self.commands: list[str] = []
        """All command lines that arrived whole, oldest first."""
        if path is not None and path.exists():
            self._fields.update(json.loads(path.read_text(encoding="utf-8")))

    @property
    def device_id(self) -> str | None:
        """What its memory holds."""
        return self._fields["deviceid"]

    def power_on(self) -> list[Reply]:
        self._typed = b""
        self._after_cr = False
        self._wakes_left = self._manner.wakes_needed
        prompt = "" if self._wakes_left else self._manner.prompt
        return [self._reply(self._manner.banner + prompt)]

    def lines_changed(self, dtr: bool, rts: bool) -> list[Reply]:  # noqa: ARG002
        return []

    def feed(self, data: bytes) -> list[Reply]:
        replies: list[Reply] = []
        for number in data:
            byte = bytes([number])
            if byte == b"\n" and self._after_cr:
                self._after_cr = False
            elif byte in b"\r\n":
                self._after_cr = byte == b"\r"
                line, self._typed = self._typed, b""
                replies += self._line(line)
            else:
                self._after_cr = False
                self._typed = (self._typed + byte)[: MAX_LINE_BYTES + 1]
        return replies

    def _line(self, typed: bytes) -> list[Reply]:
        if self._wakes_left:
            self._wakes_left -= 1
            return [] if self._wakes_left else [self._reply(self._manner.prompt)]
        line = typed.decode("latin-1")
        fault = None
        if line:
            self.commands.append(line)
            fault = self._fault_of(line)
        if fault is Fault.SILENT:
            return []
        echo = line + self._manner.newline if self._manner.echoes else ""
        answer = self._answer(line, fault)
        if fault is Fault.REPLY_LOST:
            return []
        if fault is Fault.BROWN_OUT:
            return self.power_on()
        return [self._reply(echo + answer, fault)]

    def _answer(self, line: str, fault: Fault | None) -> str:
        if not line:
            return self._manner.prompt
        if fault is Fault.ENDLESS:
            return "~" * 4096
        if fault is Fault.FLOOD:
            return f"[trace] tick{self._manner.newline}" * 400
        if fault is Fault.REFUSED:
            texts = ["ERROR 9 try again"]
        elif len(line) > MAX_LINE_BYTES:
            texts = ["ERROR 2 line too long"]
        else:
            texts = self._execute(line, fault)
        return "".join(text + self._manner.newline for text in texts) + self._manner.prompt

    def _execute(self, line: str, fault: Fault | None) -> list[str]:
        verb, _, rest = line.partition(" ")
        if verb == "get" and rest in self._fields:
            value = self._fields[rest] or "none"
            if fault is Fault.MISREAD:
                value = ("1" if value[0] != "1" else "2") + value[1:]
            return [f"{rest}={value}", *self._closing()]
        if verb == "set" and rest.startswith("deviceid "):
            return self._store(rest.removeprefix("deviceid "), fault)
        if line == "version":
            return ["version=1.4", *self._closing()]
        return ["ERROR 1 unknown command"]

    def _store(self, value: str, fault: Fault | None) -> list[str]:
        if not _DEVICE_ID.fullmatch(value):
            return ["ERROR 3 bad value"]
        if self._manner.write_once and self.device_id is not None:
            return ["ERROR 4 already set"]
        if fault is not Fault.NOT_STORED:
            self._fields["deviceid"] = value
            self._save()
        return ["OK"]

    def _save(self) -> None:
        if self._path is not None:
            beside = self._path.with_suffix(".new")
            beside.write_text(json.dumps(self._fields), encoding="utf-8")
            beside.replace(self._path)

    def _closing(self) -> list[str]:
        return ["OK"] if self._manner.has_closing else []

    def _fault_of(self, line: str) -> Fault | None:
        found = None
        for misbehaviour in self._misbehaviours:
            if line.startswith(misbehaviour.command):
                self._met[misbehaviour] += 1
                if misbehaviour.nth in (0, self._met[misbehaviour]):
                    found = found or misbehaviour.fault
        return found

    def _reply(self, text: str, fault: Fault | None = None) -> Reply:
        data = text.encode("latin-1")
        if fault is Fault.GARBLED:
            data = bytes(byte ^ 0x80 if index % 3 == 0 else byte for index, byte in enumerate(data))
        if fault is Fault.NUL_BYTES:
            data = b"\0\0\0" + b"\0".join(data[index : index + 4] for index in range(0, len(data), 4))
        return Reply(data, self._manner.answer_after_s)
