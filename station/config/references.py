"""Secrets in a configuration: references to where a secret is kept, never the secret itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from pydantic import GetPydanticSchema, ValidationInfo
from pydantic_core import core_schema

from station.journal.place import server_name
from station.secrets import Secret

MAX_SECRET_BYTES = 4096
MIN_SECRET_CHARACTERS = 4

_REFERENCE = re.compile(r"\$\{(env|file|credential):([^}]+)\}")
_HOLE = "password-by-reference"
_HOW = "write ${env:NAME}, ${file:PATH} or, under systemd, ${credential:NAME}"


def resolve_secret(value: object, base: Path) -> Secret:
    """The secret that a reference names. Raises ValueError, which never holds the value.

    ``${env:NAME}`` reads an environment variable, ``${file:PATH}`` a file (relative to ``base``; the last line end is cut),
    ``${credential:NAME}`` a file in systemd's $CREDENTIALS_DIRECTORY.
    """
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"a secret may not stand here itself; {_HOW}")
    kind, name = match[1], match[2]
    text = _from_environment(name) if kind == "env" else _from_file(_secret_path(kind, name, base))
    if len(text) < MIN_SECRET_CHARACTERS:
        raise ValueError(f"the secret in {match[0]} is empty or shorter than {MIN_SECRET_CHARACTERS} characters")
    return Secret(text)


def _from_environment(name: str) -> str:
    text = os.environ.get(name)
    if text is None:
        raise ValueError(f"the environment variable {name} is not set; set it for the station's user")
    return text


def _secret_path(kind: str, name: str, base: Path) -> Path:
    if kind == "file":
        return base / name
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        raise ValueError(
            "$CREDENTIALS_DIRECTORY is not set: ${credential:…} works in a systemd service with LoadCredential="
        )
    if "/" in name or name in (".", ".."):
        raise ValueError(f"{name!r} is no name of a credential")
    return Path(directory) / name


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise ValueError(
            f"the secret file {path} cannot be read: {error.strerror}; create it with mode 0600"
        ) from error
    if len(raw) > MAX_SECRET_BYTES:
        raise ValueError(f"the secret file {path} is larger than {MAX_SECRET_BYTES} bytes")
    try:
        return raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise ValueError(f"the secret file {path} is not UTF-8 text") from error


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a configuration is read in: where its paths lead and what its secret references stand for."""

    anchor: Callable[[str], Path]
    secret: Callable[[object], Secret]

    @classmethod
    def of_folder(cls, base: Path) -> Surroundings:
        """Relative paths start from ``base``; secrets are looked up."""
        return cls(lambda name: base / Path(name).expanduser(), lambda value: resolve_secret(value, base))


def surroundings_of(info: ValidationInfo) -> Surroundings:
    """The surroundings that ``model_validate_json(…, context=…)`` was given."""
    assert isinstance(info.context, Surroundings)
    return info.context


def _secret_schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    def validate(value: object, info: ValidationInfo) -> Secret:
        return surroundings_of(info).secret(value)

    return core_schema.with_info_plain_validator_function(validate)


def _path_schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    def validate(value: object, info: ValidationInfo) -> Path:
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValueError("must be a path; write it as text")
        return surroundings_of(info).anchor(value)

    return core_schema.with_info_plain_validator_function(validate)


def _database_schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    def validate(value: object, info: ValidationInfo) -> Secret:
        return database_url(value, surroundings_of(info).secret)

    return core_schema.with_info_plain_validator_function(validate)


def database_url(value: object, secret: Callable[[object], Secret]) -> Secret:
    """The address of a database: a reference to the whole of it, or the address with a reference in the place of the password.
    Raises ValueError, which holds neither a password nor what a reference stands for."""
    if not isinstance(value, str):
        raise ValueError("must be an address; write it as text")
    if _REFERENCE.fullmatch(value):
        return secret(value)
    holes = [match[0] for match in _REFERENCE.finditer(value)]
    marked = _REFERENCE.sub(_HOLE, value)
    server_name(marked)
    if len(holes) > 1 or (urlsplit(marked).password or "") != (_HOLE if holes else "") or "password=" in marked:
        raise ValueError(f"a password may not stand here itself; {_HOW} in its place")
    filled = marked.replace(_HOLE, quote(secret(holes[0]).reveal(), safe="")) if holes else marked
    return Secret(filled)


DatabaseUrl = Annotated[Secret, GetPydanticSchema(_database_schema)]
"""A field that takes the address of a database and holds it whole."""

SecretReference = Annotated[Secret, GetPydanticSchema(_secret_schema)]
"""A field that takes a reference and holds the Secret."""

ConfigPath = Annotated[Path, GetPydanticSchema(_path_schema)]
"""A field that takes a path, relative to the folder of the configuration file."""
