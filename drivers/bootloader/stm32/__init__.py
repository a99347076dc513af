"""STM32 parts through the bootloader in their ROM (AN3155).

codec         frames: bytes in, values out
words         frames in words, for timelines and difference reports
parts         the table of parts
options       what the configuration says, validated
wake          the bytes that wake any chip and can never complete a command
commands      what a ROM can be asked: wake, read proven bytes, erase, write
memory        what to read and what to write, decided without a wire
plans         judging a write plan that comes back from the journal
conversation  the station's view of all that: identify, plan, write, verify
rom           the driver that starts conversations
"""

from drivers.bootloader.stm32.options import MemoryField, Stm32Options, Stm32Timing
from drivers.bootloader.stm32.parts import PARTS, Part, part_named

__all__ = ["PARTS", "MemoryField", "Part", "Stm32Options", "Stm32Timing", "part_named"]
