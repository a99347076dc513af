"""A label as a PNG file: the "printer" of a desk without one, and of whoever collects labels as pictures."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.clock import Clock, Deadline
from drivers.errors import TransportError
from drivers.printer import Fate, Language, Receipt
from drivers.transport import Transport


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """``dots_per_mm`` is the resolution labels are drawn in; ``write_timeout_s`` bounds the one write of a file."""

    dots_per_mm: float = 8.0
    write_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ImagePrinter:
    """Writes each job, a PNG file, to the transport in one write."""

    options: ImageOptions = ImageOptions()

    @property
    def language(self) -> Language:
        return "png"

    @property
    def dots_per_mm(self) -> float:
        return self.options.dots_per_mm

    def check(self, link: Transport, clock: Clock) -> None:
        """A sink has no status: an open transport is ready."""

    def send(self, link: Transport, job: bytes, clock: Clock, usual_s: float = 0.0) -> Receipt:  # noqa: ARG002
        """PRINTED when the sink has taken all bytes, IN_DOUBT when the write failed part-way."""
        try:
            link.write(job, Deadline.after(self.options.write_timeout_s, clock))
        except TransportError as error:
            return Receipt(Fate.IN_DOUBT, "no proof: the write failed", str(error))
        return Receipt(Fate.PRINTED, "image written", f"{len(job)} bytes to {link.name}")
