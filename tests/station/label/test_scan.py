"""Labels taken off the printer's socket, and the preview, scan to exactly the SN: 200 generated ones, hostile ones included."""

from __future__ import annotations

import re

import pytest

from drivers.printer import Fate
from drivers.printer.escpos import EscposPrinter
from drivers.printer.escpos_options import EscposOptions
from drivers.printer.zpl import ZplOptions, ZplPrinter
from drivers.simulated.escpos_printer import SimulatedEscposPrinter
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from station.errors import LabelError
from station.label import preview, render
from station.label.zpl_template import ZplTemplate
from tests.support.labels import (
    CLOCK,
    CODE128,
    DATA_MATRIX,
    DOTS_PER_MM,
    QR,
    REFUSED_SNS,
    Tap,
    connected,
    data,
    design,
    generated_sns,
    open_png,
    scan,
    zpl_pictures,
)

SNS = generated_sns(200)
BATCH = 25
BATCHES = [SNS[at : at + BATCH] for at in range(0, len(SNS), BATCH)]
LABEL = design()
WIDE = design(
    width_mm=150,
    elements=[{"kind": "code128", "x_mm": 0, "y_mm": 1, "height_mm": 10, "module_mm": 0.25, "data": "{sn}"}],
)
"""Room for the longest SN as Code 128."""
TEMPLATE = ZplTemplate(
    "^XA^CI28^PW400^LL240^LH0,0^BY2,3,1^FO20,20^BQN,2,4^FDQA,{sn}^FS^FO20,180^A0N,20,20^FD{device_id}^FS^PQ1^XZ"
)
ZPL = ZplPrinter(ZplOptions(poll_interval_s=0.001))
ESCPOS = EscposPrinter(EscposOptions(proof="auto"))


def test_the_generated_sns_are_200_different_ones_with_every_printable_ascii_character() -> None:
    assert len(set(SNS)) == 200
    assert set("".join(SNS)) == {chr(code) for code in range(0x20, 0x7F)}


@pytest.mark.parametrize("sns", BATCHES, ids=lambda sns: f"from {SNS.index(sns[0])}")
def test_zpl_off_the_socket_drawn_by_another_renderer_scans_to_the_sn(sns: tuple[str, ...]) -> None:
    printer = SimulatedZplPrinter()
    tap = Tap(printer)
    with connected(tap) as link:
        for count, sn in enumerate(sns, start=1):
            ZPL.check(link, CLOCK)
            tap.take()
            receipt = ZPL.send(link, render(LABEL, data(sn), "zpl", DOTS_PER_MM), CLOCK)
            assert receipt.fate is Fate.PRINTED
            sent = tap.take().replace(b"~HS", b"")
            (picture,) = zpl_pictures(sent)
            assert scan(picture) == {QR: [sn], DATA_MATRIX: [sn], CODE128: ["3A0047"]}
            assert len(printer.labels) == count


@pytest.mark.parametrize("sns", BATCHES, ids=lambda sns: f"from {SNS.index(sns[0])}")
def test_escpos_off_the_socket_drawn_by_the_simulated_printer_scans_to_the_sn(sns: tuple[str, ...]) -> None:
    printer = SimulatedEscposPrinter()
    with connected(printer) as link:
        for count, sn in enumerate(sns, start=1):
            assert ESCPOS.send(link, render(LABEL, data(sn), "escpos", DOTS_PER_MM), CLOCK).fate is Fate.PRINTED
            assert len(printer.labels) == count
            assert scan(open_png(printer.labels[-1])) == {QR: [sn], DATA_MATRIX: [sn], CODE128: ["3A0047"]}
    assert printer.text == b""


@pytest.mark.parametrize("sns", BATCHES, ids=lambda sns: f"from {SNS.index(sns[0])}")
def test_the_preview_scans_to_the_sn(sns: tuple[str, ...]) -> None:
    for sn in sns:
        picture = open_png(preview(LABEL, data(sn)))
        assert scan(picture) == {QR: [sn], DATA_MATRIX: [sn], CODE128: ["3A0047"]}


@pytest.mark.parametrize("profile", ["zd621", "specification"])
def test_code128_of_the_sn_scans_in_zpl_and_in_the_preview(profile: str) -> None:
    for sn in SNS[:100]:
        (drawn,) = zpl_pictures(render(WIDE, data(sn), "zpl", DOTS_PER_MM), profile)
        assert scan(drawn) == {CODE128: [sn]}
        assert scan(open_png(preview(WIDE, data(sn)))) == {CODE128: [sn]}


def test_zpl_means_the_same_by_the_programming_guide_as_on_that_printer() -> None:
    """The two profiles differ in where ^BQ stands and how it is masked; neither may matter."""
    for sn in SNS[:40]:
        (picture,) = zpl_pictures(render(LABEL, data(sn), "zpl", DOTS_PER_MM), "specification")
        assert scan(picture) == {QR: [sn], DATA_MATRIX: [sn], CODE128: ["3A0047"]}


def test_a_raw_template_filled_with_any_sn_is_one_label_that_scans_to_it() -> None:
    for sn in SNS:
        (picture,) = zpl_pictures(render(TEMPLATE, data(sn), "zpl", DOTS_PER_MM))
        assert scan(picture) == {QR: [sn]}


@pytest.mark.parametrize("sn", REFUSED_SNS, ids=ascii)
@pytest.mark.parametrize("language", ["zpl", "escpos", "png"])
def test_an_sn_that_cannot_be_printed_as_it_is_is_refused(sn: str, language: str) -> None:
    with pytest.raises(LabelError):
        render(LABEL, data(sn), language, DOTS_PER_MM)  # type: ignore[arg-type]
    with pytest.raises(LabelError):
        render(TEMPLATE, data(sn), "zpl", DOTS_PER_MM)


def test_an_sn_must_match_the_given_pattern_as_a_whole() -> None:
    pattern = re.compile(r"SN[0-9]{4}")
    assert render(LABEL, data("SN1234"), "zpl", DOTS_PER_MM, sn_pattern=pattern)
    for sn in ("SN12345", "xSN1234", "SN1234^"):
        with pytest.raises(LabelError, match="does not match"):
            render(LABEL, data(sn), "zpl", DOTS_PER_MM, sn_pattern=pattern)
