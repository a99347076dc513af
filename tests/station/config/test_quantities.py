"""Numbers with a unit."""

from __future__ import annotations

import pytest

from station.config.quantities import convert


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("wait_s", "500 ms", 0.5),
        ("wait_s", "500ms", 0.5),
        ("wait_s", "1.5 min", 90.0),
        ("wait_s", "-2 s", -2.0),
        ("wait_s", " 2 h ", 7200.0),
        ("wait_s", "20 us", 2e-05),
        ("width_mm", "2 cm", 20.0),
        ("width_mm", "2 in", 50.8),
        ("wait_s", 3, 3),
        ("wait_s", "three", "three"),
        ("wait_s", "", ""),
        ("wait_s", "1e3 s", "1e3 s"),
        ("wait_s", None, None),
        ("name", "500 ms", "500 ms"),
        ("wait_s", ["1 s"], ["1 s"]),
    ],
)
def test_a_number_comes_out_in_the_unit_of_its_key(key: str, value: object, wanted: object) -> None:
    assert convert(key, value) == (pytest.approx(wanted) if isinstance(wanted, float) else wanted)


@pytest.mark.parametrize(("key", "value"), [("wait_s", "1 mm"), ("wait_s", "1 S"), ("wait_s", "5 %"), ("x_mm", "1 s")])
def test_a_unit_of_something_else_is_refused(key: str, value: str) -> None:
    with pytest.raises(ValueError, match="is no unit for this key; use "):
        convert(key, value)
