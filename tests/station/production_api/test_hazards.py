"""What the API leaves open: lost answers, repeats, odd statuses and bodies, and that none of it spends a second id."""

from __future__ import annotations

from email.utils import formatdate
from random import Random

import pytest

from station.production_api.errors import (
    ApiAnswerInvalid,
    ApiAnswerLost,
    ApiAuthError,
    ApiConfigError,
    ApiConflict,
    ApiError,
    ApiRedirected,
    ApiRefused,
    ApiScopeError,
    ApiUnavailable,
    ApiUnreachable,
)
from station.production_api.options import HttpOptions, RetryOptions
from station.production_api.simulator import ApiSimulator, Fault, FaultKind, SimulatorSettings, Temper
from tests.support.api import APP_EUI, CHIP, FakeClock, KeptPort, bench, wait_until

ACTIVATE = "activateDeviceId"

LOSING = [
    Fault(FaultKind.ANSWER_LOST),
    Fault(FaultKind.STATUS, status=500, done=True),
    Fault(FaultKind.STATUS, status=502, done=True),
    Fault(FaultKind.STATUS, status=503, done=True),
    Fault(FaultKind.STATUS, status=504, done=True),
    Fault(FaultKind.STATUS, status=429, done=True),
    Fault(FaultKind.STATUS, status=408, done=True),
    Fault(FaultKind.CODE, code="010001", done=True),
    Fault(FaultKind.TRUNCATED),
    Fault(FaultKind.NOT_JSON),
    Fault(FaultKind.RAW, body="", done=True),
    Fault(FaultKind.RAW, body='{"code": "000000", "data', done=True),
    Fault(FaultKind.RAW, body="\udcff\udcfe", done=True),
    Fault(
        FaultKind.RAW, status=500, body='{"timestamp": 1, "status": 500, "error": "Internal Server Error"}', done=True
    ),
]
"""Faults after which the call was carried out and nobody was told."""


def _at(fault: Fault, method: str, times: int | None = 1) -> Fault:
    return Fault(
        fault.kind, method, times=times, done=fault.done, code=fault.code, status=fault.status, body=fault.body
    )


def _name(fault: Fault) -> str:
    return f"{fault.kind.value} {fault.status or ''} {fault.code if fault.kind is FaultKind.CODE else ''}".strip()


@pytest.mark.parametrize("fault", LOSING, ids=_name)
def test_a_lost_answer_to_a_named_call_is_met_by_the_identical_call(fault):
    """A lenient server then confirms; every attempt has the same bytes, and one DeviceID is spent."""
    with bench(SimulatorSettings(temper=Temper.LENIENT)) as it:
        device_id, sn = it.device_id(), it.sn()
        it.sim.add_fault(_at(fault, ACTIVATE, times=2))
        it.sim.add_fault(_at(fault, "bindSN", times=2))
        assert it.client.activate(CHIP, APP_EUI, device_id, repeated=False).value == device_id
        assert it.client.bind(device_id, sn, repeated=False).value == sn
        for method in (ACTIVATE, "bindSN"):
            seen = it.sim.seen(method)
            assert len(seen) == 3
            assert len({entry.request.body for entry in seen}) == 1
        assert it.sim.ledger()["activated"] == {CHIP: [device_id]}
        assert it.sim.violations() == []


@pytest.mark.parametrize("fault", LOSING, ids=_name)
def test_a_strict_servers_conflict_after_a_lost_answer_may_be_our_own_success(fault):
    with bench(SimulatorSettings(temper=Temper.STRICT)) as it:
        device_id, sn = it.device_id(), it.sn()
        it.sim.add_fault(_at(fault, ACTIVATE))
        with pytest.raises(ApiConflict) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        assert caught.value.may_be_ours is True
        assert caught.value.may_have_happened is True
        assert it.client.bind(device_id, sn, repeated=False).value == sn


def test_a_conflict_is_perhaps_ours_where_the_caller_says_that_it_repeats():
    with bench(SimulatorSettings(temper=Temper.STRICT)) as it:
        device_id = it.activated()
        with pytest.raises(ApiConflict) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=True)
        assert caught.value.may_be_ours is True


