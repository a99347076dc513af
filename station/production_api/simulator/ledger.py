"""The server's own books: what it issued, activated and bound. The judge of every test about lost answers and crashes.

Kept in memory and, where a path is given, in a file of JSON lines: one line a call, holding the call and all it did, written
with one system call before the answer goes out. A server that is started on the same file goes on where the last one stopped;
a torn last line is a call that was never answered and counts as not done.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO


@dataclass(frozen=True, slots=True)
class Effects:
    """What one call did. ``licences`` is how many it spent."""

    device_ids: tuple[str, ...] = ()
    """Issued."""
    sns: tuple[str, ...] = ()
    """Issued."""
    activated: tuple[str, str] | None = None
    """chipId and DeviceID."""
    bound: tuple[str, str] | None = None
    """DeviceID and SN."""
    licences: int = 0


@dataclass(slots=True)
class Ledger:
    """The books. Whoever uses it from several threads holds one lock from reading to ``enter``."""

    licences: int
    path: Path | None = None
    issued_device_ids: list[str] = field(default_factory=list)
    issued_sns: list[str] = field(default_factory=list)
    ids_of_chip: dict[str, list[str]] = field(default_factory=dict)
    chips_of_id: dict[str, list[str]] = field(default_factory=dict)
    sns_of_id: dict[str, list[str]] = field(default_factory=dict)
    ids_of_sn: dict[str, list[str]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    """Calls by method and code, such as ``bindSN 000000``."""
    spent: int = 0
    _file: IO[bytes] | None = None
    _known_ids: set[str] = field(default_factory=set)
    _known_sns: set[str] = field(default_factory=set)
    _free_ids: dict[str, None] = field(default_factory=dict)

    def open(self) -> None:
        """Take up the books from the file, where there is one, and go on writing it. Raises ValueError where a line that is not
        the last cannot be read."""
        if self.path is None:
            return
        if self.path.exists():
            self._take_up(self.path.read_bytes())
        self._file = self.path.open("ab", buffering=0)

    def close(self) -> None:
        """Close the file; the books stay readable."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def licences_left(self) -> int:
        return self.licences - self.spent

    def has_device_id(self, device_id: str) -> bool:
        return device_id in self._known_ids

    def has_sn(self, sn: str) -> bool:
        return sn in self._known_sns

    def next_free_device_id(self) -> str | None:
        """The DeviceID issued longest ago that is not activated, or None."""
        return next(iter(self._free_ids), None)

    def enter(self, wall_s: float, method: str, params: Mapping[str, object], code: str, effects: Effects) -> None:
        """Write one call down, on disk first."""
        if self._file is not None:
            did = {name: value for name, value in asdict(effects).items() if value}
            line = {"t": round(wall_s, 6), "method": method, "params": params, "code": code, "did": did}
            self._file.write(json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n")
        self._apply(method, code, effects)

    def violations(self) -> list[str]:
        """Every breach of "one chip, one DeviceID, one SN", in words; empty where all is well."""
        return [
            f"{what} {key} has {len(found)} {of}: {', '.join(found)}"
            for what, of, table in (
                ("chip", "DeviceIDs", self.ids_of_chip),
                ("DeviceID", "chips", self.chips_of_id),
                ("DeviceID", "SNs", self.sns_of_id),
                ("SN", "DeviceIDs", self.ids_of_sn),
            )
            for key, found in table.items()
            if len(found) > 1
        ]

    def to_json(self) -> dict[str, object]:
        """All of the books, JSON-ready and a copy."""
        return {
            "licences": self.licences,
            "licences_left": self.licences_left,
            "device_ids": list(self.issued_device_ids),
            "sns": list(self.issued_sns),
            "activated": {chip: list(ids) for chip, ids in self.ids_of_chip.items()},
            "bound": {device_id: list(sns) for device_id, sns in self.sns_of_id.items()},
            "calls": dict(self.calls),
            "violations": self.violations(),
        }

    def _apply(self, method: str, code: str, effects: Effects) -> None:
        self.calls[f"{method} {code}"] += 1
        self.spent += effects.licences
        self.issued_device_ids += effects.device_ids
        self._known_ids.update(effects.device_ids)
        self._free_ids.update(dict.fromkeys(effects.device_ids))
        self.issued_sns += effects.sns
        self._known_sns.update(effects.sns)
        if effects.activated is not None:
            chip_id, device_id = effects.activated
            self._free_ids.pop(device_id, None)
            _pair(self.ids_of_chip, chip_id, device_id)
            _pair(self.chips_of_id, device_id, chip_id)
        if effects.bound is not None:
            device_id, sn = effects.bound
            _pair(self.sns_of_id, device_id, sn)
            _pair(self.ids_of_sn, sn, device_id)

    def _take_up(self, content: bytes) -> None:
        lines = content.split(b"\n")
        torn = lines.pop()
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                did = entry["did"]
                effects = Effects(
                    device_ids=_texts(did.get("device_ids", ())),
                    sns=_texts(did.get("sns", ())),
                    activated=_two(did.get("activated")),
                    bound=_two(did.get("bound")),
                    licences=int(did.get("licences", 0)),
                )
                self._apply(entry["method"], entry["code"], effects)
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise ValueError(f"{self.path}:{number}: not a line of a ledger") from error
        if torn and self.path is not None:
            os.truncate(self.path, len(content) - len(torn))


def _pair(table: dict[str, list[str]], key: str, value: str) -> None:
    found = table.setdefault(key, [])
    if value not in found:
        found.append(value)


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _two(value: list[str] | None) -> tuple[str, str] | None:
    return None if value is None else (value[0], value[1])
