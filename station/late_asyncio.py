"""Keeps asyncio out of a station that has no use for it: SQLAlchemy imports it, for engines that no station has, and with it come
1.5 MiB that would stay for months.

``install`` puts a stand-in where ``import asyncio`` looks. The first use of anything that it does not have, by whatever module,
imports the real one and from then on hands everything through to it.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from types import ModuleType
from typing import Any

_NAME = "asyncio"


class _LateAsyncio(ModuleType):
    """Has what SQLAlchemy takes from asyncio while it is imported and when an engine fails; see the module."""

    iscoroutine = staticmethod(inspect.iscoroutine)
    """To asyncio a generator was a coroutine too, before Python 3.12; here nobody has one of those."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        return getattr(importlib.import_module(_NAME), name)


def install() -> None:
    """Unless asyncio is imported already."""
    if _NAME not in sys.modules:
        sys.modules[_NAME] = _LateAsyncio(_NAME)
