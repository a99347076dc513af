"""Replacing values wherever they stand: every written form, as long as before, the longest first."""

from __future__ import annotations

import pytest

from station.session.export.substitution import Substitution

ID, OTHER = "d88b4c1a92ea0aa2", "1f2e3d4c5b6a7988"
SN, OTHER_SN = "QX-20/24", "KB-71/53"


def _of(*values: tuple[str, str], names: tuple[tuple[str, str], ...] = ()) -> Substitution:
    return Substitution(values, (), names)


@pytest.mark.parametrize(
    "form",
    [
        lambda value: value,
        str.upper,
        lambda value: bytes.fromhex(value).hex(":"),
        lambda value: bytes.fromhex(value).hex("-").upper(),
        lambda value: bytes.fromhex(value).hex(" "),
        lambda value: bytes.fromhex(value)[::-1].hex(),
        lambda value: bytes.fromhex(value)[::-1].hex(":"),
        lambda value: value.encode().hex(),
        lambda value: value.upper().encode().hex(),
        lambda value: f'{{"deviceId":"{value}"}}',
    ],
)
def test_each_written_form_of_a_value_becomes_that_of_the_pseudonym(form: object) -> None:
    assert callable(form)
    assert _of((ID, OTHER)).text(f"<{form(ID)}>") == f"<{form(OTHER)}>"
    assert _of((ID, OTHER)).data(b"\x02" + form(ID).encode()) == b"\x02" + form(OTHER).encode()


@pytest.mark.parametrize("order", [1, -1])
def test_raw_bytes_in_either_order(order: int) -> None:
    raw, other = bytes.fromhex(ID)[::order], bytes.fromhex(OTHER)[::order]
    assert _of((ID, OTHER)).data(b"\xff" + raw + b"\xff") == b"\xff" + other + b"\xff"


def test_a_value_that_json_or_a_url_writes_otherwise() -> None:
    substitution = _of((SN, OTHER_SN))
    assert substitution.text("sn=QX-20%2F24") == "sn=KB-71%2F53"
    assert substitution.text(SN.lower()) == OTHER_SN.lower()


def test_of_two_values_that_begin_alike_the_longer_is_found() -> None:
    assert _of(("ABCD1234", "11111111"), ("ABCD12345678", "222222222222")).text("ABCD12345678") == "222222222222"


def test_names_are_replaced_as_whole_words_only() -> None:
    substitution = _of(names=(("bench", "station-1"), ("/dev/ttyUSB0", "/dev/elsewhere-1")))
    assert substitution.text("bench: /dev/ttyUSB0: gone") == "station-1: /dev/elsewhere-1: gone"
    assert substitution.text("workbench benches /dev/ttyUSB01") == "workbench benches /dev/ttyUSB01"


def test_what_is_left_is_found_in_texts_and_bytes() -> None:
    substitution = _of((ID, OTHER))
    assert substitution.leftover_text(f"x{ID.upper()}") == ID.upper()
    assert substitution.leftover(b"\x00" + bytes.fromhex(ID)[::-1]) is not None
    assert substitution.leftover(b"nothing") is substitution.leftover_text("nothing") is None


def test_without_values_nothing_changes() -> None:
    assert _of().data(b"\x00any") == b"\x00any"
    assert _of().text("any") == "any"
