"""A cycle's bench put together from a session and the parts around it; the same for a real, a simulated and a replayed one."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from drivers.bootloader import Bootloader, BootloaderDriver, Reading
from drivers.errors import DriverMisuse
from drivers.printer import Fate, LabelPrinter, Receipt, ready_printer
from drivers.transport import SerialTransport, Transport
from station.cycle import Bench, Beside
from station.errors import UnitError
from station.events import Event
from station.label import render
from station.label.design import LabelDesign
from station.label.zpl_template import ZplTemplate
from station.ports import CycleJournal, LabelData, ReadyPrinter
from station.production_api.client import ProductionClient
from station.production_api.http import HttpPort
from station.production_api.tokens import Tokens
from station.server_steps import Lane
from station.session import Session
from station.session.journal import JournalInSession
from station.session.tokens import TOKEN_CHANNEL, TokensInSession
from station.turn import Turn

MAX_SN_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Policy:
    """What a configuration decides about cycles."""

    station: str
    socket: str
    driver: BootloaderDriver
    printer: LabelPrinter
    label: LabelDesign | ZplTemplate
    sn_pattern: str
    sn_case: str = "keep"
    scan_is_sn: bool = False
    repeat_unnamed: bool = False
    label_extra: dict[str, str] = field(default_factory=dict)

    def scanned_sn(self, text: str | None) -> str | None:
        """What the text of a start is to the cycle: the SN to bind where scans mean that, a mere press being no SN at all ("")."""
        return (text or "") if self.scan_is_sn else None


class ServerSide(Protocol):
    """The server's side of a world."""

    @property
    def journal(self) -> CycleJournal: ...

    @property
    def client(self) -> ProductionClient: ...

    @property
    def http(self) -> HttpPort: ...

    @property
    def tokens(self) -> Tokens: ...

    @property
    def pause(self) -> Callable[[float], None]:
        """Waits so many seconds between two attempts of a call, or until the station stops."""


@dataclass(frozen=True, slots=True)
class World:
    """What is real in a real cycle, and never touched in a replay."""

    journal: CycleJournal
    client: ProductionClient
    http: HttpPort
    tokens: Tokens
    open_uart: Callable[[], SerialTransport]
    open_printer: Callable[[], Transport]
    printer_turn: Turn
    claim: Callable[[str], None]
    aborted: Callable[[], str | None]
    pause: Callable[[float], None]
    """Waits so many seconds between two attempts of a call, or until the station stops."""
    beside: Beside
    publish: Callable[[Event], None]


def assemble(policy: Policy, world: World, session: Session) -> Bench:
    """The bench of one cycle. Everything that reaches into ``world`` goes through ``session``."""
    bind_session = session.lane("bind")
    return Bench(
        station=policy.station,
        socket=policy.socket,
        main=lane_of(world, session),
        bind=lane_of(world, bind_session),
        board=_Board(policy.driver, world.open_uart, session),
        label=_Labels(policy, world, session),
        beside=world.beside,
        publish=world.publish,
        claim=lambda chip_id: session.given(
            "unit.claim", {"chip_id": chip_id}, type(None), lambda: world.claim(chip_id)
        ),
        aborted=world.aborted,
        check_sn=lambda text: check_sn(text, policy.sn_pattern, policy.sn_case),
        repeat_unnamed=policy.repeat_unnamed,
        label_extra=policy.label_extra,
    )


def check_sn(text: str, pattern: str, case: str) -> str:
    """A scanned SN in its canonical form. Raises UnitError("scan.invalid")."""
    sn = {"upper": text.upper, "lower": text.lower}.get(case, lambda: text)()
    if not (sn.isascii() and sn.isprintable() and len(sn) <= MAX_SN_CHARACTERS and re.fullmatch(pattern, sn)):
        raise UnitError("scan.invalid", f"{text[:MAX_SN_CHARACTERS]!r} is no SN: it does not match {pattern}")
    return sn


def lane_of(world: ServerSide, session: Session) -> Lane:
    """One thread's strand, everything that reaches into ``world`` going through ``session``."""
    seed = session.given("seed", {}, int, lambda: random.SystemRandom().getrandbits(32))
    tokens = TokensInSession(world.tokens, session, session.http(TOKEN_CHANNEL, world.http))
    clock = _PausingClock(session, world.pause)
    client = world.client.with_port(session.http("api", world.http), random.Random(seed), clock, tokens)
    return Lane(session, client, JournalInSession(world.journal, session))


@dataclass(frozen=True, slots=True)
class _PausingClock:
    """The session's clock, but that its sleep, recorded in the same way, is one that the station's stop ends."""

    session: Session
    pause: Callable[[float], None]

    def monotonic_s(self) -> float:
        return self.session.clock.monotonic_s()

    def wall_s(self) -> float:
        return self.session.clock.wall_s()

    def sleep(self, duration_s: float) -> None:
        self.session.given("clock.sleep", {"s": duration_s}, type(None), lambda: self.pause(duration_s))


@dataclass(frozen=True, slots=True)
class _Board:
    """Implements ``BoardPort``."""

    driver: BootloaderDriver
    open_uart: Callable[[], SerialTransport]
    session: Session

    def connect(self) -> Bootloader:
        return self.driver.connect(self.session.serial("uart", self.open_uart), self.session.clock)

    def check_device_id(self, device_id: str) -> None:
        with fitting():
            self.driver.check_device_id(device_id)

    def may_be_cut_off(self, device_id: str, held: Reading) -> bool:
        with fitting():
            return self.driver.may_be_cut_off(device_id, held)


@contextmanager
def fitting() -> Iterator[None]:
    """A DeviceID that no board of the configured kind can hold as UnitError("unit.device_id_unfit")."""
    try:
        yield
    except DriverMisuse as misfit:
        raise UnitError("unit.device_id_unfit", str(misfit)) from misfit


@dataclass(frozen=True, slots=True)
class _Labels:
    """Implements ``LabelPort``."""

    policy: Policy
    world: World
    session: Session

    def render(self, data: LabelData) -> bytes:
        printer = self.policy.printer
        return render(self.policy.label, data, printer.language, printer.dots_per_mm)

    @contextmanager
    def ready(self) -> Iterator[ReadyPrinter]:
        """The printer's turn is held from its status to its proof: another socket's job in between would spoil both."""
        with self.world.printer_turn.awaited() as has_come:
            printer, clock = self.policy.printer, self.session.clock
            opener = self.world.open_printer if has_come else self._busy
            with ready_printer(printer, lambda: self.session.pipe("printer", opener), clock) as link:
                yield _ReadyPrinter(printer, link, self.session, self.world.printer_turn)

    def _busy(self) -> Transport:
        raise self.world.printer_turn.missed()


@dataclass(frozen=True, slots=True)
class _ReadyPrinter:
    """Implements ``ReadyPrinter``."""

    printer: LabelPrinter
    link: Transport
    session: Session
    turn: Turn

    def print(self, job: bytes) -> Receipt:
        usual_s = self.session.given("printer.usual_s", {}, float, lambda: self.turn.usual_s)
        receipt = self.printer.send(self.link, job, self.session.clock, usual_s)
        if receipt.fate is Fate.PRINTED:
            self.turn.usual_s = receipt.unasked_s
        return receipt
