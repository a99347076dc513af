"""``/api/v1`` is as its description says: schemathesis makes requests of it, good ones and bad ones, and judges each answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from station.panel.api.operations import OPERATIONS
from station.panel.people import Role
from tests.panel.test_api import TOKENS, with_tokens
from tests.support.panel import Served, served

COMMAND = Path(sys.executable).with_name("schemathesis")
EXAMPLES = 5
"""Of each kind for each operation; beside them come all the limits of all values."""
BOUND_S = 55


def tried(place: Served, folder: Path) -> str:
    """What schemathesis says in the end. It is told of no passwords: as it has to be, it would be slowed down after a few wrong
    ones, and the stream has no end."""
    with place.visitor() as visitor:
        described = visitor.get("/api/v1/openapi.json").json()
    described["security"] = [{"token": []}]
    del described["components"]["securitySchemes"]["password"]
    file = folder / "openapi.json"
    file.write_text(json.dumps(described), encoding="utf-8")
    words = ["run", str(file), "--url", place.url, "--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1"]
    words += ["--header", f"Authorization: Bearer {TOKENS[Role.SUPERVISOR]}", "--header", "Host: station.test"]
    words += ["--exclude-path", "/api/v1/events", "--no-color"]
    ran = subprocess.run(
        [str(COMMAND), *words], cwd=folder, capture_output=True, text=True, timeout=BOUND_S, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_every_answer_is_as_described_whatever_is_asked(tmp_path: Path) -> None:
    """No answer says that the server failed, none that it took what the description forbids or refused what it allows, and none
    tells anything to a program without a token."""
    with served(tmp_path, with_tokens(tmp_path)) as place:
        for _ in range(2):
            place.cycle(place.rig.board())
        said = tried(place, tmp_path)
        assert f"Tested: {len(OPERATIONS)}" in said, said
        for label in place.rig.rows("SELECT sn FROM labels WHERE copy_number > 1 AND fate = 'printed'"):
            place.rig.reprints[label["sn"]] += 1
