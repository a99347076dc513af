"""Secrets stand in a configuration by reference only, and what goes wrong with one never shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.config.references import resolve_secret
from tests.support.configuration import SECRET, SECRET_NAME, changed, loaded, told

REFERENCE = '"${file:key}"'


@pytest.mark.parametrize(
    ("value", "what", "remedy"),
    [
        (SECRET, "a secret may not stand here itself", "write ${env:NAME}, ${file:PATH}"),
        ('"${env:}"', "a secret may not stand here itself", "write ${env:NAME}"),
        ('"${ENV:NAME}"', "a secret may not stand here itself", "write ${env:NAME}"),
        ('"x${env:NAME}"', "a secret may not stand here itself", "write ${env:NAME}"),
        ("12345", "a secret may not stand here itself", "write ${env:NAME}"),
        ("{env: NAME}", "a secret may not stand here itself", "write ${env:NAME}"),
        ('""', "a secret may not stand here itself", "write ${env:NAME}"),
        ('"${env:STATION_TEST_UNSET}"', "the environment variable STATION_TEST_UNSET is not set", "set it for"),
        ('"${file:nowhere}"', "nowhere cannot be read: No such file", "create it with mode 0600"),
        ('"${file:folder}"', "folder cannot be read: Is a directory", "create it with mode 0600"),
        ('"${file:empty}"', "the secret in ${file:empty} is empty or shorter than 4", ""),
        ('"${file:short}"', "the secret in ${file:short} is empty or shorter than 4", ""),
        ('"${file:huge}"', "huge is larger than 4096 bytes", ""),
        ('"${file:binary}"', "binary is not UTF-8 text", ""),
        ('"${file:control}"', "must be 1 to 4096 printable ASCII characters", ""),
        ('"${credential:key}"', "$CREDENTIALS_DIRECTORY is not set", ""),
    ],
)
def test_what_is_no_usable_reference_is_one_line_without_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, what: str, remedy: str
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    (tmp_path / "folder").mkdir()
    files = {"empty": b"", "short": b"abc\n", "huge": b"h" * 5000, "binary": b"\xff\xfe12345", "control": b"ab\x07cdef"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (line,) = told(tmp_path, changed((REFERENCE, value)))
    wrong, _, to_do = line.partition(" — ")
    assert ": api" in wrong
    assert what in wrong
    assert to_do
    assert remedy in to_do
    assert not any(secret in line for secret in (SECRET, "hhhh", "cdef", "12345"))


def test_a_literal_secret_is_told_at_its_own_line(tmp_path: Path) -> None:
    text = changed((REFERENCE, SECRET))
    (line,) = told(tmp_path, text)
    assert line.startswith("station.yaml:9:7: api.auth.csid.cs_sec_key: a secret may not stand here itself — write ")


def test_each_kind_of_reference_leads_to_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_NAME, SECRET)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for value in (f'"${{env:{SECRET_NAME}}}"', '"${file:key}"', f'"${{file:{tmp_path}/key}}"', '"${credential:key}"'):
        auth = loaded(tmp_path, changed((REFERENCE, value))).station.api.auth
        assert auth.csid is not None
        assert auth.csid.cs_sec_key.reveal() == SECRET


def test_one_line_end_is_cut_from_a_file(tmp_path: Path) -> None:
    for content, secret in ((b"abcd", "abcd"), (b"abcd\n", "abcd"), (b"abcd\r\n", "abcd"), (b"abcd\n\n", "abcd\n")):
        (tmp_path / "key").write_bytes(content)
        assert resolve_secret("${file:key}", tmp_path).reveal() == secret


@pytest.mark.parametrize("name", ["../key", "a/b", "..", "."])
def test_a_credential_is_a_plain_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ValueError, match="is no name of a credential"):
        resolve_secret(f"${{credential:{name}}}", tmp_path)
