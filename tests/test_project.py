"""What holds for the project as a whole: codes, documentation, sizes of modules, version, imports at start-up, udev rules."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import station
from drivers.errors import DriverError
from scripts.troubleshooting import PAGE, render
from station.errors import CATALOGUE, StationError, explain
from station.model import Outcome

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for package in ("station", "drivers") for path in (ROOT / package).rglob("*.py"))
MAX_MODULE_LINES = 400
HEAVY = frozenset({"alembic", "barcode", "escpos", "httpx", "PIL", "psycopg", "rich", "serial", "sqlalchemy"})


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _targets(node: ast.AST) -> set[str]:
    """The plain names that an assignment binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _walk_outside_catalogue(tree: ast.Module) -> Iterator[ast.AST]:
    for statement in tree.body:
        if "CATALOGUE" not in _targets(statement):
            yield from ast.walk(statement)


def _error_codes_by_class() -> dict[str, str]:
    """Class name to code, for each class below DriverError or StationError that has a literal ``code`` of its own."""
    classes = {node.name: node for path in SOURCES for node in ast.walk(_tree(path)) if isinstance(node, ast.ClassDef)}
    errors = {"DriverError", "StationError"}
    while more := {name for name, node in classes.items() if name not in errors and _base_names(node) & errors}:
        errors |= more
    return {
        name: statement.value.value
        for name in errors
        for statement in classes[name].body
        if "code" in _targets(statement)
        and isinstance(statement, ast.Assign | ast.AnnAssign)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    }


def _base_names(node: ast.ClassDef) -> set[str]:
    return {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in node.bases}


def _codes_in_use() -> set[str]:
    """Codes that the source can produce: literals beside the catalogue, and the codes of classes that are referred to."""
    class_codes = _error_codes_by_class()
    found: set[str] = set()
    for path in SOURCES:
        nodes = list(_walk_outside_catalogue(_tree(path)))
        defaults = {
            id(statement.value)
            for node in nodes
            if isinstance(node, ast.ClassDef)
            for statement in node.body
            if "code" in _targets(statement) and isinstance(statement, ast.Assign | ast.AnnAssign)
        }
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in defaults:
                found.add(node.value)
            elif isinstance(node, ast.Name) and node.id in class_codes:
                found.add(class_codes[node.id])
            elif isinstance(node, ast.Attribute) and node.attr in class_codes:
                found.add(class_codes[node.attr])
    return found


def test_every_code_of_the_catalogue_can_occur() -> None:
    """A code that nothing raises is a promise to the operator that no one keeps."""
    assert sorted(set(CATALOGUE) - _codes_in_use()) == []


def test_every_error_class_has_a_code_of_the_catalogue() -> None:
    codes = _error_codes_by_class()
    assert len(codes) > 20
    assert {name: code for name, code in codes.items() if code not in CATALOGUE} == {}


@pytest.mark.parametrize("root", [DriverError, StationError])
def test_the_roots_of_both_error_trees_explain_themselves(root: type[Exception]) -> None:
    assert explain(root("x")).outcome is Outcome.ERROR
    assert explain(root("x")).code == root.code  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_what_an_operator_reads_is_short_and_says_what_to_do(code: str) -> None:
    row = CATALOGUE[code]
    assert re.fullmatch(r"[a-z]+(\.[a-z_]+)+", code)
    assert row.code == code
    assert len(row.headline) <= 45
    assert len(row.action) <= 110
    assert row.action.endswith((".", "?"))
    assert "|" not in row.headline + row.action


def test_the_troubleshooting_page_lists_every_code() -> None:
    """The page is written from the catalogue; ``make docs`` writes it anew."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == render()
    assert [code for code in CATALOGUE if f"`{code}`" not in page] == []


def test_no_module_is_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert len(lengths) > 20
    assert {name: lines for name, lines in lengths.items() if lines > MAX_MODULE_LINES} == {}


def test_the_version_stands_in_one_place_and_in_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "station.__version__"}
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == station.__version__


def test_the_product_is_built_on_the_packages_that_were_chosen_for_it() -> None:
    """Each is needed to run, and imported where the product uses it."""
    chosen = {
        "httpx": "station",
        "pydantic": "station",
        "pyserial": "drivers",
        "python-escpos": "station",
        "pyyaml": "station",
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {re.split(r"[^A-Za-z0-9_-]", each)[0].lower() for each in project["dependencies"]}
    assert set(chosen) <= needed
    modules = {
        "httpx": "httpx",
        "pydantic": "pydantic",
        "pyserial": "serial",
        "python-escpos": "escpos",
        "pyyaml": "yaml",
    }
    for package, tree in chosen.items():
        sources = [path.read_text("utf-8") for path in (ROOT / tree).rglob("*.py")]
        pattern = re.compile(rf"^\s*(import|from) {modules[package]}\b", re.MULTILINE)
        assert any(pattern.search(source) for source in sources), f"nothing imports {package}"


def test_locks_pin_every_dependency_with_hashes_and_name_no_place() -> None:
    """Each package that pyproject.toml names is pinned; no index, path or URL ties the locks to one network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {
        "runtime": project["dependencies"],
        "development": project["optional-dependencies"]["dev"],
        "openhtf": [line for line in (ROOT / "benchmarks" / "openhtf.in").read_text().splitlines() if line[:1] != "#"],
    }
    for lock, requirements in named.items():
        text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
        pins = {line.split("==")[0] for line in text.splitlines() if line[:1].isalnum()}
        wanted = {re.split(r"[<>=!~; \[]", requirement)[0].lower().replace("_", "-") for requirement in requirements}
        assert wanted - pins == set()
        assert text.count("==") - text.count("=='") >= len(pins)
        assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\w)", text)[1:])
        assert re.search(r"://|--index|--find-links|/home/|file:", text) is None


