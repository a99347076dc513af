"""A list of units provisioned on a whole station's surroundings: by the command in a process of its own, or by the batch itself."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.batch.listing import forms_of, read_list
from station.batch.runner import Batch, Ended
from tests.support.command import Ended as CommandEnded
from tests.support.command import station as command
from tests.support.station import Rig, station

EUI = "70B3D57ED0012345"
"""The AppEUI of the rig's boards."""


@dataclass(frozen=True, slots=True)
class ListRig:
    """``rig`` and a list beside it; judged at the end like any other rig."""

    rig: Rig
    chips: Path

    def words(self, *options: str) -> tuple[str | Path, ...]:
        self.rig.configuration()
        return ("provision", self.chips, "--config", self.rig.folder / "station.yaml", *options)

    def provision(self, *options: str) -> CommandEnded:
        """Run the command to its end."""
        return command(*self.words(*options), cwd=self.rig.folder)

    def run(self, jobs: int = 4, on_ended: Callable[[Batch, Ended], None] = lambda _batch, _ended: None) -> list[Ended]:
        """Run the batch in this process."""
        configuration = self.rig.configuration()
        board = configuration.station.board.stm32
        assert board is not None
        rows = read_list(self.chips, forms_of(board))
        with Batch(configuration, rows, lambda ended: on_ended(batch, ended), jobs=jobs) as batch:
            return batch.run()

    def result(self) -> list[dict[str, str]]:
        """The rows of the result's file."""
        with self.chips.with_name("chips.result.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def licences(self) -> int:
        """How many DeviceIDs the server has activated."""
        books: Any = self.rig.api.ledger()
        return len(books["activated"])


def chip(number: int) -> str:
    """The chipId of the rig's board of this number, counted from 1."""
    return number.to_bytes(12, "big").hex().upper()


@contextmanager
def list_rig(folder: Path, count: int, **settings: Any) -> Iterator[ListRig]:
    """A rig and a list of its first ``count`` boards."""
    chips = folder / "chips.csv"
    chips.write_text("chipId,appEui\n" + "".join(f"{chip(n)},{EUI}\n" for n in range(1, count + 1)), "utf-8")
    with station(folder, **settings) as rig:
        yield ListRig(rig, chips)
