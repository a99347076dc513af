"""Scans, boards, answers and servers that would do more than they may, and what other people of the computer may see."""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import ssl
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drivers.clock import SystemClock
from drivers.simulated.text_board import SimulatedTextBoard
from station.doctor import Survey
from station.doctor.configuration import checks
from station.events import StartRejected
from station.model import Hold
from station.production_api.simulator.faults import Fault, FaultKind
from station.production_api.simulator.server import ApiSimulator
from station.production_api.simulator.settings import SimulatorSettings
from station.production_api.wire import ACTIVATE_DEVICE_ID, BIND_SN
from tests.fault.case import PASS, Case, Kind, Scene, When
from tests.fault.limits import CALL, NOTHING, TEXT_COMMAND
from tests.fault.printer_cases import last_message
from tests.support.station import APP_EUI, Board, Rig

TLS = Path(__file__).parents[1] / "station" / "production_api" / "tls"
HOSTILE = (
    "');DROP/**/TABLE/**/units;--",
    "A^XZ^XA^FDx^FS^XZ",
    "../../../etc/cron.d/x",
    "$(reboot);reboot&",
    "%s%n{0}{sn}",
)
"""SQL, ZPL, a path, a shell, formats: all of it printable, so that a pattern that admits anything lets it in."""
ESCAPES = (b"\x1b[2J\x1b]0;owned\x07", b"\x9b31m", b"\x00\x08\x08\x7f", "\u202e7654".encode(), b"x" * 5000)
"""What would move a terminal's cursor, colour it, name its window, turn text round or fill it."""
TABLES = "SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'table'"
ANY_SN = SimulatorSettings(seed=7, known_sns_only=False)


# -- scans ---------------------------------------------------------------------------------------------------------------


def sns(value: str) -> tuple[str, str, str]:
    """The scan under trial, then two good SNs."""
    number = zlib.crc32(value.encode())
    return value, f"SN-{number}-1", f"SN-{number}-2"


def escapes_are_scanned(scene: Scene) -> None:
    scene.rig.places["A"].scanner.say(scene.value + b"\r")


def told_in_print(scene: Scene) -> None:
    """Why it did not start, in a line that does nothing to a terminal."""
    told = [event.reason for event in scene.rig.events if isinstance(event, StartRejected)]
    assert told
    assert all(reason.isprintable() and len(reason) < 500 for reason in told)


def sn_is_taken(scene: Scene) -> None:
    """Another board has it."""
    scene.rig.one(scene.rig.board(), text="SN-TAKEN")


# -- boards --------------------------------------------------------------------------------------------------------------


def board_named(rig: Rig, chip_id: str) -> Board:
    """A text line board that says this of itself."""
    board = SimulatedTextBoard(chip_id, APP_EUI.hex().upper())
    rig.boards[chip_id.upper().replace("-", "").replace(":", "").replace(" ", "")] = board
    return board


def nothing_was_injected(scene: Scene) -> None:
    """The tables are all there, one label came out for each PASS, and no file stands anywhere but where files should."""
    rig = scene.rig
    assert rig.rows(TABLES)[0]["n"] >= 8
    assert rig.jig is not None
    passed = {result.sn for result in rig.results + rig.jig.results if result.code is None}
    assert len(rig.labels()) == len(passed) > 0
    known = {"station.yaml", "cs-sec-key", "ledger.jsonl", "state", "uart-A", "scanner-A"}
    assert {path.name for path in rig.folder.iterdir()} <= known


# -- the API -------------------------------------------------------------------------------------------------------------


def answers(body: str) -> Any:
    """The call for a DeviceID gets this."""

    def inject(scene: Scene) -> None:
        scene.rig.api.add_fault(Fault(FaultKind.RAW, ACTIVATE_DEVICE_ID, times=None, body=body % scene.value))

    return inject


def message_is_printable(scene: Scene) -> None:
    assert last_message(scene.rig).isprintable()


