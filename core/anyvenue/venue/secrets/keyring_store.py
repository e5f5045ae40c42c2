"""Secrets in the system's keyring: macOS Keychain, Secret Service (GNOME Keyring, KWallet), Windows' vault."""

from __future__ import annotations

from typing import Any, Final

from anyvenue.venue.secrets.careful import extra, within
from anyvenue.venue.secrets.value import Document, Secret, SecretError

__all__ = ["read"]

TIMEOUT_S: Final = 60.0
"""Long enough for somebody to unlock the keyring, where it asks for that."""


def read(place: str) -> Document:
    """Return the password of SERVICE/NAME. Raises SecretError."""
    service, _, name = place.rpartition("/")
    keyring = extra("keyring", "keyring")
    extra("keyring", "keyring.errors")
    try:
        found = within(TIMEOUT_S, lambda: _ask(keyring, service, name))
    except TimeoutError:
        found = f"the keyring did not answer within {TIMEOUT_S:g} s; it may be waiting to be unlocked"
    if isinstance(found, str):
        raise SecretError(found)
    return found


def _ask(keyring: Any, service: str, name: str) -> Document | str:
    try:
        value = keyring.get_password(service, name)
    except keyring.errors.NoKeyringError:
        return "this machine has no keyring that can be used; use file: or another store"
    except keyring.errors.KeyringLocked:
        return "the keyring is locked; unlock it"
    except keyring.errors.KeyringError as error:
        return f"the keyring refused ({type(error).__name__}); see whether `keyring get` gives it"
    if not value:
        state = "has no" if value is None else "has an empty"
        command = f'keyring set "{service}" "{name}"'
        return f"the keyring {state} password for service {service}, name {name}; set it: {command}"
    return Document.of(Secret(value))