@pytest.mark.parametrize("temper", list(Temper))
@pytest.mark.parametrize("fault", LOSING, ids=_name)
def test_a_call_in_which_the_server_allocates_is_never_repeated_once_it_may_have_arrived(fault, temper):
    with bench(SimulatorSettings(temper=temper, licences=10)) as it:
        it.sim.add_fault(_at(fault, ACTIVATE, times=None))
        with pytest.raises(ApiAnswerLost) as caught:
            it.client.activate(CHIP, APP_EUI, None, repeated=False)
        assert caught.value.may_have_happened is True
        assert it.calls(ACTIVATE) == 1
        assert it.sim.ledger()["licences_left"] == 9
        assert it.sim.violations() == []


@pytest.mark.parametrize("fault", LOSING, ids=_name)
def test_a_generated_sn_is_never_asked_for_twice(fault):
    with bench(SimulatorSettings(temper=Temper.WORST)) as it:
        device_id = it.activated()
        it.sim.add_fault(_at(fault, "bindSN", times=None))
        with pytest.raises(ApiAnswerLost):
            it.client.bind(device_id, None, repeated=False)
        assert it.calls("bindSN") == 1
        assert it.sim.violations() == []


@pytest.mark.parametrize("method", ["requestDeviceId", "requestSN"])
@pytest.mark.parametrize("fault", LOSING, ids=_name)
def test_ids_whose_list_was_lost_are_not_asked_for_again(fault, method):
    with bench(SimulatorSettings(licences=10)) as it:
        it.sim.add_fault(_at(fault, method, times=None))
        ask = it.client.request_device_ids if method == "requestDeviceId" else it.client.request_sns
        with pytest.raises(ApiAnswerLost) as caught:
            ask(5)
        assert caught.value.may_have_happened is True
        assert it.calls(method) == 1


def test_the_simulators_worst_temper_does_spend_a_second_licence_on_a_repeat():
    """The trap that the rule above avoids is really there."""
    with bench(SimulatorSettings(temper=Temper.WORST)) as it:
        it.client.activate(CHIP, APP_EUI, None, repeated=False)
        it.client.activate(CHIP, APP_EUI, None, repeated=True)
        assert len(it.sim.violations()) == 1


@pytest.mark.parametrize("fault", LOSING, ids=_name)
def test_the_repeats_end_and_the_outcome_is_then_unknown(fault):
    with bench(retry=RetryOptions(attempts=3)) as it:
        device_id = it.device_id()
        it.sim.add_fault(_at(fault, ACTIVATE, times=None))
        with pytest.raises(ApiAnswerLost) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        assert it.calls(ACTIVATE) == caught.value.attempts == 3
        assert len(it.clock.slept) == 2


def test_a_refusal_after_a_lost_answer_leaves_the_call_in_doubt():
    """The refusal is of the repeat; what the first attempt did is not known."""
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.ANSWER_LOST, ACTIVATE, nth=1))
        it.sim.add_fault(Fault(FaultKind.CODE, ACTIVATE, code="020105", nth=2))
        with pytest.raises(ApiRefused) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        assert caught.value.may_have_happened is True


def test_busy_after_a_lost_answer_is_a_lost_answer():
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.ANSWER_LOST, ACTIVATE, nth=1))
        it.sim.add_fault(Fault(FaultKind.CODE, ACTIVATE, code="010000", times=None))
        with pytest.raises(ApiAnswerLost):
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)


def test_a_server_that_is_not_there_is_unreachable_and_nothing_has_happened():
    """Refused connections are certain: they are repeated even where the server would allocate."""
    with bench() as it:
        device_id = it.device_id()
        it.sim.close()
        for named in (device_id, None):
            with pytest.raises(ApiUnreachable) as caught:
                it.client.activate(CHIP, APP_EUI, named, repeated=False)
            assert caught.value.may_have_happened is False
            assert caught.value.attempts == 4
        with pytest.raises(ApiUnreachable) as again:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=True)
        assert again.value.may_have_happened is True


