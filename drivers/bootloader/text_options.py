"""What a text line bootloader understands: commands, patterns, terminators and time-outs, all configuration.

The defaults are one common dialect, the one ``drivers/simulated/text_board.py`` speaks:

    > get chipid               > set deviceid d88b4c0100000001       > frobnicate
    chipid=3A0041000951...     OK                                    ERROR 1 unknown command
    OK                         >                                     >

Construction raises ValueError, one sentence, for whatever does not go together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivers.bootloader.fields import CanonicalForm, FieldFormat, pattern_problem
from drivers.reset import ResetSequence

MAX_COMMAND_CHARS = 200
MAX_TIMEOUT_S = 60.0
MAX_ATTEMPTS = 50
PRESENCE_TIMEOUT_S = 0.25
"""Leaves ``is_present`` under the 0.3 s that its contract gives it."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_FIELDS = ("chip_id", "app_eui", "device_id")


def _is_line(text: str) -> bool:
    return 1 <= len(text) <= MAX_COMMAND_CHARS and text.isascii() and text.isprintable()


def _check_command(send: str, timeout_s: float) -> None:
    if not _is_line(send):
        raise ValueError(f"a command must be 1 to {MAX_COMMAND_CHARS} printable ASCII characters, not {send[:80]!r}")
    _check_timeout(f"timeout_s of {send!r}", timeout_s)


def _check_timeout(name: str, timeout_s: float) -> None:
    if not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise ValueError(f"{name} must be above 0 and at most {MAX_TIMEOUT_S:g}, not {timeout_s}")


def _check_pattern(name: str, pattern: str) -> None:
    if (problem := pattern_problem(pattern)) is not None:
        raise ValueError(f"{name}: {problem}")


@dataclass(frozen=True, slots=True)
class Command:
    """A line sent, and the line that says it was done. ``send`` goes without terminator; ``reply`` must match all of a line."""

    send: str
    reply: str = "OK"
    timeout_s: float = 1.0

    def __post_init__(self) -> None:
        _check_command(self.send, self.timeout_s)
        _check_pattern("reply", self.reply)

    def placeholders(self) -> tuple[str, ...]:
        return tuple(_PLACEHOLDER.findall(self.send))


@dataclass(frozen=True, slots=True)
class Query:
    """A line sent, and the line that carries a value.

    ``reply`` must match all of a line and has one group named ``value``. A line that matches ``blank``, or an empty ``value``,
    means that the board holds none; ``blank`` is looked at before the error patterns, for boards that answer so with an error.
    ``memory``: where given, the value is a dump of raw memory in hex digits, and this says how the field stands in it.
    """

    send: str
    reply: str
    blank: str | None = None
    memory: FieldFormat | None = None
    timeout_s: float = 1.0

    def __post_init__(self) -> None:
        _check_command(self.send, self.timeout_s)
        _check_pattern("reply", self.reply)
        if tuple(re.compile(self.reply).groupindex) != ("value",):
            raise ValueError(f"reply {self.reply!r} must have exactly one named group, (?P<value>...)")
        if self.blank is not None:
            _check_pattern("blank", self.blank)
        if _PLACEHOLDER.search(self.send):
            raise ValueError(f"a command that reads takes no placeholder: {self.send!r}")


@dataclass(frozen=True, slots=True)
class Wake:
    """How the bootloader is woken: lines sent one after the other, and what then shows that it listens.

    ``reply`` None: the prompt. ``send`` may hold control characters (Ctrl-C, ESC). An attempt takes ``timeout_s`` at most.
    """

    send: tuple[str, ...] = ("",)
    reply: str | None = None
    attempts: int = 5
    timeout_s: float = 0.3

    def __post_init__(self) -> None:
        if not self.send or not all(text.isascii() and len(text) <= MAX_COMMAND_CHARS for text in self.send):
            raise ValueError(f"wake.send must be lines of ASCII, each up to {MAX_COMMAND_CHARS} characters")
        if self.reply is not None:
            _check_pattern("wake.reply", self.reply)
        if not 1 <= self.attempts <= MAX_ATTEMPTS:
            raise ValueError(f"wake.attempts must be 1 to {MAX_ATTEMPTS}, not {self.attempts}")
        _check_timeout("wake.timeout_s", self.timeout_s)


