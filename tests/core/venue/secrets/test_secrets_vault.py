"""Vault: a secret's way out of its key-value engine, and what is said where there is none."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from anyvenue.venue.secrets import SecretError, SecretReference
from anyvenue.venue.secrets import vault as vault_store

REFERENCE = SecretReference.parse("vault:secret/trading/main#key")


def told(reference: SecretReference = REFERENCE) -> str:
    with pytest.raises(SecretError) as caught:
        reference.resolve()
    return str(caught.value).removeprefix(f"{reference}: ")


def test_a_field_of_the_newest_version_with_its_age(vault: Any, canary: str) -> None:
    vault.write("secret/trading/main", {"key": "old"}, created="2018-03-22T02:24:06Z")
    vault.write("secret/trading/main", {"key": canary, "secret": "x"}, created="2018-03-22T02:36:43.986212308Z")
    fetched = REFERENCE.fetch()
    assert fetched.secret.reveal() == canary
    assert fetched.changed_ns == 1_521_686_203_986_212_000  # date -u -d 2018-03-22T02:36:43Z +%s, and microseconds
    [asked] = vault.asked
    assert (asked.method, asked.path) == ("GET", "/v1/secret/data/trading/main")
    assert asked.headers["x-vault-request"] == "true"
    assert "x-vault-namespace" not in asked.headers


def test_a_mount_with_slashes_and_a_namespace(vault: Any, canary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.namespace = "desk/one"
    vault.mounts = {"team/kv"}
    vault.tokens = {"hvs.other": {"team/kv/data/"}}
    vault.write("team/kv/a b/main", {"the key": canary})
    monkeypatch.setenv("VAULT_NAMESPACE", "desk/one/")
    monkeypatch.setenv("VAULT_TOKEN", "hvs.other")
    assert told(SecretReference.parse("vault:team/kv//a/b#the key")).startswith(
        f"http://127.0.0.1:{vault.port}, namespace desk/one has no secret a/b in team/kv"
    )
    vault.write("team/kv/a/b", {"the key": canary})
    assert SecretReference.parse("vault:team/kv//a/b#the key").resolve().reveal() == canary


def test_the_token_is_read_from_a_file_where_none_is_set(
    vault: Any, home: Path, canary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.write("secret/trading/main", {"key": canary})
    token = next(iter(vault.tokens))
    monkeypatch.delenv("VAULT_TOKEN")
    assert told() == (
        "there is no token for Vault; set VAULT_TOKEN or VAULT_TOKEN_FILE, or run `vault login`, which writes "
        "~/.vault-token"
    )
    file = home / ".vault-token"
    file.write_text(token)
    file.chmod(0o640)
    assert told() == f"{file} is open to other users (mode 640); close it: chmod 600 {file}"
    file.chmod(0o600)
    assert REFERENCE.resolve().reveal() == canary

    file.write_text("hvs.expired\n")
    sink = home / "sink"
    sink.write_text(token + "\n")
    sink.chmod(0o600)
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(sink))
    assert REFERENCE.resolve().reveal() == canary


def test_what_vault_refuses_is_told_with_what_to_do(vault: Any, canary: str) -> None:
    server = f"http://127.0.0.1:{vault.port}"
    assert told() == (f"{server} has no secret trading/main in secret, or secret is no key-value engine of version 2")
    assert told(SecretReference.parse("vault:secret/data/trading#key")).endswith("; leave data/ out of the path")
    vault.write("secret/trading/main", {"secret": canary, "number": 1, "none": ""})
    assert told() == "it has no field key; its fields are none, number, secret"
    assert told(SecretReference.parse("vault:secret/trading/main#number")).startswith("its field number holds no text")
    assert told(SecretReference.parse("vault:secret/trading/main#none")).startswith("its field none holds no text")
    vault.delete("secret/trading/main")
    assert told() == (
        f"the newest version of trading/main in secret at {server} has been deleted; undelete it, or write a new one"
    )
    vault.tokens = {next(iter(vault.tokens)): {"secret/data/other/"}}
    assert told() == (
        f"{server} forbids it (403): the token is good, but no policy of it has read on secret/data/trading/main"
    )
    vault.tokens = {}
    assert told() == (
        f"{server} forbids it (403): the token has expired, been revoked or never been one; get a new one"
    )
    vault.sealed = True
    assert told() == f"{server} is sealed or down for maintenance (503); unseal it: vault operator unseal"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("", "VAULT_ADDR is not set"),
        ("http://vault.example.com:8200", "no address that a token may be sent to"),
        ("http://10.0.0.7:8200", "no address that a token may be sent to"),
        ("https://user:canary@vault.example.com", "no address that a token may be sent to"),
        ("canary", "no address that a token may be sent to"),
        ("https://vault.example.com/?canary", "no address that a token may be sent to"),
        ("http://[canary", "no address that a token may be sent to"),
    ],
)
def test_a_token_is_sent_to_nobody_else(vault: Any, monkeypatch: pytest.MonkeyPatch, url: str, allowed: str) -> None:
    monkeypatch.setenv("VAULT_ADDR", url)
    assert allowed in (text := told())
    assert "canary" not in text
    assert not vault.asked


def test_a_redirect_is_not_followed(vault: Any) -> None:
    def redirect(handler: Any) -> None:
        handler.send_response(307)
        handler.send_header("Location", f"http://127.0.0.1:{vault.port}/v1/else")
        handler.end_headers()

    vault.fault = redirect
    assert told().endswith("points elsewhere (307), where the token must not go; set VAULT_ADDR to the active one")
    assert len(vault.asked) == 1


def test_a_proxy_is_not_shown_a_token_in_plain_text(vault: Any, canary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    vault.write("secret/trading/main", {"key": canary})
    assert REFERENCE.resolve().reveal() == canary


def test_certificates_are_verified(vault: Any, canary: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    vault.server.socket = context.wrap_socket(vault.server.socket, server_side=True)
    vault.write("secret/trading/main", {"key": canary})
    url = f"https://localhost:{vault.port}"
    monkeypatch.setenv("VAULT_ADDR", url)
    monkeypatch.setenv("VAULT_SKIP_VERIFY", "true")
    assert told() == f"the certificate of {url} cannot be verified; name your authority's by VAULT_CACERT"
    assert not vault.asked

    bundle = tmp_path / "ca.pem"
    monkeypatch.setenv("VAULT_CACERT", str(bundle))
    assert told() == "VAULT_CACERT or VAULT_CAPATH names no certificates that can be read"
    authority.cert_pem.write_to_path(str(bundle))
    assert REFERENCE.resolve().reveal() == canary


def test_a_store_that_sends_byte_by_byte_is_given_up_in_time(vault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_store, "TIMEOUT_S", 0.25)
    vault.fault = vault.drip
    assert told() == "Vault did not answer within 0.25 s; check VAULT_ADDR and the network"
    vault.released.set()


def test_a_store_that_is_silent_is_given_up_by_the_library_s_own_limit(
    vault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_store, "_STEP_S", 0.1)
    vault.fault = vault.hang
    assert "did not answer in time (ReadTimeout)" in told()
    vault.released.set()


def test_an_age_that_cannot_be_read_is_none(vault: Any, canary: str) -> None:
    vault.write("secret/trading/main", {"key": canary}, created="yesterday")
    fetched = REFERENCE.fetch()
    assert (fetched.secret.reveal(), fetched.changed_ns) == (canary, None)
