"""The project's own kinds of import contract catch what they are for; checked on a small tree with real lint-imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

CONFIGURATION = """
[tool.importlinter]
root_packages = ["device", "app"]
include_external_packages = true
contract_types = [
    "only_imports: scripts.import_rules.OnlyImports",
    "built_only_in: scripts.import_rules.BuiltOnlyIn",
]
[[tool.importlinter.contracts]]
name = "pure"
type = "only_imports"
source_modules = ["device.codec"]
allowed_modules = ["device.errors"]
[[tool.importlinter.contracts]]
name = "built"
type = "built_only_in"
built_modules = ["device"]
builders = ["app.jig", "app.not_there_yet"]
free_modules = ["device", "device.errors"]
free_names = ["*Options"]
"""

KEPT = {
    "device/__init__.py": "class Protocol: ...\n",
    "device/errors.py": "class Broken(Exception): ...\n",
    "device/codec.py": "import struct\nfrom device.errors import Broken\n",
    "device/port.py": "import pytest\nfrom device.codec import Broken\nclass Port: ...\nclass PortOptions: ...\n",
    "app/__init__.py": "",
    "app/config.py": "from device.port import PortOptions\nfrom device.errors import Broken\nfrom device import Protocol\n",
    "app/jig.py": "from device.port import Port\nimport device.port\n",
}


def _lint(tree: Path, sources: dict[str, str]) -> tuple[int, str]:
    for name, text in {**sources, "pyproject.toml": CONFIGURATION}.items():
        path = tree / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return run.returncode, " ".join((run.stdout + run.stderr).split())


def test_a_tree_that_keeps_the_rules_passes(tmp_path: Path) -> None:
    status, said = _lint(tmp_path, KEPT)
    assert "2 kept, 0 broken" in said
    assert status == 0


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("device/codec.py", "import pytest", "device.codec imports pytest"),
        ("device/codec.py", "from device import port", "device.codec imports device.port"),
        ("device/codec.py", "def late():\n    import pytest", "device.codec imports pytest"),
        ("app/config.py", "from device.port import Port", "app.config imports device.port.Port (line 4)"),
        ("app/config.py", "from device import port", "app.config imports device.port (line 4)"),
        ("app/config.py", "import device.port", "app.config imports device.port (line 4)"),
        (
            "app/config.py",
            "def late():\n    from device.port import Port",
            "app.config imports device.port.Port (line 5)",
        ),
    ],
)
def test_a_broken_rule_is_named_with_the_module(tmp_path: Path, module: str, line: str, complaint: str) -> None:
    """Also inside a function, through the package, or as a whole module."""
    status, said = _lint(tmp_path, {**KEPT, module: KEPT[module] + line + "\n"})
    assert status != 0
    assert "1 kept, 1 broken" in said
    assert complaint in said


def test_a_rule_about_a_module_that_is_gone_is_an_error(tmp_path: Path) -> None:
    sources = {name: text for name, text in KEPT.items() if name != "device/codec.py"}
    sources["device/port.py"] = "class Port: ...\nclass PortOptions: ...\n"
    status, said = _lint(tmp_path, sources)
    assert status != 0
    assert "no such module: device.codec" in said
