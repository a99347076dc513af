"""How an ESC/POS printer is configured, apart from the driver: a station without one does not load it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class EscposOptions:
    """How to talk to one ESC/POS printer.

    ``proof`` says what is queued behind each job:

    - "process_id": GS ( H, answered when the label is printed; Epson and few others;
    - "queued_status": GS r 1, answered when the printer has worked through the label; most printers;
    - "auto": both; the better one that is answered counts (``echo_timeout_s`` more is waited for the second). A printer that
      does not know GS ( H may print its bytes as text on the next label: try it before trusting it with "auto";
    - "none": nothing is asked, before or after; a job taken by the port is PRINTED with a proof that says it is unproven.

    ``write_timeout_s`` covers a raster of 50 x 30 mm, 12 KB, at 9600 baud, which takes 13 s.
    """

    dots_per_mm: float = 8.0
    proof: Literal["process_id", "queued_status", "auto", "none"] = "queued_status"
    status_timeout_s: float = 2.0
    write_timeout_s: float = 30.0
    print_timeout_s: float = 20.0
    echo_timeout_s: float = 1.0
