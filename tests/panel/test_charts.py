"""Charts as text: what stands where, and that nothing from a journal becomes markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from station.journal.statistics import SLOT_MS, CodeCount, Counts, Slot
from station.panel.charts import Column, Row, in_rows, over_time
from station.panel.figures import Period, figures, with_shares
from station.panel.moments import day_of

HOSTILE = '"><script>alert(1)</script>&\x00\u202e'


def column(label: str, passed: int, share: float | None) -> Column:
    return Column(label, (("pass", passed), ("fail", 1)), (share,), label)


def test_columns_stand_side_by_side_and_a_line_breaks_where_it_has_no_point() -> None:
    columns = [
        column("a", 3, 0.75),
        column("b", 1, 0.5),
        column("c", 0, None),
        column("d", 9, 0.9),
        column("e", 9, 1.0),
    ]
    drawn = ElementTree.fromstring(over_time(columns, ("yield",), "Yield"))
    assert drawn.get("aria-label") == "Yield"
    lines = [line.get("points", "").split() for line in drawn.iter("polyline")]
    assert [len(line) for line in lines] == [2, 2]
    tops = [float(point.split(",")[1]) for line in lines for point in line]
    assert tops == sorted(tops, reverse=True) or tops[0] < tops[1], "a higher share stands higher"
    assert tops[3] < tops[0] < tops[1]
    heights = [float(part.get("height", "")) for part in drawn.iter("rect") if part.get("class") == "pass"]
    assert heights[0] == pytest.approx(3 * heights[1], rel=0.02)


@pytest.mark.parametrize("columns", [[], [Column("none", (("pass", 0),), (None,), "none")]])
def test_a_chart_of_nothing_is_drawn_all_the_same(columns: list[Column]) -> None:
    ElementTree.fromstring(over_time(columns, ("yield",), "Yield"))
    ElementTree.fromstring(in_rows([], "Steps"))
    ElementTree.fromstring(in_rows([Row("zero", 0.0, "0 s", "zero", mark=0.0)], "Steps"))


def test_text_is_only_ever_shown() -> None:
    for drawn in (
        over_time([Column(HOSTILE, (("pass", 1),), (1.0,), HOSTILE)], ("yield",), HOSTILE),
        in_rows([Row(HOSTILE * 50, 1.0, HOSTILE, HOSTILE, share=0.5)], HOSTILE),
    ):
        assert not re.search("<script|\x00|\u202e", drawn)
        ElementTree.fromstring(drawn)


def test_a_year_of_quarters_of_an_hour_becomes_weeks_each_of_them_there() -> None:
    period = Period(day_of("2024-12-30"), day_of("2025-12-28"))
    assert (period.days, period.unit) == (364, "week")
    slots = [Slot(period.since_ms, Counts(passed=2)), Slot(period.before_ms - SLOT_MS, Counts(failed=1))]
    found = figures(period, slots, (), ())
    assert len(found.stretches) == 52
    assert (found.stretches[0].label, found.stretches[0].counts.passed) == ("2024-12-30", 2)
    assert (found.stretches[-1].label, found.stretches[-1].counts.failed) == ("2025-12-22", 1)
    assert (found.busy_hours, found.units_per_hour) == (2, 1.0)


def test_shares_add_up_to_all() -> None:
    codes = [CodeCount("board.silent", "FAIL", 6, 9), CodeCount("api.auth", "ERROR", 2, 8)]
    assert [share for _, share in with_shares(codes)] == [0.75, 1.0]
    assert with_shares([]) == []
