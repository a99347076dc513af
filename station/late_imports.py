"""Keeps out of a station what the libraries it uses import for features that no station has, 3 MiB that would stay for months:
asyncio, importlib.metadata and sysconfig (SQLAlchemy, pydantic), anyio (httpcore), bz2 and lzma (shutil).

``install`` puts stand-ins where ``import`` looks. The first use of anything that a stand-in does not have, by whatever module,
imports the real one and from then on hands everything through to it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import threading
from types import ModuleType
from typing import Any

_lock = threading.RLock()


class _Late(ModuleType):
    """Stands for the module of its name; see the module."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real(), name)

    def real(self) -> ModuleType:
        with _lock:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
            return importlib.import_module(self.__name__)


class _Asyncio(_Late):
    """Has what SQLAlchemy takes from it while it is imported and when an engine fails."""

    iscoroutine = staticmethod(inspect.iscoroutine)
    """To asyncio a generator was a coroutine too, before Python 3.12; here nobody has one of those."""


class _Metadata(_Late):
    """Has what ``from importlib.metadata import entry_points`` takes, in pydantic's search for plugins."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        spec = importlib.util.find_spec(name)
        self.__path__ = list((spec and spec.submodule_search_locations) or ())

    def entry_points(self, **chosen: Any) -> Any:
        return self.real().entry_points(**chosen)


class _Sysconfig(_Late):
    """Has what SQLAlchemy asks while it is imported: whether this Python is built without its global lock."""

    def get_config_var(self, name: str) -> Any:
        return int("t" in sys.abiflags) if name == "Py_GIL_DISABLED" else self.real().get_config_var(name)


_STAND_INS: dict[str, type[_Late]] = {
    "anyio": _Late,
    "asyncio": _Asyncio,
    "bz2": _Late,
    "importlib.metadata": _Metadata,
    "lzma": _Late,
    "sysconfig": _Sysconfig,
}


def install() -> None:
    """Put a stand-in for each that is not imported already.

    Two that would use one at once are told by their own settings what they would ask, unless the environment has them: that
    pydantic has no plugins (what happens to be installed beside a station has no say in what it accepts), and where Linux keeps
    its time zones.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    os.environ.setdefault("PYTHONTZPATH", "/usr/share/zoneinfo")
    for name, stand_in in _STAND_INS.items():
        if name not in sys.modules:
            sys.modules[name] = module = stand_in(name)
            package, _, own_name = name.rpartition(".")
            if package:
                setattr(sys.modules[package], own_name, module)
