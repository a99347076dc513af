"""A private CUPS server: its own configuration, spool and socket, and one raw queue whose backend speaks to a TCP printer."""

from __future__ import annotations

import grp
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

QUEUE = "label"
BACKEND = """#!/bin/bash
# Like CUPS's own socket backend: the job's bytes to the device's address; exit status 1 (failed) where nobody is there.
[ $# -eq 0 ] && exit 0
place=${DEVICE_URI#station-raw://}
exec 3<>"/dev/tcp/${place%:*}/${place#*:}" || exit 1
cat -- "${6:--}" >&3
"""
_SETTINGS = """LogLevel warn
MaxLogSize 1m
Listen {socket}
Browsing Off
DefaultShared No
WebInterface No
PreserveJobHistory Yes
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  JobPrivateAccess all
  JobPrivateValues none
  SubscriptionPrivateAccess all
  SubscriptionPrivateValues none
  <Limit Cancel-Job>
    AuthType Default
    Require user @OWNER @SYSTEM
    Order deny,allow
  </Limit>
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
"""
_FILES = """FileDevice Yes
AccessLog {root}/access_log
ErrorLog {root}/error_log
PageLog {root}/page_log
CacheDir {root}/cache
DataDir /usr/share/cups
RequestRoot {root}/spool
ServerBin {root}/bin
ServerRoot {root}
StateDir {root}/state
TempDir {root}/tmp
SystemGroup {group}
"""
_PRINTER = """<Printer {queue}>
Info label
DeviceURI station-raw://{device}
State Idle
Accepting Yes
Shared No
JobSheets none none
QuotaPeriod 0
PageLimit 0
KLimit 0
OpPolicy default
ErrorPolicy {error_policy}
</Printer>
"""


@dataclass(frozen=True, slots=True)
class Cups:
    """A running server. ``root`` holds all of it."""

    root: Path
    socket: str

    def command(self, *arguments: str) -> str:
        """One of CUPS's own commands against this server."""
        name, *rest = arguments
        done = subprocess.run(
            [shutil.which(name) or f"/usr/sbin/{name}", "-h", self.socket, *rest],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            env={**os.environ, "LC_ALL": "C"},
        )
        return done.stdout


def new_root() -> Path:
    """A folder for one server, which removes it."""
    return Path(tempfile.mkdtemp(prefix="cups-"))


@contextmanager
def private_cups(device: str, root: Path | None = None, error_policy: str = "stop-printer") -> Iterator[Cups]:
    """A server whose queue ``QUEUE`` sends to ``device``, ``host:port``. ``root`` is a new folder of
    few letters, since a socket's path is short; its socket is ``cups.sock`` in there."""
    root = root or new_root()
    for folder in ("bin/backend", "cache", "spool/tmp", "state", "tmp", "ppd"):
        (root / folder).mkdir(parents=True)
    for tools in Path("/usr/lib/cups").iterdir():
        if tools.name != "backend":
            (root / "bin" / tools.name).symlink_to(tools)
    backend = root / "bin/backend/station-raw"
    backend.write_text(BACKEND)
    backend.chmod(0o700)
    path = str(root / "cups.sock")
    (root / "cupsd.conf").write_text(_SETTINGS.format(socket=path))
    (root / "cups-files.conf").write_text(_FILES.format(root=root, group=grp.getgrgid(os.getgid()).gr_name))
    (root / "printers.conf").write_text(_PRINTER.format(queue=QUEUE, device=device, error_policy=error_policy))
    with (root / "stderr").open("w") as stderr:
        server = subprocess.Popen(
            ["/usr/sbin/cupsd", "-f", "-c", str(root / "cupsd.conf"), "-s", str(root / "cups-files.conf")],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        _await_socket(path, server, root)
        yield Cups(root, path)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(root, ignore_errors=True)


def _await_socket(path: str, server: subprocess.Popen[bytes], root: Path) -> None:
    """Until it answers; the bound is only there to end a hang."""
    for _ in range(1500):
        if server.poll() is not None:
            break
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(path) == 0:
                return
        time.sleep(0.02)
    logs = "\n".join((root / name).read_text() for name in ("stderr", "error_log") if (root / name).exists())
    raise AssertionError(f"cupsd does not answer: {logs}")
