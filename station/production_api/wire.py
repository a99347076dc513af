"""The packets of the Device Production API, section by section (2.1 requestDeviceId to 2.4 bindSN), as strict models.

Requests are written exactly as the document's examples: the same fields in the same order, and an optional field that is not
given is left out. Answers may hold more fields than the document lists (``desc``, ``time``, ``msgid``); those are ignored.
"""

from __future__ import annotations

import json
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from station.production_api.strict_json import JsonRefused, parse_json

REQUEST_DEVICE_ID = "requestDeviceId"
ACTIVATE_DEVICE_ID = "activateDeviceId"
REQUEST_SN = "requestSN"
BIND_SN = "bindSN"

MAX_TEXT_CHARS = 128
MAX_DESC_CHARS = 200
MAX_LISTED_IDS = 10_000


class PacketRefused(ValueError):
    """Raised when JSON is not the packet that the documents describe. The message names the field, never its value."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds characters that do not print")
    return text


Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT_CHARS), AfterValidator(_printable)]
GeneratedOrText = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARS), AfterValidator(_printable)]


class _Wire(BaseModel):
    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


class SizeParams(_Wire):
    """Parameters of requestDeviceId (2.1) and requestSN (2.3)."""

    size: Annotated[int, Field(ge=1, le=MAX_LISTED_IDS)]


class ActivateParams(_Wire):
    """Parameters of activateDeviceId (2.2): without ``device_id`` the server allocates (scenario 1)."""

    device_id: Text | None = None
    chip_id: Text
    app_eui: Text


class BindParams(_Wire):
    """Parameters of bindSN (2.4): with ``sn`` "" the server generates (scenario 2); None leaves the field out."""

    device_id: Text
    sn: GeneratedOrText | None


class Packet(_Wire):
    """Any answer. ``data`` is looked at only after success; ``desc`` is whatever stood there, for people only."""

    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
    data: object = None
    desc: object = None


class DeviceIdList(_Wire):
    """``data`` of requestDeviceId. Items are judged one by one, so that a bad one does not cost the good ones."""

    device_id_list: Annotated[list[object], Field(max_length=MAX_LISTED_IDS)]


class SnList(_Wire):
    """``data`` of requestSN."""

    sn_list: Annotated[list[object], Field(max_length=MAX_LISTED_IDS)]


class Activated(_Wire):
    """``data`` of activateDeviceId."""

    device_id: Text


class Bound(_Wire):
    """``data`` of bindSN."""

    sn: Text


Model = TypeVar("Model", bound=_Wire)


def request_body(method: str, params: _Wire) -> bytes:
    """The bytes of a request."""
    packet = {"method": method, "params": params.model_dump(by_alias=True, exclude_none=True)}
    return json.dumps(packet, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def build(model: type[Model], **values: object) -> Model:
    """A model of our own values. Raises PacketRefused."""
    return read(model, {to_camel(name): value for name, value in values.items()})


def read(model: type[Model], value: object) -> Model:
    """A model of values from outside. Raises PacketRefused."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "packet"
        raise PacketRefused(f"{place}: {first['msg']}") from None


def parse_packet(body: bytes) -> Packet:
    """The packet in an answer. Raises NotJson, or PacketRefused for any JSON that is not one."""
    try:
        return read(Packet, parse_json(body))
    except JsonRefused as error:
        raise PacketRefused(str(error)) from error


def printable_line(text: str) -> str:
    """``text`` cut to a short line, with anything that could move a cursor or end a line replaced."""
    cut = text[:MAX_DESC_CHARS] + ("…" if len(text) > MAX_DESC_CHARS else "")
    return cut if cut.isprintable() else "".join(char if char.isprintable() else "?" for char in cut)
