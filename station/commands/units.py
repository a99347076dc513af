"""``station units``: what the journal knows of units, and settling one that is held or whose label is in doubt."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime

from station.desk import Resolve, SettleLabel, unit_line
from station.errors import UnitError
from station.journal.records import LISTING_MAX, Decision, UnitHistory, UnitQuery
from station.model import Unit, UnitStatus
from station.offline import add_config_argument, add_reason_arguments, carry_out, configured, reading
from station.text import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="units, newest first")
    add_config_argument(listing)
    listing.add_argument("text", nargs="?", metavar="TEXT", help="a chipId, DeviceID or SN, or how one begins")
    listing.add_argument("--status", choices=[status.value for status in UnitStatus])
    listing.add_argument("--held", action="store_true", help="only units in doubt or set aside")
    listing.add_argument("--limit", type=int, default=100, metavar="N", help=f"at most {LISTING_MAX} (default 100)")
    listing.add_argument("--json", action="store_true", help="one JSON line per unit")
    show = actions.add_parser("show", help="all that is on record of one unit")
    add_config_argument(show)
    show.add_argument("chip_id", metavar="CHIPID")
    show.add_argument("--json", action="store_true")
    resolve = actions.add_parser("resolve", help="settle a unit that is held, or a label in doubt")
    add_config_argument(resolve)
    resolve.add_argument("chip_id", metavar="CHIPID")
    decision = resolve.add_mutually_exclusive_group(required=True)
    decision.add_argument("--decision", choices=[decision.value for decision in Decision], help="what becomes of it")
    decision.add_argument("--label", choices=["printed", "not-printed"], help="whether the label in doubt is there")
    resolve.add_argument("--device-id", metavar="ID", help="with --decision done: the DeviceID that is activated")
    resolve.add_argument("--sn", metavar="SN", help="with --decision done: the SN that is bound")
    add_reason_arguments(resolve)


def run(options: argparse.Namespace) -> int:
    """0, or an error with its code."""
    return {"list": _list, "show": _show, "resolve": _resolve}[options.action](options)


def _list(options: argparse.Namespace) -> int:
    if not 1 <= options.limit <= LISTING_MAX:
        raise UnitError("config.invalid", f"--limit must be 1 to {LISTING_MAX}")
    query = UnitQuery(
        text=options.text,
        status=UnitStatus(options.status) if options.status else None,
        held=True if options.held else None,
        limit=options.limit,
    )
    with reading(configured(options).station) as journal:
        units = journal.units(query)
    for unit in units:
        sys.stdout.write((json.dumps(_as_json(unit)) if options.json else unit_line(unit)) + "\n")
    return 0


def _show(options: argparse.Namespace) -> int:
    with reading(configured(options).station) as journal:
        history = journal.unit_history(options.chip_id)
    if history is None:
        raise UnitError("unit.unknown", f"no unit has chipId {printable(options.chip_id)}")
    sys.stdout.write((json.dumps(asdict(history)) if options.json else _story(history)) + "\n")
    return 0


def _resolve(options: argparse.Namespace) -> int:
    who = {"reason": options.reason, "operator": options.operator}
    request: Resolve | SettleLabel
    if options.label is not None:
        request = SettleLabel(options.chip_id, options.label == "printed", **who)
    else:
        ids = {"device_id": options.device_id, "sn": options.sn}
        request = Resolve(options.chip_id, Decision(options.decision), **who, **ids)
    sys.stdout.write(carry_out(configured(options), request).text + "\n")
    return 0


def _as_json(unit: Unit) -> dict[str, object]:
    return asdict(unit)


def _story(history: UnitHistory) -> str:
    lines = [unit_line(history.unit), f"AppEUI {history.unit.app_eui}  first seen at station {history.station}"]
    lines += [
        f"{name.removesuffix('_at_ms')}: {_moment(value)}"
        for name, value in asdict(history.times).items()
        if value is not None
    ]
    for cycle in history.cycles:
        code = f" {cycle.code}: {printable(cycle.message)}" if cycle.code else ""
        lines.append(
            f"{_moment(cycle.started_at_ms)} cycle {cycle.cycle}, socket {cycle.socket}: {cycle.outcome}{code}"
        )
        lines.append(f"    at station {cycle.station}, session {cycle.session}")
    for record in history.effects:
        effect = record.effect
        lines.append(
            f"{_moment(record.intended_at_ms)} {effect.kind} {effect.state} (cycle {record.cycle},"
            f" {record.attempts} attempts) {printable(effect.detail)}"
        )
    for label in history.labels:
        reason = printable(label.reason)
        lines.append(f"{_moment(label.at_ms)} label copy {label.copy_number} {label.fate} {label.operator} {reason}")
    for audit in history.audit:
        lines.append(
            f"{_moment(audit.at_ms)} {audit.action} by {audit.operator or 'the station'}: {printable(audit.reason)}"
        )
    return "\n".join(lines)


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
