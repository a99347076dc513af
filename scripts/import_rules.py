"""Two import-linter contracts that the import rules of this project need; [tool.importlinter] in pyproject.toml uses them.

only_imports     modules that may import the standard library and the modules listed, nothing else
built_only_in    modules whose names only the listed builders may import, save those that match ``free_names``
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyImports(Contract):
    """``source_modules`` import directly only the standard library, each other, and ``allowed_modules``."""

    type_name = "only_imports"

    source_modules = fields.ListField(subfield=fields.StringField())
    allowed_modules = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 (the interface's)
        sources = _existing(graph, _names(self.source_modules))
        allowed = {*sources, *_existing(graph, _names(self.allowed_modules))}
        found = [
            f"{source} imports {imported}"
            for source in sources
            for imported in sorted(graph.find_modules_directly_imported_by(source))
            if imported not in allowed and imported.split(".")[0] not in sys.stdlib_module_names
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        _render(check)


class BuiltOnlyIn(Contract):
    """Names of ``built_modules``, and of all below them, are imported by ``builders`` only, and by ``exempt`` packages.

    Free for all are names that match ``free_names`` (a driver's options are data) and what stands in ``free_modules`` itself,
    not below it. ``builders`` and ``free_modules`` need not exist: a stale entry there allows nothing.
    """

    type_name = "built_only_in"

    built_modules = fields.ListField(subfield=fields.StringField())
    builders = fields.ListField(subfield=fields.StringField())
    exempt = fields.ListField(subfield=fields.StringField(), required=False)
    free_modules = fields.ListField(subfield=fields.StringField(), required=False)
    free_names = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 (the interface's)
        built = _existing(graph, _names(self.built_modules))
        spared = (*_names(self.builders), *_names(self.exempt), *built)
        importers = sorted(
            module
            for module in graph.modules
            if not graph.is_module_squashed(module) and not any(_within(module, other) for other in spared)
        )
        found = [
            f"{importer} imports {name} (line {line})"
            for importer in importers
            for name, line in _imported_names(_source_path(importer))
            if any(_within(name, module) for module in built) and not self._is_free(name, graph)
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def _is_free(self, name: str, graph: ImportGraph) -> bool:
        free_modules = _names(self.free_modules)
        if name in graph.modules:
            return name in free_modules
        module, _, last_part = name.rpartition(".")
        return module in free_modules or any(fnmatchcase(last_part, pattern) for pattern in _names(self.free_names))

    def render_broken_contract(self, check: ContractCheck) -> None:
        _render(check)


def _names(field: object) -> list[str]:
    """The value of a list field, empty where it is left out: import-linter turns fields into values when a contract is made."""
    return [str(name) for name in cast(list[object] | None, field) or []]


def _existing(graph: ImportGraph, names: list[str]) -> list[str]:
    """``names``, all of which must be modules: a rule about a module that was renamed would hold for ever."""
    missing = [name for name in names if name not in graph.modules]
    if missing:
        raise ValueError(f"no such module: {', '.join(missing)}")
    return list(names)


def _within(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")


def _source_path(module: str) -> Path:
    """The file of a module of ours; lint-imports runs in the project's root."""
    path = Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _imported_names(path: Path) -> Iterator[tuple[str, int]]:
    """Each name that a file imports, in full, with its line; imports inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _render(check: ContractCheck) -> None:
    for line in check.metadata["found"]:
        output.print_error(line, bold=False)
