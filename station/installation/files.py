"""Files that an installation owns: marked as its own in their first line, written whole or not at all, kept once when replaced."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from station.errors import StationError

MARK = "Written by `station install`"
MAX_FILE_BYTES = 1 << 20
KEPT_SUFFIX = ".bak"


class InstallationError(StationError):
    """Raised where the station cannot be installed or removed as asked; nothing was changed by the step that failed."""

    code = "install.refused"


class NoConsent(InstallationError):
    """Raised where nobody said that the computer may be changed, and nobody is there to be asked."""

    code = "usage.invalid"


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file of the installation: where it lies below the root, and what stands in it."""

    path: Path
    text: str
    what: str


def state_of(file: OwnFile, root: Path) -> str:
    """``new``, ``same`` or ``changed``. Raises InstallationError for a file of somebody else's at its place."""
    present = _read(below(root, file.path))
    if present is None:
        return "new"
    _require_own(file.path, present)
    return "same" if present == file.text else "changed"


def write(file: OwnFile, root: Path) -> None:
    """Write the file, mode 0644, with the folders above it. Another version of it is kept beside it, with ``KEPT_SUFFIX``."""
    target = below(root, file.path)
    state = state_of(file, root)
    if state == "same":
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if state == "changed":
            target.replace(target.with_name(target.name + KEPT_SUFFIX))
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(file.text)
                stream.flush()
                os.fchmod(stream.fileno(), 0o644)
                os.fsync(stream.fileno())
            Path(name).replace(target)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InstallationError(f"{target} cannot be written: {error.strerror}") from error


def remove(path: Path, root: Path) -> None:
    """Remove a file of the installation; nothing where there is none. Raises InstallationError for somebody else's."""
    target = below(root, path)
    present = _read(target)
    if present is None:
        return
    _require_own(path, present)
    try:
        target.unlink()
    except OSError as error:
        raise InstallationError(f"{target} cannot be removed: {error.strerror}") from error


def is_there(path: Path, root: Path) -> bool:
    return _read(below(root, path)) is not None


def below(root: Path, path: Path) -> Path:
    """``path``, which is absolute, as it lies below ``root``."""
    return root / path.relative_to("/")


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InstallationError(f"{path} cannot be read: {error.strerror}") from error


def _require_own(path: Path, present: str) -> None:
    if MARK not in present[:200]:
        raise InstallationError(f"{path} is there and was not written by station install: move it away first")
