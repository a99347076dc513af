"""The pool: batches on record before they are asked for, and nothing taken in twice."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from station.journal.errors import JournalContradiction, JournalMisuse, PoolEmpty
from station.journal.journal import Journal
from station.model import IdKind, IdSource
from tests.support.journal import APP_EUI, activation, do, fill, opened, reserve

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def journal(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        yield journal


def test_only_new_unique_well_formed_ids_are_taken_and_the_rest_is_told(journal: Journal, caplog):
    first = journal.begin_batch(IdKind.DEVICE_ID, 3)
    assert journal.finish_batch(first, ["a", "b", "c"]).rejected == ()
    second = journal.begin_batch(IdKind.DEVICE_ID, 6)
    with caplog.at_level(logging.WARNING):
        report = journal.finish_batch(second, ["d", "b", "d", "", "e f", "nul\0", "\ud800", "g"])
    assert report.accepted == ("d", "g")
    assert [reason for _, reason in report.rejected] == [
        "on record already",
        "twice in one answer",
        "empty",
        *["holds a space or a character that is not printable"] * 3,
    ]
    assert report.short == 4
    assert "on record already" in caplog.text
    assert caplog.text.isascii()
    assert journal.pool_levels().free(IdKind.DEVICE_ID) == 5


def test_the_same_value_may_be_a_device_id_and_an_sn(journal: Journal):
    for kind in IdKind:
        assert journal.finish_batch(journal.begin_batch(kind, 1), ["same"]).accepted == ("same",)


def test_a_used_id_that_comes_in_a_later_list_is_not_given_again(journal: Journal):
    fill(journal, 1)
    reserve(journal, "C1")
    report = journal.finish_batch(journal.begin_batch(IdKind.DEVICE_ID, 1), ["d00000"])
    assert report.accepted == ()
    with pytest.raises(PoolEmpty):
        reserve(journal, "C2")


def test_an_empty_answer_is_an_answer(journal: Journal):
    report = journal.finish_batch(journal.begin_batch(IdKind.SN, 50), [])
    assert (report.accepted, report.short) == ((), 50)
    assert journal.pool_levels().possibly_lost() == 0


def test_more_ids_than_asked_are_taken_up_to_a_bound(journal: Journal):
    report = journal.finish_batch(journal.begin_batch(IdKind.SN, 1), [f"S{index}" for index in range(10_050)])
    assert len(report.accepted) == 10_000
    assert report.rejected == (("50 more", "more than 10000 in one answer"),)


def test_lost_batches_are_summed_as_possibly_lost_and_refused_ones_are_not(journal: Journal):
    journal.lose_batch(journal.begin_batch(IdKind.DEVICE_ID, 50), "time-out")
    journal.lose_batch(journal.begin_batch(IdKind.DEVICE_ID, 20), "reset")
    journal.fail_batch(journal.begin_batch(IdKind.SN, 10), "no licences")
    journal.begin_batch(IdKind.SN, 7)
    levels = journal.pool_levels()
    assert levels.counts[IdKind.DEVICE_ID].possibly_lost == 70
    assert (levels.counts[IdKind.SN].possibly_lost, levels.counts[IdKind.SN].in_flight) == (0, 7)
    assert levels.possibly_lost() == 70


def test_a_batch_ends_once(journal: Journal):
    batch = journal.begin_batch(IdKind.SN, 1)
    journal.finish_batch(batch, ["S1"])
    for again in (batch, batch + 1):
        with pytest.raises(JournalContradiction):
            journal.finish_batch(again, ["S2"])
        with pytest.raises(JournalContradiction):
            journal.lose_batch(again, "")
        with pytest.raises(JournalContradiction):
            journal.fail_batch(again, "")


@pytest.mark.parametrize("asked", [0, -1, 10_001])
def test_a_batch_has_a_bounded_size(journal: Journal, asked: int):
    with pytest.raises(JournalMisuse):
        journal.begin_batch(IdKind.SN, asked)


def test_a_batch_without_answer_is_possibly_lost_when_the_agent_comes_back(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        journal.begin_batch(IdKind.DEVICE_ID, 25)
    with opened(tmp_path / "journal.db") as journal:
        assert journal.pool_levels().counts[IdKind.DEVICE_ID].possibly_lost == 25


def test_used_ids_are_counted_on_request_only(journal: Journal):
    counts = journal.read.pool_levels(count_used=True).counts[IdKind.SN]
    assert counts.used == 0
    assert journal.pool_levels().counts[IdKind.SN].used is None


def test_ids_leave_the_pool_in_the_order_their_batches_came(journal: Journal):
    journal.finish_batch(journal.begin_batch(IdKind.DEVICE_ID, 2), ["z1", "z0"])
    journal.finish_batch(journal.begin_batch(IdKind.DEVICE_ID, 1), ["a"])
    journal.finish_batch(journal.begin_batch(IdKind.SN, 3), ["1", "2", "3"])
    assert [reserve(journal, f"C{index}")[1].device_id for index in range(3)] == ["z0", "z1", "a"]


def test_sixteen_threads_never_share_an_id(journal: Journal):
    fill(journal, 320)
    cycle = journal.begin_cycle("A", "s")

    def worker(number: int) -> list[tuple[str | None, str | None]]:
        chips = [f"C{number}-{index}" for index in range(20)]
        units = [journal.reserve(cycle, chip, APP_EUI, scanned_sn=None) for chip in chips]
        return [(unit.device_id, unit.sn) for unit in units]

    with ThreadPoolExecutor(16) as threads:
        given = [pair for pairs in threads.map(worker, range(16)) for pair in pairs]
    assert len({device_id for device_id, _ in given}) == len({sn for _, sn in given}) == 320
    assert journal.pool_levels().free(IdKind.SN) == 0
    assert journal.read.integrity_check() == ()


def test_a_chip_in_sixteen_threads_at_once_is_one_unit(journal: Journal):
    fill(journal, 16)
    cycle = journal.begin_cycle("A", "s")
    with ThreadPoolExecutor(16) as threads:
        found = set(threads.map(lambda _: journal.reserve(cycle, "C1", APP_EUI, scanned_sn=None).device_id, range(16)))
    assert len(found) == 1
    assert journal.pool_levels().free(IdKind.DEVICE_ID) == 15


def test_a_free_id_that_the_server_chooses_by_itself_leaves_the_pool(tmp_path: Path):
    with opened(tmp_path / "journal.db") as journal:
        fill(journal, 2)
    with opened(tmp_path / "journal.db", IdSource.SERVER) as journal:
        cycle, unit = reserve(journal, "C1")
        do(journal, cycle, unit, activation(unit), device_id="d00000")
        assert journal.pool_levels().free(IdKind.DEVICE_ID) == 1
        assert journal.read.integrity_check() == ()
