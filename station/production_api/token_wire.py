"""The two ways to ask for a token, as requests and answers. Pure: nothing is sent here.

- CSID (Open API V1): ``Manage.createAccessToken`` in a BDDP packet whose exact bytes are signed with the CSSecKey.
- client credentials (Open API V2): form-encoded, with a refresh token.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from station import __version__
from station.production_api.codes import SUCCESS
from station.production_api.http import HttpRequest, HttpResponse
from station.production_api.options import ApiOptions, ClientCredentialsAuth, CsidAuth
from station.production_api.strict_json import JsonRefused, parse_json
from station.production_api.wire import PacketRefused
from station.secrets import Secret

COMMON_HEADERS = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "identity"),
    ("User-Agent", f"station/{__version__}"),
)
"""``identity`` because a compressed answer could grow without bound while it is unpacked."""

MAX_LIFE_S = 10 * 365 * 86_400
BRAND = "yolink"
_CODE = re.compile("[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Grant:
    """A token as the server granted it. ``scope`` None: the answer carried none."""

    token: Secret
    expires_in_s: int
    scope: tuple[str, ...] | None
    refresh: Secret | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server's answer to a request for a token, where it is no grant. ``api_code`` None where it named none; ``text`` as it
    came, of any length, and perhaps holding what was sent."""

    api_code: str | None
    text: str = field(repr=False)


_TokenText = Annotated[str, StringConstraints(min_length=1, max_length=8192, pattern=r"^[!-~]+$")]


class _GrantPacket(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    access_token: _TokenText
    expires_in: Annotated[int, Field(ge=1, le=MAX_LIFE_S)]
    scope: list[str] | str | None = None
    refresh_token: _TokenText | None = None


def csid_request(options: ApiOptions, auth: CsidAuth, wall_s: float) -> HttpRequest:
    """``Manage.createAccessToken`` at this moment. YS-SEC is the MD5 hex digest of the body's bytes and the CSSecKey."""
    packet = {
        "method": "Manage.createAccessToken",
        "time": int(wall_s * 1000),
        "params": {"scope": [options.required_scope] if options.required_scope else []},
    }
    body = json.dumps(packet, separators=(",", ":")).encode("ascii")
    headers = (
        ("Content-Type", "application/json"),
        ("KTT-YS-BRAND", BRAND),
        ("YS-CSID", auth.csid),
        ("YS-SEC", sign(body, auth.cs_sec_key.reveal())),
        *COMMON_HEADERS,
    )
    return HttpRequest("POST", options.url(options.csid_path), headers, body)


def sign(body: bytes, cs_sec_key: str) -> str:
    """The value of YS-SEC. MD5 is the API's choice, not ours."""
    return hashlib.md5(body + cs_sec_key.encode("utf-8"), usedforsecurity=False).hexdigest()


def credentials_request(options: ApiOptions, auth: ClientCredentialsAuth) -> HttpRequest:
    """A first token."""
    return _form(
        options,
        grant_type="client_credentials",
        client_id=auth.client_id,
        client_secret=auth.client_secret.reveal(),
    )


def refresh_request(options: ApiOptions, auth: ClientCredentialsAuth, refresh: Secret) -> HttpRequest:
    """The next token, by refresh token; ``client_id`` says whose (RFC 6749, 6)."""
    return _form(options, grant_type="refresh_token", client_id=auth.client_id, refresh_token=refresh.reveal())


def _form(options: ApiOptions, **fields: str) -> HttpRequest:
    headers = (("Content-Type", "application/x-www-form-urlencoded"), *COMMON_HEADERS)
    return HttpRequest("POST", options.url(options.token_path), headers, urlencode(fields).encode("ascii"))


def parse_grant(response: HttpResponse) -> Grant | Refusal:
    """The grant in an answer to any of the three requests: at the top (V2), or in ``data`` beside a ``code`` (V1).

    Raises NotJson, or PacketRefused for JSON that is neither a grant nor a refusal.
    """
    try:
        value = parse_json(response.body)
    except JsonRefused as error:
        raise PacketRefused(str(error)) from error
    if not isinstance(value, dict):
        raise PacketRefused("packet: not an object")
    code = value.get("code", SUCCESS)
    if code != SUCCESS or "error" in value:
        said = next((str(value[key]) for key in ("desc", "error_description", "error") if value.get(key)), "")
        named = isinstance(code, str) and code != SUCCESS and _CODE.fullmatch(code)
        return Refusal(code if named else None, said)
    return _grant(value.get("data") if "code" in value and "access_token" not in value else value)


def _grant(value: object) -> Grant:
    try:
        packet = _GrantPacket.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "data"
        raise PacketRefused(f"{place}: {first['msg']}") from None
    scope = packet.scope.split() if isinstance(packet.scope, str) else packet.scope
    return Grant(
        token=Secret(packet.access_token),
        expires_in_s=packet.expires_in,
        scope=None if scope is None else tuple(scope),
        refresh=Secret(packet.refresh_token) if packet.refresh_token else None,
    )
