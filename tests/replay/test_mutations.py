"""Nothing in a session log can be changed unnoticed: a share of what ``tests.replay.mutations`` searches by hand."""

from __future__ import annotations

from tests.replay.mutations import WAYS, search


def test_no_change_of_a_log_goes_unnoticed() -> None:
    kinds, problems = search(2000, seed=1)
    assert problems == []
    assert sum(kinds.values()) == 2000
    done = {kind.partition(",")[0] for kind in kinds}
    assert done >= {f"file: {way}" for way in WAYS} | {
        f"sealed: {way} of {kind}" for way in WAYS for kind in ("tx", "rx", "given")
    }