SECRET = {"STATION_CS_SEC_KEY": "cs-sec-key-simulated"}
"""What configs/desk.yaml refers to."""


def _modules_imported_by(*arguments: str) -> tuple[int, set[str]]:
    """Run a command in a fresh interpreter; its exit status and the modules it has imported."""
    program = (
        "import sys\n"
        "from station.cli import main\n"
        "try:\n"
        "    status = main(sys.argv[1:])\n"
        "except SystemExit as stop:\n"
        "    status = stop.code or 0\n"
        "print('\\n'.join([str(status), *sys.modules]), file=sys.stderr)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=os.environ | SECRET,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stderr.splitlines()
    start = next(index for index, line in enumerate(lines) if line.isdigit())
    return int(lines[start]), set(lines[start + 1 :])


def test_help_imports_no_package_beside_the_standard_library() -> None:
    status, modules = _modules_imported_by("--help")
    assert status == 0
    assert "station.cli" in modules
    assert modules & (HEAVY | {"pydantic", "yaml"}) == set()


def test_checking_a_configuration_imports_nothing_heavy() -> None:
    status, modules = _modules_imported_by("config", "check", "configs/desk.yaml", "--without-ports")
    assert status == 0
    assert "pydantic" in modules
    assert modules & HEAVY == set()


@pytest.mark.parametrize("command", ["run", "demo", "doctor", "simulate", "sessions", "units", "label", "config"])
def test_the_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    """Each command imports what it needs when it runs; what its arguments are must not wait for that."""
    status, modules = _modules_imported_by(command, "--help")
    assert status == 0
    assert f"station.commands.{command}" in modules
    assert modules & HEAVY == set()


def test_a_simulated_board_needs_neither_http_nor_labels_nor_the_journal() -> None:
    """It ends at once, since no such part is known; by then its imports are done."""
    status, modules = _modules_imported_by("simulate", "device", "--chip", "NONE")
    assert status == 2
    assert "drivers.simulated.stm32_chip" in modules
    assert modules & HEAVY == set()


def test_a_running_station_holds_no_package_that_it_does_not_use() -> None:
    """All that ``station run`` imports for an STM32 board and a ZPL printer: what stays in memory for months."""
    program = (
        "import sys, station.service, station.commands.run, station.metrics.companion, station.event_log, station.page\n"
        "import drivers.bootloader.stm32.rom, drivers.printer.zpl, drivers.tcp_port\n"
        "print('\\n'.join(sys.modules))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=50
    )
    modules = set(run.stdout.split())
    assert {"httpx", "pydantic", "sqlalchemy", "yaml"} <= modules
    unused = {"PIL", "asyncio.events", "alembic", "barcode", "click", "escpos", "psycopg", "pygments", "rich"}
    page = {"jinja2", "starlette", "station.panel", "uvicorn"}
    drivers = {f"drivers.{name}" for name in ("bootloader.text_line", "printer.cups", "printer.escpos", "printer.ipp")}
    assert modules & {*unused, *page, *drivers, "difflib", "sqlalchemy.dialects.postgresql", "subprocess"} == set()


_UDEV_PART = re.compile(
    r'(?:(?:SUBSYSTEM|SUBSYSTEMS|KERNEL|ACTION|DRIVERS|ATTRS?\{[\w/]+\}|ENV\{\w+\})(?:==|!=)"[^"]+"'
    r'|(?:SYMLINK|GROUP|MODE|TAG|ENV\{\w+\}|ATTR\{[\w/]+\}|GOTO|LABEL|IMPORT\{\w+\})\+?="[^"]+")'
)


def test_udev_rules_are_well_formed() -> None:
    """Each rule, the commented examples too, is a list of known matches and assignments; each GOTO has its LABEL."""
    text = (ROOT / "udev" / "60-station.rules").read_text(encoding="utf-8")
    rules = [line.removeprefix("#") for line in text.splitlines() if re.match(r"#?[A-Z]+(\{\w+\})?[=!+]", line)]
    assert len(rules) > 10
    assert [rule for rule in rules if not all(_UDEV_PART.fullmatch(part) for part in rule.split(", "))] == []
    assert set(re.findall(r'GOTO="(\w+)"', text)) == set(re.findall(r'LABEL="(\w+)"', text))
