"""How the simulated API behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from station.production_api.options import BASE_URL, ApiOptions, CsidAuth
from station.secrets import Secret

_PATHS = ApiOptions(CsidAuth("x", Secret("x")), BASE_URL)


class Temper(StrEnum):
    """What the server makes of a call that it has carried out before; the API's documents leave that open."""

    LENIENT = "lenient"
    """Success again, naming what exists."""
    STRICT = "strict"
    """020100."""
    WORST = "worst"
    """020100 where the call names its id; where the server allocates, a second DeviceID or SN and a second licence."""


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """All settings; the credentials are made up and guard nothing."""

    temper: Temper = Temper.LENIENT
    licences: int = 1000
    """How many DeviceIDs it will ever issue."""
    latency_s: float = 0.0
    """Wait before each request to the API is looked at."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    seed: int = 1
    """Chooses the ids and drives faults of a probability."""
    csid: str = "csid-simulated"
    cs_sec_key: Secret = field(default_factory=lambda: Secret("cs-sec-key-simulated"))
    client_id: str = "client-simulated"
    client_secret: Secret = field(default_factory=lambda: Secret("client-secret-simulated"))
    token_life_s: int = 3600
    token_scope: tuple[str, ...] | None = ("production/*",)
    """What a token may do; None grants all and says nothing about it."""
    newest_token_only: bool = False
    """A new token ends the ones before it."""
    time_tolerance_s: float | None = None
    """Refuse a signed token request whose ``time`` is further off than this."""
    generate_sn_on: Literal["either", "empty", "omitted"] = "either"
    """Which form of bindSN without an SN is accepted; the other is refused with 010200."""
    known_sns_only: bool = True
    """Refuse to bind an SN that this server did not issue."""
    out_of_licences_code: str = "030101"
    """The API documents no code for it."""
    max_batch: int = 1000
    production_path: str = _PATHS.production_path
    csid_path: str = _PATHS.csid_path
    token_path: str = _PATHS.token_path
