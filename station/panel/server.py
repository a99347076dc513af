"""uvicorn in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from station.panel.connection import Connection

GRACE_S = 1
"""How long connections that are open at the end may take to close; whole seconds are what uvicorn takes."""
LOOK_S = 0.02
MAX_CONNECTIONS = 256
MAX_HEAD_BYTES = 32 * 1024
KEEP_ALIVE_S = 20
START_S = 10.0

logger = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """uvicorn's own, which at its end lets no browser keep it waiting that only rests: over TLS one that does not answer the
    farewell would."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + GRACE_S
        for server in self.servers:
            server.close()
        while self._is_anyone_served() and loop.time() < end_s:
            await asyncio.sleep(LOOK_S)
        await super().shutdown(sockets)

    def _is_anyone_served(self) -> bool:
        """Whether somebody's answer is not complete; the others' connections are dropped."""
        resting = [each for each in self.server_state.connections if isinstance(each, Connection) and each.is_resting]
        for connection in resting:
            connection.transport.abort()
        return len(resting) < len(self.server_state.connections)


class PanelServer:
    """Listens from the start; serves once entered, until left. Raises OSError where it cannot listen there, or the certificate
    cannot be used."""

    def __init__(self, host: str, port: int, tls: tuple[Path, Path] | None = None) -> None:
        """``tls``: certificate and key."""
        self._tls = tls
        if tls is not None:
            # Without a word for a locked key, OpenSSL would ask the terminal for one, and wait.
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*tls, password="")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=64)
        # Connections inherit it. asyncio sets it for sockets that say they are TCP's, which those of create_server do not; without
        # it an answer's body waits 40 ms behind its head for an acknowledgement.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    @property
    def url(self) -> str:
        host, port = self.address
        name = f"[{host}]" if ":" in host else host
        return f"{'http' if self._tls is None else 'https'}://{name}:{port}/"

    def serve(self, app: ASGIApp, begun: Callable[[asyncio.AbstractEventLoop], None]) -> None:
        """Start to serve ``app``; ``begun`` is called in the loop's thread before the first request."""
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        certificate, key = self._tls or (None, None)
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
        server = self._server = _Server(config)
        ready = threading.Event()

        async def run() -> None:
            self.loop = asyncio.get_running_loop()
            begun(self.loop)
            ready.set()
            await server.serve(sockets=[self._listener])

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), name="panel", daemon=True)
        self._thread.start()
        ready.wait(START_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no more requests; those in progress have ``GRACE_S``."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._listener.close()
