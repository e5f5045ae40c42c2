"""References: what is one, which store they lead to, and that nothing of a store is loaded before it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.venue.secrets import SecretError, SecretReference, careful
from anyvenue.venue.secrets.value import Document, Secret


@pytest.mark.parametrize(
    "text",
    [
        "env:KEY",
        "file:~/keys/main.key",
        "keyring:exchange/main key",
        "keyring:https://exchange.example/main",
        "vault:secret/trading/main#key",
        "vault:team/kv//trading/main#API key",
        "aws:trading/main#key",
        "aws:arn:aws:secretsmanager:eu-west-1:123456789012:secret:trading/main-a1b2c3#key",
        "aws:plain",
    ],
)
def test_a_reference_is_shown_as_it_is_written(text: str) -> None:
    assert str(SecretReference.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "keyring:canary",
        "keyring:/canary",
        "keyring:canary/",
        "vault:canary",
        "vault:canary#key",
        "vault:secret/canary",
        "vault:secret/canary#",
        "vault:secret/../canary#key",
        "vault:secret/./canary#key",
        "vault:/secret/canary#key",
        "vault:secret/canary/#key",
        "vault:a//b//canary#key",
        "vault:secret/can ary#key",
        "aws:can ary",
        "aws:canary#",
        "aws:#canary",
        "file:canary\x00",
    ],
)
def test_a_place_that_its_store_cannot_have_is_refused_unshown(text: str) -> None:
    with pytest.raises(SecretError, match=r"^found \w+: .* \(not shown\); allowed is ") as caught:
        SecretReference.parse(text)
    assert "canary" not in repr(caught.value).replace("vault:MOUNT", "")


@given(st.sampled_from(["env:", "file:", "keyring:", "vault:", "aws:", ""]), st.text())
def test_any_text_is_a_reference_or_an_error_that_does_not_repeat_it(scheme: str, text: str) -> None:
    told = ""
    try:
        assert str(SecretReference.parse(scheme + text)) == scheme + text
    except SecretError as error:
        told = str(error)
    assert len(text) < 8 or text not in told


@pytest.mark.parametrize(
    ("reference", "extra"), [("keyring:service/name", "keyring"), ("aws:name#key", "aws")], ids=["keyring", "aws"]
)
def test_a_store_whose_package_is_missing_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, reference: str, extra: str
) -> None:
    def missing(name: str) -> None:
        if name.partition(".")[0] in ("keyring", "botocore"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        import_module(name)

    monkeypatch.setattr(careful, "import_module", missing)
    with pytest.raises(SecretError) as caught:
        SecretReference.parse(reference).resolve()
    assert str(caught.value) == (
        f'{reference}: it needs a package that is not installed; install it: pip install "anyvenue[{extra}]"'
    )
    assert caught.value.__context__ is None


def test_what_stands_before_the_tilde_of_nobody_is_no_crash() -> None:
    with pytest.raises(SecretError, match="no such home folder; write the path out"):
        SecretReference.parse("file:~nobody-of-this-name/key").resolve()


def test_a_file_tells_when_it_was_changed(tmp_path: Path, canary: str) -> None:
    file = tmp_path / "key"
    file.write_text(canary)
    file.chmod(0o600)
    fetched = SecretReference.parse("file:key").fetch(tmp_path)
    assert fetched.changed_ns == file.stat().st_mtime_ns
    assert canary not in repr(fetched)


def test_an_environment_variable_has_no_age(monkeypatch: pytest.MonkeyPatch, canary: str) -> None:
    monkeypatch.setenv("KEY", canary)
    assert SecretReference.parse("env:KEY").fetch().changed_ns is None


@pytest.mark.parametrize(
    ("fields", "wanted", "told"),
    [
        ({"key": Secret("1"), "secret": Secret("2")}, "sceret", "it has no field sceret; its fields are key, secret"),
        ({"key": Secret("1")}, "", "no field is named; put #FIELD behind it; its fields are key"),
        ({}, "key", "it has no field key; it has no fields at all"),
        ({"key": None}, "key", "its field key holds no text, or an empty one; allowed is text, in quotes"),
        ({"": Secret("1")}, "key", "it is one text without fields; leave #key out"),
    ],
)
def test_a_field_that_is_not_there_is_told_with_those_that_are(
    fields: dict[str, Secret | None], wanted: str, told: str
) -> None:
    with pytest.raises(SecretError) as caught:
        Document(fields).pick(wanted)
    assert str(caught.value) == told


def test_no_store_is_loaded_before_it_is_used() -> None:
    code = (
        "import sys, os; from anyvenue.venue.secrets import SecretReference;"
        "[SecretReference.parse(t) for t in ('keyring:a/b', 'vault:a/b#c', 'aws:a#b')];"
        "os.environ['A'] = 'x'; SecretReference.parse('env:A').resolve(); print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(run.stdout.split())
    assert "anyvenue.venue.secrets.local" in loaded
    assert not {"httpx", "keyring", "botocore", "boto3"} & loaded
