"""The irreversible effects of one cycle: each is journalled before it starts and again when its result is known, so that a cycle
that is cut off anywhere goes on at the right step when the chip comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from drivers.printer import Fate
from station.errors import StationError, UnitError
from station.model import EffectKind, EffectState, Hold, IdKind, Unit
from station.ports import CycleJournal, Intent, Settlement
from station.production_api.errors import ApiAnswerInvalid, ApiAnswerOther, ApiConflict, ApiError

PRINT_STATES = {
    Fate.PRINTED: EffectState.DONE,
    Fate.NOT_PRINTED: EffectState.NOT_DONE,
    Fate.IN_DOUBT: EffectState.IN_DOUBT,
}

CONTRADICTION = "journal.contradiction"


@dataclass(frozen=True, slots=True)
class Started:
    """An effect whose intent is on disk. ``named``: it names the ids it is about. ``repeated``: it was started before, and its
    answer lost."""

    id: int
    chip_id: str
    kind: EffectKind
    named: bool
    repeated: bool


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of one cycle as one of its threads starts and settles them. Each change of the journal costs a commit, and
    most a sync: what is known and what comes next are journalled together where nothing happens in between."""

    journal: CycleJournal
    cycle: int
    repeat_unnamed: bool
    begun: dict[EffectKind, Started] = field(default_factory=dict)
    """Those whose intent is on disk already, named ones, and that ``start`` has yet to take up."""
    owed: list[Settlement] = field(default_factory=list)
    """Results that may wait for the next change: a loss of power or the agent's end leaves them in doubt."""

    def start(self, unit: Unit, kind: EffectKind, request: dict[str, object], *, named: bool) -> Started:
        """Journal that an effect is about to start, or take up one that is begun, or whose answer was lost. Raises
        UnitError("unit.in_doubt"), the unit held, for a lost call that let the server choose."""
        if (begun := self.begun.pop(kind, None)) is not None:
            return begun
        effect = unit.open_effect(kind)
        if effect is None:
            (effect_id,) = self.journal.advance(self.cycle, unit.chip_id, intend=[Intent(kind, request)])
            return Started(effect_id, unit.chip_id, kind, named, repeated=False)
        if not named and not self.repeat_unnamed:
            reason = f"{kind} was sent without naming an id and its answer was lost: the server may have spent one"
            self.hold(unit.chip_id, Hold.IN_DOUBT, "unit.in_doubt", reason)
            raise UnitError("unit.in_doubt", reason)
        self.journal.reopen(self.cycle, effect.id)
        return Started(effect.id, unit.chip_id, kind, named, repeated=True)

    def settle(self, effect_id: int, chip_id: str, state: EffectState, detail: str) -> None:
        """Journal what became of an effect."""
        self.journal.advance(self.cycle, chip_id, settle=[Settlement(effect_id, state, detail)])

    def conclude(self, chip_id: str, answers: Sequence[Settlement], then: Sequence[Intent] = ()) -> None:
        """Journal what the API confirmed, and with it that the effects ``then``, which name their ids, are about to start. One
        that the journal refuses is left to ``start``, which says why. Raises StationError; an answer that contradicts the journal,
        an id of another unit for instance, sets the unit aside."""
        try:
            started = self.journal.advance(self.cycle, chip_id, settle=answers, intend=then)
        except StationError as error:
            if then and (isinstance(error, UnitError) or error.code == CONTRADICTION):  # nothing of it is journalled
                self.conclude(chip_id, answers)
                return
            if error.code == CONTRADICTION:
                self.hold(chip_id, Hold.SET_ASIDE, CONTRADICTION, str(error))
            raise
        for effect_id, intent in zip(started, then, strict=True):
            self.begun[intent.kind] = Started(effect_id, chip_id, intent.kind, named=True, repeated=False)

    def verified(self, chip_id: str) -> None:
        """Journal that the board was read back, with the write that it proves."""
        self.journal.advance(self.cycle, chip_id, settle=tuple(self.owed), verified=True)
        self.owed.clear()

    def close(self, chip_id: str) -> None:
        """Journal what is still owed, and that what was begun and never taken up was not done."""
        unsent = [Settlement(begun.id, EffectState.NOT_DONE, "never started") for begun in self.begun.values()]
        if self.owed or unsent:
            self.journal.advance(self.cycle, chip_id, settle=[*self.owed, *unsent])
        self.owed.clear()
        self.begun.clear()

    def handed_over(self, kind: EffectKind, journal: CycleJournal) -> Effects:
        """The effects of another thread of this cycle, which takes up what is begun of a kind."""
        begun = self.begun.pop(kind, None)
        return Effects(journal, self.cycle, self.repeat_unnamed, {} if begun is None else {kind: begun})

    def failed(self, effect: Started, error: ApiError) -> None:
        """Journal what a failed call leaves behind: nothing done, in doubt, or a unit set aside. Raises UnitError("unit.in_doubt")
        where the server may have spent an id that nobody knows: the board must not simply be started again."""
        may_have_happened = error.may_have_happened or effect.repeated
        state = EffectState.IN_DOUBT if may_have_happened else EffectState.NOT_DONE
        self.settle(effect.id, effect.chip_id, state, str(error))
        if isinstance(error, ApiAnswerOther):
            kind = IdKind.DEVICE_ID if effect.kind is EffectKind.ACTIVATE else IdKind.SN
            retire = [(kind, error.named), (kind, error.answered)]
            self.journal.hold(self.cycle, effect.chip_id, Hold.SET_ASIDE, error.code, str(error), retire=retire)
        elif isinstance(error, ApiConflict | ApiAnswerInvalid):
            self.hold(effect.chip_id, Hold.SET_ASIDE, error.code, str(error))
        elif may_have_happened and not effect.named and not self.repeat_unnamed:
            self.hold(effect.chip_id, Hold.IN_DOUBT, "unit.in_doubt", str(error))
            raise UnitError("unit.in_doubt", str(error)) from error

    def doubted(self, effect: Started, conflict: ApiConflict) -> UnitError:
        """Hold the unit for a conflict that may be our own earlier success and cannot be told from somebody else's: the activation
        is in doubt as well, or the SN is one that others may have named. Returns what is to be raised."""
        reason = f"perhaps done by the call whose answer was lost, perhaps by somebody else: {conflict}"
        self.settle(effect.id, effect.chip_id, EffectState.IN_DOUBT, reason)
        self.hold(effect.chip_id, Hold.IN_DOUBT, "unit.in_doubt", reason)
        return UnitError("unit.in_doubt", reason)

    def hold(self, chip_id: str, hold: Hold, code: str, reason: str) -> None:
        """Keep a unit from going on."""
        self.journal.hold(self.cycle, chip_id, hold, code, reason)
