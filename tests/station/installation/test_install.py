"""``station install`` below a root folder of its own: shown, done, judged by systemd's own tools, and undone."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from station.cli import main
from station.config.models import StationConfig
from station.config.validate import load_configuration
from station.health import stop_bound_s
from tests.support.command import CONFIGURATION, Ended

PYTHON = "/opt/station/bin/python"


def command(*words: str | Path) -> Ended:
    """The command in this process: installing starts processes enough."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:
            status = int(str(end.code))
    return Ended(status, out.getvalue(), err.getvalue())


@dataclass(frozen=True, slots=True)
class System:
    """A system's root folder with a configuration in it."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "etc" / "station" / "station.yaml"

    @property
    def unit(self) -> Path:
        return self.root / "etc" / "systemd" / "system" / "station.service"

    @property
    def rules(self) -> Path:
        return self.root / "etc" / "udev" / "rules.d" / "60-station.rules"

    def install(self, *more: str) -> Ended:
        return command("install", "--config", self.config, "--root", self.root, "--python", PYTHON, *more)

    def uninstall(self, *more: str) -> Ended:
        return command("uninstall", "--root", self.root, *more)

    def files(self) -> dict[str, str]:
        """What is there, but for the databases of users."""
        return {
            str(path.relative_to(self.root)): str(path.readlink()) if path.is_symlink() else path.read_text("utf-8")
            for path in sorted(self.root.rglob("*"))
            if path.is_symlink() or (path.is_file() and path.parent != self.root / "etc")
        }

    def lines(self) -> list[str]:
        return self.unit.read_text("utf-8").splitlines()


@pytest.fixture
def system(tmp_path: Path) -> System:
    made = System(tmp_path / "root")
    made.config.parent.mkdir(parents=True)
    text = CONFIGURATION.format(api="https://api.yosmart.com", port="/dev/ttyUSB0")
    text = text.replace("state_dir: state", "state_dir: /var/lib/station").replace("path: labels", "path: /srv/labels")
    made.config.write_text(text.replace("${env:STATION_CS_SEC_KEY}", "${credential:cs-sec-key}"), "utf-8")
    return made


# -- done and undone -----------------------------------------------------------------------------------------------------


def test_a_dry_run_shows_all_and_does_nothing(system: System) -> None:
    before = system.files()
    shown = system.install("--dry-run")
    assert shown.status == 0
    for what in ("station.service", "60-station.rules", "systemd-sysusers", "enable station.service"):
        assert re.search(rf"^would .*{re.escape(what)}", shown.out, re.MULTILINE)
    assert system.files() == before


def test_without_a_word_of_consent_nothing_is_done(system: System) -> None:
    before = system.files()
    ended = system.install()
    assert ended.status == 2
    assert "usage.invalid: nobody is there to ask: say --yes" in ended.err
    assert system.files() == before


def test_what_was_shown_is_done_and_undone_again(system: System) -> None:
    before = system.files()
    shown = [line.removeprefix("would ") for line in system.install("--dry-run").out.splitlines()]
    done = system.install("--yes")
    assert (done.status, [line[6:] for line in done.out.splitlines() if line.startswith("done: ")]) == (0, shown)
    after = system.files()
    assert set(after) - set(before) == {
        "etc/systemd/system/station.service",
        "etc/systemd/system/multi-user.target.wants/station.service",
        "etc/sysusers.d/station.conf",
        "etc/udev/rules.d/60-station.rules",
    }
    members = (system.root / "etc" / "group").read_text("utf-8")
    assert re.findall(r"^(\w+):\w:\d+:station$", members, re.MULTILINE) == ["dialout", "lp", "input", "audio"]
    assert system.unit.stat().st_mode & 0o777 == 0o644

    undone = system.uninstall("--yes")
    assert undone.status == 0
    assert system.files() == before
    assert (system.uninstall("--yes").out.splitlines()[0], system.uninstall("--yes").status) == ("nothing to do", 0)


def test_installing_again_changes_what_has_changed_and_keeps_the_old_file(system: System) -> None:
    system.install("--yes")
    text = system.rules.read_text("utf-8")
    system.rules.write_text(text + "# a change by hand\n", "utf-8")
    shown = system.install("--dry-run")
    assert "write /etc/systemd/system/station.service" not in shown.out
    assert "the one there kept as /etc/udev/rules.d/60-station.rules.bak" in shown.out
    assert system.install("--yes").status == 0
    assert system.rules.read_text("utf-8") == text
    assert system.rules.with_name("60-station.rules.bak").read_text("utf-8").endswith("# a change by hand\n")


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_a_file_of_somebody_else_is_neither_replaced_nor_removed(system: System, command: str) -> None:
    system.unit.parent.mkdir(parents=True)
    system.unit.write_text("[Service]\nExecStart=/bin/theirs\n", "utf-8")
    ended = getattr(system, command)("--yes")
    assert ended.status == 1
    assert "install.refused: /etc/systemd/system/station.service is there and was not written by" in ended.err
    assert system.unit.read_text("utf-8") == "[Service]\nExecStart=/bin/theirs\n"
    assert not system.rules.exists()


def test_the_files_are_found_in_an_installed_package_too() -> None:
    """They are named as the package's data."""
    import tomllib
    from importlib import resources

    files = {path.name for path in resources.files("station.installation").iterdir() if "." in path.name}
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["station"]
    others = {name for name in files if not name.endswith((".py", ".pyc"))}
    assert others == {"60-station.rules", "station.service.template"}
    assert all(
        any(name.endswith(pattern.rpartition("*")[2]) for pattern in patterns if "*" in pattern) for name in others
    )


