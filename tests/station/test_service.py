"""The station as a service: started, watched, reloaded between cycles and ended, in real processes where signals are meant."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sqlite3
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.simulated.scanner import SimulatedScanner
from station.events import CycleEnded, CycleStarted, Event, SocketWaiting
from station.os_signals import taken
from station.sd_notify import Notifier
from station.service import Service
from tests.support.command import COMMAND, PATIENCE_S, SECRET, running, simulated_desk, told_to_end
from tests.support.manager import Manager
from tests.support.station import Rig, station

Process = subprocess.Popen[str]


@contextmanager
def served(config: Path, manager: Manager, **environment: str) -> Iterator[Process]:
    """``station run --json`` as a service manager starts it; killed where it has not ended."""
    process = subprocess.Popen(
        [str(COMMAND), "run", "--config", str(config), "--json"],
        cwd=config.parent,
        env=os.environ | {"STATION_CS_SEC_KEY": SECRET, "NOTIFY_SOCKET": manager.address, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def cycle(process: Process) -> dict[str, Any]:
    """Press Enter; the row of the cycle that it starts."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    row: dict[str, Any] = json.loads(process.stdout.readline())
    return row


def is_ready(message: str) -> bool:
    return message == "READY=1"


# -- started and ended ---------------------------------------------------------------------------------------------------


def test_systemd_is_told_of_the_start_of_what_goes_on_and_of_the_end(tmp_path: Path) -> None:
    with simulated_desk(tmp_path) as config, Manager(tmp_path) as manager, served(config, manager) as process:
        manager.until(is_ready)
        assert cycle(process)["outcome"] == "PASS"
        assert manager.until(lambda message: "1 PASS" in message).startswith("STATUS=A done; 1 PASS; pool: ")
        ended = told_to_end(process)
        assert ended.status == 0
        manager.rest()
        assert [message for message in manager.told if "STATUS" not in message and "WATCHDOG" not in message] == [
            "READY=1",
            "STOPPING=1",
        ]


def test_a_watched_station_feeds_the_watchdog(tmp_path: Path) -> None:
    with (
        simulated_desk(tmp_path) as config,
        Manager(tmp_path) as manager,
        served(config, manager, WATCHDOG_USEC="60000") as process,
    ):
        manager.until(is_ready)
        for _ in range(3):
            manager.until(lambda message: message == "WATCHDOG=1")
        assert told_to_end(process).status == 0


class SilentServer:
    """Accepts and never answers. ``asked`` counts connections; ``first`` is set with the first byte of the first one."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked = 0
        self.first = threading.Event()
        self._links: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            self._links.append(link)
            self.asked += 1
            link.recv(1)
            self.first.set()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for link in self._links:
            link.close()


def test_an_api_that_never_answers_is_asked_nothing_more_once_the_station_is_to_end(tmp_path: Path) -> None:
    """The pool is empty and 20 attempts with 5 minutes between them are configured: the request in progress is the last."""
    server = SilentServer()
    try:
        with simulated_desk(tmp_path) as config, Manager(tmp_path) as manager:
            api = f"base_url: {server.url}\n  timeout_s: 1.5\n  retry: {{attempts: 20, base_s: 300, cap_s: 300}}"
            text = config.read_text("utf-8")
            start, end = text.index("base_url:"), text.index("\n", text.index("base_url:"))
            config.write_text(text[:start] + api + text[end:], "utf-8")
            with served(config, manager) as process:
                assert server.first.wait(PATIENCE_S)
                ended = told_to_end(process)
        assert (ended.status, server.asked) == (0, 1)
        with sqlite3.connect(tmp_path / "state" / "journal.sqlite") as journal:
            batches = journal.execute("SELECT kind, state FROM id_batches").fetchall()
        journal.close()
        assert batches == [("device_id", "refused")], "it was a token that was asked for: no id is lost"
    finally:
        server.close()


# -- the watchdog ----------------------------------------------------------------------------------------------------------


def test_a_worker_that_hangs_ends_the_feeding_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cycle is held up by an outlet that does not return; when it does, the feeding goes on."""
    monkeypatch.setattr("station.jig.step_bound_s", lambda api, sharing: 0.1)
    with station(tmp_path) as rig, Manager(tmp_path) as manager:
        rig.configuration()
        let_go, seen = threading.Event(), []
        holder = Feeder(rig, let_go)
        service = Service(tmp_path / "station.yaml", holder, Notifier(manager.address, watchdog_s=0.03), cycles=1)

        def watch() -> None:
            manager.until(lambda message: message == "WATCHDOG=1")
            holder.may_start.set()
            manager.until(lambda message: message == "STATUS=socket A hangs")
            holder.look_again()
            seen.extend(manager.rest())
            let_go.set()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            (result,) = service.run()
        finally:
            let_go.set()
            thread.join()
        rig.results.append(result)
        assert result.outcome == "PASS"
        assert "WATCHDOG=1" not in seen


