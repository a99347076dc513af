"""The page, loaded only where a configuration has one: what is here stands in for it until then."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from station.events import Event

if TYPE_CHECKING:
    from station.config.validate import Configuration
    from station.jig import Jig
    from station.panel.companion import Panel

MAX_KEPT = 256
"""Events kept for a page that may yet be loaded: it is told of a jig's configuration after the jig has started."""


class Page:
    """A companion of the service. A page that is loaded hears of the last events from before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since_s = time.time()
        self._kept: deque[tuple[float, Event]] = deque(maxlen=MAX_KEPT)
        """The last events with their times: all since ``_since_s``, as long as they are fewer."""
        self._panel: Panel | None = None

    @property
    def url(self) -> str | None:
        """Where it is, while it is served."""
        return None if self._panel is None else self._panel.url

    def __call__(self, event: Event) -> None:
        if self._panel is None:
            with self._lock:
                if self._panel is None:
                    self._kept.append((time.time(), event))
                    return
        self._panel(event)

    @contextmanager
    def beside(self, configuration: Configuration, jig: Jig) -> Iterator[None]:
        """Serve the page while the block lasts, where the configuration has one."""
        if configuration.station.panel is None and self._panel is None:
            yield
            return
        with self._loaded().beside(configuration, jig):
            yield

    def _loaded(self) -> Panel:
        if self._panel is None:
            from station.panel.companion import Panel

            with self._lock:
                are_all = len(self._kept) < MAX_KEPT
                panel = Panel(self._since_s if are_all else self._kept[0][0])
                for _, event in self._kept:
                    panel(event)
                self._kept.clear()
                self._panel = panel
        return self._panel