# -- the unit ------------------------------------------------------------------------------------------------------------


def test_systemd_has_nothing_to_say_against_the_unit(system: System) -> None:
    """``systemd-analyze verify`` ends with 0 on misspelt directives: any output counts. The interpreter must be there for it."""
    _with_modules(system, "usbserial", "cdc_acm", "usblp")
    system.install("--yes")
    unit = system.unit.with_name("checked.service")
    unit.write_text(system.unit.read_text("utf-8").replace(PYTHON, os.path.realpath(sys.executable)), "utf-8")
    assert _analyzed("verify", unit) == ""
    unit.write_text(unit.read_text("utf-8").replace("ProtectHome=", "ProtectHoem="), "utf-8")
    assert "ProtectHoem" in _analyzed("verify", unit), "what is wrong would be told"


def test_a_folder_that_is_named_by_a_detour_stands_plainly_in_the_unit(system: System) -> None:
    """systemd ignores a path with ".." in it, and the station could not write there; nor does a detour hide what is hidden."""
    text = system.config.read_text("utf-8")
    assert "/srv/labels" in text
    system.config.write_text(text.replace("/srv/labels", "/srv/there/../labels"), "utf-8")
    system.install("--yes")
    assert "ReadWritePaths=/srv/labels" in system.lines()
    system.config.write_text(text.replace("/srv/labels", "/srv/../home/labels"), "utf-8")
    assert "below /home" in system.install("--dry-run").err


def test_the_unit_leaves_little_open(system: System) -> None:
    system.install("--yes")
    exposure = re.search(r"Overall exposure level for station\.service: ([0-9.]+)", _analyzed("security", system.unit))
    assert exposure is not None
    assert float(exposure[1]) <= 2.0