_CHIP_ID_FORM = CanonicalForm()
_DEVICE_ID_FORM = CanonicalForm(case="keep", separators="", pattern=r"[0-9A-Za-z._-]{1,64}")


@dataclass(frozen=True, slots=True)
class TextLineOptions:
    """One dialect.

    ``write.send`` holds the placeholder ``{device_id}``, or ``{device_id_hex}`` for the raw bytes that ``device_id.memory``
    makes of it. ``after_write`` are commands such as a save; ``verify`` has the board check itself before the fields are read.
    An answer is over when its reply has come, then a line matching ``closing`` (None: there is none; the reply itself may be
    it), then ``prompt`` (None: there is none). ``read_twice`` names the fields whose two reads must agree. ``attempts`` is how
    often a command is sent before its failure counts; ``quiet_s`` of silence ends what an earlier command still had to say.
    """

    name: str = "text line"
    terminator: str = "\r\n"
    accepted_terminators: tuple[str, ...] = ("\r\n", "\r", "\n")
    prompt: str | None = "> "
    closing: str | None = "OK"
    errors: tuple[str, ...] = (r"(?i)err(or)?\b.*",)
    wake: Wake = Wake()
    chip_id: Query = Query("get chipid", r"chipid=(?P<value>.*)")
    app_eui: Query = Query("get appeui", r"appeui=(?P<value>.*)", blank=r"appeui=(none|F{16})")
    device_id: Query = Query("get deviceid", r"deviceid=(?P<value>.*)", blank=r"deviceid=(none|[Ff]+)")
    write: Command = Command("set deviceid {device_id}", timeout_s=2.0)
    after_write: tuple[Command, ...] = ()
    verify: Command | None = None
    chip_id_form: CanonicalForm = _CHIP_ID_FORM
    device_id_form: CanonicalForm = _DEVICE_ID_FORM
    eui_prefixes: tuple[str, ...] = ()
    read_twice: tuple[str, ...] = _FIELDS
    attempts: int = 2
    quiet_s: float = 0.05
    max_line_bytes: int = 256
    max_lines: int = 64
    reset: ResetSequence | None = None

    def __post_init__(self) -> None:
        for problem in _option_problems(self):
            raise ValueError(problem)


def _option_problems(options: TextLineOptions) -> list[str]:
    """All that is wrong between the options, one sentence each."""
    problems: list[str] = []
    terminators = (options.terminator, *options.accepted_terminators)
    if not options.accepted_terminators or not all(text and text.isascii() and len(text) <= 4 for text in terminators):
        problems.append("terminators must be 1 to 4 ASCII characters each, and at least one must be accepted")
    if options.prompt is not None and not _is_line(options.prompt.strip()):
        problems.append(f"prompt must be printable ASCII, not {options.prompt!r}")
    if options.prompt is None and options.wake.reply is None:
        problems.append("wake.reply is needed where there is no prompt")
    named = [("closing", options.closing), *(("errors", pattern) for pattern in options.errors)]
    problems += [f"{name}: {found}" for name, pattern in named if (found := pattern_problem(pattern)) is not None]
    placeholder = "device_id" if options.device_id.memory is None else "device_id_hex"
    if options.write.placeholders() != (placeholder,):
        problems.append(f"write must hold {{{placeholder}}} once and no other placeholder: {options.write.send!r}")
    others = (*options.after_write, *(() if options.verify is None else (options.verify,)))
    problems += [f"only write takes a placeholder: {command.send!r}" for command in others if command.placeholders()]
    if not set(options.read_twice) <= set(_FIELDS):
        problems.append(f"read_twice may name {', '.join(_FIELDS)}, not {', '.join(options.read_twice)}")
    bounds = (
        ("attempts", options.attempts, 1, MAX_ATTEMPTS),
        ("max_line_bytes", options.max_line_bytes, 16, 4096),
        ("max_lines", options.max_lines, 1, 1000),
    )
    problems += [
        f"{name} must be {low} to {high}, not {given}" for name, given, low, high in bounds if not low <= given <= high
    ]
    if not 0 < options.quiet_s <= 5:
        problems.append(f"quiet_s must be above 0 and at most 5, not {options.quiet_s}")
    return problems
