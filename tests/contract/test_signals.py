"""The operator's signals as ``station run`` drives them, in a process of its own."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from drivers.simulated.link import PtyLink
from drivers.simulated.relay import SimulatedRelay
from tests.support.command import running, simulated_desk, told_to_end
from tests.support.links import wait_until


def test_a_running_station_lights_its_lamp_and_leaves_it_off(tmp_path: Path) -> None:
    """Beside it, a device that is not there: told once by its code, and in nobody's way."""
    board = SimulatedRelay()
    with simulated_desk(tmp_path) as config, closing(PtyLink(board)) as link:
        signals = (
            f"signals:\n  devices:\n    - relay: {{port: {link.path}, outputs: {{green: 1, ready: 2}}}}\n"
            "    - relay: {port: /dev/ttyABSENT5, outputs: {red: 1}}\n"
            "  rules: [{output: green, when: [pass]}, {output: red, when: [fail]}, {output: ready, when: [waiting]}]\n"
        )
        config.write_text(signals + config.read_text("utf-8"), "utf-8")
        with running("run", "--config", config, "--json", cwd=tmp_path) as process:
            wait_until(lambda: board.on == {2})
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            wait_until(lambda: 1 in board.on)
            ended = told_to_end(process)
        assert ended.status == 0
        assert [row["outcome"] for row in ended.rows()] == ["PASS"]
        assert [line for line in ended.err.splitlines() if "ttyABSENT5" in line] == [
            "station: warning: signals: /dev/ttyABSENT5: No such file or directory"
        ]
        wait_until(lambda: board.on == frozenset())
