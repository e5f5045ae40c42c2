"""Stores of secrets on loopback, each written from its documents, and a keyring in memory."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import keyring
import keyring.backend
import pytest
from attrs import field, frozen

CANARY = "canary-4711-do-not-show"
TOKEN = "hvs.token-canary-0815"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
ACCESS_SECRET = "access-canary-2342"
SESSION_TOKEN = "session-canary-1337"
HIDDEN = (CANARY, TOKEN, ACCESS_SECRET, SESSION_TOKEN)


@frozen
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(factory=dict)

    @classmethod
    def json(cls, status: int, told: object, content_type: str = "application/json") -> Reply:
        return cls(status, json.dumps(told).encode(), {"Content-Type": content_type})


@frozen
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Loopback:
    """An HTTP server in a thread. `fault` takes the place of its answers: a Reply, or what is done instead."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.fault: Reply | Callable[[BaseHTTPRequestHandler], None] | None = None
        self.released = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body)
                owner.asked.append(asked)
                fault = owner.fault
                if callable(fault):
                    self.close_connection = True
                    fault(self)
                    return
                reply = owner.answer(asked) if fault is None else fault
                self.send_response(reply.status)
                for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = _serve  # noqa: N815 - the names are the library's

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = False
            block_on_close = True

            def handle_error(self, *_: object) -> None:
                """A client that gave up is no matter here."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # What can happen instead of an answer

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        self.released.wait(30)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b'{"secret": "' + CANARY.encode())
        while not self.released.wait(0.02):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    def hang_up(self, handler: BaseHTTPRequestHandler) -> None:
        """Close the connection without a word."""

    def babble(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"220 " + CANARY.encode() + b"\r\n\r\n")


class FakeVault(Loopback):
    """Vault's key-value engine, version 2, of one or more mounts.

    Source: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 (read, versions, deletion: a deleted newest
    version is 404 with data null), .../api-docs#http-status-codes, .../api-docs/auth/token#lookup-a-token-self.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, set[str]] = {TOKEN: {"secret/data/"}}  # with the prefixes that its policies let it read
        self.mounts = {"secret"}
        self.namespace: str | None = None
        self.sealed = False
        self.versions: dict[str, list[dict[str, Any]]] = {}

    def write(self, path: str, data: dict[str, Any], created: str = "2026-03-22T02:24:06.945319214Z") -> None:
        history = self.versions.setdefault(path, [])
        metadata = {
            "created_time": created,
            "custom_metadata": None,
            "deletion_time": "",
            "destroyed": False,
            "version": len(history) + 1,
        }
        history.append({"data": data, "metadata": metadata})

    def delete(self, path: str) -> None:
        newest = self.versions[path][-1]
        newest["data"] = None
        newest["metadata"]["deletion_time"] = "2026-04-01T00:00:00.000000000Z"

    def answer(self, asked: Asked) -> Reply:
        path = unquote(urlsplit(asked.path).path).removeprefix("/v1/")
        if self.sealed:
            return Reply.json(503, {"errors": ["Vault is sealed"]})
        if asked.headers.get("x-vault-namespace") != self.namespace:
            return Reply.json(404, {"errors": [f'no handler for route "{path}". route entry not found.']})
        reads = self.tokens.get(asked.headers.get("x-vault-token", ""))
        if reads is None:
            return Reply.json(403, {"errors": ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]})
        if path == "auth/token/lookup-self":
            return Reply.json(200, {"data": {"id": asked.headers["x-vault-token"], "ttl": 3600}})
        if not any(path.startswith(prefix) for prefix in reads):
            return Reply.json(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
        mount, _, name = path.partition("/data/")
        if mount not in self.mounts:
            return Reply.json(404, {"errors": [f'no handler for route "{path}". route entry not found.']})
        if f"{mount}/{name}" not in self.versions:
            return Reply.json(404, {"errors": []})
        newest = self.versions[f"{mount}/{name}"][-1]
        told = {"request_id": "3f8d", "lease_id": "", "renewable": False, "data": newest, "mount_type": "kv"}
        return Reply.json(404 if newest["data"] is None else 200, told)


class FakeAws(Loopback):
    """Secrets Manager's JSON protocol: GetSecretValue of requests that bear a signature of version 4.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    """

    AUTHORIZATION = re.compile(
        rf"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/\d{{8}}/(?P<region>[\w-]+)/secretsmanager/aws4_request, "
        r"SignedHeaders=[\w;-]*host[\w;-]*, Signature=[0-9a-f]{64}"
    )

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[str, dict[str, Any]] = {}
        self.refusal: tuple[int, str] | None = None

    def write(self, name: str, text: str, created: float = 1_523_477_145.713) -> None:
        self.secrets[name] = {"SecretString": text, "CreatedDate": created}

    def answer(self, asked: Asked) -> Reply:
        signed = self.AUTHORIZATION.fullmatch(asked.headers.get("authorization", ""))
        if (
            not signed
            or asked.headers.get("x-amz-security-token") != SESSION_TOKEN
            or "x-amz-date" not in asked.headers
        ):
            return self.refuse(400, "MissingAuthenticationTokenException")
        if asked.headers["x-amz-target"] != "secretsmanager.GetSecretValue":
            return self.refuse(400, "UnknownOperationException")
        if self.refusal is not None:
            return self.refuse(*self.refusal)
        name = json.loads(asked.body)["SecretId"]
        if name not in self.secrets:
            return self.refuse(400, "ResourceNotFoundException")
        arn = f"arn:aws:secretsmanager:{signed['region']}:123456789012:secret:{name}-a1b2c3"
        told = {"ARN": arn, "Name": name, "VersionStages": ["AWSCURRENT"], **self.secrets[name]}
        return Reply.json(200, told, "application/x-amz-json-1.1")

    def refuse(self, status: int, kind: str) -> Reply:
        told = {"__type": kind, "Message": f"the service's own words, {CANARY} among them"}
        return Reply.json(status, told, "application/x-amz-json-1.1")


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring that lives as long as a test."""

    priority = -1  # never chosen by itself

    def __init__(self) -> None:
        super().__init__()
        self.passwords: dict[tuple[str, str], str] = {}
        self.fault: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.fault is not None:
            raise self.fault
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home and working folder, and nothing in the environment that leads to a store or a proxy."""
    for name in os.environ:
        if name.startswith(("VAULT_", "AWS_", "KEYRING_", "PYTHON_KEYRING")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    yield folder
    for thread in threading.enumerate():
        if thread.name == "anyvenue-secrets":
            thread.join(10)


@pytest.fixture
def vault(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVault]:
    server = FakeVault()
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    yield server
    server.close()


@pytest.fixture
def aws(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    server = FakeAws()
    for name, value in {
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://127.0.0.1:{server.port}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_SECRET,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "AWS_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.close()


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def loud(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Every logger there is tells everything."""
    import botocore.auth
    import botocore.endpoint
    import botocore.parsers  # noqa: F401 - their loggers are to be there
    import httpx  # noqa: F401

    caplog.set_level(1)
    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    levels = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(1)
    yield caplog
    for logger, level in levels:
        logger.setLevel(level)


@pytest.fixture
def canary() -> str:
    """The secret in the stores."""
    return CANARY


@pytest.fixture
def hidden() -> tuple[str, ...]:
    """What must be seen nowhere."""
    return HIDDEN
