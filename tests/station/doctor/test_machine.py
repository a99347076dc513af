"""Checks of the computer: state folder, secrets, libraries, FTDI adapters, ModemManager."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from station.doctor import Grade, configuration, latency, modem_manager, state_folder, time_service, versions
from station.doctor.state_folder import StateFolderCheck
from station.doctor.time_service import TimeServiceCheck
from station.doctor.versions import VersionsCheck
from tests.support.configuration import changed
from tests.support.doctor import findings, grades, survey, the_advice, the_bad_one


def test_a_good_configuration_is_named(tmp_path: Path) -> None:
    (finding,) = findings(configuration.checks(survey(tmp_path)))
    assert (finding.grade, finding.what) == (Grade.GOOD, f"{tmp_path}/station.yaml: station jig-1, sockets A")


def test_a_secret_that_others_may_read_is_told(tmp_path: Path) -> None:
    examined = survey(tmp_path)
    (tmp_path / "key").chmod(0o644)
    finding = the_advice(configuration.checks(examined))
    assert finding.remedy == f"chmod 600 {tmp_path}/key"


def test_an_unchecked_certificate_is_told_with_its_line(tmp_path: Path) -> None:
    examined = survey(tmp_path, changed(("  timeout_s: 10", "  http: {insecure: true}")))
    assert the_advice(configuration.checks(examined)).what.startswith(f"{tmp_path}/station.yaml:10: ")


def test_a_state_folder_that_is_yet_to_be_made_is_good(tmp_path: Path) -> None:
    first, room = findings(state_folder.checks(survey(tmp_path)))
    assert first.what == f"{tmp_path}/state is not there yet; the first start makes it in {tmp_path}"
    assert room.grade is not Grade.BAD


def test_a_private_state_folder_with_room_is_good(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    assert grades([StateFolderCheck(folder, low_bytes=0, full_bytes=0)]) == {Grade.GOOD}
    assert not any(folder.iterdir()), "a check writes nothing"


def test_a_state_folder_that_others_may_look_into_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    folder.chmod(0o755)
    assert the_advice([StateFolderCheck(folder, low_bytes=0)]).remedy == f"chmod 700 {folder}"


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_state_folder_that_cannot_be_is_bad(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    assert "is no folder" in the_bad_one([StateFolderCheck(tmp_path / name)]).what


def test_a_disk_that_fills_is_told_and_a_full_one_is_bad(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert "the disk fills" in the_advice([StateFolderCheck(tmp_path, low_bytes=1 << 62, full_bytes=0)]).what
    assert "the disk is full" in the_bad_one([StateFolderCheck(tmp_path, full_bytes=1 << 62)]).what


def test_versions_are_named_and_a_library_that_is_missing_or_old_is_bad(tmp_path: Path) -> None:
    assert grades(versions.checks(survey(tmp_path))) == {Grade.GOOD}
    assert the_bad_one([VersionsCheck(["no-such-library>=1"])]).what == "the library no-such-library is not there"
    old = the_bad_one([VersionsCheck(["pydantic>=999.1"])])
    assert old.what == f"the library pydantic is {metadata.version('pydantic')}, older than 999.1"
    assert grades([VersionsCheck(['hypothesis>=999; extra == "dev"'])]) == {Grade.GOOD}


def test_a_clock_that_nobody_keeps_is_told_and_one_that_is_kept_is_good(tmp_path: Path) -> None:
    assert "set-ntp" in the_advice([TimeServiceCheck(ask=lambda: 5)]).remedy
    assert grades([TimeServiceCheck(ask=lambda: 0)]) == {Grade.GOOD}
    assert 0 <= time_service.kernel_clock_state() <= 5, "what adjtimex(2) may answer"
    (check,) = time_service.checks(survey(tmp_path))
    assert check.name == "time service"


def test_a_kernel_that_does_not_tell_of_its_clock_is_said_so() -> None:
    def refused() -> int:
        raise PermissionError(1, "Operation not permitted")

    assert "Operation not permitted" in the_advice([TimeServiceCheck(ask=refused)]).what


def _ftdi(root: Path, latency_ms: int) -> None:
    timer = root / "sys/class/tty/ttyABSENT0/device/latency_timer"
    timer.parent.mkdir(parents=True)
    timer.write_text(f"{latency_ms}\n")


def test_a_slow_ftdi_adapter_is_told(tmp_path: Path) -> None:
    _ftdi(tmp_path, 16)
    finding = the_advice(latency.checks(survey(tmp_path, root=tmp_path)))
    assert finding.what == "the adapter holds each answer back for up to 16 ms"
    assert f"echo 1 > {tmp_path}/sys/class/tty/ttyABSENT0/device/latency_timer" in finding.remedy


def test_a_fast_ftdi_adapter_is_good_and_another_adapter_has_no_timer(tmp_path: Path) -> None:
    assert latency.checks(survey(tmp_path, root=tmp_path)) == []
    _ftdi(tmp_path, 1)
    assert grades(latency.checks(survey(tmp_path, root=tmp_path))) == {Grade.GOOD}


USB = ("/dev/ttyABSENT0", "/dev/ttyUSB77")


def _plug(root: Path, *, modem_manager_runs: bool, properties: str = "") -> None:
    (root / "proc/812").mkdir(parents=True)
    (root / "proc/812/comm").write_text("ModemManager\n" if modem_manager_runs else "sshd\n")
    (root / "sys/class/tty/ttyUSB77").mkdir(parents=True)
    (root / "sys/class/tty/ttyUSB77/dev").write_text("188:77\n")
    (root / "run/udev/data").mkdir(parents=True)
    (root / "run/udev/data/c188:77").write_text(f"E:ID_BUS=usb\n{properties}")


def test_modem_manager_is_bad_where_it_may_talk_to_a_board(tmp_path: Path) -> None:
    _plug(tmp_path, modem_manager_runs=True)
    finding = the_bad_one(modem_manager.checks(survey(tmp_path, changed(USB), root=tmp_path)))
    assert finding.what == "may talk to the board at /dev/ttyUSB77"
    assert "udev" in finding.remedy


@pytest.mark.parametrize("ignored", ["E:ID_MM_DEVICE_IGNORE=1\n", "E:ID_MM_PORT_IGNORE=1\n"])
def test_modem_manager_is_good_where_udev_keeps_it_away(tmp_path: Path, ignored: str) -> None:
    _plug(tmp_path, modem_manager_runs=True, properties=ignored)
    assert grades(modem_manager.checks(survey(tmp_path, changed(USB), root=tmp_path))) == {Grade.GOOD}


def test_modem_manager_is_good_where_it_does_not_run_or_no_port_is_a_usb_adapter(tmp_path: Path) -> None:
    _plug(tmp_path, modem_manager_runs=False)
    (finding,) = findings(modem_manager.checks(survey(tmp_path, changed(USB), root=tmp_path)))
    assert (finding.grade, finding.what) == (Grade.GOOD, "does not run")
    (tmp_path / "proc/812/comm").write_text("ModemManager\n")
    assert grades(modem_manager.checks(survey(tmp_path, root=tmp_path))) == {Grade.GOOD}
