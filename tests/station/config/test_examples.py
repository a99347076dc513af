"""Every example in configs/ is good as it stands, but for its devices, which are another computer's."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.config.devices import missing_devices
from station.config.validate import load_configuration

FOLDER = Path(__file__).resolve().parents[3] / "configs"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_good(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_CS_SEC_KEY", "cs-sec-key-simulated")
    monkeypatch.setenv("STATION_CLIENT_SECRET", "client-secret-simulated")
    configuration = load_configuration(example)
    assert all("is not there" in mistake.what for mistake in missing_devices(configuration))


def test_there_is_one_for_each_kind_of_board_and_trigger() -> None:
    text = "".join(path.read_text("utf-8") for path in EXAMPLES)
    for kind in ("stm32:", "text_line:", "keyboard:", "serial_scanner:", "presence:", "zpl:", "escpos:", "png:"):
        assert kind in text
