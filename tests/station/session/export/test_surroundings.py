"""A station moved elsewhere: nothing names the place any more, and its configuration is still one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from station.config.loader import load
from station.rerun import recorded_configuration
from station.session.export.surroundings import elsewhere
from station.session.format import Event, SessionLog

ROOT = Path(__file__).parents[4]
PLACES = """\
station: shenzhen-line-7
state_dir: /srv/acme/station
journal: {url: "postgresql://bob@db.acme.example/station"}
api:
  base_url: https://api.acme.example/v1
  production_path: /open/production/v2/api
  auth: {csid: {csid: "100200300", cs_sec_key: "${file:/etc/acme/key}"}}
  http: {ca_file: /etc/acme/ca.pem}
board:
  text_line: {prompt: "/> "}
label_extra: {maker: "/ACME/"}
label: {design: {width_mm: 40, height_mm: 30, elements: [{kind: image, file: logo.png, path: "/x"}]}}
printers:
  - {name: line, driver: {zpl: {}}, connection: {tcp: {host: printer.acme.example}}}
  - {name: spare, driver: {zpl: {}}, connection: {tcp: {host: 192.168.77.9}}}
sockets:
  - {name: left, printer: spare, serial: {port: "rfc2217://ports.acme.example:4001"}, trigger: {keyboard: {}}}
  - {name: right, printer: line, serial: {port: /dev/serial/by-id/usb-ACME-if00}, trigger: {keyboard: {}}}
"""


def _head(values: dict[str, Any], socket: str) -> dict[str, Any]:
    session = f"{values['state_dir']}/sessions/2026-01-02/log.jsonl.gz"
    files = {"logo.png": "00ff"}
    head = {"format": 1, "station": values["station"], "socket": socket, "session": session, "files": files}
    return {**head, "configuration": values, "driver": "x", "operator": "Bob"}


def test_no_name_of_the_place_stays(tmp_path: Path) -> None:
    file = tmp_path / "station.yaml"
    file.write_text(PLACES, encoding="utf-8")
    head, names = elsewhere(_head(load(file).values, "left"))
    content = json.dumps(head)
    for name in (
        "acme.example",
        "/srv",
        "/etc",
        "shenzhen",
        "bob",
        "Bob",
        "100200300",
        "192.168",
        "right",
        "logo",
        "left",
    ):
        assert name not in content, name
    assert "printer.acme.example" not in names, "the other socket's printer is gone altogether"
    assert names["192.168.77.9"].endswith(".invalid")
    configuration = head["configuration"]
    assert configuration["sockets"][0]["serial"]["port"] == f"rfc2217://{names['ports.acme.example']}:4001"
    assert configuration["api"]["production_path"] == "/open/production/v2/api"
    assert configuration["board"]["text_line"]["prompt"] == "/> "
    assert configuration["label_extra"] == {"maker": "/ACME/"}, "what stands on the label stays"
    assert head["files"] == {configuration["label"]["design"]["elements"][0]["file"]: "00ff"}


@pytest.mark.parametrize("name", ["desk", "stm32-zpl", "text-line-escpos"])
def test_what_is_left_of_an_example_is_a_configuration(name: str) -> None:
    values = load(ROOT / "configs" / f"{name}.yaml").values
    head, names = elsewhere(_head(values, values["sockets"][0]["name"]) | {"files": {}})
    log = SessionLog(Path("x"), (Event(0, 0, "head", fields=head),))
    with recorded_configuration(log) as configuration:
        assert [socket.name for socket in configuration.station.sockets] == ["socket-1"]
        assert configuration.station.station == "station-1"
    assert names[values["sockets"][0]["serial"]["port"]].startswith("/dev/elsewhere-")


def test_a_head_without_a_configuration_is_no_reason_to_fail() -> None:
    head, _ = elsewhere({"station": 7, "socket": None, "files": 3, "configuration": "none"})
    assert head["station"] == "station-1"
