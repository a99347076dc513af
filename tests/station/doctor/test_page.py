"""The self-check of the page: address, certificate, users."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from station.doctor import Grade, Survey
from station.doctor.page import checks
from tests.support.configuration import changed
from tests.support.doctor import findings, grades, survey, the_advice, the_bad_one
from tests.support.panel import certificate, with_users

STATION = "station: jig-1\n"


def surveyed(folder: Path, part: str, **changes: int) -> Survey:
    return survey(folder, changed((STATION, f"{STATION}panel: {part}\n")), **changes)


def guarded(folder: Path) -> Survey:
    made, key = certificate(folder)
    guards = f"tls: {{certificate: {made}, key: {key}}}, users: {with_users(folder)}"
    return surveyed(folder, f'{{listen: "127.0.0.1:0", {guards}}}')


def renew(folder: Path, days: int) -> None:
    words = ["x509", "-in", str(folder / "cert.pem"), "-signkey", str(folder / "key.pem"), "-days", str(days)]
    subprocess.run(["openssl", *words, "-out", str(folder / "cert.pem")], check=True, capture_output=True, timeout=20)


def test_nothing_is_said_where_there_is_no_page(tmp_path: Path) -> None:
    assert checks(survey(tmp_path)) == []


def test_a_guarded_page_is_good(tmp_path: Path) -> None:
    look = guarded(tmp_path)
    renew(tmp_path, 400)
    assert grades(checks(look)) == {Grade.GOOD}
    assert [finding.what for finding in findings(checks(look))][1:] == ["certificate good for 399 days", "3 users"]


def test_an_address_that_another_program_has_is_bad_but_not_where_that_is_the_station(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        part = f'{{listen: "127.0.0.1:{taken.getsockname()[1]}"}}'
        assert "in use" in the_bad_one(checks(surveyed(tmp_path, part))).what
        assert grades(checks(surveyed(tmp_path, part, agent_pid=1))) == {Grade.GOOD}
    assert the_bad_one(checks(surveyed(tmp_path, '{listen: "127.0.0.1:0", users: absent}'))).what.endswith("user add")


def test_a_certificate_that_ends_soon_is_to_be_renewed(tmp_path: Path) -> None:
    look = guarded(tmp_path)
    assert "ends in 1 days" in the_advice(checks(look)).what


@pytest.mark.parametrize("spoil", ["ended", "other key", "nonsense", "absent", "locked"])
def test_a_certificate_that_cannot_be_used_is_bad(tmp_path: Path, spoil: str) -> None:
    look = guarded(tmp_path)
    if spoil == "ended":
        renew(tmp_path, -1)
    elif spoil == "other key":
        (tmp_path / "other").mkdir()
        certificate(tmp_path / "other")[1].replace(tmp_path / "key.pem")
    elif spoil == "locked":
        words = ["openssl", "ec", "-in", "key.pem", "-aes128", "-passout", "pass:secret", "-out", "key.pem"]
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, timeout=20)
    elif spoil == "nonsense":
        (tmp_path / "cert.pem").write_text("no PEM", "ascii")
    else:
        (tmp_path / "key.pem").unlink()
    assert "cert.pem" in the_bad_one(checks(look)).what


def test_users_that_nobody_can_be_or_that_others_may_read_are_told(tmp_path: Path) -> None:
    look, users = guarded(tmp_path), tmp_path / "users"
    renew(tmp_path, 400)
    users.chmod(0o644)
    assert "others may look" in the_advice(checks(look)).what
    users.chmod(0o600)
    users.write_text(
        "".join(line for line in users.read_text("ascii").splitlines(True) if "supervisor" not in line), "ascii"
    )
    assert "no user is a supervisor" in the_advice(checks(look)).what
    users.write_text("damaged", "ascii")
    assert "users:1 is no user" in the_bad_one(checks(look)).what
    users.write_text("# nobody\n", "ascii")
    assert "names nobody" in the_bad_one(checks(look)).what
