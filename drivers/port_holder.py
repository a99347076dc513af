"""Who holds a device, and who may: what makes "busy" and "denied" errors worth reading."""

from __future__ import annotations

import grp
import os
from pathlib import Path

MAX_HOLDERS = 3


def describe_holders(path: str) -> str:
    """The processes that have ``path`` open, as ``name (pid N)``, as far as this user may see; "another process"
    where that is not at all. One that is this very process has two sockets configured on one port."""
    try:
        device = Path(path).stat().st_rdev
    except OSError:
        return "another process"
    holders = []
    for process in sorted(Path("/proc").glob("[0-9]*")):
        if _has_open(process, device):
            is_own = int(process.name) == os.getpid()
            holders.append("this program itself" if is_own else f"{_command(process)} (pid {process.name})")
        if len(holders) == MAX_HOLDERS:
            break
    return ", ".join(holders) or "another process"


def describe_group(path: str) -> str:
    """What this user lacks to open ``path``."""
    try:
        owner = Path(path).stat().st_gid
        return f"the device belongs to group {grp.getgrgid(owner).gr_name}"
    except (OSError, KeyError):
        return "the device's group is not known"


def _has_open(process: Path, device: int) -> bool:
    try:
        for descriptor in (process / "fd").iterdir():
            try:
                status = descriptor.stat()
            except OSError:
                continue
            if status.st_rdev == device and status.st_rdev != 0:
                return True
    except OSError:
        return False
    return False


def _command(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "a process"
    name = Path(words[0].decode("utf-8", "replace")).name
    return "".join(char if char.isprintable() else "?" for char in name) or "a process"
