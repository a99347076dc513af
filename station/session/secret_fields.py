"""Where secrets may stand in an HTTP message, whatever their value: everything but what is on a list of harmless names."""

from __future__ import annotations

import re
from collections.abc import Iterator

HARMLESS_HEADERS = frozenset(
    """accept accept-encoding connection content-encoding content-length content-type date host keep-alive
    ktt-ys-brand location retry-after server transfer-encoding user-agent""".split()  # noqa: SIM905
)
"""Headers whose values are kept; ``location`` as a URL, so without its user and its query's unknown fields."""

HARMLESS_FIELDS = frozenset(
    """code data desc method msgid params time size deviceId deviceIdList sn snList chipId appEui scope token_type
    expires_in grant_type error error_description""".split()  # noqa: SIM905
)
"""Names whose values are kept: the API document's tables, and OAuth's (RFC 6749, 4.4 and 5) that hold no secret."""

_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*+)"?|[{}\[\]]', re.DOTALL)
"""One string, whole or cut off, or one bracket. Each match is consumed, so any text is scanned once."""
_COLON = re.compile(rb"\s*+:")
_FORM_PAIR = re.compile(rb"(?:^|[&?;])([^=&?;#]*+)=([^&;#]*+)")
_FORM = re.compile(rb"[^=&\s<>{}\"]++=[^&\s<>{}\"]*+(?:&[^=&\s<>{}\"]*+(?:=[^&\s<>{}\"]*+)?)*+")
_USER = re.compile(rb"://([^/?#@\s]++)@")


def body_spans(body: bytes, content_type: str) -> Iterator[tuple[int, int]]:
    """``(start, length)`` of each text in a body that may be secret: values of JSON or form fields that are not known to be
    harmless."""
    if "json" in content_type or body.lstrip()[:1] in (b"{", b"["):
        yield from _json_spans(body)
    elif "x-www-form-urlencoded" in content_type or _FORM.fullmatch(body):
        yield from _form_spans(body)


def url_spans(url: bytes) -> Iterator[tuple[int, int]]:
    """The same of a URL: user and password, the query's fields that are not known to be harmless, and the fragment, in which
    OAuth's implicit grant hands out tokens (RFC 6749, 4.2.2)."""
    for match in _USER.finditer(url):
        yield match.start(1), len(match[1])
    query = url.find(b"?")
    if query >= 0:
        yield from _form_spans(url, query)
    fragment = url.find(b"#") + 1
    if fragment > 0:
        yield fragment, len(url) - fragment


def _form_spans(text: bytes, start: int = 0) -> Iterator[tuple[int, int]]:
    for match in _FORM_PAIR.finditer(text, start):
        if match[1].decode("ascii", "replace") not in HARMLESS_FIELDS:
            yield match.start(2), len(match[2])


def _json_spans(body: bytes) -> Iterator[tuple[int, int]]:
    """Every string whose nearest named field is not known to be harmless. Works on JSON that is cut off or broken, too.

    Numbers are kept: no secret of the API or of OAuth is one.
    """
    containers: list[bool] = []
    harmless = True
    for match in _TOKEN.finditer(body):
        token = match[0]
        if token in (b"{", b"["):
            containers.append(harmless)
        elif token in (b"}", b"]"):
            harmless = containers.pop() if containers else True
        elif _COLON.match(body, match.end()):
            harmless = match[1].decode("utf-8", "replace") in HARMLESS_FIELDS
        elif not harmless:
            yield match.start(1), len(match[1])
