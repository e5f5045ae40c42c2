"""Whatever goes wrong, neither a value nor what opens a store is seen: not in errors, frames, logs, output or files."""

from __future__ import annotations

import json
import logging
import pickle
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import keyring
import pytest
from attrs import frozen

from anyvenue.venue.clock import WallClock
from anyvenue.venue.secrets import Fetched, SecretError, SecretReference, SecretSource
from anyvenue.venue.secrets import aws as aws_store
from anyvenue.venue.secrets import vault as vault_store
from anyvenue.venue.secrets.careful import quiet, within


@frozen
class Case:
    reference: str
    spoil: Callable[[Any], object]


def body(content: bytes, status: int = 200) -> Callable[[Any], object]:
    """Let the store answer with this."""

    def spoil(world: Any) -> None:
        world.store.fault = lambda handler: answer(handler, status, content)

    return spoil


def answer(handler: Any, status: int, content: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("X-Echo", "canary-4711-do-not-show")
    handler.end_headers()
    handler.wfile.write(content)


def fault(name: str) -> Callable[[Any], object]:
    return lambda world: setattr(world.store, "fault", getattr(world.store, name))


def environment(**values: str) -> Callable[[Any], object]:
    return lambda world: [world.monkeypatch.setenv(name, value) for name, value in values.items()]


VALUE = b'"canary-4711-do-not-show"'
KEY, WHOLE = "vault:secret/main#key", "aws:main#key"
ANSWERS = {
    "no json": b"canary-4711-do-not-show",
    "cut off": b'{"data": {"data": {"key": "canary-4711-do-not-show',
    "a text": VALUE,
    "a list": b"[" + VALUE + b"]",
    "another tree": b'{"data": {"key": ' + VALUE + b"}}",
    "data is a text": b'{"data": {"data": ' + VALUE + b', "metadata": {}}}',
    "data is a list": b'{"data": {"data": [' + VALUE + b'], "metadata": null}}',
    "a nested value": b'{"data": {"data": {"key": {"x": ' + VALUE + b'}}, "metadata": {}}}',
    "too long": VALUE * 60_000,
    "no text": b"\xff\xfecanary-4711-do-not-show",
}
CASES = {
    "vault missing": Case("vault:secret/absent#key", lambda world: None),
    "vault field": Case("vault:secret/main#absent", lambda world: None),
    "vault forbidden": Case(KEY, lambda world: world.store.tokens.update({t: set() for t in world.store.tokens})),
    "vault expired": Case(KEY, lambda world: world.store.tokens.clear()),
    "vault sealed": Case(KEY, lambda world: setattr(world.store, "sealed", True)),
    "vault deleted": Case(KEY, lambda world: world.store.delete("secret/main")),
    "vault closed": Case(KEY, lambda world: world.store.close()),
    **{f"vault {name}": Case(KEY, body(content)) for name, content in ANSWERS.items()},
    **{f"vault {status}": Case(KEY, body(VALUE, status)) for status in (307, 400, 403, 404, 418, 429, 500, 503)},
    **{f"vault {name}": Case(KEY, fault(name)) for name in ("hang", "drip", "hang_up", "babble")},
    "vault bad token": Case(KEY, environment(VAULT_TOKEN="canary-4711-do-not-show\r\nX: y")),
    "vault token in utf-8": Case(KEY, environment(VAULT_TOKEN="canary-4711-do-not-show-\N{SNOWMAN}")),
    "vault bad namespace": Case(KEY, environment(VAULT_NAMESPACE="canary-4711-do-not-show \n")),
    "vault bad address": Case(KEY, environment(VAULT_ADDR="https://u:canary-4711-do-not-show@vault")),
    "vault bad certificate": Case(
        KEY, environment(VAULT_ADDR="https://localhost:1", VAULT_CACERT="canary-4711-do-not-show")
    ),
    "aws missing": Case("aws:absent#key", lambda world: None),
    "aws field": Case("aws:main#absent", lambda world: None),
    "aws which field": Case("aws:main", lambda world: None),
    "aws forbidden": Case(WHOLE, lambda world: setattr(world.store, "refusal", (400, "AccessDeniedException"))),
    "aws expired": Case(WHOLE, lambda world: setattr(world.store, "refusal", (400, "ExpiredTokenException"))),
    "aws a kind of its own": Case(
        WHOLE, lambda world: setattr(world.store, "refusal", (400, "canary-4711-do-not-show"))
    ),
    "aws closed": Case(WHOLE, lambda world: world.store.close()),
    **{f"aws {name}": Case(WHOLE, body(content)) for name, content in ANSWERS.items()},
    "aws a date that is none": Case(WHOLE, body(b'{"SecretString": "x", "CreatedDate": ' + VALUE + b"}")),
    "aws a binary that is none": Case(WHOLE, body(b'{"SecretBinary": ' + VALUE + b"}")),
    **{f"aws {status}": Case(WHOLE, body(VALUE, status)) for status in (307, 400, 403, 404, 500, 503)},
    **{f"aws {name}": Case(WHOLE, fault(name)) for name in ("hang", "drip", "hang_up", "babble")},
    "aws bad session": Case(WHOLE, environment(AWS_SESSION_TOKEN="session-canary-1337\r\nX: y")),
    "aws bad region": Case(WHOLE, environment(AWS_REGION="canary-4711-do-not-show/x")),
    "keyring missing": Case("keyring:exchange/absent", lambda world: None),
    "keyring fault": Case("keyring:exchange/main", lambda world: setattr(world.store, "fault", OSError(VALUE))),
    "file open to others": Case("file:key", lambda world: world.file.chmod(0o644)),
    "file no text": Case("file:key", lambda world: world.file.write_bytes(b"canary-4711-do-not-show\xff")),
    "file too long": Case("file:key", lambda world: world.file.write_bytes(VALUE * 3000)),
    "file away": Case("file:key", lambda world: world.file.unlink()),
}


def stored(request: pytest.FixtureRequest, scheme: str, canary: str) -> Any:
    """Return the store that a reference leads to, with the canary in it."""
    if scheme == "file":
        return None
    store = request.getfixturevalue({"keyring": "ring"}.get(scheme, scheme))
    if scheme == "vault":
        store.write("secret/main", {"key": canary, "other": canary})
    elif scheme == "aws":
        store.write("main", json.dumps({"key": canary, "other": canary}))
    else:
        keyring.set_password("exchange", "main", canary)
    return store


def shown_of(error: BaseException) -> str:
    """Return all that a debugger, a crash reporter or a log could show of an error but this file's own frames."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in told.stack if frame.filename != __file__]
    shown = [str(error), repr(error), repr(error.args), repr(vars(error)), repr(pickle.dumps(error))]
    return "\n".join([*shown, *(f"{frame.name} {frame.line} {frame.locals}" for frame in frames)])


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_seen_of_a_secret_that_could_not_be_had(
    name: str,
    request: pytest.FixtureRequest,
    home: Path,
    loud: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    canary: str,
    hidden: tuple[str, ...],
) -> None:
    for module, timeout, step in ((vault_store, "TIMEOUT_S", "_STEP_S"), (aws_store, "TIMEOUT_S", "_READ_S")):
        monkeypatch.setattr(module, timeout, 0.6)
        monkeypatch.setattr(module, step, 0.2)
    monkeypatch.setattr(aws_store, "_TRIES", 1)
    case = CASES[name]
    file = home / "key"
    file.write_text(canary)
    file.chmod(0o600)
    store = stored(request, case.reference.partition(":")[0], canary)
    case.spoil(SimpleNamespace(store=store, file=file, monkeypatch=monkeypatch))

    with pytest.raises(SecretError) as caught:
        SecretReference.parse(case.reference).resolve()
    if hasattr(store, "released"):
        store.released.set()
    for thread in threading.enumerate():
        if thread.name == "anyvenue-secrets":  # late ones may still log
            thread.join(10)
    file.unlink(missing_ok=True)

    error = caught.value
    assert str(error).startswith(case.reference)
    assert error.__cause__ is None
    assert error.__context__ is None
    logged = "\n".join(repr(vars(record)) + record.getMessage() for record in loud.records)
    files = "\n".join(str(path) + path.read_text() for path in home.rglob("*") if path.is_file())
    printed = capfd.readouterr()
    for place in (shown_of(error), logged, files, printed.out, printed.err):
        assert not [text for text in hidden if text in place]


@pytest.mark.parametrize("reference", [KEY, WHOLE, "keyring:exchange/main", "file:key"])
def test_nothing_is_seen_of_a_secret_that_was_fetched(
    reference: str,
    request: pytest.FixtureRequest,
    home: Path,
    loud: pytest.LogCaptureFixture,
    canary: str,
    hidden: tuple[str, ...],
    capfd: pytest.CaptureFixture[str],
) -> None:
    (home / "key").write_text(canary)
    (home / "key").chmod(0o600)
    stored(request, reference.partition(":")[0], canary)
    parsed = SecretReference.parse(reference)
    fetched = parsed.fetch()
    source = SecretSource({"key": parsed}, owner="main", clock=WallClock())
    assert source.fetch() == {}
    assert source["key"].reveal() == fetched.secret.reveal() == canary
    for holder in (fetched, source):
        with pytest.raises(TypeError, match="a Secret cannot be pickled"):
            pickle.dumps(holder)
    logged = "\n".join(repr(vars(record)) + record.getMessage() for record in loud.records)
    printed = capfd.readouterr()
    for place in (repr(fetched), str(fetched), repr(source), str(source), logged, printed.out, printed.err):
        assert not [text for text in hidden if text in place]


def test_the_loggers_that_are_silenced_would_tell(
    aws: Any, loud: pytest.LogCaptureFixture, hidden: tuple[str, ...]
) -> None:
    import botocore.session

    aws.write("main", hidden[0])
    client = botocore.session.get_session().create_client("secretsmanager", region_name="eu-central-1")
    client.get_secret_value(SecretId="main")
    client.close()
    logged = "\n".join(repr(vars(record)) + record.getMessage() for record in loud.records)
    assert hidden[0] in logged  # the value
    assert hidden[3] in logged  # the session's token


def test_a_logger_is_as_loud_as_before_when_the_last_has_gone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger("httpx")
    logger.setLevel(logging.INFO)
    with quiet("httpx"):
        with quiet("httpx"):
            logger.critical("unheard")
        logger.critical("unheard")
        logging.getLogger("httpx.made_meanwhile").critical("unheard")
        logging.getLogger("httpxy").error("another package")
    logger.info("heard")
    logging.getLogger("httpx.made_meanwhile").info("heard too")
    logger.setLevel(logging.NOTSET)
    assert caplog.messages == ["another package", "heard", "heard too"]


def test_what_a_library_raises_is_told_by_its_kind_only(hidden: tuple[str, ...]) -> None:
    def work() -> Fetched:
        raise httpx.InvalidURL(hidden[0])

    with pytest.raises(SecretError) as caught:
        within(5, work)
    assert str(caught.value) == "it could not be asked for: InvalidURL (its text is not shown)"
    assert hidden[0] not in shown_of(caught.value)
