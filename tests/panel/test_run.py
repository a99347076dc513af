"""The page of ``station run``, in a process of its own: served, read anew with the configuration, ended with the station."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from pathlib import Path

from tests.support.command import PATIENCE_S, running, simulated_desk, told_to_end
from tests.support.panel import Visitor, events


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def with_page(config: Path, part: str) -> None:
    """The desk with a page, started by nothing but its button."""
    text = config.read_text("utf-8").replace("{keyboard: {}}", "{button: {}}")
    config.write_text(f"panel: {part}\n{text}", "utf-8")


def address_in(process: subprocess.Popen[str]) -> str:
    """Where the page is, as standard error says."""
    assert process.stderr is not None
    said = next(line for line in process.stderr if "the page is at " in line)
    return said.split("the page is at ", 1)[1].split('"')[0].rstrip("/")


def test_a_board_is_started_at_the_page_of_a_running_station_which_then_ends_while_people_look(tmp_path: Path) -> None:
    """A reload in between takes the new language and keeps the address; the stream that was open ends and can be opened again."""
    with simulated_desk(tmp_path) as config:
        with_page(config, f'{{listen: "127.0.0.1:{free_port()}"}}')
        with running("run", "--config", config, "--json", "--log", "json", cwd=tmp_path) as process:
            url = address_in(process)
            with Visitor(url, verify=False) as visitor:
                with events(visitor) as stream:
                    _, snapshot = next(stream)
                    while not snapshot["tiles"][0]["ready"]:
                        kind, data = next(stream)
                        snapshot = {"tiles": [data]} if kind == "tile" else snapshot
                    assert visitor.send_form("/sockets/A/start").status_code == 200
                    while next(stream)[1].get("state") != "PASS":
                        pass
                    config.write_text(config.read_text("utf-8").replace("panel: {", "panel: {language: es, "), "utf-8")
                    process.send_signal(signal.SIGHUP)
                    for _ in stream:
                        pass
                assert address_in(process) == url
                assert visitor.get("/board.json").json()["language"] == "es"
                assert visitor.get("/board.json").json()["totals"]["today"]["PASS"] == 1
                opened = threading.Event()

                def look() -> None:
                    with Visitor(url, verify=False) as other, events(other) as rest:
                        next(rest)
                        opened.set()
                        for _ in rest:
                            pass

                looker = threading.Thread(target=look)
                looker.start()
                assert opened.wait(PATIENCE_S)
                ended = told_to_end(process)
                looker.join()
            assert ended.status == 0
            (row,) = ended.rows()
            assert (row["outcome"], row["cycle"]) == ("PASS", 1)
