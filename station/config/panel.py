"""What a configuration says of the page: where it listens, who may do what, and in which language it speaks."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from station.config.addresses import host_and_port
from station.config.part import Part
from station.config.references import ConfigPath

MAX_HOSTS = 16

Language = Literal["en", "zh", "es"]


def _address(value: str) -> str:
    host_and_port(value, any_port=True)
    return value


def _host_names(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(value) > MAX_HOSTS:
        raise ValueError(f"hosts: at most {MAX_HOSTS} names, not {len(value)}; remove some")
    for name in value:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", name):
            raise ValueError(f"{name!r} is no host name; write the name as it stands in the address of the page")
    return tuple(name.lower() for name in value)


class TlsConfig(Part):
    """Certificate (with its chain) and key, both in PEM."""

    certificate: ConfigPath
    key: ConfigPath


class PanelConfig(Part):
    """The page. On loopback anybody at this computer may use it as ``local_role``; beyond loopback ``tls`` and ``users`` are
    required, and everybody has to log in."""

    listen: Annotated[str, AfterValidator(_address)] = "127.0.0.1:8080"
    """An address of this computer and a port; port 0 takes a free one, which is told in the log."""
    tls: TlsConfig | None = None
    users: ConfigPath | None = None
    """The file that ``station panel user`` keeps: name, role and a hash of the password, one user a line."""
    language: Language = "en"
    local_role: Literal["operator", "engineer", "supervisor"] = "operator"
    hosts: Annotated[tuple[str, ...], AfterValidator(_host_names)] = ()
    """Further names by which browsers may call this computer. Who comes by one of them has to log in."""

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if not self.is_local:
            for name, value in (("tls", self.tls), ("users", self.users)):
                if value is None:
                    raise ValueError(
                        f"listen: {self.listen} is beyond loopback, and there is no {name}; add {name}, or listen at 127.0.0.1"
                    )
        if self.hosts and self.users is None:
            raise ValueError("hosts: who comes by another name has to log in, and there are no users; add users")
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return host_and_port(self.listen, any_port=True)

    @property
    def is_local(self) -> bool:
        """Whether only this computer can reach it."""
        return ip_address(self.address[0]).is_loopback
