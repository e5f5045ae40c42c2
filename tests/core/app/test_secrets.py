"""Secrets: references are parsed and followed, and a value never shows itself."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from pathlib import Path

import orjson
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.venue.secrets import Secret, SecretError, SecretReference

CANARY = "canary-4711-do-not-show"


@frozen
class Holder:
    secret: Secret


def test_a_secret_shows_its_value_to_reveal_only(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(CANARY)
    logging.getLogger("test").warning("%s %r", secret, Holder(secret))
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret, repr(Holder(secret)), caplog.text]  # noqa: UP031
    shown += [json.dumps([secret], default=str), orjson.dumps([secret], default=str).decode()]

    assert secret.reveal() == CANARY
    assert not [text for text in shown if CANARY in text]
    assert not hasattr(secret, "__dict__")


def test_a_secret_cannot_be_pickled_or_written_as_json() -> None:
    secret = Secret(CANARY)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError) as caught:
        json.dumps({"key": secret})
    assert CANARY not in str(caught.value)
    with pytest.raises(TypeError):
        orjson.dumps(secret)


def test_a_secret_is_copied_and_compared_by_value() -> None:
    secret = Secret(CANARY)
    assert copy.deepcopy(Holder(secret)).secret is secret
    assert copy.copy(secret) is secret
    assert secret == Secret(CANARY)
    assert hash(secret) == hash(Secret(CANARY))
    assert secret != Secret("another")
    assert secret != CANARY


def test_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_KEY", CANARY)
    reference = SecretReference.parse("env:EXCHANGE_KEY")
    assert str(reference) == "env:EXCHANGE_KEY"
    assert reference.resolve().reveal() == CANARY

    monkeypatch.setenv("EXCHANGE_KEY", "")
    with pytest.raises(SecretError, match=r"^env:EXCHANGE_KEY: the environment variable EXCHANGE_KEY is empty$"):
        reference.resolve()
    monkeypatch.delenv("EXCHANGE_KEY")
    with pytest.raises(SecretError, match="is not set"):
        reference.resolve()


def test_a_file_beside_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "key.txt"
    file.write_text(f"{CANARY}\n")
    file.chmod(0o600)
    assert SecretReference.parse("file:key.txt").resolve(tmp_path).reveal() == CANARY
    assert SecretReference.parse(f"file:{file}").resolve().reveal() == CANARY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o601, 0o666])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "key.txt"
    file.write_text(CANARY)
    file.chmod(mode)
    with pytest.raises(SecretError) as caught:
        SecretReference.parse("file:key.txt").resolve(tmp_path)
    assert f"(mode {mode:o}); close it: chmod 600 {file}" in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "is not UTF-8 text"), (b"x" * 65_537, "longer")],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "key.txt"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(SecretError, match=why):
        SecretReference.parse("file:key.txt").resolve(tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot read"):
        SecretReference.parse("file:absent").resolve(tmp_path)
    with pytest.raises(SecretError, match="cannot read"):
        SecretReference.parse(f"file:{tmp_path}").resolve()
    with pytest.raises(SecretError, match="not an ordinary file"):
        SecretReference.parse("file:/dev/null").resolve()


@pytest.mark.parametrize(
    "text", [CANARY, f"raw:{CANARY}", f":{CANARY}", f"ENV:{CANARY}", f"env:{CANARY}", f"env:{CANARY}=", ""]
)
def test_a_bare_value_is_refused_unshown(text: str) -> None:
    with pytest.raises(SecretError) as caught:
        SecretReference.parse(text)
    told = "".join(traceback.format_exception(caught.value))
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(caught.value)
    assert "allowed" in told


@given(st.text())
def test_any_text_is_a_reference_or_an_error_that_does_not_repeat_it(text: str) -> None:
    told = ""
    try:
        assert str(SecretReference.parse(text)) == text
    except SecretError as error:
        told = str(error)
    assert len(text) < 8 or text not in told
