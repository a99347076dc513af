"""How much longer than a good cycle a fault may take: reckoned from the waits that the configuration bounds.

A board's conversation (``Stm32Timing``): an answer that stays out costs ``reply_s``, then the chip is woken. Waking sends the two
bytes of the probe and the rest of the sequence, each waited for ``sync_s``; a chip that then talks is let finish (``quiet_s``),
aligned (twice ``sync_s``) and asked for its product id (twice ``reply_s``). A call to the API is bounded as ``RetryOptions`` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.bootloader.stm32.options import Stm32Timing
from drivers.bootloader.text_line import TextLineOptions
from drivers.bootloader.text_options import Wake
from drivers.printer.zpl import ZplOptions
from drivers.tcp_port import TcpOptions
from station.config.models import StationConfig
from station.journal.opening import LOCK_TIMEOUT_S
from station.production_api.options import RetryOptions

SYNC_WAITS, ALIGN_WAITS, ID_WAITS = 3, 2, 2


@dataclass(frozen=True, slots=True)
class Limits:
    """The waits of one configuration; by default those of a configuration that says nothing of them."""

    timeout_s: float = 10.0
    retry: RetryOptions = field(default_factory=RetryOptions)
    stm32: Stm32Timing = field(default_factory=Stm32Timing)
    text: TextLineOptions = field(default_factory=TextLineOptions)
    zpl: ZplOptions = field(default_factory=ZplOptions)
    connect_s: float = TcpOptions("printer").connect_timeout_s

    @classmethod
    def of(cls, config: StationConfig) -> Limits:
        """Those of a station with one ZPL printer on TCP."""
        board, printer = config.board, config.printers[0]
        assert printer.connection.tcp is not None
        return cls(
            config.api.timeout_s,
            config.api.retry,
            board.stm32.timing if board.stm32 else Stm32Timing(),
            board.text_line or TextLineOptions(),
            printer.driver.zpl or ZplOptions(),
            printer.connection.tcp.connect_timeout_s,
        )

    @property
    def sync_s(self) -> float:
        """Everything that a chip which stays silent is sent."""
        return SYNC_WAITS * self.stm32.sync_s + self.stm32.wire_s(self.stm32.recovery_bytes)

    @property
    def lapse_s(self) -> float:
        """One answer that stays out, and the chip woken again."""
        chip = self.stm32
        wake_s = self.sync_s + chip.quiet_s + ALIGN_WAITS * chip.sync_s + ID_WAITS * chip.reply_s
        return chip.reply_s + chip.sync_s + chip.attempts * wake_s

    @property
    def call_s(self) -> float:
        """One call to the API with all its repeats."""
        retry = self.retry
        longest_s = max(retry.cap_s, retry.limited_cap_s, retry.retry_after_cap_s)
        return retry.attempts * self.timeout_s + (retry.attempts - 1) * longest_s

    @property
    def text_s(self) -> float:
        """One command of a text line board given up, and the board woken: each attempt waits, drains and wakes."""
        wake: Wake = self.text.wake
        longest_s = max(self.text.chip_id.timeout_s, self.text.write.timeout_s)
        attempt_s = longest_s + self.text.quiet_s + wake.attempts * len(wake.send) * wake.timeout_s
        return self.text.attempts * attempt_s


@dataclass(frozen=True, slots=True)
class Bound:
    """``settings``: the keys that it is reckoned from, as the page names them."""

    settings: str
    seconds: Callable[[Limits], float]


NOTHING = Bound("no wait", lambda _: 0.0)
SILENT_BOARD = Bound("`timing.sync_s`, `timing.recovery_bytes`", lambda limits: limits.sync_s)
ONE_ANSWER = Bound("`timing`: one answer that stays out, waking", lambda limits: limits.lapse_s)
REFUSALS = Bound("`timing.attempts`, `timing.quiet_s`", lambda limits: limits.stm32.attempts * limits.stm32.quiet_s)
TEXT_COMMAND = Bound("`text_line`: attempts, time-outs, `wake`", lambda limits: limits.text_s)
CALL = Bound("`api.timeout_s`, `api.retry`", lambda limits: limits.call_s)
REFILL = Bound("at the start of the station: `api.timeout_s`, `api.retry`", lambda limits: limits.call_s)
TWO_CALLS = Bound("`api.timeout_s`, `api.retry`, two calls", lambda limits: 2 * limits.call_s)
STATUS = Bound("`zpl.status_timeout_s`", lambda limits: limits.zpl.status_timeout_s)
PRINT = Bound(
    "`zpl`: write, polls, silences",
    lambda limits: (
        limits.zpl.write_timeout_s
        + limits.zpl.max_polls * limits.zpl.poll_interval_s
        + (1 + limits.zpl.max_silences) * limits.zpl.status_timeout_s
    ),
)
CONNECT = Bound("`tcp.connect_timeout_s`", lambda limits: limits.connect_s)
JOURNAL = Bound("the journal's lock", lambda _: LOCK_TIMEOUT_S)
