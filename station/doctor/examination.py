"""Runs all self-checks side by side: one that fails, or hangs, keeps no other from being heard."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drivers.clock import Clock, Deadline, SystemClock
from drivers.errors import DriverError
from drivers.port_holder import lock_owners
from station.config.validate import Configuration
from station.doctor import (
    Check,
    Finding,
    Survey,
    api,
    bad,
    configuration,
    disk_speed,
    journal,
    latency,
    modem_manager,
    page,
    pool,
    printers,
    serial_ports,
    signals,
    start_devices,
    state_folder,
    time_service,
    versions,
    wall_clock,
)
from station.errors import StationError, explain

LIMIT_S = 30.0
"""Bound of the whole examination. The longest wait of any one check is that for a printer or the API, 10 s by default; what still
looks after this, at a very large journal perhaps, is said to."""

_ALL = (
    configuration.checks,
    versions.checks,
    wall_clock.checks,
    time_service.checks,
    state_folder.checks,
    disk_speed.checks,
    journal.checks,
    pool.checks,
    api.checks,
    serial_ports.checks,
    start_devices.checks,
    signals.checks,
    latency.checks,
    modem_manager.checks,
    printers.checks,
    page.checks,
)


def survey_of(examined: Configuration, root: Path = Path("/")) -> Survey:
    """The station as this computer has it now; ``root`` is where /proc, /sys and /run are found."""
    return Survey(examined, SystemClock(), agent_pid=_agent_of(examined.station.journal_path), root=root)


def checks_of(survey: Survey) -> list[Check]:
    """Every check, in the order in which they are told."""
    return [check for checks in _ALL for check in checks(survey)]


def examine(checks: Sequence[Check], clock: Clock, limit_s: float = LIMIT_S) -> Iterator[tuple[str, Finding]]:
    """The name and each finding of every check, in their order, within ``limit_s`` in all."""
    deadline = Deadline.after(limit_s, clock)
    looks = [_Look(check) for check in checks]
    for look in looks:
        look.thread.start()
    for look in looks:
        look.thread.join(deadline.remaining_s())
        for finding in look.outcome():
            yield look.check.name, finding


@dataclass(slots=True)
class _Look:
    """One check in a thread of its own, which is left behind where it does not come back."""

    check: Check
    findings: list[Finding] = field(default_factory=list)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, name=f"check {self.check.name}", daemon=True)

    def outcome(self) -> list[Finding]:
        found = list(self.findings)
        if self.thread.is_alive():
            found.append(bad("not finished in time", "find out what this waits for, then check again"))
        return found

    def _run(self) -> None:
        try:
            self.findings.extend(self.check.look())
        except (StationError, DriverError) as error:
            self.findings.append(bad(f"{error.code}: {error}", explain(error).action))
        except Exception as error:  # noqa: BLE001 (a check with a fault of its own must not hide the others)
            self.findings.append(bad(f"the check itself failed: {type(error).__name__}: {error}", "report this"))


def _agent_of(journal_path: Path) -> int | None:
    """The process that owns the journal, by the lock it holds (``station.journal.sqlite.OwnerLock``)."""
    try:
        owners = lock_owners(journal_path.with_name(journal_path.name + ".lock").stat())
    except OSError:
        return None
    return owners[0] if owners else None
