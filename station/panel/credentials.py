"""Names and passwords, checked no faster than people type: whoever guesses is slowed down, by address and by name."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from station.panel.people import Person
from station.panel.users import HASH_BYTES, SALT_BYTES, User, is_password, is_token, read_users

TRIES = 5
"""Wrong passwords in a row that cost nothing but themselves, for one address or one name."""
TRY_EVERY_S = 20.0
"""How often another one is taken then."""
MAX_KNOWN = 1024
"""Addresses and names that are remembered; those wrong longest ago are forgotten first."""


NOBODY = f"scrypt:{secrets.token_hex(SALT_BYTES)}:{secrets.token_hex(HASH_BYTES)}"
"""No password's. Checked for a name that there is not, so that its answer takes as long as any other."""


class TooMany(Exception):
    """Raised for one try too many; ``wait_s`` says when the next is taken."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"wait {wait_s:.0f} s")
        self.wait_s = wait_s


class Tries:
    """Wrong tries by address and by name: a bucket of ``TRIES`` that empties by one each ``TRY_EVERY_S``."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._wrong: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """The level of the bucket, and when it was that."""

    def require(self, *keys: str) -> None:
        """Raises TooMany where one of them has used up its tries."""
        wait_s = max((self._level(key) - (TRIES - 1)) * TRY_EVERY_S for key in keys)
        if wait_s > 0:
            raise TooMany(wait_s)

    def wrong(self, *keys: str) -> None:
        """Another try was wrong."""
        for key in keys:
            level = self._level(key) + 1
            self._wrong[key] = level, self._monotonic_s()
            self._wrong.move_to_end(key)
        while len(self._wrong) > MAX_KNOWN:
            self._wrong.popitem(last=False)

    def right(self, *keys: str) -> None:
        """The password was right: earlier slips are forgotten."""
        for key in keys:
            self._wrong.pop(key, None)

    def _level(self, key: str) -> float:
        level, at_s = self._wrong.get(key, (0.0, 0.0))
        return max(0.0, level - (self._monotonic_s() - at_s) / TRY_EVERY_S)


class Credentials:
    """The users of a file, read anew when it changes. Any thread may ask; one password is checked at a time."""

    def __init__(self, file: Path | None, monotonic_s: Callable[[], float]) -> None:
        self._file = file
        self._checking = threading.Lock()
        """Held while a password is checked, a fifth of a second; ``_lock`` only for moments: others ask who they are."""
        self._lock = threading.Lock()
        self._tries = Tries(monotonic_s)
        self._users: dict[str, User] = {}
        self._mark: tuple[int, int] | None = None

    @property
    def are_kept(self) -> bool:
        """Whether there are users at all."""
        return self._file is not None

    def person(self, name: str, password: str, address: str) -> Person | None:
        """Who that is, None where name and password do not fit. Raises TooMany, ValueError where the file cannot be read."""
        keys = (f"address {address}", f"name {name[:64]}")
        with self._checking:
            with self._lock:
                self._tries.require(*keys)
                user = self._known().get(name)
            fits = is_password(password, NOBODY if user is None else user.secret)
            with self._lock:
                if user is None or not fits:
                    self._tries.wrong(*keys)
                    return None
                self._tries.right(*keys)
                return Person(user.name, user.role)

    def by_token(self, token: str) -> Person | None:
        """The program that has this token. Raises ValueError where the file cannot be read."""
        with self._lock:
            users = self._known()
        return next((Person(user.name, user.role) for user in users.values() if is_token(token, user.secret)), None)

    def still(self, person: Person) -> bool:
        """Whether the user is there with that role. Raises ValueError where the file cannot be read."""
        with self._lock:
            user = self._known().get(person.name)
        return user is not None and user.role is person.role

    def _known(self) -> dict[str, User]:
        if self._file is None:
            return {}
        try:
            status = self._file.stat()
        except OSError as error:
            raise ValueError(f"{self._file} cannot be read: {error.strerror}") from error
        mark = (status.st_mtime_ns, status.st_ino)
        if mark != self._mark:
            self._users, self._mark = read_users(self._file), mark
        return self._users
