"""The journal as a cycle sees it: every question and its answer part of the session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from station.model import CycleResult, Hold, IdKind, Unit
from station.ports import CycleJournal, Intent, Settlement
from station.session import Session


class JournalInSession:
    """Implements ``CycleJournal``: passes each call on through ``Session.given``."""

    def __init__(self, journal: CycleJournal, session: Session) -> None:
        self._journal = journal
        self._session = session

    def begin_cycle(self, socket: str, session: str) -> int:
        args: dict[str, object] = {"socket": socket}
        return self._session.given("journal.begin_cycle", args, int, lambda: self._journal.begin_cycle(socket, session))

    def find_unit(self, chip_id: str) -> Unit | None:
        args: dict[str, object] = {"chip_id": chip_id}
        return self._session.given("journal.find_unit", args, Unit | None, lambda: self._journal.find_unit(chip_id))

    def reserve(self, cycle: int, chip_id: str, app_eui: str, *, scanned_sn: str | None) -> Unit:
        args = {"cycle": cycle, "chip_id": chip_id, "app_eui": app_eui, "scanned_sn": scanned_sn}
        return self._session.given(
            "journal.reserve", args, Unit, lambda: self._journal.reserve(cycle, chip_id, app_eui, scanned_sn=scanned_sn)
        )

    def advance(
        self,
        cycle: int,
        chip_id: str,
        *,
        settle: Sequence[Settlement] = (),
        intend: Sequence[Intent] = (),
        verified: bool | None = None,
    ) -> tuple[int, ...]:
        args: dict[str, Any] = {"cycle": cycle, "chip_id": chip_id, "verified": verified}
        args |= {"settle": tuple(settle), "intend": tuple(intend)}
        return self._session.given(
            "journal.advance",
            args,
            tuple[int, ...],
            lambda: self._journal.advance(cycle, chip_id, settle=settle, intend=intend, verified=verified),
        )

    def reopen(self, cycle: int, effect_id: int) -> None:
        args: dict[str, object] = {"cycle": cycle, "effect_id": effect_id}
        return self._session.given("journal.reopen", args, type(None), lambda: self._journal.reopen(cycle, effect_id))

    def hold(
        self, cycle: int, chip_id: str, hold: Hold, code: str, reason: str, *, retire: Sequence[tuple[IdKind, str]] = ()
    ) -> None:
        args: dict[str, object] = {"cycle": cycle, "chip_id": chip_id, "hold": hold, "code": code}
        args |= {"reason": reason, "retire": tuple(retire)}
        return self._session.given(
            "journal.hold",
            args,
            type(None),
            lambda: self._journal.hold(cycle, chip_id, hold, code, reason, retire=retire),
        )

    def end_cycle(self, result: CycleResult) -> None:
        args: dict[str, object] = {"cycle": result.cycle, "outcome": result.outcome, "code": result.code}
        return self._session.given("journal.end_cycle", args, type(None), lambda: self._journal.end_cycle(result))