def redirects(scene: Scene) -> None:
    """To another server."""
    stack = scene.kept["stack"] = contextlib.ExitStack()
    elsewhere = scene.kept["elsewhere"] = stack.enter_context(ApiSimulator())
    place = elsewhere.url + "/open/production/v2/api"
    for call in (ACTIVATE_DEVICE_ID, BIND_SN):
        scene.rig.api.add_fault(Fault(FaultKind.REDIRECT, call, times=None, status=scene.value, location=place))


def nobody_came(scene: Scene) -> None:
    assert scene.kept["elsewhere"].seen() == []


class Elsewhere:
    """The simulated API, for everybody but the station: that is told another address."""

    def __init__(self, api: ApiSimulator, url: str) -> None:
        self._api = api
        self.url = url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)


@contextlib.contextmanager
def a_stranger() -> Iterator[str]:
    """A TLS server whose certificate nobody has signed; yields its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))
    closing = threading.Event()

    def serve() -> None:
        while not closing.is_set():
            peer, _ = listener.accept()
            with peer, contextlib.suppress(OSError), context.wrap_socket(peer, server_side=True) as wrapped:
                wrapped.recv(1)

    thread = threading.Thread(target=serve, name="stranger", daemon=True)
    thread.start()
    address = listener.getsockname()
    try:
        yield f"https://127.0.0.1:{address[1]}"
    finally:
        closing.set()
        socket.create_connection(address).close()
        thread.join()
        listener.close()


def posed_as(scene: Scene) -> None:
    """Somebody else answers at the API's address."""
    stack = scene.kept["stack"] = contextlib.ExitStack()
    at_address(stack.enter_context(a_stranger()))(scene)


def at_address(url: str) -> Any:
    """The station is told that the API is there."""

    def inject(scene: Scene) -> None:
        rig: Any = scene.rig
        scene.kept["api"] = rig.api
        rig.api = Elsewhere(rig.api, url)

    return inject


def own_address(scene: Scene) -> None:
    scene.rig.api = scene.kept["api"]
    if "stack" in scene.kept:
        close_stack(scene)


def close_stack(scene: Scene) -> None:
    scene.kept["stack"].close()


def is_flagged(scene: Scene) -> None:
    """By the running station and by ``station doctor``."""
    assert scene.rig.jig is not None
    (warning,) = scene.rig.jig.warnings
    assert "certificate is not checked" in warning
    survey = Survey(scene.rig.configuration(), SystemClock())
    found = [finding for check in checks(survey) for finding in check.look()]
    assert any("certificate is not checked" in finding.what for finding in found)


def key_may_be_read(scene: Scene) -> None:
    """By every user of the computer."""
    (scene.rig.folder / "cs-sec-key").chmod(0o644)


def doctor_tells(scene: Scene) -> None:
    survey = Survey(scene.rig.configuration(), SystemClock())
    found = [finding.remedy for check in checks(survey) for finding in check.look()]
    assert any("chmod 600" in remedy for remedy in found)


# -- files ---------------------------------------------------------------------------------------------------------------


def no_umask(scene: Scene) -> None:
    scene.kept["umask"] = os.umask(0)


def files_are_private(scene: Scene) -> None:
    """Everything that the station made is its user's alone."""
    os.umask(scene.kept["umask"])
    made = list((scene.rig.folder / "state").rglob("*"))
    assert len(made) > 4
    modes = {path: path.stat().st_mode & 0o777 for path in made}
    assert {path: mode for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}


def no_secret_is_written(scene: Scene) -> None:
    """Neither the key nor a token stands in the journal, a session log or the configuration."""
    rig = scene.rig
    headers = dict(rig.api.seen(ACTIVATE_DEVICE_ID)[-1].request.headers)
    token = next(value for name, value in headers.items() if name.lower() == "authorization").removeprefix("Bearer ")
    assert len(token) > 8
    secrets = (rig.settings.api.cs_sec_key.reveal().encode(), token.encode())
    files = [path for path in (rig.folder / "state").rglob("*") if path.is_file()]
    for path in [*files, rig.folder / "station.yaml"]:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        assert not any(secret in content for secret in secrets), path


