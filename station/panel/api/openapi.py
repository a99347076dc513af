"""The description of ``/api/v1`` by OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html), made from the table of operations and
the models of what is asked and told."""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from station import __version__
from station.panel.api import asked, told
from station.panel.api.operations import BASE, OPERATIONS, Operation
from station.panel.people import Role

EVENTS = f"{BASE}/events"
LAST_EVENT_ID = "Last-Event-ID"

_REF = "#/components/schemas/{model}"
_ABOUT = """\
What the station knows, as JSON, and what people may do at its page, with the same checks and the same audit.

Send a token as `Authorization: Bearer …` (`station panel user add NAME --role ROLE --token` makes one), or a person's name and
password as `Authorization: Basic …`. Each role may do what the roles before it may: operator, engineer, supervisor.
"""
_EVENTS_ABOUT = """\
Server-sent events. First `snapshot`, as `/state` answers; then `tile`, one socket that has changed, and `totals`, the rest of
the state. Of what changes faster than it is read only the newest comes. `cycle` is a cycle that has ended, as `/cycles` lists it:
every one, once, in the order of their numbers, with its number as the event's id. Send the last one as `Last-Event-ID` to go on
where a stream broke off.
"""
_REFUSALS = {
    HTTPStatus.BAD_REQUEST: "A value cannot be used.",
    HTTPStatus.UNAUTHORIZED: "Nobody is logged in by that token or password.",
    HTTPStatus.FORBIDDEN: "The role may not do this, or a page of another site asks.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many wrong passwords.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The journal or the file of users cannot be used now.",
}
_NOT_FOUND = {HTTPStatus.NOT_FOUND: "There is none of that name."}
_ACTION_REFUSALS = {
    HTTPStatus.CONFLICT: "The station does not do this now; `code` says why.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is no JSON.",
}


@cache
def description() -> str:
    """The description as JSON."""
    return json.dumps(_description(), separators=(",", ":"))


def _description() -> dict[str, Any]:
    told_models: set[type[BaseModel]] = {operation.told for operation in OPERATIONS} | {told.Problem}
    asked_models: set[type[BaseModel]] = {operation.asked for operation in OPERATIONS if operation.is_action}
    pairs: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "serialization") for model in told_models]
    pairs += [(model, "validation") for model in asked_models]
    pairs.sort(key=lambda pair: pair[0].__name__)
    _, schemas = models_json_schema(pairs, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    paths[EVENTS] = {"get": _events()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "station", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"token": []}, {"password": []}],
    }


def _operation(operation: Operation) -> dict[str, Any]:
    refusals = _REFUSALS | (_NOT_FOUND if "{" in operation.path else {})
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _for(operation.role),
        "parameters": [*_path_parameters(operation.path)],
    }
    if operation.is_action:
        refusals = refusals | _ACTION_REFUSALS
        required = any(field.is_required() for field in operation.asked.model_fields.values())
        found["requestBody"] = {"required": required, "content": _json(operation.asked.__name__)}
    else:
        found["parameters"] += _query_parameters(operation.asked)
    found["responses"] = {
        "200": {"description": "Done.", "content": _json(operation.told.__name__)},
        **_refused(refusals),
    }
    return found


def _events() -> dict[str, Any]:
    header = {
        "name": LAST_EVENT_ID,
        "in": "header",
        "description": "The last cycle that is known already.",
        "schema": {"type": "string", "pattern": f"^[0-9]{{1,{asked.MAX_CYCLE_DIGITS}}}$"},
    }
    stream = {"description": _EVENTS_ABOUT, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    return {
        "operationId": "events",
        "summary": "What changes, as it changes",
        "description": _for(Role.ENGINEER),
        "parameters": [header],
        "responses": {"200": stream, **_refused(_REFUSALS)},
    }


def _for(role: Role) -> str:
    return f"For the role {role.value} and those above it."


def _path_parameters(path: str) -> list[dict[str, Any]]:
    schemas: dict[str, dict[str, Any]] = {
        "cycle": {"type": "integer", "minimum": 0, "maximum": 10**asked.MAX_CYCLE_DIGITS - 1},
        "chip_id": {"type": "string", "minLength": 1, "maxLength": 128},
        "socket": {"type": "string", "minLength": 1, "maxLength": 32},
    }
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": schemas[name]} for name in names]


def _query_parameters(model: type[asked.Asked]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_REF)
    definitions = schema.get("$defs", {})
    found = []
    for name, field in schema.get("properties", {}).items():
        # What may be left out is no null in a query.
        kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
        (kind,) = kinds
        if "$ref" in kind:
            kind = definitions[kind["$ref"].rpartition("/")[2]]
        shown = {key: value for key, value in kind.items() if key not in ("title", "description", "default")}
        if field.get("default") is not None:
            shown["default"] = field["default"]
        parameter = {"name": name, "in": "query", "required": False, "schema": shown}
        if "description" in field:
            parameter["description"] = field["description"]
        found.append(parameter)
    return found


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=name)}}}


def _refused(refusals: dict[HTTPStatus, str]) -> dict[str, Any]:
    return {
        str(status.value): {"description": text, "content": _json("Problem")}
        for status, text in sorted(refusals.items())
    }