def test_a_server_that_comes_back_is_used_again_and_its_books_survive(tmp_path):
    books = tmp_path / "ledger.jsonl"
    with bench() as it:
        port = int(it.sim.url.rpartition(":")[2])
        device_id = it.device_id()
        it.sim.close()
        settings = SimulatorSettings(port=port)
        with ApiSimulator(settings, ledger_path=books, clock=it.clock) as second:
            second.seed(device_ids=(device_id,))
            assert it.client.activate(CHIP, APP_EUI, device_id, repeated=False).value == device_id
            assert second.tokens_issued == 1
        with ApiSimulator(settings, ledger_path=books, clock=it.clock) as third:
            assert third.ledger()["activated"] == {CHIP: [device_id]}
            assert it.client.activate(CHIP, APP_EUI, device_id, repeated=False).value == device_id


def test_idle_connections_that_the_server_closed_cost_no_answer():
    with bench(SimulatorSettings(temper=Temper.STRICT)) as it:
        it.tokens.bearer(it.port)
        it.sim.add_fault(Fault(FaultKind.CLOSE_IDLE, times=None))
        for number in range(20):
            device_id = it.device_id()
            wait_until(lambda: it.sim.open_connections == 0)
            assert it.client.activate(f"chip-{number}", APP_EUI, device_id, repeated=False).value == device_id
            wait_until(lambda: it.sim.open_connections == 0)
        it.sim.clear_faults()
        device_id = it.device_id()
        it.sim.drop_connections()
        assert it.client.activate(CHIP, APP_EUI, device_id, repeated=False).value == device_id
        assert it.calls(ACTIVATE) == 21
        assert it.clock.slept == []


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_an_error_and_shows_the_token_to_nobody(status):
    with bench() as it, ApiSimulator() as elsewhere:
        device_id = it.device_id()
        place = elsewhere.url + it.options.production_path
        it.sim.add_fault(Fault(FaultKind.REDIRECT, ACTIVATE, status=status, location=place))
        with pytest.raises(ApiRedirected) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        assert elsewhere.seen() == []
        assert it.calls(ACTIVATE) == 1
        assert caught.value.may_have_happened is True
        assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    "location", ["h\x18\xf2", "http://[", "http://a:99999999/", "", "\xff" * 300, "//", "http:///"]
)
def test_a_redirect_to_what_is_no_address_is_a_redirect_all_the_same(location):
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.REDIRECT, ACTIVATE, status=302, location=location))
        with pytest.raises(ApiRedirected):
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        assert it.calls(ACTIVATE) == 1


@pytest.mark.parametrize(
    ("status", "error", "calls"),
    [
        (401, ApiAuthError, 2),
        (403, ApiScopeError, 1),
        (404, ApiConfigError, 1),
        (405, ApiConfigError, 1),
        (413, ApiConfigError, 1),
    ],
)
def test_a_gateway_that_turns_the_call_away_by_status_alone(status, error, calls):
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.STATUS, ACTIVATE, status=status, times=None))
        with pytest.raises(error) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        assert it.calls(ACTIVATE) == calls
        assert caught.value.may_have_happened is False


