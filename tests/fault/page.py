"""Writes docs/fault-matrix.md from the cases and the catalogue of codes: ``python -m tests.fault.page`` (``make docs``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from station.errors import CATALOGUE
from station.model import Hold
from tests.fault.case import PASS, Case, Kind, When
from tests.fault.limits import Limits
from tests.fault.matrix import CASES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fault-matrix.md"

_INTRODUCTION = """\
# The fault matrix

What the station does about each fault. Every row is a test that runs a whole station on simulated hardware, real HTTP,
terminals and TCP ([`tests/fault`](../tests/fault)); this page is written from what those tests assert (`make docs`). After each

- the server's books, the boards' memories, the labels and the journal agree: no second licence, no id on two
  boards, no second label;
- a board that is new passes in the next cycle;
- the session log of every cycle replays to the same end;
- the line that an operator reads names the code and what to do, and holds nothing that a terminal would obey.

*Ends as*: outcome and code of the cycle under the fault; where several stand, it depends on the moment at which the fault strikes.
*Costs at most*: how much longer than a good cycle that takes, reckoned from the default settings, and the settings it is reckoned
from. *Same board again*: its next cycle, once the cause is gone; where it passes, it does so with the ids that it had.
"""
_HOLDS = {Hold.SET_ASIDE: "the unit is set aside", Hold.IN_DOUBT: "the unit is in doubt"}
_HEAD = (
    "| fault | ends as | costs at most | the operator sees | same board again | next board |\n|---|---|---|---|---|---|"
)


def render() -> str:
    """The whole page, as Markdown."""
    parts = [_INTRODUCTION]
    for kind in Kind:
        rows = [_row(case) for case in CASES if case.kind is kind]
        parts.append("\n".join([f"## {kind.value}", "", _HEAD, *rows]) + "\n")
    return "\n".join(parts)


def _row(case: Case) -> str:
    ends = _endings(case.ends)
    if case.when is When.AT_START:
        ends = f"the station does not start: {ends}"
    if case.hold is not None:
        ends += f"; {_HOLDS[case.hold]}"
    cells = (case.fault, ends, _costs(case), "<br>".join(_seen(case.ends)), _endings(case.again), PASS)
    return f"| {' | '.join(cells)} |"


def _endings(codes: Iterable[str]) -> str:
    return " or ".join(PASS if code == PASS else f"{CATALOGUE[code].outcome.value} `{code}`" for code in codes)


def _costs(case: Case) -> str:
    seconds = case.costs.seconds(Limits())
    return f"{seconds:.1f} s ({case.costs.settings})" if seconds else case.costs.settings


def _seen(codes: Iterable[str]) -> Iterator[str]:
    for code in codes:
        yield PASS if code == PASS else f"**{CATALOGUE[code].headline}** {CATALOGUE[code].action}"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
