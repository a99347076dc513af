"""The short form of ``make fuzz``: every target on its seeds, on what once broke it, and on seeds changed at random."""

from __future__ import annotations

import importlib.util

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import fuzz
from tests.fuzz.catalogue import all_targets
from tests.fuzz.target import REGRESSIONS, Target

TARGETS = all_targets()


@st.composite
def inputs(draw: st.DrawFn, target: Target, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with up to six pieces replaced, or any bytes."""
    data = draw(st.sampled_from(seeds))
    piece = st.binary(max_size=8) | st.sampled_from(target.words or (b"",))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.integers(0, 4))
        data = data[:at] + draw(piece) + data[at + gone :]
    return data[: target.max_bytes]


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_no_input_breaks_it(target: Target) -> None:
    """Seeds, inputs that once broke it, and generated ones: nothing but what the contract names, in bounded steps."""
    seeds = target.seeds()
    assert seeds, "a target without seeds reaches nothing"
    with target.opened() as check:
        for data in (*seeds, *target.regressions(), b"", b"\0", b"\xff" * 64):
            target.attempt(check, data)

        @settings(max_examples=target.short_inputs, database=None, report_multiple_bugs=False)
        @given(inputs(target, seeds) | st.binary(max_size=64))
        def generated(data: bytes) -> None:
            target.attempt(check, data)

        generated()


def test_an_input_that_breaks_a_target_is_a_failure_with_its_bytes() -> None:
    """The fuzzer on a target that is broken on purpose; where it cannot run at all, that is a failure too."""
    result = fuzz("proof-breaks", 1)
    assert len(result.failures) == 1
    if importlib.util.find_spec("atheris") is not None:
        reason, _, shown = result.failures[0].partition("\ninput: ")
        assert "an exclamation mark" in reason
        assert b"!" in bytes.fromhex(shown)
        assert result.inputs > 0


def test_each_regression_file_belongs_to_a_target() -> None:
    """An input that no target reads any more guards nothing."""
    names = {target.name for target in TARGETS}
    assert {path.stem for path in REGRESSIONS.glob("*.json")} <= names
    assert all(target.regressions() for target in TARGETS if (REGRESSIONS / f"{target.name}.json").exists())
