"""Where the bearer token comes from, how long it is used, and that nobody sees it."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import pickle
import threading
from random import Random
from urllib.parse import parse_qs

import pytest

from station.production_api.errors import (
    ApiAuthError,
    ApiConfigError,
    ApiError,
    ApiRedirected,
    ApiScopeError,
    ApiUnavailable,
    ApiUnreachable,
)
from station.production_api.options import ApiOptions, ClientCredentialsAuth, CsidAuth, GivenToken
from station.production_api.simulator import Fault, FaultKind, SimulatorSettings
from station.production_api.tokens import TokenSource
from station.secrets import Secret
from tests.support.api import APP_EUI, CHIP, FakeClock, bench

CSID_METHOD = "Manage.createAccessToken"
CREDENTIALS = ClientCredentialsAuth("client-simulated", Secret("client-secret-simulated"))


def test_the_csid_request_is_the_documented_packet_signed_over_its_exact_bytes():
    """Open API V1: headers and packet as documented; YS-SEC is MD5(body + CSSecKey) in hex."""
    with bench() as it:
        it.tokens.bearer(it.port)
        (entry,) = it.sim.seen(CSID_METHOD)
    request = entry.request
    assert (request.method, request.path) == ("POST", "/openApi")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["ktt-ys-brand"] == "yolink"
    assert request.headers["ys-csid"] == "csid-simulated"
    assert request.headers["ys-sec"] == hashlib.md5(request.body + b"cs-sec-key-simulated").hexdigest()
    assert json.loads(request.body) == {
        "method": CSID_METHOD,
        "time": 1734595441905,
        "params": {"scope": ["production/*"]},
    }


def test_the_client_credentials_request_is_form_encoded():
    with bench(auth=CREDENTIALS) as it:
        it.tokens.bearer(it.port)
        (entry,) = it.sim.seen("token")
    assert (entry.request.method, entry.request.path) == ("POST", "/open/yolink/token")
    assert entry.request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(entry.request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client-simulated"],
        "client_secret": ["client-secret-simulated"],
    }


def test_a_token_is_fetched_once_and_used_until_its_margin():
    with bench(SimulatorSettings(token_life_s=3600)) as it:
        first = it.tokens.bearer(it.port)
        it.clock.pass_s(3600 - 60 - 1)
        assert it.tokens.bearer(it.port) == first
        it.clock.pass_s(2)
        second = it.tokens.bearer(it.port)
        assert second != first
        assert it.sim.tokens_issued == 2


def test_a_short_lived_token_is_used_for_half_its_life():
    with bench(SimulatorSettings(token_life_s=20)) as it:
        it.tokens.bearer(it.port)
        it.clock.pass_s(9)
        it.tokens.bearer(it.port)
        assert it.sim.tokens_issued == 1
        it.clock.pass_s(2)
        it.tokens.bearer(it.port)
        assert it.sim.tokens_issued == 2


def test_renewal_before_expiry_goes_by_refresh_token_and_falls_back_to_the_credentials():
    with bench(auth=CREDENTIALS) as it:
        it.tokens.bearer(it.port)
        it.clock.pass_s(3550)
        it.tokens.bearer(it.port)
        it.sim.add_fault(Fault(FaultKind.RAW, "token", status=400, body='{"error": "invalid_grant"}'))
        it.clock.pass_s(3550)
        it.tokens.bearer(it.port)
        grants = [parse_qs(entry.request.body.decode())["grant_type"][0] for entry in it.sim.seen("token")]
    assert grants == ["client_credentials", "refresh_token", "refresh_token", "client_credentials"]


@pytest.mark.parametrize("auth", [None, CREDENTIALS], ids=["csid", "credentials"])
def test_a_token_that_the_server_ended_early_is_replaced_within_the_call(auth):
    with bench(auth=auth) as it:
        device_id = it.device_id()
        it.sim.expire_tokens()
        assert it.client.activate(CHIP, APP_EUI, device_id, repeated=False).value == device_id
        assert it.sim.tokens_issued == 2
        assert [entry.code for entry in it.sim.seen("activateDeviceId")] == ["010104", "000000"]


def test_a_token_is_replaced_once_a_call_and_never_in_a_loop():
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.CODE, "activateDeviceId", code="000103", times=None))
        with pytest.raises(ApiAuthError) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        assert caught.value.attempts == it.calls("activateDeviceId") == 2
        assert it.sim.tokens_issued == 2
        assert caught.value.may_have_happened is False


def test_even_a_call_in_which_the_server_allocates_goes_on_with_a_new_token():
    """A refused token is a sure sign that the call was not carried out."""
    with bench() as it:
        it.tokens.bearer(it.port)
        it.sim.expire_tokens()
        it.client.activate(CHIP, APP_EUI, None, repeated=False)
        assert it.sim.violations() == []


def test_a_given_token_is_used_as_it_is_and_cannot_be_renewed():
    with bench() as it:
        granted = it.tokens.bearer(it.port)
        given = TokenSource(ApiOptions(GivenToken(granted), base_url=it.sim.url), it.clock)
        client = it.client.with_port(it.port, Random(1), tokens=given)
        assert len(client.request_sns(1).accepted) == 1
        it.sim.expire_tokens()
        with pytest.raises(ApiAuthError, match="cannot be renewed"):
            client.request_sns(1)
        with pytest.raises(ApiAuthError, match="cannot be renewed"):
            client.request_sns(1)
        assert it.sim.tokens_issued == 1


def test_a_late_complaint_about_an_old_token_does_not_cost_the_new_one():
    with bench() as it:
        old = it.tokens.bearer(it.port)
        it.tokens.invalidate(old)
        new = it.tokens.bearer(it.port)
        it.tokens.invalidate(old)
        assert it.tokens.bearer(it.port) == new
        assert it.sim.tokens_issued == 2


def test_sixteen_threads_share_one_fetch():
    with bench() as it:
        it.sim.add_fault(Fault(FaultKind.DELAY, CSID_METHOD, delay_s=0.1))
        found: list[Secret] = []
        threads = [threading.Thread(target=lambda: found.append(it.tokens.bearer(it.port))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(found) == 16
        assert len(set(found)) == 1
        assert it.sim.tokens_issued == 1


def test_sixteen_threads_whose_token_ended_make_one_fetch_and_all_their_calls_succeed():
    with bench(SimulatorSettings(newest_token_only=True)) as it:
        ids = it.client.request_device_ids(16).accepted
        it.sim.expire_tokens()
        it.sim.add_fault(Fault(FaultKind.DELAY, CSID_METHOD, delay_s=0.1))
        done: list[str] = []

        def activate(number: int) -> None:
            done.append(it.client.activate(f"chip-{number}", APP_EUI, ids[number], repeated=False).value)

        threads = [threading.Thread(target=activate, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(done) == sorted(ids)
        assert it.sim.tokens_issued == 2


def test_threads_that_wait_for_a_fetch_share_its_failure_too():
    with bench(auth=CsidAuth("csid-simulated", Secret("wrong"))) as it:
        it.sim.add_fault(Fault(FaultKind.DELAY, CSID_METHOD, delay_s=0.2, times=None))
        errors: list[ApiError] = []

        def fetch() -> None:
            try:
                it.tokens.bearer(it.port)
            except ApiError as error:
                errors.append(error)

        threads = [threading.Thread(target=fetch) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert [type(error) for error in errors] == [ApiAuthError] * 8
        assert len({id(error) for error in errors}) == 8
        assert it.calls(CSID_METHOD) < 8


def test_a_scope_without_the_production_right_is_refused_before_any_call():
    with bench(SimulatorSettings(token_scope=("home/*",))) as it:
        with pytest.raises(ApiScopeError) as caught:
            it.client.request_sns(1)
        assert it.calls("requestSN") == 0
        assert caught.value.code == "api.scope"


def test_a_scope_that_is_configured_away_leaves_the_word_to_the_server():
    with bench(SimulatorSettings(token_scope=("home/*",)), required_scope=None) as it:
        with pytest.raises(ApiScopeError, match="010300"):
            it.client.request_sns(1)
        assert it.calls("requestSN") == 1


def test_an_answer_without_a_scope_is_accepted_and_noted():
    with bench(SimulatorSettings(token_scope=None)) as it:
        assert it.tokens.state().note == "no token yet"
        it.client.request_sns(1)
        state = it.tokens.state()
    assert state.held
    assert state.scope is None
    assert "not known" in state.note
    assert state.expires_in_s == 3600


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        (CsidAuth("other", Secret("cs-sec-key-simulated")), "010101"),
        (CsidAuth("csid-simulated", Secret("wrong")), "010102"),
    ],
)
def test_a_wrong_csid_or_key_is_refused_by_the_server_and_not_repeated(auth, code):
    with bench(auth=auth) as it:
        with pytest.raises(ApiAuthError, match=code) as caught:
            it.client.request_sns(1)
        assert it.calls(CSID_METHOD) == 1
        assert caught.value.api_code == code
        assert caught.value.attempts == 0
        assert caught.value.may_have_happened is False


def test_wrong_client_credentials_are_refused():
    auth = ClientCredentialsAuth("client-simulated", Secret("wrong"))
    with bench(auth=auth) as it, pytest.raises(ApiAuthError, match="invalid_client"):
        it.tokens.bearer(it.port)


@pytest.mark.parametrize(("offset_s", "side"), [(600, "10 minutes ahead of"), (-7200, "120 minutes behind")])
def test_a_refused_token_says_clock_when_the_stations_clock_is_minutes_off(offset_s, side):
    with bench(SimulatorSettings(time_tolerance_s=60)) as it:
        wrong = FakeClock(it.clock.wall_s() + offset_s)
        with pytest.raises(ApiAuthError, match="clock") as caught:
            TokenSource(it.options, wrong).bearer(it.port)
    assert side in str(caught.value)


def test_a_refused_token_does_not_blame_a_clock_that_is_right():
    with bench(auth=CsidAuth("other", Secret("x"))) as it, pytest.raises(ApiAuthError) as caught:
        it.tokens.bearer(it.port)
    assert "clock" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(FaultKind.ANSWER_LOST), ApiUnreachable),
        (Fault(FaultKind.STATUS, status=503), ApiUnavailable),
        (Fault(FaultKind.STATUS, status=429), ApiUnavailable),
        (Fault(FaultKind.CODE, code="010000"), ApiUnavailable),
        (Fault(FaultKind.CODE, code="999999"), ApiUnavailable),
        (Fault(FaultKind.NOT_JSON), ApiUnavailable),
        (Fault(FaultKind.STATUS, status=401), ApiAuthError),
        (Fault(FaultKind.STATUS, status=404), ApiConfigError),
        (Fault(FaultKind.CODE, code="010203"), ApiConfigError),
        (Fault(FaultKind.CODE, code="010300"), ApiScopeError),
        (Fault(FaultKind.CODE, code="020101"), ApiAuthError),
        (Fault(FaultKind.REDIRECT), ApiRedirected),
        (Fault(FaultKind.DOUBLE_ENCODED), ApiConfigError),
        (Fault(FaultKind.RAW, body='{"code": "000000"}'), ApiConfigError),
        (Fault(FaultKind.RAW, body='{"code": "000000", "data": {"access_token": ""}}'), ApiConfigError),
        (
            Fault(FaultKind.RAW, body='{"code": "000000", "data": {"access_token": "a\\r\\nX: y", "expires_in": 5}}'),
            ApiConfigError,
        ),
        (
            Fault(FaultKind.RAW, body='{"code": "000000", "data": {"access_token": "a", "expires_in": 0}}'),
            ApiConfigError,
        ),
        (
            Fault(FaultKind.RAW, body='{"code": "000000", "data": {"access_token": "a", "expires_in": "5"}}'),
            ApiConfigError,
        ),
        (
            Fault(FaultKind.RAW, body='{"code": "000000", "data": {"access_token": "a", "expires_in": 1e99}}'),
            ApiConfigError,
        ),
        (Fault(FaultKind.RAW, body='{"code": ["x"]}'), ApiAuthError),
    ],
    ids=lambda value: f"{value.kind.value}-{value.status or ''}{value.body[:70]}" if isinstance(value, Fault) else "",
)
def test_what_a_request_for_a_token_can_come_to(fault, error):
    """``bearer`` alone asks once; a fault that may pass is one of two classes, so that a call tries again."""
    with bench() as it:
        it.sim.add_fault(
            Fault(fault.kind, CSID_METHOD, code=fault.code, status=fault.status, body=fault.body, times=None)
        )
        with pytest.raises(ApiError) as caught:
            it.tokens.bearer(it.port)
        assert type(caught.value) is error
        assert it.calls(CSID_METHOD) == 1
        with pytest.raises(error) as within:
            it.client.activate(CHIP, APP_EUI, "d88b4c", repeated=False)
        assert within.value.may_have_happened is False
        assert it.calls("activateDeviceId") == 0
        assert it.calls(CSID_METHOD) == 1 + (4 if error in (ApiUnreachable, ApiUnavailable) else 1)


def test_a_passing_trouble_of_the_token_endpoint_does_not_fail_the_call():
    with bench() as it:
        it.sim.add_fault(Fault(FaultKind.ANSWER_LOST, CSID_METHOD, times=2))
        assert len(it.client.request_sns(1).accepted) == 1
        assert len(it.clock.slept) == 2


def test_a_renewal_that_fails_leaves_the_old_token_in_use_while_it_is_good():
    with bench() as it:
        old = it.tokens.bearer(it.port)
        it.sim.add_fault(Fault(FaultKind.STATUS, CSID_METHOD, times=None))
        it.clock.pass_s(3545)
        assert it.tokens.bearer(it.port) == old
        assert it.tokens.bearer(it.port) == old
        assert it.calls(CSID_METHOD) == 2
        it.clock.pass_s(16)
        assert it.tokens.bearer(it.port) == old
        it.clock.pass_s(60)
        with pytest.raises(ApiUnavailable):
            it.tokens.bearer(it.port)


def test_a_token_is_masked_in_every_word_about_anything(caplog):
    caplog.set_level(logging.DEBUG)
    with bench() as it:
        device_id = it.device_id()
        token = it.tokens.bearer(it.port)
        words = [str(token), repr(token), f"{token:>10}", f"{token!r}"]
        words += [
            repr(it.options),
            repr(it.tokens.state()),
            repr(it.sim.settings),
            repr(it.port.sent),
            repr(it.port.answers),
        ]
        it.sim.add_fault(
            Fault(FaultKind.CODE, code="010200", body=f"{token.reveal()} cs-sec-key-simulated", times=None)
        )
        with pytest.raises(ApiError) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        it.tokens.invalidate(token)
        with pytest.raises(ApiError) as refused:
            it.tokens.bearer(it.port)
        words += [str(caught.value), caught.value.desc, str(refused.value), refused.value.desc, caplog.text]
        assert set(it.tokens.secrets()) == {token, Secret("cs-sec-key-simulated")}
    text = "\n".join(words)
    assert "cs-sec-key-simulated" not in text
    assert token.reveal() not in text
    assert caught.value.desc == refused.value.desc == "*** ***"


def test_a_secret_keeps_to_itself():
    secret = Secret("open sesame")
    assert secret.reveal() == "open sesame"
    assert secret == Secret("open sesame") != Secret("other")
    assert secret != "open sesame"
    assert len({secret, Secret("open sesame")}) == 1
    assert secret.hide_in("say open sesame!") == "say ***!"
    assert Secret("").hide_in("text") == "text"
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)
