"""The users of the page: a file with one line for each, ``name:role:scrypt:…``, that ``station panel user`` keeps.

Passwords are kept as scrypt hashes (RFC 7914) with the least cost that OWASP's "Password Storage Cheat Sheet" names at 16 MiB.
Programs have a token instead, ``name:role:token:…``: 256 random bits, which nobody can guess, need no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from station.panel.people import Role

COST, BLOCK, PARALLEL = 2**14, 8, 5
"""N, r and p of scrypt; 16 MiB and about a fifth of a second."""
SALT_BYTES = 16
HASH_BYTES = 32
MEMORY_BYTES = 32 * 1024 * 1024
MAX_USERS = 256
MAX_FILE_BYTES = 64 * 1024
MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 10, 256
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")

_HASH = re.compile(r"scrypt:([0-9a-f]{32}):([0-9a-f]{64})")
_TOKEN = re.compile(r"token:[0-9a-f]{64}")
_TOKEN_MARK = "station_"
"""How every token begins, so that people and scanners for secrets know one when they see it."""


@dataclass(frozen=True, slots=True)
class User:
    """One line of the file. ``secret`` is the salted hash of the password, or the hash of the token."""

    name: str
    role: Role
    secret: str

    @property
    def has_token(self) -> bool:
        """Whether this is a program, with a token, rather than a person with a password."""
        return _TOKEN.fullmatch(self.secret) is not None


def hashed(password: str) -> str:
    """What the file keeps of a password. Raises ValueError, which never holds it."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise ValueError(f"a password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters; choose another")
    salt = secrets.token_bytes(SALT_BYTES)
    return f"scrypt:{salt.hex()}:{_scrypt(password, salt).hex()}"


def new_token() -> str:
    """A token for a program; shown once, kept by its hash (``token_hash``) alone."""
    return _TOKEN_MARK + secrets.token_urlsafe(HASH_BYTES)


def token_hash(token: str) -> str:
    """What the file keeps of a token."""
    return f"token:{hashlib.sha256(token.encode()).hexdigest()}"


def is_token(token: str, secret: str) -> bool:
    """Whether this is the token that ``secret`` was made of."""
    return hmac.compare_digest(token_hash(token), secret)


def is_password(password: str, secret: str) -> bool:
    """Whether this is the password that ``secret`` was made of."""
    found = _HASH.fullmatch(secret)
    if found is None or len(password) > MAX_PASSWORD_CHARS:
        return False
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(found[1])), bytes.fromhex(found[2]))


def read_users(path: Path) -> dict[str, User]:
    """The users by name. Raises ValueError, one line that names the file and the line."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        text = raw.decode("ascii")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}; make it with station panel user add") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no file of users; make one with station panel user add") from error
    if len(raw) > MAX_FILE_BYTES:
        raise ValueError(f"{path} is larger than {MAX_FILE_BYTES} bytes; it is no file of users")
    users: dict[str, User] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user = _user_of(line)
        if user is None or user.name in users:
            raise ValueError(f"{path}:{number} is no user, or one named above; write it with station panel user add")
        users[user.name] = user
    return users


def write_users(path: Path, users: dict[str, User]) -> None:
    """Replace the file as a whole, readable by its owner alone. Raises OSError, ValueError."""
    if len(users) > MAX_USERS:
        raise ValueError(f"more than {MAX_USERS} users; remove some")
    lines = [f"{user.name}:{user.role}:{user.secret}\n" for user in users.values()]
    new = path.with_name(f".{path.name}.{os.getpid()}.part")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _user_of(line: str) -> User | None:
    name, _, rest = line.strip().partition(":")
    role, _, secret = rest.partition(":")
    is_secret = _HASH.fullmatch(secret) or _TOKEN.fullmatch(secret)
    if not NAME.fullmatch(name) or role not in Role.__members__.values() or not is_secret:
        return None
    return User(name, Role(role), secret)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=COST, r=BLOCK, p=PARALLEL, maxmem=MEMORY_BYTES, dklen=HASH_BYTES
    )