class Feeder:
    """Puts a board in once it may, and holds the socket's thread up when its cycle has started."""

    def __init__(self, rig: Rig, let_go: threading.Event) -> None:
        self._rig = rig
        self._let_go = let_go
        self.may_start = threading.Event()

    def __call__(self, event: Event) -> None:
        place = self._rig.places["A"]
        if isinstance(event, SocketWaiting):
            assert self.may_start.wait(PATIENCE_S)
            place.uart.insert(self._rig.board())
            SimulatedScanner().scan(place.scanner, "BOARD-1")
        elif isinstance(event, CycleStarted):
            assert self._let_go.wait(PATIENCE_S)
        elif isinstance(event, CycleEnded):
            place.uart.lift()

    def look_again(self) -> None:
        """Give the service the time of a few looks."""
        threading.Event().wait(0.1)


# -- reloaded ----------------------------------------------------------------------------------------------------------------


def changed(config: Path, old: str, new: str) -> None:
    text = config.read_text("utf-8")
    assert old in text
    config.write_text(text.replace(old, new), "utf-8")


def test_a_new_configuration_takes_effect_without_a_restart(tmp_path: Path) -> None:
    with simulated_desk(tmp_path) as config, Manager(tmp_path) as manager, served(config, manager) as process:
        manager.until(is_ready)
        assert cycle(process)["station"] == "desk"
        changed(config, "station: desk", "station: bench-2")
        process.send_signal(signal.SIGHUP)
        manager.until(lambda message: message.startswith("RELOADING=1\n"))
        manager.until(is_ready)
        row = cycle(process)
        assert (row["station"], row["outcome"], row["cycle"]) == ("bench-2", "PASS", 2)
        assert told_to_end(process).status == 0


def test_a_bad_configuration_is_told_with_its_line_and_the_old_one_stays(tmp_path: Path) -> None:
    with simulated_desk(tmp_path) as config, Manager(tmp_path) as manager, served(config, manager) as process:
        manager.until(is_ready)
        good = config.read_text("utf-8")
        changed(config, "station: desk", "station: desk\nstatoin: desk")
        process.send_signal(signal.SIGHUP)
        manager.until(lambda message: message == "STATUS=the new configuration is not taken: config.invalid")
        manager.until(is_ready)
        assert cycle(process)["station"] == "desk"
        config.write_text(good, "utf-8")
        ended = told_to_end(process)
        assert ended.status == 0
        (said,) = [line for line in ended.err.splitlines() if "not taken" in line]
        assert said.startswith(f"station: error: the new configuration is not taken: {config}:2:")


