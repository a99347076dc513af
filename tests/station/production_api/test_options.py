"""Options refuse what could not work, or would show a secret, with one line that names the field."""

from __future__ import annotations

import pytest

from station.production_api.options import (
    ApiOptions,
    ClientCredentialsAuth,
    CsidAuth,
    GivenToken,
    HttpOptions,
    RetryOptions,
)
from station.secrets import Secret

GIVEN = GivenToken(Secret("token"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.yosmart.com",
        "ftp://api.yosmart.com",
        "https://",
        "https://user:pass@api.yosmart.com",
        "https://api.yosmart.com/path",
        "https://api.yosmart.com?x=1",
        "https://api.yosmart.com:port",
        "https://api.yosmart.com:99999",
        "http://api.yosmart.com",
    ],
)
def test_an_address_that_is_none_or_would_show_the_token_is_refused(url):
    with pytest.raises(ValueError, match="base_url"):
        ApiOptions(GIVEN, base_url=url)


@pytest.mark.parametrize(
    "url", ["https://api.yosmart.com", "https://api.yosmart.com/", "http://127.0.0.1:8080", "http://[::1]:1"]
)
def test_https_and_loopback_are_accepted(url):
    assert ApiOptions(GIVEN, base_url=url).url("/x").endswith("/x")
    assert "//x" not in ApiOptions(GIVEN, base_url=url).url("/x")


def test_plain_http_to_another_host_takes_an_explicit_insecure():
    assert ApiOptions(GIVEN, base_url="http://gateway:80", http=HttpOptions(insecure=True))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timeout_s", 0),
        ("timeout_s", float("nan")),
        ("token_margin_s", -1),
        ("batch_limit", 0),
        ("production_path", "open"),
        ("device_id_pattern", "("),
        ("sn_pattern", "[z-a]"),
    ],
)
def test_a_value_out_of_range_names_its_field(field, value):
    with pytest.raises(ValueError, match=field):
        ApiOptions(GIVEN, **{field: value})


@pytest.mark.parametrize(
    "field", ["attempts", "base_s", "cap_s", "limited_base_s", "limited_cap_s", "retry_after_cap_s"]
)
def test_retries_are_bounded(field):
    with pytest.raises(ValueError, match=field):
        RetryOptions(**{field: 10_000})


@pytest.mark.parametrize("field", ["connect_timeout_s", "keepalive_s", "max_connections", "max_answer_bytes"])
def test_connections_are_bounded(field):
    with pytest.raises(ValueError, match=field):
        HttpOptions(**{field: -1})


@pytest.mark.parametrize("text", ["", "a\nb", "a\r\nX-Other: 1", "é", "x" * 5000])
def test_a_credential_that_cannot_stand_in_a_header_is_refused_and_not_shown(text):
    for make in (
        lambda: GivenToken(Secret(text)),
        lambda: CsidAuth("csid", Secret(text)),
        lambda: ClientCredentialsAuth("id", Secret(text)),
        lambda: CsidAuth(text, Secret("x")),
    ):
        with pytest.raises(ValueError, match="1 to 4096 printable ASCII") as caught:
            make()
        assert not text or text not in str(caught.value)
