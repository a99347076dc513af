"""One connection of a browser, which is closed where it does not say in time what it wants.

uvicorn bounds how long a connection may rest between two requests; one that never begins, or sends the head of a request byte by
byte, it would keep for ever.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""For the head of a request to come in, the first one's from the start of the connection."""


class Connection(H11Protocol):
    """uvicorn's own, with a bound for what comes before a request."""

    _head_timer: asyncio.TimerHandle | None = None

    @property
    def is_resting(self) -> bool:
        """Whether no request is in progress."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.is_resting:
            self._head_came()
        elif self._head_timer is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