def test_a_configuration_that_no_station_can_start_with_is_put_back(tmp_path: Path) -> None:
    """Its journal belongs to another agent."""
    with simulated_desk(tmp_path) as config, Manager(tmp_path) as manager, served(config, manager) as process:
        manager.until(is_ready)
        other = tmp_path / "other.yaml"
        other.write_text(config.read_text("utf-8").replace("state_dir: state", "state_dir: taken"), "utf-8")
        with running("run", "--config", other, cwd=tmp_path) as neighbour:
            assert neighbour.stderr is not None
            neighbour.stderr.readline()
            config.write_text(other.read_text("utf-8"), "utf-8")
            process.send_signal(signal.SIGHUP)
            manager.until(lambda message: message == "STATUS=the new configuration is not taken: journal.locked")
            manager.until(is_ready)
            assert told_to_end(neighbour).status == 0
        assert cycle(process)["session"].startswith(str(tmp_path / "state"))
        assert told_to_end(process).status == 0


def test_a_cycle_in_progress_is_finished_before_a_reload(tmp_path: Path) -> None:
    with station(tmp_path) as rig, Manager(tmp_path) as manager:
        rig.configuration()
        rows: list[tuple[str, str]] = []
        board = rig.board()

        def publish(event: Event) -> None:
            if isinstance(event, SocketWaiting):
                rig.places["A"].uart.insert(board)
                SimulatedScanner().scan(rig.places["A"].scanner, "BOARD-1")
            elif isinstance(event, CycleStarted) and not rows:
                changed(tmp_path / "station.yaml", "station: bench", "station: bench-2")
                service.reload()
            elif isinstance(event, CycleEnded):
                rows.append((event.result.station, event.result.outcome))
                rig.places["A"].uart.lift()

        service = Service(tmp_path / "station.yaml", publish, Notifier(manager.address), cycles=2)
        rig.results += service.run()
        assert rows == [("bench", "PASS"), ("bench-2", "PASS")]


# -- signals -----------------------------------------------------------------------------------------------------------------


def test_an_action_that_fails_does_not_end_the_obeying(caplog: pytest.LogCaptureFixture) -> None:
    """Each signal calls its action once, in another thread than the main one, and one that came is ignored afterwards."""
    done = threading.Event()
    threads: list[str] = []

    def act() -> None:
        threads.append(threading.current_thread().name)
        if len(threads) == 1:
            raise RuntimeError("at first")
        done.set()

    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGUSR1)}
    with taken({signal.SIGHUP: act, signal.SIGUSR1: act}):
        os.kill(os.getpid(), signal.SIGHUP)
        while not threads:
            pass
        os.kill(os.getpid(), signal.SIGHUP)
        assert done.wait(PATIENCE_S)
    assert threads == ["signals", "signals"]
    assert signal.getsignal(signal.SIGUSR1) is before[signal.SIGUSR1]
    assert signal.signal(signal.SIGHUP, before[signal.SIGHUP]) is signal.SIG_IGN
    assert [record.message for record in caplog.records] == [f"signal {signal.SIGHUP:d} could not be obeyed"]


def test_a_stop_that_is_asked_for_again_and_again_is_one_stop(tmp_path: Path) -> None:
    """Also while the interpreter itself comes to its end."""
    with simulated_desk(tmp_path) as config, Manager(tmp_path) as manager, served(config, manager) as process:
        manager.until(lambda message: message == "READY=1")
        while process.poll() is None:
            process.terminate()
            time.sleep(0.002)
        assert process.returncode == 0


def test_a_station_at_a_terminal_ends_when_the_terminal_goes_away(tmp_path: Path) -> None:
    """SIGHUP is a reload for a service; here it is the shell's window that was closed."""
    with simulated_desk(tmp_path) as config:
        master, slave = os.openpty()
        process = subprocess.Popen(
            [str(COMMAND), "run", "--config", str(config)],
            cwd=tmp_path,
            env=os.environ | {"STATION_CS_SEC_KEY": SECRET, "TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        shown = b""
        try:
            while b"waiting" not in shown:
                shown += os.read(master, 65536)
            os.close(master)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait(PATIENCE_S)
