"""Secrets in what passes: whatever stands around them and however they are written, no record holds one."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

from station.session.masking import Masker, Spans, comparable
from tests.fuzz.material import Choices, answers
from tests.fuzz.target import Target, needing_nothing

_TYPES = ("application/json", "application/x-www-form-urlencoded", "text/plain", "", "application/json; charset=utf-8")


def _secrets(choices: Choices) -> list[str]:
    """One to three texts such as may be configured as secrets; none holds a star, which is what a mask is made of."""
    texts = (choices.chunk().decode("utf-8", "replace").replace("*", "+") for _ in range(1 + choices.number(2)))
    return [text for text in texts if len(text) >= 4]


def _written(secret: str, choices: Choices) -> bytes:
    forms = (
        secret.encode(),
        json.dumps(secret)[1:-1].encode(),
        json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
        secret.encode().hex().encode(),
        json.dumps(json.dumps(secret)[1:-1])[1:-1].encode(),
        repr(secret)[1:-1].encode(),
    )
    return choices.pick(forms)


def _mask(data: bytes) -> None:
    """Bytes, bodies, texts, URLs, headers and JSON values: no form of a secret stands in the masked one, the length is kept, and
    what stands outside the masked places is what stood there."""
    choices = Choices(data)
    secrets = _secrets(choices)
    masker = Masker(lambda: secrets)
    kind, pieces, forms = choices.pick(_TYPES), [choices.chunk()], []
    for secret in secrets:
        forms.append(_written(secret, choices))
        pieces += [forms[-1], choices.chunk()]
    whole = b"".join(pieces)
    for masked, spans in (
        masker.mask_bytes(whole),
        masker.mask_body(whole, kind, choices.pick(("", "identity", "gzip"))),
    ):
        _assert_masked(whole, masked, spans, forms)
    text = whole.decode("utf-8", "surrogateescape")
    said = [masker.mask_text(text), masker.mask_url("http://h/?" + text)]
    said += [
        value for pair in masker.mask_headers((("location", text), ("x-key", text), (text, "1"))) for value in pair
    ]
    said.append(json.dumps(masker.mask_plain({"a": [text, {text: 1}]}), ensure_ascii=False))
    for line in said:
        for form in forms:
            assert form not in line.encode("utf-8", "surrogatepass"), f"{form!r} survives"


def _assert_masked(whole: bytes, masked: bytes, spans: Spans, forms: list[bytes]) -> None:
    assert len(masked) == len(whole)
    for form in forms:
        assert form not in masked, f"{form!r} survives"
    at = 0
    for start, length in spans:
        assert at <= start
        assert length > 0
        assert masked[at:start] == whole[at:start]
        assert masked[start : start + length] == b"*" * length
        at = start + length
    assert masked[at:] == whole[at:]
    assert len(comparable(masked, spans)) <= len(masked)


_TEXTS = ("cs-sec-key-1", 'qu"ote\\d', "sp ace/%&=", "zwölf")

TARGETS = (
    Target(
        "masking-secrets",
        needing_nothing(_mask),
        lambda: tuple(
            b"\0" + answers(secret.encode()) + bytes([kind]) + answers(before) + bytes([form]) + answers(behind) + b"\0"
            for secret in _TEXTS
            for kind, before, behind in ((0, b'{"desc": "', b'", "x": 1}'), (1, b"a=", b"&code=1"), (2, b"", b""))
            for form in range(8)
        ),
        (b'{"', b'":"', b"\\", b"%2", b"&", b"=", b"code", b"://", b"@", b"\\u0041"),
    ),
)