INVALID = {
    "doubly encoded": '"{\\"code\\": \\"000000\\"}"',
    "a list": "[]",
    "null": "null",
    "no code": "{}",
    "code is a number": '{"code": 0}',
    "code is short": '{"code": "0"}',
    "code in other digits": '{"code": "٠٠٠٠٠٠"}',
    "code with a newline": '{"code": "000000\\n"}',
    "code stands twice": '{"code": "000000", "code": "020101", "data": {"deviceId": "ID"}}',
    "id stands twice": '{"code": "000000", "data": {"deviceId": "ID", "deviceId": "OTHER"}}',
    "no data": '{"code": "000000"}',
    "data is null": '{"code": "000000", "data": null}',
    "data is a list": '{"code": "000000", "data": ["ID"]}',
    "data is empty": '{"code": "000000", "data": {}}',
    "data is text": '{"code": "000000", "data": "{\\"deviceId\\": \\"ID\\"}"}',
    "id is null": '{"code": "000000", "data": {"deviceId": null}}',
    "id is a number": '{"code": "000000", "data": {"deviceId": 123}}',
    "id is empty": '{"code": "000000", "data": {"deviceId": ""}}',
    "id is too long": '{"code": "000000", "data": {"deviceId": "%s"}}' % ("x" * 129),
    "id is a lone surrogate": '{"code": "000000", "data": {"deviceId": "\\ud800"}}',
    "a NaN": '{"code": "000000", "data": {"deviceId": "ID", "n": NaN}}',
    "an infinity": '{"code": "000000", "data": {"deviceId": "ID", "n": -Infinity}}',
    "a huge number": '{"code": "000000", "data": {"deviceId": "ID"}, "time": %s}' % ("9" * 5000),
    "a huge exponent": '{"code": "000000", "data": {"deviceId": "ID"}, "time": 1e999}',
    "nested too deep": '{"code": "000000", "data": ' + '{"a":' * 5000 + "1" + "}" * 5001,
    "arrays too deep": '{"code": "000000", "data": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "brackets without end": '{"code": "000000", "data": ' + "[" * 100_000,
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID.keys())
@pytest.mark.parametrize("method", [ACTIVATE, "requestDeviceId"])
def test_json_that_is_not_the_documented_packet_is_an_invalid_answer_and_not_repeated(method, body):
    with bench() as it:
        device_id = it.device_id()
        before = it.calls(method)
        it.sim.add_fault(Fault(FaultKind.RAW, method, body=body.replace("ID", device_id)))
        call = {
            ACTIVATE: lambda: it.client.activate(CHIP, APP_EUI, device_id, repeated=False),
            "requestDeviceId": lambda: it.client.request_device_ids(3),
        }[method]
        with pytest.raises(ApiAnswerInvalid) as caught:
            call()
        assert it.calls(method) == before + 1
    assert caught.value.may_have_happened is True
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_doubly_encoded_answer_of_the_simulator_is_invalid():
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.DOUBLE_ENCODED, ACTIVATE))
        with pytest.raises(ApiAnswerInvalid):
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)


@pytest.mark.parametrize("kind", [FaultKind.HUGE, FaultKind.ENDLESS])
def test_an_answer_without_end_is_cut_off_and_the_identical_call_repeated(kind):
    with bench(http=HttpOptions(max_answer_bytes=100_000)) as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(kind, ACTIVATE))
        assert it.client.activate(CHIP, APP_EUI, device_id, repeated=False).value == device_id
        assert it.calls(ACTIVATE) == 2
        it.sim.add_fault(Fault(kind, ACTIVATE, times=None))
        with pytest.raises(ApiAnswerLost, match="longer than 100000 bytes"):
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)


def test_an_answer_that_drips_is_bounded_as_a_whole_from_the_first_byte_of_its_head():
    """Each byte comes within any time-out for a single read; head and body would take 4 s."""
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.SLOW, ACTIVATE, delay_s=0.03, times=None))
        client = it.hurried(0.4, retry=RetryOptions(attempts=1))
        with pytest.raises(ApiAnswerLost, match="timeout"):
            client.activate(CHIP, APP_EUI, device_id, repeated=False)
        assert it.sim.ledger()["activated"] == {CHIP: [device_id]}


def test_an_answer_that_comes_too_late_is_a_lost_one():
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.DELAY, ACTIVATE, delay_s=50.0))
        assert it.hurried(0.4).activate(CHIP, APP_EUI, device_id, repeated=False).value == device_id
        assert it.calls(ACTIVATE) == 2


@pytest.mark.parametrize(
    ("header", "waits_s"),
    [("3", 3.0), ("0", None), ("7200", 10.0), ("soon", None), ("-5", None), ("9" * 60, 10.0), ("1e9", None)],
)
def test_retry_after_in_seconds_is_honoured_up_to_its_cap(header, waits_s):
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.STATUS, ACTIVATE, status=503, retry_after=header))
        it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        (slept_s,) = it.clock.slept
    assert slept_s == waits_s if waits_s is not None else 0.0 <= slept_s <= 0.2


