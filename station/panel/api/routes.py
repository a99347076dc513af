"""The addresses of ``/api/v1``."""

from __future__ import annotations

from starlette.responses import Response

from station.panel.api.openapi import description
from station.panel.api.operations import BASE, OPERATIONS
from station.panel.visit import Page, Visit


def describe(_: Visit) -> Response:
    """The description, for everybody: it says nothing of this station."""
    return Response(description(), media_type="application/json")


PAGES = (
    Page(f"{BASE}/openapi.json", describe, None, is_api=True),
    *(Page(operation.path, operation, operation.role, operation.method, is_api=True) for operation in OPERATIONS),
)
