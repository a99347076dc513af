"""Every row of the code table over real HTTP: which error it becomes, whether the call is repeated, how often the server saw it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from station.errors import CATALOGUE
from station.production_api import errors
from station.production_api.codes import RESULT_CODES, result_code
from station.production_api.errors import (
    ApiAnswerLost,
    ApiAuthError,
    ApiConfigError,
    ApiConflict,
    ApiDefect,
    ApiError,
    ApiLicencesExhausted,
    ApiRefused,
    ApiScopeError,
    ApiSnsRefused,
    ApiUnavailable,
)
from station.production_api.simulator import Fault, FaultKind
from tests.support.api import APP_EUI, CHIP, bench

ATTEMPTS = 4

# code, the error of a named activation, calls seen, token calls, may have happened
NAMED = [
    ("000103", ApiAuthError, 2, 2, False),
    ("010000", ApiUnavailable, ATTEMPTS, 1, False),
    ("010001", ApiAnswerLost, ATTEMPTS, 1, True),
    ("010101", ApiAuthError, 1, 1, False),
    ("010102", ApiAuthError, 1, 1, False),
    ("010103", ApiAuthError, 2, 2, False),
    ("010104", ApiAuthError, 2, 2, False),
    ("010200", ApiRefused, 1, 1, False),
    ("010201", ApiDefect, 1, 1, False),
    ("010202", ApiDefect, 1, 1, False),
    ("010203", ApiConfigError, 1, 1, False),
    ("010204", ApiDefect, 1, 1, False),
    ("010300", ApiScopeError, 1, 1, False),
    ("010301", ApiUnavailable, ATTEMPTS, 1, False),
    ("020100", ApiConflict, 1, 1, False),
    ("020101", ApiRefused, 1, 1, False),
    ("020102", ApiRefused, 1, 1, False),
    ("020103", ApiRefused, 1, 1, False),
    ("020104", ApiUnavailable, ATTEMPTS, 1, False),
    ("020105", ApiRefused, 1, 1, False),
    ("030101", ApiRefused, 1, 1, False),
    ("999999", ApiAnswerLost, 1, 1, True),
    ("123456", ApiRefused, 1, 1, False),
]


def test_every_documented_code_has_a_row_here_and_an_operator_text():
    assert {row[0] for row in NAMED} == {*RESULT_CODES, "123456"}
    assert all(row.station_code in CATALOGUE for row in RESULT_CODES.values())


def test_every_error_of_the_tree_has_an_operator_text_and_stands_in_the_drawing():
    classes = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, ApiError)]
    assert len(classes) > 15
    assert all(found.code in CATALOGUE for found in classes)
    assert all(found.__name__ in str(errors.__doc__) for found in classes)


def test_the_client_is_imported_without_httpx():
    """httpx is slow to import; only whoever builds the real port pays for it."""
    program = "import sys, station.production_api.client, station.production_api.tokens; print('httpx' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
    assert ran.stdout == "False\n"


@pytest.mark.parametrize(("code", "error", "calls", "token_calls", "may_have_happened"), NAMED)
def test_code_to_a_named_activation(code, error, calls, token_calls, may_have_happened):
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.CODE, "activateDeviceId", code=code, times=None))
        with pytest.raises(ApiError) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
    raised = caught.value
    assert type(raised) is error
    assert raised.api_code == code
    assert raised.may_have_happened is may_have_happened
    assert it.calls("activateDeviceId") == calls == raised.attempts
    assert it.sim.tokens_issued == token_calls
    assert code in str(raised)
    assert device_id in str(raised)
    assert raised.desc == result_code(code).meaning
    assert raised.code in CATALOGUE
    bodies = {entry.request.body for entry in it.sim.seen("activateDeviceId")}
    assert len(bodies) == 1


@pytest.mark.parametrize("code", [row[0] for row in NAMED])
def test_code_to_a_call_in_which_the_server_allocates_is_repeated_only_where_nothing_can_have_happened(code):
    with bench() as it:
        it.sim.add_fault(Fault(FaultKind.CODE, "activateDeviceId", code=code, times=None))
        with pytest.raises(ApiError) as caught:
            it.client.activate(CHIP, APP_EUI, None, repeated=False)
    expected = {"010000": ATTEMPTS, "010301": ATTEMPTS, "020104": ATTEMPTS, "010001": 1}
    again_with_new_token = 2 if code in ("000103", "010103", "010104") else 1
    assert it.calls("activateDeviceId") == expected.get(code, again_with_new_token)
    assert caught.value.may_have_happened is (code in ("010001", "999999"))


@pytest.mark.parametrize("code", ["010000", "010301", "020104", "010001", "010104"])
def test_a_code_that_passes_leads_to_success_on_the_repeat(code):
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.CODE, "activateDeviceId", code=code, times=1))
        assert it.client.activate(CHIP, APP_EUI, device_id, repeated=False).value == device_id
        assert it.calls("activateDeviceId") == 2


@pytest.mark.parametrize("code", ["010200", "020100", "020101", "030101", "777777"])
def test_any_refusal_of_ids_says_that_there_are_none(code):
    with bench() as it:
        it.sim.add_fault(Fault(FaultKind.CODE, "requestDeviceId", code=code))
        it.sim.add_fault(Fault(FaultKind.CODE, "requestSN", code=code))
        with pytest.raises(ApiLicencesExhausted) as licences:
            it.client.request_device_ids(5)
        with pytest.raises(ApiSnsRefused) as sns:
            it.client.request_sns(5)
    assert (licences.value.code, sns.value.code) == ("api.licences", "api.sns")
    assert licences.value.api_code == sns.value.api_code == code
    assert licences.value.may_have_happened is False


def test_the_body_decides_not_the_http_status():
    """A code that comes with HTTP 500 is still that code; success that comes with 500 is still success."""
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.CODE, "activateDeviceId", code="020101", status=500))
        with pytest.raises(ApiRefused):
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
        body = f'{{"code": "000000", "data": {{"deviceId": "{device_id}"}}}}'
        it.sim.add_fault(Fault(FaultKind.RAW, "activateDeviceId", body=body, status=500, done=True))
        assert it.client.activate(CHIP, APP_EUI, device_id, repeated=False).value == device_id


def test_the_servers_words_are_cut_and_cannot_move_a_cursor_nor_show_the_token():
    with bench() as it:
        device_id = it.device_id()
        token = it.tokens.bearer(it.port).reveal()
        desc = f"\x1b[2J\r\n token {token} is bad" + "x" * 5000
        it.sim.add_fault(Fault(FaultKind.CODE, "activateDeviceId", code="010200", body=desc))
        with pytest.raises(ApiRefused) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert token not in str(caught.value) + caught.value.desc
    assert "***" in caught.value.desc


def test_a_token_that_straddles_the_cut_shows_no_part_of_itself():
    with bench() as it:
        device_id = it.device_id()
        token = it.tokens.bearer(it.port).reveal()
        it.sim.add_fault(Fault(FaultKind.CODE, "activateDeviceId", code="010200", body="x" * 190 + token * 9))
        with pytest.raises(ApiRefused) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
    assert token[:6] not in caught.value.desc


@pytest.mark.parametrize("desc", ["null", "7", '{"a": 1}', "[]"])
def test_a_desc_that_is_no_text_is_not_decided_upon(desc):
    with bench() as it:
        device_id = it.device_id()
        it.sim.add_fault(Fault(FaultKind.RAW, "activateDeviceId", body=f'{{"code": "020101", "desc": {desc}}}'))
        with pytest.raises(ApiRefused) as caught:
            it.client.activate(CHIP, APP_EUI, device_id, repeated=False)
    assert caught.value.desc == ""
