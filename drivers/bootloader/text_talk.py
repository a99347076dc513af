"""Question and answer with a text line bootloader: what to send, what to skip, and when an answer is over.

A board says more than it is asked: boot banners, its echo of the command, NUL bytes and noise, a prompt. Every length of it is
bounded: a line by ``max_line_bytes``, what one answer may take by ``max_lines`` and by the bytes of that many lines.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from drivers.bootloader.text_options import TextLineOptions
from drivers.clock import Clock, Deadline
from drivers.errors import BoardError, BoardGarbled, BoardRefused, BoardSilent, DeadlineExpired
from drivers.lines import LineSplitter, printable
from drivers.reset import run_reset
from drivers.transport import SerialTransport

READ_BYTES = 512
SETTLE_WINDOWS = 20
"""A board that is heard in each of this many windows of ``quiet_s`` never falls silent."""
_PROMPT = None
"""Stands among the lines heard where the board showed its prompt."""


@dataclass(frozen=True, slots=True)
class Question:
    """A line to send and what answers it; ``blank`` None where an answer always carries something."""

    send: str
    reply: str
    timeout_s: float
    blank: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The line that answered. ``value``: its group of that name; None where the line says that there is none."""

    line: str
    value: str | None


class TextTalk:
    """One conversation's lines. Nothing outlives a question: each begins by throwing away what was not read."""

    def __init__(self, link: SerialTransport, clock: Clock, options: TextLineOptions) -> None:
        self._link = link
        self._clock = clock
        self._options = options
        self._prompt = None if options.prompt is None else options.prompt.strip()
        self._splitter = LineSplitter(
            tuple(text.encode("ascii") for text in options.accepted_terminators), options.max_line_bytes
        )
        self._heard: deque[str | None] = deque()
        self._last = ""
        self._received_bytes = 0

    def wake(self) -> None:
        """Reset the board where configured, then wake its bootloader. Raises BoardSilent, or BoardGarbled where what came made
        no sense."""
        wake = self._options.wake
        self._last = ""
        if self._options.reset is not None:
            run_reset(self._link, self._options.reset, self._clock)
        for attempt in range(wake.attempts):
            if self.wake_once(wake.timeout_s):
                if attempt:
                    self.settle()
                return
        attempts = f"{wake.attempts} attempt(s) of {wake.timeout_s:g} s to wake the bootloader"
        if self._last:
            raise BoardGarbled(f"{attempts} brought no answer that fits; last heard: {self._last}")
        raise BoardSilent(f"{attempts} brought no answer")

    def wake_once(self, timeout_s: float) -> bool:
        """One attempt; True when the line, or the prompt, came that shows a bootloader."""
        self._begin()
        deadline = Deadline.after(timeout_s, self._clock)
        for line in self._options.wake.send:
            self._send(line, deadline)
        try:
            for _ in range(self._options.max_lines):
                if self._shows_bootloader(self._next(deadline)):
                    return True
        except (DeadlineExpired, BoardGarbled):
            return False
        return False

    def ask(self, question: Question, attempts: int) -> Answer:
        """The answer, asked for up to ``attempts`` times. Raises BoardSilent, BoardGarbled or BoardRefused as the last of them
        failed."""
        for _ in range(attempts - 1):
            try:
                return self._ask_once(question)
            except (BoardSilent, BoardGarbled, BoardRefused):
                self.settle()
        return self._ask_once(question)

    def settle(self) -> None:
        """Let the board finish what it still has to say. Raises BoardGarbled when it never does."""
        most_bytes = self._options.max_lines * self._options.max_line_bytes
        total_bytes = 0
        for _ in range(SETTLE_WINDOWS):
            before_bytes = total_bytes
            window = Deadline.after(self._options.quiet_s, self._clock)
            try:
                while total_bytes <= most_bytes:
                    total_bytes += len(self._link.read(READ_BYTES, window))
            except DeadlineExpired:
                if total_bytes == before_bytes:
                    return
        raise BoardGarbled(f"the board never falls silent: {total_bytes} bytes and more to come")

    def _ask_once(self, question: Question) -> Answer:
        self._begin()
        self._last = ""
        deadline = Deadline.after(question.timeout_s, self._clock)
        self._send(question.send, deadline)
        answer: Answer | None = None
        over = False
        try:
            for _ in range(self._options.max_lines):
                line = self._next(deadline)
                if line is _PROMPT:
                    if answer is not None and over:
                        return answer
                    if answer is not None:
                        raise BoardGarbled(
                            f"{question.send!r}: prompt without a line like {self._options.closing} before it"
                        )
                    continue
                if not line or line == question.send:
                    continue
                if answer is None:
                    answer = self._judge(question, line)
                elif self._is_error(line):
                    raise BoardRefused(f"{question.send!r} was answered {line[:80]!r}")
                over = over or (answer is not None and self._closes(line))
                if answer is not None and over and self._prompt is None:
                    return answer
        except DeadlineExpired as expired:
            raise self._no_answer(question) from expired
        raise BoardGarbled(
            f"{question.send!r}: no end of the answer in {self._options.max_lines} lines; last: {self._last}"
        )

    def _judge(self, question: Question, line: str) -> Answer | None:
        """What a line means to a question; None for a line to skip. Raises BoardRefused for an error line."""
        if question.blank is not None and re.fullmatch(question.blank, line):
            return Answer(line, None)
        if (match := re.fullmatch(question.reply, line)) is not None:
            return Answer(line, match.groupdict().get("value") or None)
        if self._is_error(line):
            raise BoardRefused(f"{question.send!r} was answered {line[:80]!r}")
        return None

    def _closes(self, line: str) -> bool:
        """True when nothing but the prompt follows this line; an error line that stands for "none" is not followed by an OK."""
        closing = self._options.closing
        return closing is None or re.fullmatch(closing, line) is not None or self._is_error(line)

    def _is_error(self, line: str) -> bool:
        return any(re.fullmatch(pattern, line) for pattern in self._options.errors)

    def _shows_bootloader(self, line: str | None) -> bool:
        reply = self._options.wake.reply
        if line is _PROMPT:
            return reply is None
        return reply is not None and re.fullmatch(reply, line) is not None

    def _no_answer(self, question: Question) -> BoardError:
        tried = f"{question.send!r}: no answer in {question.timeout_s:g} s"
        if not self._received_bytes:
            return BoardSilent(tried)
        return BoardGarbled(f"{tried}, though {self._received_bytes} bytes came; last heard: {self._last or 'no line'}")

    def _begin(self) -> None:
        self._link.discard_input()
        self._splitter.clear()
        self._heard.clear()
        self._received_bytes = 0

    def _send(self, line: str, deadline: Deadline) -> None:
        self._link.write((line + self._options.terminator).encode("ascii"), deadline)

    def _next(self, deadline: Deadline) -> str | None:
        """The next line, or the prompt. Raises DeadlineExpired, and BoardGarbled where a bound is passed."""
        while not self._heard:
            data = self._link.read(READ_BYTES, deadline)
            self._received_bytes += len(data)
            if self._received_bytes > self._options.max_lines * self._options.max_line_bytes:
                raise BoardGarbled(f"{self._received_bytes} bytes and no end of the answer; last heard: {self._last}")
            for line in self._splitter.feed(data.replace(b"\0", b"")):
                self._last = printable(line.data)
                if line.overlong:
                    raise BoardGarbled(f"a line of more than {self._options.max_line_bytes} bytes: {self._last}")
                self._heard.append(self._text_of(line.data))
            pending = self._splitter.pending.strip()
            if self._prompt is not None and pending == self._prompt.encode("ascii"):
                self._splitter.clear()
                self._heard.append(_PROMPT)
        return self._heard.popleft()

    def _text_of(self, data: bytes) -> str:
        """The line without prompts before it and blanks around it; empty where it is noise."""
        text = data.replace(b"\t", b" ").decode("latin-1").strip(" ")
        while self._prompt and text.startswith(self._prompt):
            text = text.removeprefix(self._prompt).lstrip(" ")
        return text if text.isascii() and text.isprintable() else ""
