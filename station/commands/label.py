"""``station label``: a preview as PNG, and a counted reprint."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from station.desk import PrintAgain
from station.offline import add_config_argument, add_reason_arguments, carry_out, configured
from station.ports import LabelData

SAMPLE = LabelData(
    "0123456789ABCDEF0123456789ABCDEF", "d88b4c0100000001", "3A0041000951363035393936", "70B3D57ED00001C0"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    preview = actions.add_parser("preview", help="draw the configured label as a PNG")
    add_config_argument(preview)
    preview.add_argument("--to", required=True, type=Path, metavar="FILE.png")
    for name in ("sn", "device-id", "chip-id", "app-eui"):
        attribute = name.replace("-", "_")
        preview.add_argument(f"--{name}", default=getattr(SAMPLE, attribute), metavar="TEXT")
    preview.add_argument(
        "--dots-per-mm", type=float, default=8.0, metavar="N", help="8 for 203 dpi (default), 12 for 300"
    )
    reprint = actions.add_parser("reprint", help="print a unit's label once more; counted, with a reason")
    add_config_argument(reprint)
    reprint.add_argument("chip_id", metavar="CHIPID")
    reprint.add_argument("--printer", metavar="NAME", help="the printer (default: the first one)")
    add_reason_arguments(reprint)


def run(options: argparse.Namespace) -> int:
    """0; an error with its code where nothing was drawn or the label's fate is not ``printed``."""
    return {"preview": _preview, "reprint": _reprint}[options.action](options)


def _preview(options: argparse.Namespace) -> int:
    from station.label import preview

    configuration = configured(options)
    extra = dict(configuration.station.label_extra)
    data = LabelData(options.sn, options.device_id, options.chip_id, options.app_eui, extra=extra)
    picture = preview(configuration.label, data, options.dots_per_mm)
    options.to.write_bytes(picture)
    sys.stdout.write(f"{options.to}\n")
    return 0


def _reprint(options: argparse.Namespace) -> int:
    request = PrintAgain(options.chip_id, options.reason, options.operator, options.printer)
    sys.stdout.write(carry_out(configured(options), request).text + "\n")
    return 0
