"""The four methods and both scenarios of activateDeviceId and bindSN, on the wire."""

from __future__ import annotations

import json

import pytest

from station.production_api.batch import RejectedId, Rejection
from station.production_api.errors import (
    ApiAnswerInvalid,
    ApiAnswerOther,
    ApiConflict,
    ApiDefect,
    ApiLicencesExhausted,
    ApiRefused,
)
from station.production_api.simulator import Fault, FaultKind, SimulatorSettings, Temper
from tests.support.api import APP_EUI, CHIP, bench


def test_the_trace_of_one_unit_equals_the_documents_examples_field_by_field():
    """Sections 2.1 to 2.4 of the API document: its requests and its answers, in the order of its workflow."""
    with bench(SimulatorSettings(licences=20, known_sns_only=False)) as it:
        it.sim.seed(device_ids=("device_id_123",), sns=("SN0001",))
        batch = it.client.request_device_ids(10)
        it.client.activate("abc123def456", "70B3D57ED00001C0", "device_id_123", repeated=False)
        sns = it.client.request_sns(100)
        it.client.bind("device_id_123", "SN0001", repeated=False)
        token = it.tokens.bearer(it.port).reveal()
        trace = [entry.request for entry in it.sim.seen() if entry.method != "Manage.createAccessToken"]
    assert [json.loads(request.body) for request in trace] == [
        {"method": "requestDeviceId", "params": {"size": 10}},
        {
            "method": "activateDeviceId",
            "params": {"deviceId": "device_id_123", "chipId": "abc123def456", "appEui": "70B3D57ED00001C0"},
        },
        {"method": "requestSN", "params": {"size": 100}},
        {"method": "bindSN", "params": {"deviceId": "device_id_123", "sn": "SN0001"}},
    ]
    assert [list(json.loads(request.body)["params"]) for request in trace] == [
        ["size"],
        ["deviceId", "chipId", "appEui"],
        ["size"],
        ["deviceId", "sn"],
    ]
    for request in trace:
        assert (request.method, request.path) == ("POST", "/open/production/v2/api")
        assert request.headers["content-type"] == "application/json"
        assert request.headers["authorization"] == f"Bearer {token}"
    assert [json.loads(answer.body) for answer in it.port.answers[1:]] == [
        {"code": "000000", "data": {"deviceIdList": list(batch.accepted)}},
        {"code": "000000", "data": {"deviceId": "device_id_123"}},
        {"code": "000000", "data": {"snList": list(sns.accepted)}},
        {"code": "000000", "data": {"sn": "SN0001"}},
    ]
    assert (len(batch.accepted), len(sns.accepted)) == (10, 100)


def test_activation_without_a_device_id_leaves_the_field_out_and_takes_the_servers():
    with bench() as it:
        chosen = it.client.activate(CHIP, APP_EUI, None, repeated=False).value
        assert it.sim.ledger()["activated"] == {CHIP: [chosen]}
        (entry,) = it.sim.seen("activateDeviceId")
    assert json.loads(entry.request.body) == {
        "method": "activateDeviceId",
        "params": {"chipId": CHIP, "appEui": APP_EUI},
    }


@pytest.mark.parametrize(
    ("omit", "form", "params"), [(False, "empty", {"deviceId": "", "sn": ""}), (True, "omitted", {"deviceId": ""})]
)
def test_a_generated_sn_is_asked_for_with_an_empty_one_or_as_configured_with_none(omit, form, params):
    with bench(SimulatorSettings(generate_sn_on=form), omit_sn_to_generate=omit) as it:
        device_id = it.activated()
        sn = it.client.bind(device_id, None, repeated=False).value
        assert it.sim.ledger()["bound"] == {device_id: [sn]}
        (entry,) = it.sim.seen("bindSN")
    assert json.loads(entry.request.body)["params"] == {**params, "deviceId": device_id}


@pytest.mark.parametrize(("omit", "form"), [(False, "omitted"), (True, "empty")])
def test_a_server_that_wants_the_other_form_refuses_it_as_a_refusal_of_the_unit(omit, form):
    with bench(SimulatorSettings(generate_sn_on=form), omit_sn_to_generate=omit) as it:
        device_id = it.activated()
        with pytest.raises(ApiRefused, match="010200"):
            it.client.bind(device_id, None, repeated=False)


def test_binding_to_an_id_that_is_not_activated_is_refused():
    with bench() as it:
        with pytest.raises(ApiRefused, match="020101") as caught:
            it.client.bind(it.device_id(), it.sn(), repeated=False)
        assert caught.value.may_have_happened is False


def test_a_chip_that_is_someone_elses_is_a_conflict_that_is_not_ours():
    with bench(SimulatorSettings(temper=Temper.STRICT)) as it:
        device_id = it.activated()
        with pytest.raises(ApiConflict) as caught:
            it.client.activate("another-chip", APP_EUI, device_id, repeated=False)
        assert caught.value.may_be_ours is False
        assert caught.value.may_have_happened is False
        assert it.calls("activateDeviceId") == 2


def test_an_activation_that_is_answered_with_the_chips_older_id_is_an_error_that_names_both():
    """A lenient server names the DeviceID the chip had before."""
    with bench(SimulatorSettings(temper=Temper.LENIENT)) as it:
        old, new = it.activated(), it.device_id()
        with pytest.raises(ApiAnswerOther) as caught:
            it.client.activate(CHIP, APP_EUI, new, repeated=False)
    assert (caught.value.named, caught.value.answered) == (new, old)
    assert caught.value.may_have_happened is True


