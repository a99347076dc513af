"""ASCII text as a row of Code 128 symbol characters, in code sets B and C. Source: ISO/IEC 15417, table 1 and annex E."""

from __future__ import annotations

import re
from dataclasses import dataclass

from station.errors import LabelError

QUIET_MODULES = 10
"""On either side. ISO/IEC 15417, 4.4."""
MAX_CHARS = 80
"""Far more than a label's width holds; bounds the work."""

START_B, START_C = 104, 105
TO_C, TO_B = 99, 100
_MODULES_PER_CHARACTER = 11
_STOP_MODULES = 13


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the text in one code set; in set C an even number of digits."""

    code_set: str
    text: str


def plan_runs(text: str, path: str) -> tuple[Run, ...]:
    """Split ASCII ``text`` where a change of code set pays: four or more digits at either end, six or more within, or nothing
    but two digits. Raises LabelError where it is too long."""
    if len(text) > MAX_CHARS:
        raise LabelError(f"{path}: {len(text)} characters are too many for a Code 128")
    runs: list[Run] = []
    for piece in re.finditer(r"[0-9]+|[^0-9]+", text):
        digits = piece[0] if _pays(piece, text) else ""
        odd = len(digits) % 2
        # An odd digit goes to set B on the side where B is needed anyway; at the very start that is the far side.
        leads = odd and piece.start() > 0
        before = digits[:1] if leads else ("" if digits else piece[0])
        after = digits[-1:] if odd and not leads else ""
        pairs = digits[len(before) : len(digits) - len(after)]
        for code_set, part in (("B", before), ("C", pairs), ("B", after)):
            if part:
                _append(runs, Run(code_set, part))
    return tuple(runs)


def symbol_values(runs: tuple[Run, ...]) -> tuple[int, ...]:
    """Start, data and code set characters and the check character; the stop character is not among them."""
    values: list[int] = []
    for run in runs:
        if values:
            values.append(TO_C if run.code_set == "C" else TO_B)
        else:
            values.append(START_C if run.code_set == "C" else START_B)
        if run.code_set == "C":
            values.extend(int(run.text[at : at + 2]) for at in range(0, len(run.text), 2))
        else:
            values.extend(ord(char) - 32 for char in run.text)
    check = (values[0] + sum(place * value for place, value in enumerate(values))) % 103
    return (*values, check)


def width_modules(values: tuple[int, ...]) -> int:
    """Modules of the bars, without quiet zones."""
    return _MODULES_PER_CHARACTER * len(values) + _STOP_MODULES


def _pays(piece: re.Match[str], text: str) -> bool:
    digits = len(piece[0]) if "0" <= piece[0][0] <= "9" else 0
    if digits == len(text):
        return digits >= 4 or digits == 2
    at_an_end = piece.start() == 0 or piece.end() == len(text)
    return digits >= (4 if at_an_end else 6)


def _append(runs: list[Run], run: Run) -> None:
    if runs and runs[-1].code_set == run.code_set:
        run = Run(run.code_set, runs.pop().text + run.text)
    runs.append(run)
