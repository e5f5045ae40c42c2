"""Whatever goes wrong in a run, none of its secrets, and no signature made with them, is in anything that it wrote."""

from __future__ import annotations

import base64
import gzip
import importlib.util
import json
import re
import signal
import ssl
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme

STORES = Path(__file__).parents[2] / "core" / "venue" / "secrets" / "conftest.py"
WAITING_S = 2.0
MINE = """
from anyvenue import Strategy


class Trading(Strategy):
    def on_start(self):
        self.subscribe("BTC-USDT-PERP", "book")
        self.bought = False

    def on_book(self, book):
        if book.is_synced and not self.bought:
            self.bought = True
            self.buy("BTC-USDT-PERP", "0.02")

    def on_fill(self, fill):
        print("filled", flush=True)


class Crashing(Trading):
    def on_fill(self, fill):
        key = self._engine.connections
        raise RuntimeError(f"it is over: {vars(self)} {key}")
"""
SIGNATURE = re.compile(r"(?<![0-9a-f])[0-9a-f]{128}(?![0-9a-f])")
"""HMAC-SHA512 in hexadecimal: nothing else in a run looks like it."""


@pytest.fixture(scope="module")
def stores() -> Any:
    """Return the module of the stores of secrets on loopback."""
    spec = importlib.util.spec_from_file_location("stores", STORES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["stores"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["stores"]


def forms(secret: str) -> Iterator[str]:
    """Return a secret as it is, and in every other way in which it may be written."""
    raw = secret.encode()
    yield from (secret, secret[::-1], raw.hex(), quote(secret, safe=""), repr(raw), json.dumps(secret)[1:-1])
    for shift in range(3):  # base64 depends on where in the text it stands
        yield base64.b64encode(b"x" * shift + raw)[4:-4].decode()
        yield base64.urlsafe_b64encode(b"x" * shift + raw)[4:-4].decode()


def written(folder: Path) -> dict[str, str]:
    """Return all that a run wrote, by file; what is packed is unpacked, also where its end is missing."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in ("mine.py", "key", "secret", "ring.json", "ring.py"):
            data = path.read_bytes()
            if path.suffix == ".gz":
                packed, data = data, b""
                while packed:
                    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
                    data += unpacker.decompress(packed)
                    packed = unpacker.unused_data if unpacker.eof else b""
            found[str(path.relative_to(folder))] = data.decode("latin-1")
    return found


def told(folder: Path, secrets: Mapping[str, str]) -> list[str]:
    """Return where what must not be seen is seen."""
    files = written(folder)
    assert {"stderr", "stdout"} <= set(files)
    seen = [
        f"{name} in {file}"
        for file, text in files.items()
        for name, secret in secrets.items()
        for form in forms(secret)
        if form in text or form.lower() in text.lower()
    ]
    return seen + [
        f"a signature in {file}: {found[0][:20]}" for file, text in files.items() if (found := SIGNATURE.search(text))
    ]


LOUD = """\
level = "debug"
session = true
session_path = "sessions"
levels = { httpx = "debug", httpcore = "debug", websockets = "debug" }
"""
CREDENTIALS = {
    "env": 'key = "env:MY_KEY", secret = "env:MY_SECRET"',
    "file": 'key = "file:key", secret = "file:secret"',
    "keyring": 'key = "keyring:exchange/key", secret = "keyring:exchange/secret"',
    "vault": 'key = "vault:secret/main#key", secret = "vault:secret/main#secret"',
    "aws": 'key = "aws:main#key", secret = "aws:main#secret"',
}
RING = """
import json, pathlib
import keyring.backend


class Ring(keyring.backend.KeyringBackend):
    priority = 1

    def get_password(self, service, name):
        return json.loads((pathlib.Path(__file__).parent / "ring.json").read_text())[name]

    def set_password(self, service, name, password):
        raise NotImplementedError
"""


@pytest.fixture
def keep(tmp_path: Path, stores: Any) -> Iterator[Callable[..., dict[str, str]]]:
    """Return what puts a key and a secret where a kind of reference finds them, and returns the environment for it."""
    servers = []
    (tmp_path / "mine.py").write_text(MINE)

    def keep(kind: str, pair: Mapping[str, str]) -> dict[str, str]:
        if kind == "env":
            return {"MY_KEY": pair["key"], "MY_SECRET": pair["secret"]}
        if kind == "file":
            for name, value in pair.items():
                (tmp_path / name).touch(mode=0o600)
                (tmp_path / name).write_text(value)
            return {}
        if kind == "keyring":
            (tmp_path / "ring.py").write_text(RING)
            (tmp_path / "ring.json").write_text(json.dumps(pair))
            return {"PYTHON_KEYRING_BACKEND": "ring.Ring", "PYTHONPATH": str(tmp_path)}
        server = stores.FakeVault() if kind == "vault" else stores.FakeAws()
        servers.append(server)
        if kind == "vault":
            server.write("secret/main", dict(pair))
            return {"VAULT_ADDR": f"http://127.0.0.1:{server.port}", "VAULT_TOKEN": stores.TOKEN}
        server.write("main", json.dumps(pair))
        return {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://127.0.0.1:{server.port}",
            "AWS_ACCESS_KEY_ID": stores.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": stores.ACCESS_SECRET,
            "AWS_SESSION_TOKEN": stores.SESSION_TOKEN,
            "AWS_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    yield keep
    for server in servers:
        server.close()


@pytest.fixture
def echo(stores: Any) -> Iterator[Any]:
    """A server that answers what is signed with the request's own headers, as some gateways do, and notes them."""

    class Echo(stores.Loopback):  # type: ignore[misc]
        status = 200
        is_silent = False

        def answer(self, asked: Any) -> Any:
            if asked.path.endswith("/spot/time"):
                return stores.Reply.json(200, {"server_time": time.time_ns() // 1_000_000})
            if self.is_silent:
                self.released.wait(30)
            return stores.Reply(self.status, json.dumps({"label": "INVALID_KEY", "message": asked.headers}).encode())

    server = Echo()
    yield server
    server.close()


def secrets_of(stores: Any, pair: Mapping[str, str]) -> dict[str, str]:
    return {
        "the key": pair["key"],
        "the secret": pair["secret"],
        "Vault's token": stores.TOKEN,
        "AWS's secret": stores.ACCESS_SECRET,
        "AWS's session": stores.SESSION_TOKEN,
    }


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_a_run_that_trades_and_is_looked_at_in_every_way(
    kind: str, simulator: Any, start: Any, keep: Any, stores: Any, tmp_path: Path
) -> None:
    """It trades, fetches its secrets anew, and is flattened; journal, session log and report are made and read."""
    account = simulator.account(f"good-{kind}")
    pair = {"key": account["key"], "secret": account["secret"]}
    environment = keep(kind, pair)
    options = ("--report", str(tmp_path / "report.html"), "--json")
    run = start("Trading", *options, credentials=CREDENTIALS[kind], log=LOUD, **environment)
    run.until(lambda: "filled" in run.said(), what="a fill")
    run.signal(signal.SIGHUP if kind != "env" else signal.SIGUSR1)
    if kind != "env":
        run.until(lambda: "200 in" in run.said())
        run.signal(signal.SIGUSR1)
    assert run.ended() == 130
    looks = (
        ("journal", "show", "journal.db"),
        ("journal", "export", "journal.db", "export.jsonl"),
        ("replay", *sorted(str(path) for path in (tmp_path / "sessions").glob("*"))[:1]),
    )
    for number, command in enumerate(looks if kind == "env" else ()):  # what they read is the same for all kinds
        with (tmp_path / f"output {number}").open("wb") as out:
            subprocess.run(
                (sys.executable, "-m", "anyvenue", *command), cwd=tmp_path, stdout=out, stderr=out, check=False
            )
    assert told(tmp_path, secrets_of(stores, pair)) == []
    files = written(tmp_path)
    assert any(name.endswith(".gz") for name in files)
    assert "journal.db" in files
    assert re.search(r"POST /futures/usdt/orders for av\w+-1: 201 in", files["stderr"])  # debug lines are on


@pytest.mark.parametrize(
    ("kind", "what", "code", "says"),
    [
        ("env", "the strategy crashes", 1, "RuntimeError: it is over"),
        ("file", "wrong secret", 1, "the secret belongs to the key"),
        ("vault", "bad key", 1, "Gate does not know this key"),
        ("aws", "refused", 1, "could not be reached"),
        ("keyring", "an answer that repeats the request", 1, "cannot be read"),
        ("env", "a refusal that repeats the request", 1, "Gate does not know this key"),
        ("file", "no answer", None, ""),
        ("env", "no certificate to be trusted", 1, "CERTIFICATE_VERIFY_FAILED"),
        ("vault", "killed", -9, ""),
        ("file", "the file is open to all", 2, "chmod 600"),
    ],
)
def test_a_run_that_fails(
    kind: str,
    what: str,
    code: int | None,
    says: str,
    simulator: Any,
    start: Any,
    keep: Any,
    stores: Any,
    echo: Any,
    tmp_path: Path,
) -> None:
    account = simulator.account(f"bad {kind} {what}")
    pair = {"key": account["key"], "secret": account["secret"]}
    if what in ("wrong secret", "bad key"):
        pair["secret" if what == "wrong secret" else "key"] = "canary4711doNotShow=/+&%é".replace("é", "e") * 2
    environment = keep(kind, pair)
    url = f"http://127.0.0.1:{echo.port}"
    if what == "refused":
        url = "http://127.0.0.1:9"
    elif what == "no answer":
        echo.is_silent = True
    elif what == "a refusal that repeats the request":
        echo.status = 401
    elif what == "no certificate to be trusted":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("localhost").configure_cert(context)
        echo.server.socket = context.wrap_socket(echo.server.socket, server_side=True)
        url = f"https://localhost:{echo.port}"
    elif what == "the file is open to all":
        (tmp_path / "secret").chmod(0o644)
    needs_gate = what in ("the strategy crashes", "wrong secret", "bad key", "killed", "the file is open to all")
    strategy = "Crashing" if what == "the strategy crashes" else "Trading"
    run = start(strategy, credentials=CREDENTIALS[kind], log=LOUD, rest_url="" if needs_gate else url, **environment)
    if what == "killed":
        run.until(lambda: "filled" in run.said(), what="a fill")
        run.process.kill()
    elif what == "no answer":
        run.until(lambda: any("sign" in asked.headers for asked in echo.asked), what="a signed request")
        run.signal(signal.SIGINT)
    found = run.ended()
    echo.released.set()
    assert code is None or found == code, run.said()
    assert says in run.said()
    if "repeats" in what:
        assert any("sign" in asked.headers for asked in echo.asked)
    assert told(tmp_path, secrets_of(stores, pair)) == []


def test_what_looks_for_secrets_finds_them(tmp_path: Path) -> None:
    secret, sign = "canary-4711/+do not show", "0123456789abcdef" * 8
    for name, text in {
        "stdout": "",
        "stderr": f"a {secret}",
        "b": base64.b64encode(f"user:{secret}".encode()).decode(),
        "c": f"?x={quote(secret, safe='')}",
        "d": f"SIGN={sign}",
        "e": secret.encode().hex().upper(),
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "f.gz").write_bytes(gzip.compress(secret.encode())[:-8] + b"")
    seen = told(tmp_path, {"it": secret})
    assert {line.partition(" in ")[2][:1] for line in seen} == {"s", "b", "c", "d", "e", "f"}
