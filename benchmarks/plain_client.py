"""The API called as its document's example does it: one request after the other on one kept connection, the token there before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from benchmarks.world import SECRET, World
from drivers.clock import SystemClock
from station.production_api.httpx_port import HttpxPort
from station.production_api.options import ApiOptions, CsidAuth
from station.production_api.tokens import TokenSource
from station.secrets import Secret

Call = Callable[[str, dict[str, object]], dict[str, Any]]
"""Carries out a method with its parameters; the ``data`` of the answer. Raises RuntimeError where the server refuses."""


def production_url(world: World) -> str:
    """Where the methods are called."""
    return world.url + _options(world).production_path


def access_token(world: World) -> str:
    """A token for the methods."""
    options = _options(world)
    port = HttpxPort(options, SystemClock())
    try:
        return TokenSource(options, SystemClock()).bearer(port).reveal()
    finally:
        port.close()


@contextmanager
def plain_client(world: World) -> Iterator[Call]:
    """The client, connected as soon as it is first used."""
    url, headers = production_url(world), {"Authorization": f"Bearer {access_token(world)}"}
    with httpx.Client(headers=headers) as client:

        def call(method: str, params: dict[str, object]) -> dict[str, Any]:
            answer = client.post(url, json={"method": method, "params": params}).json()
            if answer["code"] != "000000":
                raise RuntimeError(f"{method}: {answer}")
            data: dict[str, Any] = answer["data"]
            return data

        yield call


def _options(world: World) -> ApiOptions:
    return ApiOptions(CsidAuth("csid-simulated", Secret(SECRET)), world.url)
