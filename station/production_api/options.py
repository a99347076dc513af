"""What the client is configured with. Plain frozen values; ``station.config`` builds them.

Every class raises ValueError, with one line that names the field, for a value out of range.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from station.secrets import Secret

BASE_URL = "https://api.yosmart.com"
PRODUCTION_SCOPE = "production/*"
ID_PATTERN = r"[0-9A-Za-z._:-]{1,64}"
"""DeviceIDs and SNs are opaque text; this admits every form the API's documents show."""
MAX_BATCH = 1000
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def _within(name: str, value: float, lowest: float, highest: float) -> None:
    if not lowest <= value <= highest:
        raise ValueError(f"{name}: {value} is not between {lowest:g} and {highest:g}")


def _filled(name: str, value: Secret | str) -> None:
    text = value.reveal() if isinstance(value, Secret) else value
    if not text or not text.isascii() or not text.isprintable() or len(text) > 4096:
        raise ValueError(f"{name}: must be 1 to 4096 printable ASCII characters")


def _check_base_url(url: str, insecure: bool) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("base_url: not an http or https address with a host and perhaps a port")
    if parts.username or parts.password or parts.query or parts.fragment or parts.path.rstrip("/"):
        raise ValueError("base_url: only scheme, host and port may stand in it")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not insecure:
        raise ValueError("base_url: plain http would show the token to the network; use https or set insecure: true")


@dataclass(frozen=True, slots=True)
class CsidAuth:
    """Tokens from ``Manage.createAccessToken``, signed with the CSSecKey."""

    csid: str
    cs_sec_key: Secret

    def __post_init__(self) -> None:
        _filled("csid", self.csid)
        _filled("cs_sec_key", self.cs_sec_key)


@dataclass(frozen=True, slots=True)
class ClientCredentialsAuth:
    """Tokens by client credentials, renewed by refresh token."""

    client_id: str
    client_secret: Secret

    def __post_init__(self) -> None:
        _filled("client_id", self.client_id)
        _filled("client_secret", self.client_secret)


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token obtained elsewhere; it cannot be renewed."""

    token: Secret

    def __post_init__(self) -> None:
        _filled("token", self.token)


Auth = CsidAuth | ClientCredentialsAuth | GivenToken


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """How often and how patiently one call is repeated.

    The wait before repeat n is drawn evenly from 0 to min(cap_s, base_s * 2**(n-1)); ``limited_…`` holds after 010301
    (limits reached). A Retry-After raises the wait, to at most ``retry_after_cap_s``. The longest possible time of one call
    is attempts * timeout + (attempts - 1) * max(cap_s, limited_cap_s, retry_after_cap_s).
    """

    attempts: int = 4
    base_s: float = 0.2
    cap_s: float = 2.0
    limited_base_s: float = 1.0
    limited_cap_s: float = 8.0
    retry_after_cap_s: float = 10.0

    def __post_init__(self) -> None:
        _within("retry.attempts", self.attempts, 1, 20)
        for name in ("base_s", "cap_s", "limited_base_s", "limited_cap_s", "retry_after_cap_s"):
            _within(f"retry.{name}", getattr(self, name), 0.0, 300.0)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """The connection. ``insecure`` switches off the check of certificates and the refusal of plain HTTP; whoever builds the
    port tells people so (``HttpxPort.warnings``)."""

    ca_file: Path | None = None
    """PEM file of the only authorities to trust; None for the system's."""
    insecure: bool = False
    connect_timeout_s: float = 5.0
    keepalive_s: float = 30.0
    """How long an idle connection is kept for the next call."""
    max_connections: int = 20
    max_answer_bytes: int = 1 << 20

    def __post_init__(self) -> None:
        _within("connect_timeout_s", self.connect_timeout_s, 0.05, 60.0)
        _within("keepalive_s", self.keepalive_s, 0.0, 3600.0)
        _within("max_connections", self.max_connections, 1, 200)
        _within("max_answer_bytes", self.max_answer_bytes, 1024, 64 << 20)


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """The API as the station sees it. Paths are those of the API's documents."""

    auth: Auth
    base_url: str = BASE_URL
    production_path: str = "/open/production/v2/api"
    csid_path: str = "/openApi"
    token_path: str = "/open/yolink/token"
    timeout_s: float = 10.0
    """Bound of one attempt, from connecting to the last byte of the answer."""
    retry: RetryOptions = RetryOptions()
    http: HttpOptions = HttpOptions()
    required_scope: str | None = PRODUCTION_SCOPE
    """What a token's scope must include; None accepts any."""
    token_margin_s: float = 60.0
    """A token is renewed this long before it expires, or at half its life where that is shorter."""
    omit_sn_to_generate: bool = False
    """Leave ``sn`` out where the server shall choose; by default it is sent as "", like the API document's example."""
    device_id_pattern: str = ID_PATTERN
    sn_pattern: str = ID_PATTERN
    batch_limit: int = MAX_BATCH
    """The most ids asked for in one call. The API documents no limit."""

    def __post_init__(self) -> None:
        _check_base_url(self.base_url, self.http.insecure)
        for name in ("production_path", "csid_path", "token_path"):
            if not getattr(self, name).startswith("/"):
                raise ValueError(f"{name}: must begin with /")
        _within("timeout_s", self.timeout_s, 0.1, 120.0)
        _within("token_margin_s", self.token_margin_s, 0.0, 3600.0)
        _within("batch_limit", self.batch_limit, 1, 10_000)
        for name in ("device_id_pattern", "sn_pattern"):
            try:
                re.compile(getattr(self, name))
            except re.error as error:
                raise ValueError(f"{name}: not a regular expression: {error}") from error

    def url(self, path: str) -> str:
        """The full address of one of the paths."""
        return self.base_url.rstrip("/") + path
