"""A raw ZPL format: its author may write what he likes, no value may add to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import LabelError
from station.label import preview, render
from station.label.template import label_values
from station.label.zpl_template import MAX_SIZE_CHARS, ZplTemplate, render_template
from tests.support.labels import CODE128, DATA_MATRIX, HOSTILE_SNS, QR, data, generated_sns, scan, zpl_pictures

VALUES = label_values(data("SN1"))


def fill(template: str, sn: str = "SN1") -> str:
    return render_template(ZplTemplate(template), {**VALUES, "sn": sn}).decode()


def test_the_rest_of_the_template_stays_as_it_is() -> None:
    text = "^XA^CI28^FX a note^PW400\n^FO1,2^A0N,20,20^FDSerial {{no}}: 5_1^FS\n^FO1,30^GB10,10,1^FS^XZ"
    assert fill(text + "\n") == text.replace("{{no}}", "{no}")


def test_a_field_without_an_indicator_gets_one_and_keeps_its_own_text() -> None:
    assert fill("^XA^FO1,1^A0N,20,20^FDa_5E {sn}^FS^XZ", "^") == "^XA^FO1,1^A0N,20,20^FH_^FDa_5F5E _5E^FS^XZ"


def test_a_field_with_its_own_indicator_keeps_it() -> None:
    assert fill("^XA^FO1,1^FH#^FD#5E{sn}_^FS^XZ", "#_^") == "^XA^FO1,1^FH#^FD#5E#23#5F#5E_^FS^XZ"
    assert fill("^XA^FO1,1^FH^FD_5E{sn}^FS^XZ", "^") == "^XA^FO1,1^FH^FD_5E_5E^FS^XZ"


@pytest.mark.parametrize(
    ("command", "symbology"),
    [
        ("^BQN,2,4^FDQA,{sn}", QR),
        ("^bqN,2,4^fdMA,{sn}", QR),
        ("^BCN,60,N,N,N^FD{sn}", CODE128),
        ("^BCN,60,N,N,N^FD>:{sn}", CODE128),
        ("^BCN,60,N,N,N,N^FH\\^FD{sn}", CODE128),
    ],
)
def test_symbols_scan_to_the_value(command: str, symbology: str) -> None:
    for sn in (*HOSTILE_SNS, *generated_sns(40)):
        (picture,) = zpl_pictures(fill(f"^XA^PW500^LL240^BY1^FO20,20{command}^FS^XZ", sn).encode())
        assert scan(picture) == {symbology: [sn]}


def test_data_matrix_prints_what_it_can_and_refuses_the_rest() -> None:
    """^FH does not protect from the escape characters of ^BX: ~, in older firmware _, and what the template sets."""
    plain = "^XA^PW400^LL240^FO20,20^BXN,4,200^FD{sn}^FS^XZ"
    for sn in HOSTILE_SNS:
        if "~" in sn or "_" in sn:
            with pytest.raises(LabelError, match="cannot be printed in a \\^BX field"):
                fill(plain, sn)
        else:
            (picture,) = zpl_pictures(fill(plain, sn).encode())
            assert scan(picture) == {DATA_MATRIX: [sn]}
    with pytest.raises(LabelError, match="'#' cannot be printed"):
        fill("^XA^FO20,20^BXN,4,200,,,,#^FD{sn}^FS^XZ", "A#1")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("", "must be one format"),
        ("hello", "line 1: no format command at 'hello'"),
        ("^XA^FO1,1^FDx^FS", "must be one format"),
        ("^XA^XZ^XA^XZ", "must be one format"),
        ("^XA^XA^XZ", "must be one format"),
        ("^XA\n\n~JA^XZ", "line 3: no format command at '~JA"),
        ("^XA^FO1,1^FD~{sn}^FS^XZ", "line 1: no format command at '~{sn}"),
        ("^XA^CC*^XZ", "^CC is not allowed"),
        ("^XA^DFR:X.ZPL^FS^XZ", "^DF is not allowed"),
        ("^XA^XFR:X.ZPL^FS^XZ", "^XF is not allowed"),
        ("^XA^FO1,1^FN1^FD{sn}^FS^XZ", "^FN is not allowed"),
        ("^XA^FO1,1^SN{sn},1,Y^FS^XZ", "^SN is not allowed"),
        ("^XA^FO1,1^FDx^FS^PQ2^XZ", "^PQ must ask for 1 label"),
        ("^XA^CI7^XZ", "^CI must be one of"),
        ("^XA^FO{sn},1^FDx^FS^XZ", "placeholder outside ^FD, in ^FO{sn},1"),
        ("^XA^FX {sn}^FO1,1^FDx^FS^XZ", "placeholder outside ^FD, in ^FX"),
        ("^XA^FO1,1^FD{sn^FS^XZ", "lone '{'"),
        ("^XA^FO1,1^FD{SN}^FS^XZ", "{SN} is no placeholder"),
        ("^XA^FO1,1^FD{sn}\n^FS^XZ", "character U+000A cannot be printed"),
        ("^XA^FO1,1^FD{sn}^FDx^FS^XZ", "one ^FO or ^FT, commands, one ^FD and ^FS"),
        ("^XA^FD{sn}^FS^XZ", "one ^FO or ^FT, commands, one ^FD and ^FS"),
        ("^XA^FO1,1^FD{sn}^XZ", "one ^FO or ^FT, commands, one ^FD and ^FS"),
        ("^XA^FO1,1^FB100,2^FD{sn}^FS^XZ", "must not have ^FB"),
        ("^XA^FB100,2^FO1,1^FD{sn}^FS^XZ", "must not have ^FB"),
        ("^XA^BXN,4^FO1,1^FD{sn}^FS^XZ", "must not have ^BX"),
        ("^XA^FO1,1^B3N^FD{sn}^FS^XZ", "must not have ^B3"),
        ("^XA^FO1,1^TBN,9,9^FD{sn}^FS^XZ", "must not have ^TB"),
        ("^XA^FO1,1^FC%^FD{sn}^FS^XZ", "must not have ^FC"),
        ("^XA^FO1,1^BQN^BXN^FDQA,{sn}^FS^XZ", "one symbol and one ^FH at most"),
        ("^XA^FO1,1^FH^FH#^FD{sn}^FS^XZ", "one symbol and one ^FH at most"),
        ("^XA^FO1,1^FHA^FD{sn}^FS^XZ", "^FH must not name a letter or digit"),
        ("^XA^FO1,1^BQN,2,4^FD{sn}^FS^XZ", "^BQ data must begin with level and mode"),
        ("^XA^FO1,1^BQN,2,4^FDMM,B0003{sn}^FS^XZ", "^BQ data must begin with level and mode"),
        ("^XA^FO1,1^BCN,60,N,N,N,A^FD{sn}^FS^XZ", "^BC with a placeholder must be in mode N"),
        ("^XA^FO1,1^BCN,60,N,N,N^FD>;{sn}^FS^XZ", "must stay in code set B"),
        ("^XA^FO1,1^BCN,60,N,N,N^FDA>512>6{sn}^FS^XZ", "must stay in code set B"),
        ("^XA^FO1,1^BCN,60,N,N,N^FH_^FD_3e;{sn}^FS^XZ", "must stay in code set B"),
        ("^XA^FX" + "x" * MAX_SIZE_CHARS + "^XZ", f"more than {MAX_SIZE_CHARS} characters"),
    ],
)
def test_a_template_in_which_a_value_could_mean_more_is_refused(template: str, message: str) -> None:
    with pytest.raises(LabelError) as caught:
        ZplTemplate(template)
    assert str(caught.value).startswith("zpl template: ")
    assert message in str(caught.value)


def test_a_value_that_a_field_cannot_print_as_it_is_is_refused() -> None:
    text = "^XA^CI28^FO1,1^A0N,20,20^FD{sn}^FS^XZ"
    for sn in ("é", "\\", "`"):
        with pytest.raises(LabelError):
            fill(text, sn)
    with pytest.raises(LabelError, match=r"unknown placeholder \{batch\}"):
        fill("^XA^FO1,1^FD{batch}^FS^XZ")


def test_only_a_zpl_printer_can_print_or_draw_it() -> None:
    template = ZplTemplate("^XA^FO1,1^FD{sn}^FS^XZ")
    assert render(template, data("SN1"), "zpl", 8)
    with pytest.raises(LabelError, match="cannot be printed as escpos"):
        render(template, data("SN1"), "escpos", 8)
    with pytest.raises(LabelError, match="cannot be printed as png"):
        preview(template, data("SN1"))


pieces = st.sampled_from(
    [
        "^XA",
        "^XZ",
        "^FO1,1",
        "^FD",
        "^FS",
        "^FH",
        "^FH#",
        "{sn}",
        "{{",
        "}",
        "^BQN,2,4",
        "^BCN",
        "^BXN",
        "QA,",
        "~",
        "^A0",
        "^",
        "_",
    ]
) | st.text(max_size=4)


@given(st.lists(pieces, max_size=10).map("".join), st.sampled_from(HOSTILE_SNS))
def test_any_text_is_refused_or_filled_without_a_new_command(text: str, sn: str) -> None:
    try:
        template = ZplTemplate(f"^XA{text}^XZ")
        filled = render_template(template, {**VALUES, "sn": sn}).decode()
    except LabelError:
        return
    harmless = render_template(template, {**VALUES, "sn": "a"}).decode()
    assert filled.count("~") == 0
    assert filled.count("^") == harmless.count("^")
