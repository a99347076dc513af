"""Writes docs/troubleshooting.md from the catalogue of codes: ``python -m scripts.troubleshooting`` (``make docs``)."""

from __future__ import annotations

from pathlib import Path

from station.errors import CATALOGUE
from station.model import Outcome

PAGE = Path(__file__).resolve().parent.parent / "docs" / "troubleshooting.md"

_INTRODUCTION = """\
# Troubleshooting

Each cycle that is not PASS shows an outcome, a headline and one thing to do, and carries a stable code: on the operator's
screen, in the `code` field of `station run --json`, in the journal and in the session log. This page lists every code.

The session log of the cycle holds every byte that passed: `station sessions show LOG` prints it, `station replay LOG` runs
the code against it. `station units show CHIP` tells what is known of one unit, `station doctor --config FILE` checks the
station itself.
"""

_SECTIONS: dict[Outcome, str] = {
    Outcome.FAIL: "The unit's fault: the station works, this board does not go on.",
    Outcome.ERROR: "The station's or the network's fault: the board is not to blame, and nothing given to it is lost.",
    Outcome.ABORTED: "Stopped before its end; the next cycle of the same board goes on where this one stopped.",
}


def render() -> str:
    """The whole page, as Markdown."""
    parts = [_INTRODUCTION]
    for outcome, meaning in _SECTIONS.items():
        rows = sorted((row for row in CATALOGUE.values() if row.outcome is outcome), key=lambda row: row.code)
        lines = [f"| `{row.code}` | {row.headline} | {row.action} |" for row in rows]
        table = "\n".join(["| code | the operator sees | what to do |", "|---|---|---|", *lines])
        parts.append(f"## {outcome.value}\n\n{meaning}\n\n{table}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
