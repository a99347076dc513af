"""Where a journal is: a file of SQLite, or a database of PostgreSQL. Imports no database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from station.journal.errors import JournalAddress, JournalNoDriver
from station.secrets import Secret

SQLITE_URL = "sqlite:///"
SERVER_SCHEMES = ("postgresql", "postgres")
HOW = "write postgresql://user@host/database"


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """A database of PostgreSQL. ``url`` may hold a password; ``name``, what messages call it, holds neither that nor a user."""

    url: Secret
    name: str


def place_of(location: Path | str | Secret) -> Path | ServerPlace:
    """What ``location`` means: a path, ``sqlite:///path`` or ``postgresql://…``. Raises JournalAddress, which never holds it."""
    text = location.reveal() if isinstance(location, Secret) else location
    if isinstance(text, Path):
        return text
    if "://" not in text:
        if isinstance(location, Secret):
            raise JournalAddress(f"database.url is no address; {HOW}")
        return Path(text)
    if text.startswith(SQLITE_URL) and len(text) > len(SQLITE_URL):
        return Path(text.removeprefix(SQLITE_URL))
    try:
        return ServerPlace(Secret(text), server_name(text))
    except ValueError as error:
        raise JournalAddress(str(error)) from None


def require_driver() -> None:
    """To be called before any module that talks to a server is imported. Raises JournalNoDriver."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        what = f"a journal on PostgreSQL needs psycopg: pip install 'station[postgresql]' ({error})"
        raise JournalNoDriver(what.replace("\n", " ")) from error


def server_name(url: str) -> str:
    """The address without user, password and options. Raises ValueError, which never holds the address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"an address that cannot be read; {HOW}") from None
    if parts.scheme not in SERVER_SCHEMES:
        raise ValueError(f"no address of a journal; {HOW}, or {SQLITE_URL}path")
    database = parts.path.removeprefix("/")
    if not database or "/" in database or not url.isascii() or not url.isprintable():
        raise ValueError(f"an address that names no database; {HOW}")
    return f"postgresql://{host or ''}{f':{port}' if port else ''}/{database}"
