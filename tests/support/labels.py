"""What the tests of labels share: designs, serial numbers of every kind, a ZPL renderer that is not ours, and a scanner."""

from __future__ import annotations

import io
import itertools
import random
import string
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import zxingcpp
from PIL import Image
from zplkit import Options
from zplkit import render as draw_zpl

from drivers.clock import SystemClock
from drivers.simulated import SimulatedDevice
from drivers.simulated.faults import Faults
from drivers.simulated.link import TcpLink
from drivers.tcp_port import TcpOptions, TcpPort, open_tcp
from station.label.design import LabelDesign
from station.ports import LabelData

CLOCK = SystemClock()
DOTS_PER_MM = 8.0
QR, CODE128, DATA_MATRIX = "QR Code", "Code 128", "Data Matrix"
HOSTILE_SNS = (
    "^XZ^XA^FO0,0^A0N,99,99^FDX^FS",
    "~JA",
    "~HS~JA^XZ",
    "A^B~C",
    "_5E_7E",
    "__",
    ">;>8>0>",
    ">:AB>5>6",
    "C:\\SN\\&\\n",
    "\\^\\~",
    "\"'`",
    "{sn}{{}}",
    "QA,QA,HM,1",
    "MM,B0003abc",
    "   x   ",
    "%n%s$()&|;<!-->",
    "^FH^FD_41",
    "~",
    "^",
    "_",
    ">",
    "0",
    "00000000000000000000",
    "1234567A1234567",
)
REFUSED_SNS = (
    "",
    "SN\0",
    "SN\r\n1",
    "\x1b@",
    "\x1dV0",
    "SN\x7f",
    "SN\x85",
    "SÑ1",
    "серия",
    "序列",
    "SN\u202e1",
    "SN\u200b1",
    "שלום",
    "e\u0301",
    "SN\u00a01",
    "SN\ud800",
    "\U0001f600",
    "A" * 129,
)


def design(**changes: object) -> LabelDesign:
    """50 x 30 mm with each kind of symbol. ``changes`` replace keys of the mapping."""
    mapping: dict[str, object] = {
        "width_mm": 50,
        "height_mm": 30,
        "elements": [
            {"kind": "qr", "x_mm": 0.5, "y_mm": 0.5, "size_mm": 18.5, "data": "{sn}"},
            {"kind": "datamatrix", "x_mm": 34, "y_mm": 0.5, "module_mm": 0.5, "data": "{sn}"},
            {"kind": "code128", "x_mm": 0.5, "y_mm": 20, "height_mm": 5, "module_mm": 0.25, "data": "{chip_id}"},
            {"kind": "text", "x_mm": 1, "y_mm": 26, "height_mm": 2, "text": "Copy {copy_number} of {device_id}"},
        ],
    }
    return LabelDesign.from_mapping(mapping | changes)


def data(sn: str, **changes: object) -> LabelData:
    """Values of one unit."""
    values: dict[str, object] = {
        "sn": sn,
        "device_id": "0011223344556677",
        "chip_id": "3A0047",
        "app_eui": "70B3D57ED0001234",
    }
    return LabelData(**(values | changes))  # type: ignore[arg-type]


def generated_sns(count: int) -> tuple[str, ...]:
    """``count`` different SNs, the same in each run: all the hostile ones, and of every length and kind of character."""
    source = random.Random(20)
    alphabets = (
        string.digits,
        string.ascii_uppercase + string.digits,
        string.ascii_letters + string.digits + "-",
        "^~_>\\\"'{}`|<,;: ",
        string.punctuation + string.ascii_letters + string.digits + " ",
    )
    sns = dict.fromkeys(HOSTILE_SNS)
    while len(sns) < count:
        alphabet = alphabets[len(sns) % len(alphabets)]
        sns["".join(source.choice(alphabet) for _ in range(source.randint(1, 32)))] = None
    return tuple(sns)


def scan(picture: Image.Image) -> dict[str, list[str]]:
    """What a scanner reads: the texts by symbology."""
    found: dict[str, list[str]] = {}
    for barcode in zxingcpp.read_barcodes(picture.convert("L")):
        # The raw bytes: a scanner's text is a guess at their encoding.
        found.setdefault(str(barcode.symbology), []).append(barcode.bytes.decode("ascii"))
    return found


def chunks(stream: bytes, cuts: list[int]) -> list[bytes]:
    """``stream`` in pieces, cut anywhere."""
    edges = [0, *sorted(cut % len(stream) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


def open_png(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png), formats=["PNG"])


def zpl_pictures(zpl: bytes, profile: str = "zd621") -> list[Image.Image]:
    """Each label of a stream of formats, drawn by zplkit, a renderer in Rust whose "zd621" profile follows captures of that
    printer; "specification" follows the programming guide. It takes no ^PQ: a quantity of one, which it is here, is left out."""
    options = Options(profile=profile, width=400, height=240, dpi=203)
    rasters = [scene.rasterize() for scene in draw_zpl(zpl.replace(b"^PQ1^XZ", b"^XZ"), options).labels]
    return [Image.frombytes("L", (raster.width, raster.height), bytes(raster.pixels)) for raster in rasters]


class Tap:
    """A simulated printer with a tap on its line: ``received`` is all that came in from the socket."""

    def __init__(self, printer: SimulatedDevice) -> None:
        self._printer = printer
        self._lock = threading.Lock()
        self._received = bytearray()
        self.power_on = printer.power_on
        self.lines_changed = printer.lines_changed

    def feed(self, received: bytes) -> list[object]:
        with self._lock:
            self._received += received
        return list(self._printer.feed(received))

    def take(self) -> bytes:
        """What came in since the last call."""
        with self._lock:
            taken = bytes(self._received)
            self._received.clear()
        return taken


@contextmanager
def connected(printer: object, faults: Faults | None = None) -> Iterator[TcpPort]:
    """A real TCP connection to a simulated printer."""
    served = TcpLink(printer, faults=faults)  # type: ignore[arg-type]
    try:
        link = open_tcp(TcpOptions(served.address[0], served.address[1]), CLOCK)
        try:
            yield link
        finally:
            link.close()
    finally:
        served.close()