@pytest.mark.parametrize("offset_s", [4, 3600, -3600])
def test_retry_after_as_a_date_is_honoured_up_to_its_cap(offset_s):
    with bench() as it:
        device_id = it.device_id()
        date = formatdate(it.clock.wall_s() + offset_s, usegmt=True)
        it.sim.add_fault(Fault(FaultKind.CODE, ACTIVATE, code="010301", retry_after=date))
        it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        (slept_s,) = it.clock.slept
    if offset_s == 4:
        assert 3.0 <= slept_s <= 4.0  # An HTTP date has whole seconds.
    elif offset_s > 0:
        assert slept_s == 10.0
    else:
        assert 0.0 <= slept_s <= 1.0


def test_the_waits_grow_are_bounded_and_come_from_the_seeded_chance_alone():
    retry = RetryOptions(attempts=8, base_s=0.5, cap_s=4.0)

    def waits() -> list[float]:
        with bench(retry=retry) as it:
            device_id = it.device_id()
            it.sim.add_fault(Fault(FaultKind.ANSWER_LOST, ACTIVATE, times=None))
            with pytest.raises(ApiAnswerLost):
                it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
            return it.clock.slept

    slept = waits()
    assert len(slept) == 7
    assert all(0 <= wait_s <= min(4.0, 0.5 * 2**number) for number, wait_s in enumerate(slept))
    assert len(set(slept)) == 7
    assert waits() == slept


def test_limits_reached_are_waited_out_longer():
    retry = RetryOptions(attempts=6, base_s=0.0, cap_s=0.0, limited_base_s=2.0, limited_cap_s=60.0)
    with bench(retry=retry) as it:
        it.sim.add_fault(Fault(FaultKind.CODE, "requestSN", code="010301", times=None))
        with pytest.raises(ApiUnavailable):
            it.client.request_sns(1)
        assert sum(it.clock.slept) > 2.0


def test_one_cycle_has_a_view_of_its_own_that_shares_the_token():
    """``with_port``: other port, other chance, other clock, same token."""
    with bench() as it:
        device_id = it.device_id()
        recorded, clock = KeptPort(it.port), FakeClock()
        view = it.client.with_port(recorded, Random(1), clock)
        it.sim.add_fault(Fault(FaultKind.ANSWER_LOST, ACTIVATE))
        view.activate(CHIP, APP_EUI, device_id, repeated=False)
        assert len(recorded.sent) == 2
        assert recorded.sent[0] == recorded.sent[1]
        assert len(clock.slept) == 1
        assert it.clock.slept == []
        assert it.sim.tokens_issued == 1


def test_every_error_is_one_of_the_tree_whatever_the_fault():
    """A row of random faults of every kind on every method: only ApiError ever comes out, and no chip gets two ids."""
    chance = Random(4)
    with bench(
        SimulatorSettings(temper=Temper.WORST, licences=100_000),
        http=HttpOptions(max_answer_bytes=50_000),
        retry=RetryOptions(attempts=3),
    ) as it:
        pool = list(it.client.request_device_ids(150).accepted)
        sns = list(it.client.request_sns(150).accepted)
        kinds = [kind for kind in FaultKind if kind not in (FaultKind.SLOW, FaultKind.DELAY)]
        said: list[str] = []
        for number in range(150):
            for _ in range(chance.randint(0, 2)):
                method = chance.choice(["activateDeviceId", "bindSN", "*", "Manage.createAccessToken"])
                it.sim.add_fault(
                    Fault(chance.choice(kinds), method, nth=chance.randint(1, 3), done=chance.random() < 0.5)
                )
            try:
                it.client.activate(f"chip-{number}", APP_EUI, pool[number], repeated=False)
                it.client.bind(pool[number], sns[number], repeated=False)
            except ApiError as error:
                said.append(str(error))
        assert len(said) > 20
        assert all(line.isprintable() for line in said)
        assert it.sim.violations() == []
