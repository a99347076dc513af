"""What a board says of itself against what the journal knows of it, judged before anything is spent and before PASS."""

from __future__ import annotations

from drivers.bootloader import Identity
from drivers.errors import WriteNotKept
from station.errors import UnitError
from station.model import EffectKind, Hold, Unit


def refuse_held(unit: Unit) -> None:
    """Raises UnitError for a unit that is in doubt, set aside or shipped."""
    if unit.hold is not None:
        code = "unit.in_doubt" if unit.hold is Hold.IN_DOUBT else "unit.set_aside"
        raise UnitError(code, f"{unit.hold_code}: {unit.hold_reason}")
    if unit.shipped:
        raise UnitError("unit.shipped", f"{unit.chip_id} left the factory")


def check_identity(identity: Identity, unit: Unit | None) -> None:
    """Raises UnitError for a board whose memory contradicts what is known of it; ``unit`` None for a chip never seen.

    While a write of ours is open, what the DeviceID's field holds may be half of it, and is not judged: only a unit whose
    activation is proven is ever written, so no other DeviceID can be that chip's.
    """
    app_eui, device_id = identity.app_eui, identity.device_id
    if app_eui.problem is not None:
        raise UnitError("unit.app_eui_invalid", app_eui.problem)
    if app_eui.value is None:
        raise UnitError("unit.app_eui_missing", "the AppEUI field is blank")
    if unit is not None and app_eui.value != unit.app_eui:
        raise UnitError("unit.app_eui_changed", f"journal {unit.app_eui}, board {app_eui.value}")
    if device_id.is_blank or (unit is not None and unit.open_effect(EffectKind.WRITE) is not None):
        return
    expected = None if unit is None else unit.device_id
    if device_id.value is None or device_id.value != expected:
        found = device_id.value or device_id.problem
        raise UnitError("unit.foreign_device_id", f"the board holds {found}, the journal {expected or 'none'}")


def check_written(found: Identity, unit: Unit) -> None:
    """Raises UnitError for another board than the one identified, WriteNotKept where it does not hold what it must."""
    if found.chip_id != unit.chip_id:
        raise UnitError("board.swapped", f"chip {unit.chip_id} before the write, {found.chip_id} after it")
    if found.device_id.value != unit.device_id:
        problem = found.device_id.problem or found.device_id.value or "blank"
        raise WriteNotKept(f"the DeviceID reads back as {problem}, not as {unit.device_id}")
    if found.app_eui.value != unit.app_eui:
        raise WriteNotKept(f"the AppEUI reads back as {found.app_eui.value}, not as {unit.app_eui}")
