"""A worker's pulse: due when it said it would be, and not before."""

from __future__ import annotations

from station.health import Pulse, call_bound_s, overdue, step_bound_s
from station.production_api.options import ApiOptions, GivenToken, RetryOptions
from station.secrets import Secret
from tests.support.api import FakeClock


def test_a_pulse_is_overdue_once_its_wait_and_its_bound_have_passed_without_a_beat() -> None:
    clock = FakeClock()
    pulse = Pulse(10.0, clock)
    clock.pass_s(1000)
    assert pulse.overdue_s() == 0, "not begun"
    pulse.beat(5.0)
    clock.pass_s(15)
    assert overdue({"A": pulse}) == ()
    clock.pass_s(0.5)
    assert (pulse.overdue_s(), overdue({"A": pulse, "B": Pulse(1.0, clock)})) == (0.5, ("A",))
    pulse.beat()
    assert pulse.overdue_s() == 0


def test_a_worker_that_has_ended_owes_nothing() -> None:
    clock = FakeClock()
    pulse = Pulse(1.0, clock)
    pulse.beat()
    pulse.rest()
    clock.pass_s(1000)
    assert pulse.overdue_s() == 0


def test_a_beat_may_have_a_bound_of_its_own() -> None:
    clock = FakeClock()
    pulse = Pulse(1000.0, clock)
    pulse.beat(bound_s=1.0)
    clock.pass_s(2)
    assert pulse.overdue_s() == 1.0


def test_the_bounds_follow_from_the_configured_time_outs() -> None:
    """Three attempts and one with a new token, each with two exchanges for it; two waits of at most 4 s between three."""
    api = ApiOptions(
        GivenToken(Secret("a-token")),
        timeout_s=2.0,
        retry=RetryOptions(attempts=3, cap_s=1.0, limited_cap_s=4.0, retry_after_cap_s=3.0),
    )
    assert call_bound_s(api) == 4 * 7.0 + 2 * 4.0
    assert step_bound_s(api, 1) == 300.0
    assert step_bound_s(api, 5) == 600.0
