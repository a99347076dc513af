"""What a station needs of a board's bootloader, whatever the chip.

A ``BootloaderDriver`` is frozen configuration; ``connect`` starts one conversation on one transport. A conversation is plain
blocking question and answer, in program order, and holds nothing that outlives it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from drivers.bootloader.fields import Reading
from drivers.clock import Clock
from drivers.transport import SerialTransport

__all__ = ["Bootloader", "BootloaderDriver", "Identity", "Reading", "WritePlan"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a board says it is. ``chip_id`` is in the configured canonical form; ``app_eui`` and ``device_id`` may be blank."""

    chip_id: str
    app_eui: Reading
    device_id: Reading


@dataclass(frozen=True, slots=True)
class WritePlan:
    """All that a write will do to a board, decided before anything is changed, so that it can be journalled and done again.

    Where the DeviceID shares a flash page with other data, ``image`` is the whole page as it shall be afterwards: a board
    whose power failed between erase and write is made whole from it. ``steps`` is for people.
    """

    device_id: str
    address: int | None
    image: bytes
    erase_pages: tuple[int, ...]
    steps: str

    def to_json(self) -> dict[str, object]:
        """A JSON-ready dict; ``from_json`` gives an equal plan."""
        return {
            "device_id": self.device_id,
            "address": self.address,
            "image": self.image.hex(),
            "erase_pages": list(self.erase_pages),
            "steps": self.steps,
        }

    @classmethod
    def from_json(cls, data: dict[str, object]) -> WritePlan:
        """Inverse of ``to_json``. Raises ValueError on anything else."""
        device_id, address, image, pages = (data.get(name) for name in ("device_id", "address", "image", "erase_pages"))
        if not (
            isinstance(device_id, str)
            and isinstance(address, int | None)
            and isinstance(image, str)
            and isinstance(pages, list)
            and all(isinstance(page, int) for page in pages)
        ):
            raise ValueError(f"not a write plan: {data!r}")
        return cls(
            device_id=device_id,
            address=address,
            image=bytes.fromhex(image),
            erase_pages=tuple(pages),
            steps=str(data.get("steps", "")),
        )


class Bootloader(Protocol):
    """One conversation with one board. Every method raises TransportError or BoardError, in bounded time."""

    def identify(self) -> Identity:
        """Wake the bootloader, check the part, read chipId, appEui and the DeviceID field; every memory read is proven
        (by a second read, where reads carry no checksum). Raises FieldInvalid where chipId does not decode."""

    def plan_write(self, device_id: str, previous: WritePlan | None = None) -> WritePlan:
        """Read what the write must preserve and return the plan. Changes nothing on the board.

        ``previous`` is the journalled plan of a write that was cut off. Where the shared page now differs from its image
        only by bytes that are erased (the write died between erase and program), the plan is made from that image; anything
        else on the page is newer than the plan and is preserved.
        """

    def write(self, plan: WritePlan) -> None:
        """Carry out the plan and read all of ``plan.image`` back. Doing the same plan twice leaves the same memory.
        Raises WriteNotKept when the memory does not hold the image after the bounded retries."""

    def verify(self) -> Identity:
        """Read chipId and the DeviceID field again (``app_eui`` again too), from the board, never from memory of this object. What
        was read or written before may stand in for the second read, where it says the same."""


class BootloaderDriver(Protocol):
    """The configured driver for one kind of board; immutable and shared by all sockets."""

    @property
    def label(self) -> str:
        """Name and part for people and the session log, such as ``stm32 STM32WL``."""

    def connect(self, link: SerialTransport, clock: Clock) -> Bootloader:
        """Start a conversation on an open transport: framing set, nothing sent yet."""

    def is_present(self, link: SerialTransport, clock: Clock) -> bool:
        """One short attempt (under 0.3 s) to wake a bootloader; True when something answers in its protocol. Harmless to a
        board in any state. Raises TransportError other than DeadlineExpired."""

    def check_device_id(self, device_id: str) -> None:
        """Whether a board's memory can hold this DeviceID, as far as the configuration tells; talks to no board. Raises
        DriverMisuse where not: to be asked before anything is spent on the id."""

    def may_be_cut_off(self, device_id: str, held: Reading) -> bool:
        """Whether the DeviceID's field, which is not blank, holds what a write of this DeviceID may have left that was cut off
        at any moment, or that was done whole. Raises DriverMisuse where the board's memory cannot hold it."""
