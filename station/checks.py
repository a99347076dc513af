"""What a board says of itself against what the journal knows of it, judged before anything is spent and before PASS."""

from __future__ import annotations

from collections.abc import Callable

from drivers.bootloader import Identity, Reading
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


def check_device_id(found: Reading, unit: Unit | None, may_be_cut_off: Callable[[str, Reading], bool]) -> None:
    """Raises UnitError for a board that holds another DeviceID than is known of it; ``unit`` None for a chip never seen.

    While a write of ours is open, the field may hold a part of the DeviceID too, but nothing else: what a part of it cannot be
    was written elsewhere since, and is not ours to overwrite.
    """
    expected = None if unit is None else unit.device_id
    if found.is_blank or (expected is not None and found.value == expected):
        return
    is_open = unit is not None and unit.open_effect(EffectKind.WRITE) is not None
    if is_open and expected is not None and may_be_cut_off(expected, found):
        return
    held = found.value or found.problem
    raise UnitError("unit.foreign_device_id", f"the board holds {held}, the journal {expected or 'none'}")


def check_app_eui(found: Reading, unit: Unit | None) -> None:
    """Raises UnitError for a board without a sound AppEUI, or with another than is known of it."""
    if found.problem is not None:
        raise UnitError("unit.app_eui_invalid", found.problem)
    if found.value is None:
        raise UnitError("unit.app_eui_missing", "the AppEUI field is blank")
    if unit is not None and found.value != unit.app_eui:
        raise UnitError("unit.app_eui_changed", f"journal {unit.app_eui}, board {found.value}")


def check_written(found: Identity, unit: Unit) -> None:
    """Raises UnitError for another board than the one identified, WriteNotKept where it does not hold what it must."""
    if found.chip_id != unit.chip_id:
        raise UnitError("board.swapped", f"chip {unit.chip_id} before the write, {found.chip_id} after it")
    if found.device_id.value != unit.device_id:
        problem = found.device_id.problem or found.device_id.value or "blank"
        raise WriteNotKept(f"the DeviceID reads back as {problem}, not as {unit.device_id}")
    if found.app_eui.value != unit.app_eui:
        raise WriteNotKept(f"the AppEUI reads back as {found.app_eui.value}, not as {unit.app_eui}")
