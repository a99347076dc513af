"""Statements of the cycle: written once with SQLAlchemy Core for both kinds of database, run on a file by its own driver.

Core's execution of one compiled statement takes 50 to 100 µs of processor time and the driver's 5 to 10; a cycle has about
sixty. So for SQLite the text that Core compiles is kept, and the driver given it directly. On a server, where the network takes
longer than either, Core runs it as usual, since it knows which errors mean a lost connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa

Row = dict[str, Any]
NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement as SQLite's driver takes it: its parameters in order with the values of those that are never given, and the
    names of what it returns."""

    sql: str
    names: tuple[str, ...]
    given: Mapping[str, Any]
    columns: tuple[str, ...]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        given = self.given
        return [parameters[name] if name in parameters else given[name] for name in self.names]


class Statement:
    """One statement of Core. Its parameters are named by ``bindparam``, or for an INSERT by the columns; every call must name the
    same ones. Lists (``IN``) cannot be parameters."""

    def __init__(self, core: sa.Executable) -> None:
        self._core = core
        self._text: _Text | None = None

    def rows(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> list[Row]:
        """All rows, by the columns' names."""
        raw = _sqlite(connection)
        if raw is None:
            return [dict(row) for row in connection.execute(self._core, dict(parameters)).mappings()]
        text = self._for_sqlite(connection, parameters)
        found = raw.execute(text.sql, text.values(parameters)).fetchall()
        return [dict(zip(text.columns, row, strict=True)) for row in found]

    def row(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> Row | None:
        """The one row there is at most."""
        rows = self.rows(connection, parameters)
        if len(rows) > 1:
            raise sa.exc.MultipleResultsFound("one row was expected")
        return rows[0] if rows else None

    def scalar(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> Any:
        """The first column of the one row there is at most, None where there is none."""
        found = self.tuples(connection, parameters)
        if len(found) > 1:
            raise sa.exc.MultipleResultsFound("one row was expected")
        return found[0][0] if found else None

    def tuples(self, connection: sa.Connection, parameters: Mapping[str, Any] = NONE) -> list[tuple[Any, ...]]:
        """All rows."""
        raw = _sqlite(connection)
        if raw is None:
            return [tuple(row) for row in connection.execute(self._core, dict(parameters))]
        text = self._for_sqlite(connection, parameters)
        return raw.execute(text.sql, text.values(parameters)).fetchall()

    def change(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> int:
        """Insert, update or delete; how many rows it touched."""
        raw = _sqlite(connection)
        if raw is None:
            return connection.execute(self._core, dict(parameters)).rowcount
        text = self._for_sqlite(connection, parameters)
        return raw.execute(text.sql, text.values(parameters)).rowcount

    def change_each(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """The same for each of some rows, at least one."""
        raw = _sqlite(connection)
        if raw is None:
            connection.execute(self._core, [dict(row) for row in rows])
            return
        text = self._for_sqlite(connection, rows[0])
        raw.executemany(text.sql, [text.values(row) for row in rows])

    def insert(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> int:
        """Insert one row; the number that its table gave it."""
        raw = _sqlite(connection)
        if raw is not None:
            text = self._for_sqlite(connection, parameters)
            number = raw.execute(text.sql, text.values(parameters)).lastrowid
        else:
            key = connection.execute(self._core, dict(parameters)).inserted_primary_key
            number = None if key is None else key[0]
        assert number is not None, "one row was inserted"
        return int(number)

    def _for_sqlite(self, connection: sa.Connection, parameters: Mapping[str, Any]) -> _Text:
        """Compiled at the first call; two threads that meet there compile the same."""
        if self._text is None:
            compiled: Any = self._core.compile(  # type: ignore[attr-defined]  # every statement is a ClauseElement
                dialect=connection.dialect, column_keys=list(parameters) if isinstance(self._core, sa.Insert) else None
            )
            columns = tuple(column.name for column in getattr(self._core, "selected_columns", ()))
            values = {name: value for name, value in compiled.params.items() if value is not None}
            self._text = _Text(str(compiled), tuple(compiled.positiontup or ()), values, columns)
        return self._text


_found: WeakKeyDictionary[sa.Connection, sqlite3.Connection] = WeakKeyDictionary()
"""The driver's connections of those that are in use. That of a file is opened once; asking SQLAlchemy for it takes six calls."""


def _sqlite(connection: sa.Connection) -> sqlite3.Connection | None:
    raw = _found.get(connection)
    if raw is None and connection.dialect.name == "sqlite":
        driver_connection = connection.connection.driver_connection
        assert isinstance(driver_connection, sqlite3.Connection)
        raw = _found[connection] = driver_connection
    return raw