_SN = {"station": {"scan": "sn", "api": ANY_SN}, "scans": sns}
_SETTLED = {"again": ("unit.set_aside",), "hold": Hold.SET_ASIDE}
# fmt: off
CASES = (
    Case(Kind.SCAN, "A scan that should be an SN and is SQL, ZPL, a path, a shell's words, or too long",
         ("scan.invalid",), NOTHING,
         vary=(*HOSTILE[:4], "x" * 65), **_SN),
    Case(Kind.SCAN, "The scanned SN is another board's", ("unit.sn_taken",), NOTHING, sn_is_taken,
         when=When.BEFORE_STATION,
         station=_SN["station"], scans=lambda _value: ("SN-TAKEN", "SN-1", "SN-2")),
    Case(Kind.SCAN, "The scanner sends control characters, other bytes or no end of them: no start, then a good scan",
         (PASS,),
         NOTHING, escapes_are_scanned, vary=ESCAPES, proves=told_in_print),
    Case(Kind.SECURITY, "A chipId that is SQL, ZPL, a path, a shell's words or a format: taken as text", (PASS,),
         NOTHING, vary=HOSTILE,
         board=board_named, station={"kind": "text"}, proves=nothing_was_injected),
    Case(Kind.SECURITY, "A chipId with a terminal's control characters", ("board.garbled",), TEXT_COMMAND,
         vary=("\x1b[2J\x1b]0;owned\x07",), board=board_named, station={"kind": "text"}, proves=message_is_printable,
         again=("board.garbled",)),
    Case(Kind.SECURITY,
         "An SN that is SQL, ZPL, a path or a format, where the configured pattern admits it: taken as text", (PASS,),
         NOTHING, vary=HOSTILE, proves=nothing_was_injected,
         station={"scan": "sn", "api": ANY_SN, "api_options": 'sn_pattern: "[!-~]{1,64}"'},
         scans=lambda value: (value, value, sns(value)[2])),
    Case(Kind.SECURITY, "The API refuses with a description that is a terminal's control characters",
         ("api.unit_refused",), NOTHING,
         answers('{"code": "020103", "desc": "%s"}'), vary=(r"\u001b[2J\u001b]0;owned\u0007", "\\u202e7654",
         "x" * 100_000),
         proves=message_is_printable),
    Case(Kind.SECURITY, "The API names an id that is SQL, ZPL, a path or a shell's words", ("api.answer_other",),
         NOTHING,
         answers('{"code": "000000", "data": {"deviceId": "%s"}}'), vary=HOSTILE[:4], **_SETTLED),
    Case(Kind.SECURITY, "The API names an id of control characters", ("api.answer_invalid",), NOTHING,
         answers('{"code": "000000", "data": {"deviceId": "%s"}}'), vary=(r"\u001b[2J", r"a\u0000b"),
         proves=message_is_printable,
         **_SETTLED),
    Case(Kind.SECURITY, "A redirect to another host: the token does not follow", ("api.redirected",), NOTHING,
         redirects,
         vary=(302, 307, 308), proves=nobody_came, mend=close_stack),
    Case(Kind.SECURITY, "The API's certificate is nobody's", ("api.unreachable",), CALL, posed_as,
         when=When.BEFORE_STATION, restarts=True,
         station={"ids": "server"}, mend=own_address),
    Case(Kind.SECURITY, "Plain HTTP to another computer", ("config.invalid",), NOTHING,
         at_address("http://192.0.2.1:8080"),
         when=When.AT_START, mend=own_address),
    Case(Kind.SECURITY, "`http.insecure: true`: certificates are not checked, which the station and the doctor say",
         (PASS,), NOTHING,
         station={"api_options": "http: {insecure: true}"}, proves=is_flagged),
    Case(Kind.SECURITY, "Other users may read the file with the API's key, which the doctor says", (PASS,), NOTHING,
         key_may_be_read,
         when=When.BEFORE_STATION, proves=doctor_tells),
    Case(Kind.SECURITY, "The station's user has no umask: files and folders are the user's alone all the same", (PASS,),
         NOTHING,
         no_umask, when=When.BEFORE_STATION, proves=files_are_private),
    Case(Kind.SECURITY, "Whatever is written down holds neither the key nor a token", (PASS,), NOTHING,
         proves=no_secret_is_written),
)
# fmt: on