@pytest.mark.parametrize("method", ["activateDeviceId", "bindSN"])
def test_an_answer_that_names_another_id_is_an_error_and_the_call_is_not_repeated(method):
    with bench() as it:
        device_id, sn = it.device_id(), it.sn()
        if method == "bindSN":
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        it.sim.add_fault(Fault(FaultKind.WRONG_ID, method))
        call = {
            "activateDeviceId": lambda: it.client.activate(CHIP, APP_EUI, device_id, repeated=False),
            "bindSN": lambda: it.client.bind(device_id, sn, repeated=False),
        }[method]
        with pytest.raises(ApiAnswerOther):
            call()
        assert it.calls(method) == 1


@pytest.mark.parametrize("answered", ["D88B4C", "d88b4c ", " d88b4c", "d88b4c\\u0000", "ｄ88b4c"])
def test_ids_are_compared_character_for_character(answered):
    body = f'{{"code": "000000", "data": {{"deviceId": "{answered}"}}}}'
    with bench() as it:
        it.sim.add_fault(Fault(FaultKind.RAW, "activateDeviceId", body=body))
        with pytest.raises((ApiAnswerOther, ApiAnswerInvalid)) as caught:
            it.client.activate(CHIP, APP_EUI, "d88b4c", repeated=False)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("answered", ["", "a b", "^XZ^XA", "x" * 65, "d88b4c\\n", "../../etc", "'; drop table units"])
def test_an_id_of_the_servers_choice_must_match_the_pattern(answered):
    body = f'{{"code": "000000", "data": {{"deviceId": "{answered}"}}}}'
    with bench() as it:
        it.sim.add_fault(Fault(FaultKind.RAW, "activateDeviceId", body=body))
        with pytest.raises(ApiAnswerInvalid) as caught:
            it.client.activate(CHIP, APP_EUI, None, repeated=False)
    assert caught.value.may_have_happened is True


def test_a_list_gives_its_good_ids_and_says_why_the_others_are_not_taken():
    good = ["d88b4c0000000001", "d88b4c0000000002"]
    values = [good[0], good[0], 7, None, "", "a b", "x" * 300, good[1], ["nested"]]
    body = json.dumps({"code": "000000", "data": {"deviceIdList": values}})
    with bench(device_id_pattern="[0-9a-f]{16}") as it:
        it.sim.add_fault(Fault(FaultKind.RAW, "requestDeviceId", body=body))
        batch = it.client.request_device_ids(9)
    assert batch.accepted == tuple(good)
    assert batch.short == 7
    assert RejectedId(good[0], Rejection.DUPLICATE) in batch.rejected
    assert [entry.reason for entry in batch.rejected].count(Rejection.NOT_TEXT) == 3
    assert [entry.reason for entry in batch.rejected].count(Rejection.PATTERN) == 3
    assert all(len(entry.value) <= 201 for entry in batch.rejected)


@pytest.mark.parametrize(
    ("kind", "accepted", "rejected"), [(FaultKind.DUPLICATES, 4, 1), (FaultKind.FEWER, 4, 0), (FaultKind.EMPTY, 0, 0)]
)
def test_duplicate_missing_and_no_ids_are_counted_not_smoothed_over(kind, accepted, rejected):
    with bench() as it:
        it.sim.add_fault(Fault(kind, "requestDeviceId"))
        batch = it.client.request_device_ids(5)
        assert it.sim.ledger()["licences_left"] == 995
    assert (len(batch.accepted), len(batch.rejected), batch.short) == (accepted, rejected, 5 - accepted)


def test_more_ids_than_asked_are_taken_since_their_licences_are_spent():
    body = json.dumps({"code": "000000", "data": {"snList": ["A", "B", "C"]}})
    with bench() as it:
        it.sim.add_fault(Fault(FaultKind.RAW, "requestSN", body=body))
        batch = it.client.request_sns(2)
    assert (batch.accepted, batch.short) == (("A", "B", "C"), 0)


def test_when_the_licences_run_out_the_refill_gets_a_clear_error_and_named_activations_go_on():
    with bench(SimulatorSettings(licences=2)) as it:
        ids = it.client.request_device_ids(2).accepted
        with pytest.raises(ApiLicencesExhausted):
            it.client.request_device_ids(1)
        assert it.client.activate(CHIP, APP_EUI, ids[0], repeated=False).value == ids[0]


@pytest.mark.parametrize("size", [0, -1, 1001, 10**9])
def test_a_size_out_of_bounds_is_our_own_fault_and_never_sent(size):
    with bench() as it:
        with pytest.raises(ApiDefect):
            it.client.request_device_ids(size)
        assert it.sim.seen() == []


@pytest.mark.parametrize("chip", ["", "x" * 129, "a\nb", "a\x00", "\ud800"])
def test_a_chip_id_that_cannot_be_one_is_never_sent_and_does_not_garble_the_error(chip):
    with bench() as it:
        with pytest.raises(ApiDefect) as caught:
            it.client.activate(chip, APP_EUI, "d88b4c", repeated=False)
        assert it.sim.seen() == []
    assert str(caught.value).isprintable()
    assert caught.value.may_have_happened is False


def test_an_empty_id_is_never_taken_for_none():
    """None lets the server allocate; an empty text is a defect of the caller's."""
    with bench() as it:
        with pytest.raises(ApiDefect):
            it.client.activate(CHIP, APP_EUI, "", repeated=False)
        with pytest.raises(ApiDefect):
            it.client.bind("d88b4c", "", repeated=False)
        assert it.sim.seen() == []
