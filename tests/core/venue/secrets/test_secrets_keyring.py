"""The system's keyring, in place of which one in memory answers."""

from __future__ import annotations

import threading
from typing import Any

import keyring.backends.fail
import pytest
from keyring.errors import KeyringLocked, PasswordDeleteError

from anyvenue.venue.secrets import SecretError, SecretReference, keyring_store

REFERENCE = SecretReference.parse("keyring:exchange/main")


def told(reference: SecretReference = REFERENCE) -> str:
    with pytest.raises(SecretError) as caught:
        reference.resolve()
    return str(caught.value).removeprefix(f"{reference}: ")


def test_a_password_by_service_and_name(ring: Any, canary: str) -> None:
    keyring.set_password("https://exchange.example", "main", canary)
    fetched = SecretReference.parse("keyring:https://exchange.example/main").fetch()
    assert (fetched.secret.reveal(), fetched.changed_ns) == (canary, None)


def test_one_that_is_not_there_is_told_with_the_command_that_sets_it(ring: Any) -> None:
    advice = 'password for service exchange, name main; set it: keyring set "exchange" "main"'
    assert told() == f"the keyring has no {advice}"
    keyring.set_password("exchange", "main", "")
    assert told() == f"the keyring has an empty {advice}"


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (KeyringLocked("canary"), "the keyring is locked; unlock it"),
        (
            PasswordDeleteError("canary"),
            "the keyring refused (PasswordDeleteError); see whether `keyring get` gives it",
        ),
        (OSError("canary"), "it could not be asked for: OSError (its text is not shown)"),
    ],
)
def test_a_keyring_that_refuses_is_told_without_its_words(ring: Any, fault: Exception, advice: str) -> None:
    ring.fault = fault
    assert told() == advice


def test_a_machine_without_a_keyring_is_told_so(ring: Any) -> None:
    keyring.set_keyring(keyring.backends.fail.Keyring())
    assert told() == "this machine has no keyring that can be used; use file: or another store"


def test_a_keyring_that_waits_to_be_unlocked_is_given_up(ring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    unlocked = threading.Event()
    monkeypatch.setattr(ring, "get_password", lambda *_: str(unlocked.wait(30)))
    monkeypatch.setattr(keyring_store, "TIMEOUT_S", 0.05)
    assert told() == "the keyring did not answer within 0.05 s; it may be waiting to be unlocked"
    unlocked.set()
