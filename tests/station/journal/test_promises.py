"""What must always hold, searched for counter-examples: any order of calls, with restarts, against a ledger of our own."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from station.errors import UnitError
from station.journal.errors import JournalContradiction, PoolEmpty
from station.journal.journal import Journal
from station.journal.opening import open_journal
from station.journal.records import Decision, UnitQuery
from station.model import EffectKind, EffectState, Hold, IdKind, IdSource, LabelFate, Unit
from station.ports import Settlement
from tests.support.journal import APP_EUI, ToldClock, activation, binding, opened, printing, writing
from tests.support.postgresql import DatabaseServer

CHIPS = st.sampled_from([f"C{index}" for index in range(4)])
DEVICE_IDS = st.sampled_from([f"d{index}" for index in range(10)])
SNS = st.sampled_from([f"s{index}" for index in range(10)])
KINDS = st.sampled_from(list(IdKind))
INTENTS = {
    EffectKind.ACTIVATE: activation,
    EffectKind.BIND: binding,
    EffectKind.WRITE: writing,
    EffectKind.PRINT: printing,
}
REFUSALS = (JournalContradiction, UnitError, PoolEmpty)


class Promises(RuleBasedStateMachine):
    """Calls of every kind in any order; whatever the journal takes or refuses, the promises must hold after each."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.journal = self.open(IdSource.POOL)
        self.cycle = self.journal.begin_cycle("A", "s")
        self.issued: dict[IdKind, set[str]] = {kind: set() for kind in IdKind}
        """Every id the journal ever took in."""
        self.owner: dict[tuple[IdKind, str], str] = {}
        """The chip that an id was first seen with."""
        self.had: dict[tuple[str, IdKind], str] = {}
        """The id that a chip was first seen with."""
        self.labels: dict[str, int] = {}
        self.lost = 0

    def open(self, ids: IdSource) -> Journal:
        return opened(self.directory / "journal.db", ids)

    def teardown(self) -> None:
        problems = self.journal.read.integrity_check()
        self.journal.close()
        shutil.rmtree(self.directory)
        assert problems == ()

    @rule(kind=KINDS, values=st.lists(st.integers(0, 9), max_size=5), fate=st.sampled_from(["answer", "lose", "fail"]))
    def refill(self, kind: IdKind, values: list[int], fate: str) -> None:
        batch = self.journal.begin_batch(kind, 5)
        if fate == "lose":
            self.journal.lose_batch(batch, "lost")
            self.lost += 5
        elif fate == "fail":
            self.journal.fail_batch(batch, "refused")
        else:
            prefix = "d" if kind is IdKind.DEVICE_ID else "s"
            accepted = self.journal.finish_batch(batch, [f"{prefix}{value}" for value in values]).accepted
            assert not self.issued[kind] & set(accepted), "taken in twice"
            self.issued[kind] |= set(accepted)

    @rule(chip=CHIPS, sn=st.none() | SNS)
    def reserve(self, chip: str, sn: str | None) -> None:
        before = self.journal.find_unit(chip)
        try:
            unit = self.journal.reserve(self.cycle, chip, APP_EUI, scanned_sn=sn)
        except REFUSALS:
            assert self.journal.find_unit(chip) == before
            return
        if before is not None and unit != before:
            self.exchanged(before, unit)

    def exchanged(self, before: Unit, after: Unit) -> None:
        """A scan may replace an SN of a scan that was never bound, and nothing else of a unit."""
        assert replace(after, sn=before.sn, sn_from_pool=False) == before
        assert not before.bound
        assert before.open_effect(EffectKind.BIND) is None
        if before.sn is not None:
            del self.owner[IdKind.SN, before.sn], self.had[before.chip_id, IdKind.SN]
            self.issued[IdKind.SN].remove(before.sn)

    @rule(chip=CHIPS, kind=st.sampled_from(list(EffectKind)))
    def intend(self, chip: str, kind: EffectKind) -> None:
        unit = self.journal.find_unit(chip)
        if unit is not None:
            self.tried(lambda: self.journal.advance(self.cycle, chip, intend=[INTENTS[kind](unit)]))

    @rule(
        chip=CHIPS,
        state=st.sampled_from([EffectState.DONE, EffectState.NOT_DONE, EffectState.IN_DOUBT]),
        device_id=st.none() | DEVICE_IDS,
        sn=st.none() | SNS,
        which=st.integers(0, 3),
    )
    def settle(self, chip: str, state: EffectState, device_id: str | None, sn: str | None, which: int) -> None:
        unit = self.journal.find_unit(chip)
        if unit is None or not unit.open_effects:
            return
        effect = unit.open_effects[which % len(unit.open_effects)]
        took = self.tried(
            lambda: self.journal.advance(
                self.cycle,
                chip,
                settle=[
                    Settlement(
                        effect.id,
                        state,
                        device_id=device_id if effect.kind is EffectKind.ACTIVATE else None,
                        sn=sn if effect.kind is EffectKind.BIND else None,
                    )
                ],
            )
        )
        if took and effect.kind is EffectKind.PRINT and state is EffectState.DONE:
            self.labels[chip] = self.labels.get(chip, 0) + 1

    @rule(chip=CHIPS, verified=st.booleans())
    def verify(self, chip: str, verified: bool) -> None:
        self.tried(lambda: self.journal.advance(self.cycle, chip, verified=verified))

    @rule(chip=CHIPS)
    def reopen(self, chip: str) -> None:
        unit = self.journal.find_unit(chip)
        for effect in unit.open_effects if unit else ():
            self.tried(lambda effect=effect: self.journal.reopen(self.cycle, effect.id))

    @rule(chip=CHIPS, hold=st.sampled_from(list(Hold)), device_id=st.none() | DEVICE_IDS)
    def hold(self, chip: str, hold: Hold, device_id: str | None) -> None:
        retire = [] if device_id is None else [(IdKind.DEVICE_ID, device_id)]
        if self.tried(lambda: self.journal.hold(self.cycle, chip, hold, "code", "reason", retire=retire)) and device_id:
            self.issued[IdKind.DEVICE_ID].add(device_id)

    @rule(chip=CHIPS, decision=st.sampled_from(list(Decision)), device_id=st.none() | DEVICE_IDS, sn=st.none() | SNS)
    def resolve(self, chip: str, decision: Decision, device_id: str | None, sn: str | None) -> None:
        ids = {"device_id": device_id, "sn": sn} if decision is Decision.DONE else {}
        self.tried(lambda: self.journal.resolve(chip, decision, operator="ann", reason="x", **ids))

    @rule(chip=CHIPS, printed=st.booleans())
    def settle_label(self, chip: str, printed: bool) -> None:
        took = self.tried(lambda: self.journal.settle_label(chip, printed=printed, operator="ann", reason="x"))
        if took and printed:
            self.labels[chip] = self.labels.get(chip, 0) + 1

    @rule(chip=CHIPS, fate=st.sampled_from(list(LabelFate)))
    def reprint(self, chip: str, fate: LabelFate) -> None:
        try:
            reprint = self.journal.begin_reprint(chip, operator="ann", reason="x")
        except REFUSALS:
            return
        self.journal.end_reprint(reprint, fate)
        if fate is LabelFate.PRINTED:
            self.labels[chip] += 1

    @rule(chip=CHIPS)
    def ship(self, chip: str) -> None:
        self.tried(lambda: self.journal.mark_shipped(chip, operator="ann", reason="x"))

    @rule(ids=st.sampled_from(list(IdSource)))
    def restart(self, ids: IdSource) -> None:
        self.journal.close()
        self.journal = self.open(ids)
        self.cycle = self.journal.begin_cycle("A", "s")

    @precondition(lambda self: len(self.owner) < 4)
    @rule(chip=CHIPS)
    def whole_way(self, chip: str) -> None:
        """Random calls seldom get a unit far; this takes one as far as it will go."""
        for kind in EffectKind:
            self.intend(chip, kind)
            unit = self.journal.find_unit(chip)
            effect = unit.open_effect(kind) if unit else None
            if effect is not None:
                which = unit.open_effects.index(effect) if unit else 0
                self.settle(chip, EffectState.DONE, None, None, which)
            if kind is EffectKind.WRITE:
                self.verify(chip, True)

    def tried(self, call) -> bool:
        """Whether the journal took the call; a refusal must leave every unit as it was."""
        before = self.journal.read.units()
        try:
            call()
        except REFUSALS:
            assert self.journal.read.units() == before
            return False
        return True

    @invariant()
    def promises_hold(self) -> None:
        self.no_id_has_two_chips_and_no_chip_two_ids()
        self.every_id_is_accounted_for_and_none_given_is_free()
        for unit in self.journal.read.units(UnitQuery()):
            self.what_is_true_of_it_fits_together(unit)

    def no_id_has_two_chips_and_no_chip_two_ids(self) -> None:
        for unit in self.journal.read.units(UnitQuery()):
            for kind, value in ((IdKind.DEVICE_ID, unit.device_id), (IdKind.SN, unit.sn)):
                had = self.had.get((unit.chip_id, kind))
                if value is None:
                    assert had is None, "an id was taken from a unit"
                    continue
                self.issued[kind].add(value)
                assert self.owner.setdefault((kind, value), unit.chip_id) == unit.chip_id, "one id, two chips"
                assert self.had.setdefault((unit.chip_id, kind), value) == value, "one chip, two ids"

    def every_id_is_accounted_for_and_none_given_is_free(self) -> None:
        levels = self.journal.read.pool_levels(count_used=True)
        assert levels.possibly_lost() == self.lost
        for kind in IdKind:
            counts = levels.counts[kind]
            assert counts.used is not None
            total = counts.free + counts.reserved + counts.named + counts.used + counts.retired
            assert total == len(self.issued[kind])
            given = sum(1 for (owned_kind, _) in self.owner if owned_kind is kind)
            assert counts.free <= len(self.issued[kind]) - given, "a given id is free again"

    def what_is_true_of_it_fits_together(self, unit: Unit) -> None:
        assert unit.labels_printed == self.labels.get(unit.chip_id, 0)
        assert not unit.activated or unit.device_id
        assert not unit.bound or (unit.sn and unit.activated)
        assert not unit.verified or unit.written
        assert not unit.labels_printed or (unit.bound and unit.activated)
        kinds = [effect.kind for effect in unit.open_effects]
        assert len(kinds) == len(set(kinds)), "two open effects of one kind"


class PromisesOnServer(Promises):
    """The same on PostgreSQL."""

    server: DatabaseServer | None = None

    def open(self, ids: IdSource) -> Journal:
        assert self.server is not None, "given by the test"
        if not hasattr(self, "database"):
            self.database = self.server.new_journal()
        return open_journal(self.server.url(self.database), ToldClock(), ids, "jig-1")

    def teardown(self) -> None:
        super().teardown()
        assert self.server is not None
        self.server.give_back(self.database)


def test_the_promises_hold_on_postgresql(database_server: DatabaseServer) -> None:
    PromisesOnServer.server = database_server
    run_state_machine_as_test(
        PromisesOnServer, settings=settings(max_examples=6 if settings().derandomize else 200, stateful_step_count=40)
    )


TestPromises = Promises.TestCase
TestPromises.settings = settings(max_examples=25 if settings().derandomize else 1000, stateful_step_count=40)
