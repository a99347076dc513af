"""What a configuration may say of the page: beyond loopback it is never unguarded."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.config.devices import require_devices
from station.config.loader import ConfigError
from tests.support.configuration import changed, line_of, loaded, told

STATION = "station: jig-1\n"
GUARDED = "tls: {certificate: cert.pem, key: key.pem}, users: users"


def with_panel(part: str) -> str:
    return changed((STATION, f"{STATION}panel: {part}\n"))


def test_the_page_is_on_loopback_for_an_operator_unless_more_is_said(tmp_path: Path) -> None:
    panel = loaded(tmp_path, with_panel("{}")).station.panel
    assert panel is not None
    assert (panel.address, panel.is_local, panel.local_role, panel.language) == (
        ("127.0.0.1", 8080),
        True,
        "operator",
        "en",
    )
    assert loaded(tmp_path, changed()).station.panel is None


def test_beyond_loopback_the_page_has_tls_and_users(tmp_path: Path) -> None:
    panel = loaded(
        tmp_path, with_panel(f'{{listen: "0.0.0.0:8443", {GUARDED}, hosts: [Jig-1.factory.example]}}')
    ).station.panel
    assert panel is not None
    assert (panel.is_local, panel.hosts) == (False, ("jig-1.factory.example",))
    assert panel.users == tmp_path / "users"


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "192.0.2.7:8080", "[::]:8080", "[2001:db8::1]:443"])
@pytest.mark.parametrize(
    ("given", "missing"),
    [("", "tls"), (", users: users", "tls"), (", tls: {certificate: cert.pem, key: key.pem}", "users")],
)
def test_a_page_beyond_loopback_without_both_is_a_mistake(
    tmp_path: Path, listen: str, given: str, missing: str
) -> None:
    text = with_panel(f'{{listen: "{listen}"{given}}}')
    (mistake,) = told(tmp_path, text)
    assert f"panel.listen: {listen} is beyond loopback, and there is no {missing}" in mistake
    assert int(mistake.split(":")[1]) == line_of(text, "panel:")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ('{listen: "localhost:8080"}', "no address and port"),
        ('{listen: "127.0.0.1"}', "no address and port"),
        ('{listen: "127.0.0.1:65536"}', "no address and port"),
        ("{language: de}", "en"),
        ("{local_role: admin}", "operator"),
        ("{hosts: [jig.example]}", "there are no users"),
        ('{users: users, hosts: ["jig example"]}', "no host name"),
        ("{port: 80}", "unknown key"),
        ("{tls: {certificate: a.pem}}", "key"),
    ],
)
def test_what_makes_no_sense_is_one_mistake_with_its_line(tmp_path: Path, part: str, said: str) -> None:
    (mistake,) = told(tmp_path, with_panel(part))
    assert said in mistake


def test_files_that_are_not_there_are_told_before_the_start(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, with_panel(f"{{{GUARDED}}}"))
    with pytest.raises(ConfigError) as error:
        require_devices(configuration)
    assert [mistake.where for mistake in error.value.mistakes] == [
        "panel.tls.certificate",
        "panel.tls.key",
        "panel.users",
    ]
    assert "station panel user add" in str(error.value)


BUTTON = ('serial_scanner:\n        serial: {port: /dev/ttyABSENT1}\n        pattern: "[!-~]{4,64}"', "button: {}")


def test_a_socket_may_be_started_by_the_pages_button_alone(tmp_path: Path) -> None:
    """Also where what it brings is the SN."""
    text = changed((STATION, f"{STATION}panel: {{}}\n"), BUTTON, ("{means: start}", "{means: sn}"))
    assert loaded(tmp_path, text).station.sockets[0].trigger.button is not None


def test_a_button_needs_a_page_and_is_one_sockets_own(tmp_path: Path) -> None:
    (mistake,) = told(tmp_path, changed(BUTTON))
    assert "sockets.0.trigger: the button is on the page, and there is none — add panel: {}" in mistake
    shared = f"{STATION}panel: {{}}\nshared_triggers: [{{name: floor, trigger: {{button: {{}}}}}}]\n"
    (mistake,) = told(tmp_path, changed((STATION, shared)))
    assert "shared_triggers.0.trigger: the page has a button for each socket" in mistake
