"""Who holds a device, and who may: what makes "busy" and "denied" errors worth reading."""

from __future__ import annotations

import contextlib
import grp
import os
from pathlib import Path

MAX_HOLDERS = 3
MAX_COMMAND_CHARS = 80


def describe_holders(path: str) -> str:
    """Who keeps ``path``, as ``name (pid N)``, as far as this user may see; "another process" where that is not at all.

    These are the owners of a lock on it (flock), else the other processes that have it open, else this very process, which
    then has two sockets configured on one port.
    """
    try:
        status = Path(path).stat()
    except OSError:
        return "another process"
    pids = lock_owners(status) or _openers(status.st_rdev)
    others = [pid for pid in pids if pid != os.getpid()]
    if pids and not others:
        return "this program itself"
    return ", ".join(f"{_command(pid)} (pid {pid})" for pid in others[:MAX_HOLDERS]) or "another process"


def describe_group(path: str) -> str:
    """What this user lacks to open ``path``."""
    try:
        owner = Path(path).stat().st_gid
        return f"the device belongs to group {grp.getgrgid(owner).gr_name}"
    except (OSError, KeyError):
        return "the device's group is not known"


def lock_owners(status: os.stat_result) -> list[int]:
    """Who holds a flock on the file of this status: pids from /proc/locks.

    Its lines are ``1: FLOCK ADVISORY WRITE pid major:minor:inode start end``, the device in hex (proc(5)).
    """
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        rows = [line.split() for line in Path("/proc/locks").read_text("ascii", "replace").splitlines()]
    except OSError:
        return []
    return [
        int(row[4]) for row in rows if len(row) >= 6 and row[1] == "FLOCK" and row[5] == device and row[4].isdecimal()
    ]


def _openers(device: int) -> list[int]:
    processes = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return [pid for pid in sorted(processes) if device and _has_open(Path(f"/proc/{pid}"), device)]


def _has_open(process: Path, device: int) -> bool:
    try:
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed in the meantime
                if descriptor.stat().st_rdev == device:
                    return True
    except OSError:
        return False
    return False


def _command(pid: int) -> str:
    """What runs: the program, and for an interpreter its script or module."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return "a process"
    names = [Path(words[0]).name]
    if names[0].startswith(("python", "perl", "bash", "sh")):
        names += [Path(word).name for word in words[1:] if word and not word.startswith("-")][:1]
    text = " ".join(names)[:MAX_COMMAND_CHARS]
    return "".join(char if char.isprintable() else "?" for char in text) or "a process"
