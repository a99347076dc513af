"""The page: its address is free, its certificate good for a while, and somebody may log in."""

from __future__ import annotations

import socket
import ssl
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from station.config.panel import PanelConfig, TlsConfig
from station.doctor import Check, Finding, Survey, advice, bad, good
from station.panel.people import Role
from station.panel.users import read_users

DAY_S = 86_400.0
RENEW_DAYS = 30
"""A certificate that ends sooner is to be renewed: what issues them by itself does so a month ahead."""
OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO
_MAKE_USERS = "make it with station panel user add"
_RENEW = "put a new certificate and key in their places; a station that runs takes them by systemctl reload"


@dataclass(frozen=True, slots=True)
class PageCheck:
    """See ``Check``."""

    survey: Survey
    config: PanelConfig
    name: str = "page"

    def look(self) -> Iterator[Finding]:
        yield self._address()
        if self.config.tls is not None:
            yield self._certificate(self.config.tls)
        if self.config.users is not None:
            yield from self._users(self.config.users)

    def _address(self) -> Finding:
        if self.survey.agent_pid is not None:
            return good(f"{self.config.listen} is left to the running station (pid {self.survey.agent_pid})")
        host, port = self.config.address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            socket.create_server((host, port), family=family).close()
        except OSError as error:
            line = self.survey.line_of(("panel", "listen"))
            remedy = "name an address of this computer and a port that no other program has"
            return bad(f"{line}: {self.config.listen}: {error.strerror}", remedy)
        return good(f"{self.config.listen} is free")

    def _certificate(self, tls: TlsConfig) -> Finding:
        line = self.survey.line_of(("panel", "tls"))
        try:
            days = (end_of(tls.certificate, tls.key) - self.survey.clock.wall_s()) / DAY_S
        except ssl.SSLCertVerificationError as error:
            return bad(f"{line}: {tls.certificate}: {error.verify_message}", _RENEW)
        except OSError as error:
            return bad(f"{line}: {tls.certificate} and {tls.key}: {error.strerror or error}", "name a PEM file each")
        if days < RENEW_DAYS:
            return advice(f"{line}: {tls.certificate} ends in {max(0, int(days))} days", _RENEW)
        return good(f"certificate good for {int(days)} days")

    def _users(self, path: Path) -> Iterator[Finding]:
        line = self.survey.line_of(("panel", "users"))
        try:
            users = read_users(path)
            is_private = not path.stat().st_mode & OTHERS_MAY
        except (OSError, ValueError) as error:
            yield bad(f"{line}: {error}", _MAKE_USERS)
            return
        if not users:
            yield bad(f"{line}: {path} names nobody", _MAKE_USERS)
            return
        if not is_private:
            yield advice(f"{line}: others may look into {path}, and guess passwords from it", f"chmod 600 {path}")
        if not any(user.role is Role.SUPERVISOR for user in users.values()):
            yield advice(f"{line}: no user is a supervisor: none can settle a unit", _MAKE_USERS)
        yield good(f"{len(users)} users")


def end_of(certificate: Path, key: Path) -> float:
    """Until when the certificate is good, in seconds since 1970: shown to ourselves, since ssl reads only what a server shows.
    Raises ssl.SSLError where certificate and key do not fit or it is not good now, OSError where they cannot be read."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key, password="")
    client = ssl.create_default_context(cafile=certificate)
    client.check_hostname = False
    client.verify_flags = (
        ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    )  # the certificate is trusted for itself, whoever made it
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_side=False),
    )
    for _ in range(3):  # hello, answer with the certificate, farewell of the handshake
        for end in reversed(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = ends[1].getpeercert() or {}
    return ssl.cert_time_to_seconds(str(shown["notAfter"]))


def checks(survey: Survey) -> list[Check]:
    panel = survey.configuration.station.panel
    return [] if panel is None else [PageCheck(survey, panel)]
