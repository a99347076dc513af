"""The pool of DeviceIDs and SNs: how many are left, and how many the API may have given that never arrived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from station.config.models import StationConfig
from station.doctor import Check, Finding, Survey, advice, bad, good
from station.journal.errors import JournalEmpty
from station.journal.opening import open_journal_readonly
from station.model import IdKind, IdSource

_WORDS = {IdKind.DEVICE_ID: "DeviceIDs", IdKind.SN: "SNs"}


@dataclass(frozen=True, slots=True)
class PoolCheck:
    """See ``Check``."""

    config: StationConfig
    name: str = "pool of ids"

    def look(self) -> Iterator[Finding]:
        if self.config.database is None and not self.config.journal_path.exists():
            yield good("nothing fetched yet")
            return
        try:
            reader = open_journal_readonly(self.config.journal_place)
        except JournalEmpty:
            yield good("nothing fetched yet")
            return
        try:
            levels = reader.pool_levels()
        finally:
            reader.close()
        if self.config.ids.source is IdSource.SERVER:
            yield good("the API chooses the ids; no pool is kept")
        else:
            for kind in IdKind:
                yield self._level(kind, levels.free(kind))
        if levels.possibly_lost():
            yield advice(
                f"{levels.possibly_lost()} ids are possibly lost: asked for, and the answer never came",
                "ask who runs the API whether they were given out; station ids status tells which kind",
            )

    def _level(self, kind: IdKind, free: int) -> Finding:
        low_water = self.config.ids.refill.low_water
        what = f"{free} {_WORDS[kind]} free"
        if not free:
            return bad(what, "run station ids refill; where it brings none, ask who runs the API for licences")
        if free < low_water:
            return advice(
                f"{what}, fewer than low_water ({low_water})", "a running station refills: see whether it can"
            )
        return good(what)


def checks(survey: Survey) -> list[Check]:
    return [PoolCheck(survey.configuration.station)]
