"""Which lamp is lit when: events in, outputs out, time by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import CATALOGUE
from station.events import CycleEnded, CycleStarted, Event, PoolChanged, SocketDown, SocketWaiting, StepStarted
from station.model import Outcome, Step
from station.signal_rules import Condition, Scene, SignalRule, wanted
from tests.support.sessions import result_of

EVERY = tuple(SignalRule(condition.value, (condition,)) for condition in Condition)


def ended(outcome: Outcome, socket: str = "A", code: str | None = None) -> CycleEnded:
    return CycleEnded(socket, result_of(outcome, socket=socket, code=code))


def scene_of(*events: Event) -> Scene:
    """The scene after these events, one second apart from 0 on."""
    scene = Scene()
    for second, event in enumerate(events):
        scene.take(event, float(second))
    return scene


def lit(*events: Event, rules: tuple[SignalRule, ...] = EVERY) -> set[str]:
    outputs, _ = wanted(rules, scene_of(*events), float(len(events)))
    return {name for name, on in outputs.items() if on}


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        ((), set()),
        ((SocketWaiting("A"),), {"waiting"}),
        ((SocketWaiting("A"), CycleStarted("A")), {"running"}),
        ((CycleStarted("A"), ended(Outcome.PASS)), {"pass"}),
        ((CycleStarted("A"), ended(Outcome.PASS), SocketWaiting("A")), {"pass", "waiting"}),
        ((ended(Outcome.FAIL, code="board.silent"),), {"fail"}),
        ((ended(Outcome.ERROR, code="port.lost"),), {"error"}),
        ((ended(Outcome.ABORTED, code="cycle.aborted"),), {"aborted"}),
        ((ended(Outcome.ERROR, code="printer.silent"),), {"error", "printer", "attention"}),
        ((ended(Outcome.ERROR, code="label.in_doubt"), CycleStarted("A")), {"running"}),
        ((SocketDown("A", "journal.unreachable", "away"),), {"down", "attention"}),
        ((SocketDown("A", "port.lost", "gone"), SocketWaiting("A")), {"waiting"}),
        ((PoolChanged(0, 0, "api.unreachable: no"),), {"pool", "attention"}),
        ((PoolChanged(0, 0, "api.unreachable: no"), PoolChanged(9, 9)), set()),
        ((ended(Outcome.PASS), SocketDown("A", "port.lost", "gone")), {"pass", "down", "attention"}),
    ],
)
def test_what_holds_is_shown_until_it_ends(events: tuple[Event, ...], shown: set[str]) -> None:
    assert lit(*events) == shown


def test_the_whole_stations_pass_is_no_green_beside_somebodys_red() -> None:
    events = (ended(Outcome.PASS, "A"), ended(Outcome.FAIL, "B", "board.silent"))
    assert lit(*events) == {"fail"}
    assert lit(*events, CycleStarted("B")) == {"pass", "running"}
    own = (SignalRule("green-a", (Condition.PASS,), "A"), SignalRule("red-a", (Condition.FAIL,), "A"))
    assert lit(*events, rules=own) == {"green-a"}


def test_any_rule_may_switch_an_output_on() -> None:
    rules = (SignalRule("amber", (Condition.ERROR, Condition.ATTENTION)), SignalRule("amber", (Condition.RUNNING,)))
    assert lit(CycleStarted("A"), rules=rules) == {"amber"}
    assert lit(PoolChanged(0, 0, "low"), rules=rules) == {"amber"}
    assert lit(ended(Outcome.PASS), rules=rules) == set()


def test_a_buzzer_sounds_for_its_time_and_again_for_the_next() -> None:
    rule = (SignalRule("buzzer", (Condition.FAIL,), for_s=0.5),)
    scene = scene_of(ended(Outcome.FAIL))
    assert wanted(rule, scene, 0.0) == ({"buzzer": True}, 0.5)
    assert wanted(rule, scene, 0.4) == ({"buzzer": True}, pytest.approx(0.1))
    assert wanted(rule, scene, 0.5) == ({"buzzer": False}, math.inf)
    scene.take(ended(Outcome.FAIL, "B"), 10.0)
    assert wanted(rule, scene, 10.1)[0] == {"buzzer": True}


def test_a_blinking_lamp_is_on_first_and_off_for_as_long() -> None:
    rule = (SignalRule("amber", (Condition.RUNNING,), blink_s=0.5),)
    scene = scene_of(CycleStarted("A"))
    looks = [wanted(rule, scene, at_s) for at_s in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert [outputs["amber"] for outputs, _ in looks] == [True, True, False, False, True]
    assert [change_s for _, change_s in looks] == pytest.approx([0.5, 0.25, 0.5, 0.25, 0.5])
    both = (SignalRule("amber", (Condition.RUNNING,), blink_s=0.5, for_s=0.7),)
    assert wanted(both, scene, 0.6) == ({"amber": False}, pytest.approx(0.1))
    assert wanted(both, scene, 1.1) == ({"amber": False}, math.inf)


def test_what_says_nothing_new_changes_nothing() -> None:
    scene = scene_of(PoolChanged(0, 0, "low"))
    assert not scene.take(PoolChanged(0, 0, "low"), 5.0)
    assert not scene.take(StepStarted("A", Step.IDENTIFY), 6.0)
    assert scene.station == {Condition.POOL: 0.0}
    assert scene.take(PoolChanged(5, 5), 7.0)
    assert not scene.take(PoolChanged(6, 6), 8.0)


def test_a_socket_that_the_configuration_names_no_more_is_forgotten() -> None:
    scene = scene_of(ended(Outcome.FAIL, "A"), ended(Outcome.PASS, "B"))
    scene.keep(["B"])
    assert wanted(EVERY, scene, 3.0)[0]["fail"] is False
    assert wanted(EVERY, scene, 3.0)[0]["pass"] is True


_EVENTS = st.one_of(
    st.builds(SocketWaiting, st.sampled_from("AB")),
    st.builds(CycleStarted, st.sampled_from("AB")),
    st.builds(SocketDown, st.sampled_from("AB"), st.just("port.lost"), st.just("gone")),
    st.builds(ended, st.sampled_from(Outcome), st.sampled_from("AB"), st.sampled_from([None, *sorted(CATALOGUE)])),
    st.builds(PoolChanged, st.just(0), st.just(0), st.sampled_from([None, "low"])),
)
_RULES = st.lists(
    st.builds(
        SignalRule,
        st.sampled_from(["x", "y"]),
        st.lists(st.sampled_from(Condition), min_size=1, max_size=3).map(tuple),
        st.sampled_from([None, "A"]),
        st.one_of(st.none(), st.floats(0.1, 60)),
        st.one_of(st.none(), st.floats(0.05, 3600)),
    ),
    max_size=5,
)


@given(st.lists(_EVENTS, max_size=12), _RULES, st.floats(0, 100_000))
def test_nothing_changes_before_the_moment_that_is_named(
    events: list[Event], rules: list[SignalRule], later_s: float
) -> None:
    """Whatever happened: the next change comes after now, and until just before it the same outputs are on."""
    scene, now_s = scene_of(*events), len(events) + later_s
    outputs, change_s = wanted(rules, scene, now_s)
    assert change_s >= 0
    assert set(outputs) == {rule.output for rule in rules}
    if 1e-3 < change_s < math.inf:
        assert wanted(rules, scene, now_s + change_s * 0.999)[0] == outputs


@pytest.mark.parametrize("wrong", [{"when": ()}, {"blink_s": 0.01}, {"for_s": 4000.0}])
def test_a_rule_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SignalRule(**({"output": "red", "when": (Condition.FAIL,)} | wrong))  # type: ignore[arg-type]
