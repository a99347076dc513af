"""The steps of installing and of undoing it, as values that can be shown before anything is done."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from station.installation import files
from station.installation.files import InstallationError, OwnFile
from station.installation.references import Needs
from station.installation.unit import CREDENTIALS, GROUPS, UnitOptions, render_unit, template
from station.text import printable

UNIT = Path("/etc/systemd/system/station.service")
RULES = Path("/etc/udev/rules.d/60-station.rules")
SYSUSERS = Path("/etc/sysusers.d/station.conf")
COMMAND_TIMEOUT_S = 120.0
"""Longer than any of these commands takes; stopping the service has the unit's own bound."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done. ``what`` is shown before."""

    what: str
    do: Callable[[], None]


def install_steps(needs: Needs, options: UnitOptions, root: Path) -> tuple[Step, ...]:
    """What installing does, in order. Raises InstallationError where a file of somebody else's is in the way."""
    own = (
        OwnFile(SYSUSERS, _sysusers(options.user), f"the user {options.user}, of the groups {', '.join(GROUPS)}"),
        OwnFile(
            RULES, f"# {files.MARK}; `station uninstall` removes it.\n" + template("60-station.rules"), "udev rules"
        ),
        OwnFile(UNIT, render_unit(needs, options), "the systemd unit, hardened"),
    )
    writing = [
        Step(f"write {file.path} ({file.what})" + _replacing(file, root), lambda file=file: files.write(file, root))  # type: ignore[misc]
        for file in own
        if files.state_of(file, root) != "same"
    ]
    at = _offline(root)
    after = [_run("systemd-sysusers", *([f"--root={root}"] if at else []), SYSUSERS.name)]
    if not at:
        after += [
            _run("udevadm", "control", "--reload"),
            _run("udevadm", "trigger", "--subsystem-match=tty", "--subsystem-match=usb-serial", "--action=add"),
            _run("udevadm", "trigger", "--subsystem-match=usbmisc", "--subsystem-match=input", "--action=add"),
            _run("systemctl", "daemon-reload"),
        ]
    after.append(_run("systemctl", *(at or ["--now"]), "enable", UNIT.name))
    if not at:
        after.append(_run("systemctl", "restart", UNIT.name))
    return (*writing, *after)


def uninstall_steps(root: Path) -> tuple[Step, ...]:
    """What undoing it does. The state, the configuration, the credentials and the user who owns them stay."""
    at = _offline(root)
    steps = []
    if files.is_there(UNIT, root):
        steps.append(_run("systemctl", *(at or ["--now"]), "disable", UNIT.name))
    steps += [
        Step(f"remove {path}", lambda path=path: files.remove(path, root))  # type: ignore[misc]
        for path in (UNIT, RULES, SYSUSERS)
        if files.is_there(path, root)
    ]
    if steps and not at:
        steps += [_run("systemctl", "daemon-reload"), _run("udevadm", "control", "--reload")]
    return tuple(steps)


def missing(needs: Needs, root: Path) -> tuple[str, ...]:
    """What a person has to put in place before the service can start, one line each."""
    secrets = [
        f"put the secret {name} into {CREDENTIALS / name}, owned by root, mode 0600: the service does not start without it"
        for name in needs.credentials
        if not files.below(root, CREDENTIALS / name).exists()
    ]
    folders = [
        f"make the folder {folder} and give it to the service's user: the service does not start without it"
        for folder in needs.writable
        if not files.below(root, folder).is_dir()
    ]
    return (*secrets, *folders)


def _sysusers(user: str) -> str:
    members = "".join(f"m {user} {group}\n" for group in GROUPS)
    head = f"# {files.MARK}; `station uninstall` removes it. See sysusers.d(5).\n"
    return f'{head}u {user} - "Hardware test station" /var/lib/station\n{members}'


def _replacing(file: OwnFile, root: Path) -> str:
    return f", the one there kept as {file.path}{files.KEPT_SUFFIX}" if files.state_of(file, root) == "changed" else ""


def _offline(root: Path) -> list[str]:
    """The option of systemctl for a root that is not the running system's."""
    return [] if root == Path("/") else [f"--root={root}"]


def _run(*words: str) -> Step:
    def do() -> None:
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, errors="replace", timeout=COMMAND_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InstallationError(f"{' '.join(words)}: {error}") from error
        if done.returncode != 0:
            said = printable(done.stderr.strip() or done.stdout.strip())
            raise InstallationError(f"{' '.join(words)} ended with {done.returncode}: {said}")

    return Step(f"run {' '.join(words)}", do)
