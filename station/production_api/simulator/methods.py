"""What the four methods answer and do, given the books: the server's side of sections 2.1 to 2.4. Decides, changes nothing."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from station.production_api.codes import CONFLICT, SUCCESS
from station.production_api.simulator.ledger import Effects, Ledger
from station.production_api.simulator.settings import SimulatorSettings, Temper
from station.production_api.wire import ACTIVATE_DEVICE_ID, BIND_SN, REQUEST_DEVICE_ID, REQUEST_SN

NO_PARAMS, NO_METHOD, UNKNOWN_METHOD = "010200", "010202", "010203"
NO_DEVICE, NO_DATA = "020101", "030101"

_EUI64 = re.compile(r"[0-9A-Fa-f]{16}")
_DEVICE_ID_PREFIX = "d88b4c"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to answer, and what that does to the books."""

    code: str
    data: dict[str, object] | None = None
    effects: Effects = field(default_factory=Effects)


class Methods:
    """The methods of one server. Not for several threads at once."""

    def __init__(self, settings: SimulatorSettings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger

    def decide(self, method: object, params: object) -> Decision:
        """The answer to a call, validated strictly."""
        if method is None:
            return Decision(NO_METHOD)
        table = {
            REQUEST_DEVICE_ID: self._request_device_ids,
            ACTIVATE_DEVICE_ID: self._activate,
            REQUEST_SN: self._request_sns,
            BIND_SN: self._bind,
        }
        known = table.get(method) if isinstance(method, str) else None
        if known is None:
            return Decision(UNKNOWN_METHOD)
        return known(params) if isinstance(params, dict) else Decision(NO_PARAMS)

    def _request_device_ids(self, params: dict[str, object]) -> Decision:
        size = self._size(params)
        if size is None:
            return Decision(NO_PARAMS)
        if size > self._ledger.licences_left:
            return Decision(self._settings.out_of_licences_code)
        ids = self._new_device_ids(size)
        return Decision(SUCCESS, {"deviceIdList": list(ids)}, Effects(device_ids=ids, licences=size))

    def _request_sns(self, params: dict[str, object]) -> Decision:
        size = self._size(params)
        if size is None:
            return Decision(NO_PARAMS)
        sns = self._new_sns(size)
        return Decision(SUCCESS, {"snList": list(sns)}, Effects(sns=sns))

    def _activate(self, params: dict[str, object]) -> Decision:
        chip_id, app_eui, named = params.get("chipId"), params.get("appEui"), params.get("deviceId")
        if not _is_text(chip_id) or not isinstance(app_eui, str) or not _EUI64.fullmatch(app_eui):
            return Decision(NO_PARAMS)
        if "deviceId" in params and not _is_text(named):
            return Decision(NO_PARAMS)
        held = self._ledger.ids_of_chip.get(str(chip_id), [])
        if named is None:
            return self._activate_any(str(chip_id), held)
        return self._activate_named(str(chip_id), str(named), held)

    def _activate_named(self, chip_id: str, named: str, held: list[str]) -> Decision:
        if not self._ledger.has_device_id(named):
            return Decision(NO_DEVICE)
        lenient = self._settings.temper is Temper.LENIENT
        chips = self._ledger.chips_of_id.get(named, [])
        if chips:
            return self._activated(chip_id, named) if lenient and chip_id in chips else Decision(CONFLICT)
        if held and self._settings.temper is not Temper.WORST:
            return Decision(SUCCESS, {"deviceId": held[0]}) if lenient else Decision(CONFLICT)
        return self._activated(chip_id, named)

    def _activate_any(self, chip_id: str, held: list[str]) -> Decision:
        if held and self._settings.temper is Temper.LENIENT:
            return self._activated(chip_id, held[0])
        if held and self._settings.temper is Temper.STRICT:
            return Decision(CONFLICT)
        free = self._ledger.next_free_device_id()
        if free is not None:
            return self._activated(chip_id, free)
        if self._ledger.licences_left < 1:
            return Decision(self._settings.out_of_licences_code)
        issued = self._new_device_ids(1)
        return self._activated(chip_id, issued[0], issued)

    def _activated(self, chip_id: str, device_id: str, issued: tuple[str, ...] = ()) -> Decision:
        effects = Effects(device_ids=issued, activated=(chip_id, device_id), licences=len(issued))
        return Decision(SUCCESS, {"deviceId": device_id}, effects)

    def _bind(self, params: dict[str, object]) -> Decision:
        device_id, sn = params.get("deviceId"), params.get("sn")
        if not _is_text(device_id) or not (sn == "" or _is_text(sn) or "sn" not in params):
            return Decision(NO_PARAMS)
        if not self._ledger.chips_of_id.get(str(device_id)):
            return Decision(NO_DEVICE)
        held = self._ledger.sns_of_id.get(str(device_id), [])
        return self._bind_named(str(device_id), str(sn), held) if sn else self._bind_any(str(device_id), sn, held)

    def _bind_named(self, device_id: str, sn: str, held: list[str]) -> Decision:
        if not self._ledger.has_sn(sn) and self._settings.known_sns_only:
            return Decision(NO_DATA)
        owners = self._ledger.ids_of_sn.get(sn, [])
        if owners or held:
            ours = self._settings.temper is Temper.LENIENT and device_id in owners
            return self._bound(device_id, sn) if ours else Decision(CONFLICT)
        return self._bound(device_id, sn)

    def _bind_any(self, device_id: str, sn: object, held: list[str]) -> Decision:
        form = "omitted" if sn is None else "empty"
        if self._settings.generate_sn_on not in ("either", form):
            return Decision(NO_PARAMS)
        if held and self._settings.temper is Temper.LENIENT:
            return self._bound(device_id, held[0])
        if held and self._settings.temper is Temper.STRICT:
            return Decision(CONFLICT)
        issued = self._new_sns(1)
        return self._bound(device_id, issued[0], issued)

    def _bound(self, device_id: str, sn: str, issued: tuple[str, ...] = ()) -> Decision:
        return Decision(SUCCESS, {"sn": sn}, Effects(sns=issued, bound=(device_id, sn)))

    def _size(self, params: dict[str, object]) -> int | None:
        size = params.get("size")
        valid = isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= self._settings.max_batch
        return size if valid and isinstance(size, int) else None

    def _new_device_ids(self, size: int) -> tuple[str, ...]:
        first = len(self._ledger.issued_device_ids)
        return tuple(_DEVICE_ID_PREFIX + self._digest("device", first + n)[:10] for n in range(size))

    def _new_sns(self, size: int) -> tuple[str, ...]:
        first = len(self._ledger.issued_sns)
        return tuple(self._digest("sn", first + n)[:32].upper() for n in range(size))

    def _digest(self, what: str, number: int) -> str:
        return hashlib.sha256(f"{self._settings.seed} {what} {number}".encode()).hexdigest()


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 128 and value.isprintable()
