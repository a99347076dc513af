"""One cycle with its session log, from before its first byte until the log is filed."""

from __future__ import annotations

import logging

from drivers.clock import Clock
from drivers.trigger import TriggerEvent
from station.bench import Policy, World, assemble
from station.claims import Claims
from station.config.validate import Configuration
from station.cycle import Cycle
from station.cycle_record import failed_result, session_head
from station.errors import StationError
from station.filing import file_log
from station.housekeeping import require_room
from station.journal.journal import Journal
from station.model import CycleResult
from station.production_api.tokens import TokenSource
from station.session.masking import Masker
from station.session.recorder import RecordingSession
from station.session.store import path_for

logger = logging.getLogger(__name__)


class RecordedCycles:
    """Runs cycles of a station's sockets, each with a log of its own. Safe to share between the sockets' threads."""

    def __init__(
        self, configuration: Configuration, journal: Journal, claims: Claims, tokens: TokenSource, clock: Clock
    ) -> None:
        self._configuration = configuration
        self._config = configuration.station
        self._journal = journal
        self._claims = claims
        self._tokens = tokens
        self._clock = clock

    def run(self, policy: Policy, world: World, event: TriggerEvent) -> CycleResult:
        """Once the journal has a cycle's result, nothing changes it any more: a log that cannot be finished is finished at the
        next start, from what is on disk."""
        started_s = self._clock.monotonic_s()
        session: RecordingSession | None = None
        cycle: Cycle | None = None
        result: CycleResult | None = None
        try:
            require_room(self._config.state_dir)
            path = path_for(self._config.sessions_dir, self._clock.wall_s(), policy.station, policy.socket)
            head = session_head(self._configuration, policy, event, str(path))
            session = RecordingSession.start(path, head, self._clock, Masker(self._tokens.texts))
            cycle = Cycle(assemble(policy, world, session), str(path), policy.scanned_sn(event.text))
            result = cycle.run()
        except StationError as error:
            logger.error("socket %s: the cycle could not be recorded: %s", policy.socket, error)
            duration_s = self._clock.monotonic_s() - started_s
            return failed_result(policy, error, duration_s) if cycle is None else cycle.unrecorded(error, duration_s)
        finally:
            self._claims.release(f"socket {policy.socket}")
            if session is not None:
                self._file(session, result)
        return result

    def _file(self, session: RecordingSession, result: CycleResult | None) -> None:
        try:
            closed = session.close()
        except StationError as error:
            logger.error("session log %s is not finished: %s", session.path, error)
            return
        file_log(self._journal, self._config.sessions_dir, closed, None if result is None else result.cycle)
