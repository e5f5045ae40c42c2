"""Secrets in HashiCorp Vault: its key-value engine, version 2, over the HTTP API.

Source: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2, .../api-docs (statuses), .../docs/commands
(environment variables). What Vault does not tell: a token that has ended and one that may not read are both 403, so
then the token is asked to look itself up, which every token may.
"""

from __future__ import annotations

import os
import re
import ssl
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import orjson
from attrs import frozen

from anyvenue.venue.secrets.careful import is_private_way, quiet, within
from anyvenue.venue.secrets.local import private_file
from anyvenue.venue.secrets.value import WHOLE, Document, Secret, SecretError, instant_ns

__all__ = ["read"]

TIMEOUT_S: Final = 10.0
_STEP_S: Final = 5.0
_BODY_BYTES_MAX: Final = 1_048_576
_PRINTABLE: Final = re.compile(r"[!-~]+")
_TOKEN_FILE: Final = "~/.vault-token"  # noqa: S105 - where `vault login` puts it
_CHOICES: Final = f"set VAULT_TOKEN or VAULT_TOKEN_FILE, or run `vault login`, which writes {_TOKEN_FILE}"


@frozen
class _Server:
    """Where Vault is, and who asks."""

    url: str
    namespace: str
    token: Secret


@frozen
class _Answer:
    """What of an answer may be looked at: `document` is None where it holds none that can be read."""

    status: int
    document: Document | None = None
    is_deleted: bool = False


def read(place: str) -> Document:
    """Return the newest version of MOUNT/PATH. Raises SecretError.

    A mount that has slashes itself is parted from the path by two: TEAM/MOUNT//PATH.
    """
    try:
        return within(TIMEOUT_S, lambda: _read(place))
    except TimeoutError:
        problem = f"Vault did not answer within {TIMEOUT_S:g} s; check VAULT_ADDR and the network"
    raise SecretError(problem)


def _read(place: str) -> Document:
    mount, _, path = place.partition("//" if "//" in place else "/")
    server = _server()
    answer = _ask(server, f"{mount}/data/{path}")
    if isinstance(answer, _Answer) and answer.status == 200 and answer.document is not None:
        return answer.document
    raise SecretError(answer if isinstance(answer, str) else _explained(server, answer, mount, path))


def _explained(server: _Server, answer: _Answer, mount: str, path: str) -> str:
    """Say what an answer without a secret means, and what to do."""
    where = f"{server.url}, namespace {server.namespace}" if server.namespace else server.url
    match answer.status:
        case 200:
            return f"{where} answered what is no secret of a key-value engine; is {mount} one, of version 2?"
        case 404 if answer.is_deleted:
            return (
                f"the newest version of {path} in {mount} at {where} has been deleted; undelete it, or write a new one"
            )
        case 404:
            hint = "; leave data/ out of the path" if path.startswith("data/") else ""
            return f"{where} has no secret {path} in {mount}, or {mount} is no key-value engine of version 2{hint}"
        case 403:
            known = _ask(server, "auth/token/lookup-self")
            if isinstance(known, _Answer) and known.status == 200:
                return (
                    f"{where} forbids it (403): the token is good, but no policy of it has read on {mount}/data/{path}"
                )
            return f"{where} forbids it (403): the token has expired, been revoked or never been one; get a new one"
        case 400:
            return f"{where} found the request wrong (400); check VAULT_NAMESPACE and the path"
        case 429:
            return f"{where} is asked too often, or is a standby (429); try later, or set VAULT_ADDR to the active one"
        case 503:
            return f"{where} is sealed or down for maintenance (503); unseal it: vault operator unseal"
        case status if 300 <= status < 400:
            return f"{where} points elsewhere ({status}), where the token must not go; set VAULT_ADDR to the active one"
        case status:
            return f"{where} answered {status}; see `vault status`"


def _server() -> _Server:
    namespace = os.environ.get("VAULT_NAMESPACE", "").strip("/")
    if namespace and not _PRINTABLE.fullmatch(namespace):
        raise SecretError("VAULT_NAMESPACE has characters that no namespace has (not shown)")
    server = _Server(_address(), namespace, _token())
    if not _PRINTABLE.fullmatch(server.token.reveal()):  # checked here: others put it into the errors they raise
        raise SecretError(f"the token has characters that no token has (not shown); {_CHOICES}")
    return server


def _address() -> str:
    url = os.environ.get("VAULT_ADDR", "").rstrip("/")
    if not url:
        raise SecretError("VAULT_ADDR is not set; set it to Vault's address, such as https://vault.example.com:8200")
    if _PRINTABLE.fullmatch(url) and is_private_way(url) and not set("@?#") & set(url):
        return url
    raise SecretError(
        "VAULT_ADDR is no address that a token may be sent to (not shown); allowed are https://HOST[:PORT], and "
        "http:// on this machine"
    )


def _token() -> Secret:
    if os.environ.get("VAULT_TOKEN"):
        return Secret(os.environ["VAULT_TOKEN"])
    named = os.environ.get("VAULT_TOKEN_FILE")
    path = Path(named or _TOKEN_FILE).expanduser()
    if not named and not path.exists():
        raise SecretError(f"there is no token for Vault; {_CHOICES}")
    token = private_file(path).fields[WHOLE]
    if token is None:
        raise SecretError(f"there is no token for Vault in {path}; {_CHOICES}")
    return token


def _ask(server: _Server, path: str) -> _Answer | str:
    """Return Vault's answer, or why there is none. Nothing that held token or body is in reach when it returns."""
    headers = {"X-Vault-Token": server.token.reveal(), "X-Vault-Request": "true"}
    if server.namespace:
        headers["X-Vault-Namespace"] = server.namespace
    url = f"{server.url}/v1/{quote(path)}"
    is_tls = url.startswith("https:")  # a proxy is trusted with a tunnel, not with a token
    try:
        with (
            quiet("httpx", "httpcore"),
            httpx.Client(verify=_trusted(), timeout=_STEP_S, trust_env=is_tls) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _BODY_BYTES_MAX:
                    return f"{server.url} answered more than {_BODY_BYTES_MAX} bytes, so it is no secret"
            return _answer(response.status_code, body)
    except httpx.TimeoutException as error:
        return f"{server.url} did not answer in time ({type(error).__name__}); check VAULT_ADDR and the network"
    except httpx.HTTPError as error:
        if _is_untrusted(error):
            return f"the certificate of {server.url} cannot be verified; name your authority's by VAULT_CACERT"
        return f"{server.url} could not be reached ({type(error).__name__}); check VAULT_ADDR and the network"


def _trusted() -> ssl.SSLContext:
    cafile, capath = os.environ.get("VAULT_CACERT"), os.environ.get("VAULT_CAPATH")
    try:
        return ssl.create_default_context(cafile=cafile or None, capath=capath or None)
    except OSError:
        problem = "VAULT_CACERT or VAULT_CAPATH names no certificates that can be read"
    raise SecretError(problem)


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def _answer(status: int, body: bytes) -> _Answer:
    try:
        told = orjson.loads(body)["data"]
        data, metadata = told["data"], told["metadata"]
    except (ValueError, KeyError, TypeError):
        return _Answer(status)
    if not isinstance(data, dict):
        return _Answer(status, is_deleted=data is None and isinstance(metadata, dict))
    fields = {name: Secret(value) if isinstance(value, str) and value else None for name, value in data.items()}
    return _Answer(status, Document(fields, _changed_ns(metadata)))


def _changed_ns(metadata: Any) -> int | None:
    try:
        return instant_ns(datetime.fromisoformat(metadata["created_time"]))
    except (ValueError, KeyError, TypeError):
        return None
