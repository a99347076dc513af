"""The computer's clock: a year that can be, and the same time as the API's server, which signed requests need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from station.doctor import Check, Finding, Survey, bad, good
from station.doctor.web import connected, knock
from station.production_api.errors import ApiError
from station.production_api.http import HttpFailure
from station.production_api.retry import parse_http_date
from station.production_api.tokens import CLOCK_TOLERANCE_S

EARLIEST_S = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
"""Before this program was written."""
LATEST_S = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_SET_IT = "set the clock and keep it: timedatectl set-ntp true"


@dataclass(frozen=True, slots=True)
class ClockCheck:
    """See ``Check``."""

    survey: Survey
    name: str = "clock"

    def look(self) -> Iterator[Finding]:
        now_s = self.survey.clock.wall_s()
        if not EARLIEST_S <= now_s < LATEST_S:
            yield bad(f"the clock says the year {datetime.fromtimestamp(now_s, UTC).year}", _SET_IT)
            return
        yield good(f"{datetime.fromtimestamp(now_s, UTC):%Y-%m-%d %H:%M:%S} UTC")
        server_s = self._server_s()
        if server_s is None:
            yield good("not compared with the server's, which does not tell its own")
            return
        ahead_s = self.survey.clock.wall_s() - server_s
        if abs(ahead_s) > CLOCK_TOLERANCE_S:
            side = "ahead of" if ahead_s > 0 else "behind"
            yield bad(f"{abs(ahead_s) / 60:.0f} minutes {side} the API's server", _SET_IT)
        else:
            yield good("agrees with the API's server")

    def _server_s(self) -> float | None:
        """The server's Date; None where it cannot be had, which is the API check's to tell."""
        options = self.survey.configuration.station.api.options()
        try:
            with connected(options, self.survey.clock) as port:
                return parse_http_date(knock(port, options).header("date"))
        except (HttpFailure, ApiError):
            return None


def checks(survey: Survey) -> list[Check]:
    return [ClockCheck(survey)]
