"""The configured driver for one kind of STM32 board."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.bootloader import Bootloader, Reading
from drivers.bootloader.fields import may_be_cut_off
from drivers.bootloader.stm32.commands import Rom
from drivers.bootloader.stm32.conversation import Stm32Conversation
from drivers.bootloader.stm32.options import Stm32Options
from drivers.bootloader.stm32.plans import encode
from drivers.clock import Clock
from drivers.transport import SerialTransport

PROBE_S = 0.12
"""How long sending a probe, and then its answer, may take each: together under the 0.3 s that ``is_present`` has."""


@dataclass(frozen=True, slots=True)
class Stm32Driver:
    """A configured kind of STM32 board; see ``BootloaderDriver``."""

    options: Stm32Options

    @property
    def label(self) -> str:
        return f"stm32 {self.options.row.name}"

    def connect(self, link: SerialTransport, clock: Clock) -> Bootloader:
        options = self.options
        return Stm32Conversation(options, Rom(link, clock, options.row, options.timing, options.reset))

    def is_present(self, link: SerialTransport, clock: Clock) -> bool:
        """Sends two bytes, 7F FE, back to back. A fresh chip answers the first, an idle one the second or, probed before, the
        first.

        The pair completes nothing in a chip that waits for an address, a length or a count, however often it is repeated, and the
        rest of ``wake.py`` holds for it too. It goes out in one piece: a board that came alive between the two would be deaf.
        """
        rom = Rom(link, clock, self.options.row, self.options.timing)
        return rom.answers_probe(PROBE_S)

    def check_device_id(self, device_id: str) -> None:
        encode(self.options.device_id, device_id)

    def may_be_cut_off(self, device_id: str, held: Reading) -> bool:
        return may_be_cut_off(encode(self.options.device_id, device_id), held.raw, self.options.device_id.format.blanks)