def test_the_unit_says_what_the_configuration_needs(system: System) -> None:
    shown = system.install("--yes")
    lines = system.lines()
    assert f"ExecStart={PYTHON} -X faulthandler -m station.cli run --config /etc/station/station.yaml" in lines
    assert "LoadCredential=cs-sec-key:/etc/station/credentials/cs-sec-key" in lines
    assert "ReadWritePaths=/srv/labels" in lines
    assert not [line for line in lines if line.startswith("ReadWritePaths=/var/lib")]
    assert {"Type=notify", "WatchdogSec=60", "StateDirectory=station", "User=station"} <= set(lines)
    assert "put the secret cs-sec-key into /etc/station/credentials/cs-sec-key" in shown.err
    assert "make the folder /srv/labels" in shown.err
    assert "a service has no keyboard" in shown.err
    (system.config.parent / "credentials").mkdir()
    (system.config.parent / "credentials" / "cs-sec-key").touch()
    (system.root / "srv" / "labels").mkdir(parents=True)
    again = system.install("--dry-run")
    assert "put the secret" not in again.err
    assert "make the folder" not in again.err


def test_systemd_waits_longer_than_the_longest_stop(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    text = system.config.read_text("utf-8").replace("\n  auth:", "\n  timeout_s: 40\n  auth:", 1)
    system.config.write_text(text, "utf-8")
    system.install("--yes")
    (given,) = [int(line.partition("=")[2]) for line in system.lines() if line.startswith("TimeoutStopSec=")]
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(system.root))
    (system.root / "cs-sec-key").write_text("a-secret", "utf-8")
    config: StationConfig = load_configuration(system.config).station
    assert config.api.timeout_s == 40
    assert given > stop_bound_s(config.api.timeout_s) > 2 * 40


@pytest.mark.parametrize("modules", [(), ("usbserial",), ("usbserial", "cdc_acm", "usblp")])
def test_only_modules_that_the_kernel_has_are_wanted(system: System, modules: tuple[str, ...]) -> None:
    _with_modules(system, *modules)
    system.install("--yes")
    wanted = "".join(f" modprobe@{module}.service" for module in modules)
    assert f"Wants=network-online.target{wanted}" in system.lines()


# -- what cannot work -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--python", "/home/me/venv/bin/python"), "the interpreter, /home/me/venv/bin/python, is below /home"),
        (("--python", "/opt/my station/python"), "has characters that a unit file takes otherwise"),
        (("--root", "/"), "is below /tmp, which the service does not see; move it to /etc/station"),
    ],
)
def test_what_the_sandbox_would_hide_is_refused_before_anything_is_done(
    system: System, words: tuple[str, str], said: str
) -> None:
    before = system.files()
    ended = system.install(*words, "--dry-run")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("station: install.refused: ")
    assert said in ended.err
    assert system.files() == before


def test_a_configuration_with_mistakes_is_told_with_its_lines(system: System) -> None:
    system.config.write_text("statoin: x\n" + system.config.read_text("utf-8"), "utf-8")
    ended = system.install("--yes")
    assert ended.status == 2
    assert f"config.invalid: {system.config}:1:1" in ended.err
    assert not system.unit.exists()


def test_a_secret_from_the_environment_is_told_of(system: System) -> None:
    text = system.config.read_text("utf-8").replace("${credential:cs-sec-key}", "${env:CS_SEC_KEY}")
    system.config.write_text(text, "utf-8")
    assert "the service has no environment variable CS_SEC_KEY: write ${credential:CS_SEC_KEY} instead" in (
        system.install("--dry-run").err
    )


def test_a_user_name_is_one(system: System) -> None:
    ended = system.install("--user", "Robert; DROP", "--dry-run")
    assert (ended.status, "is no name of a user" in ended.err) == (2, True)


def _with_modules(system: System, *names: str) -> None:
    folder = system.root / "lib" / "modules" / os.uname().release
    folder.mkdir(parents=True)
    (folder / "modules.dep").write_text("".join(f"kernel/drivers/usb/{name}.ko.xz:\n" for name in names), "utf-8")


def _analyzed(verb: str, unit: Path) -> str:
    """What systemd-analyze says, on both streams; it needs no systemd that runs."""
    offline = ["--offline=true", "--no-pager"] if verb == "security" else ["--man=no"]
    done = subprocess.run(
        ["systemd-analyze", verb, *offline, str(unit)], capture_output=True, text=True, timeout=50, check=False
    )
    return done.stdout + done.stderr
