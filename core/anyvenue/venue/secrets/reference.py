"""References: what a configuration holds in a secret's place, and how it is followed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from anyvenue.venue.secrets.value import WHOLE, Document, Fetched, Secret, SecretError

__all__ = ["SecretReference", "fetch_all"]

_PART: Final = r"(?!\.{1,2}(?:/|#))[^/#\x00-\x20\x7f]+"
_PLACES: Final = {
    "env": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
    "file": re.compile(r"[^\x00]+"),
    "keyring": re.compile(r"[^\x00]+/[^/\x00]+"),
    "vault": re.compile(rf"{_PART}(?:/{_PART})*//?{_PART}(?:/{_PART})*#[^#\x00-\x1f\x7f]+"),
    "aws": re.compile(r"[A-Za-z0-9/_+=.@:!-]+(?:#[^#\x00-\x1f\x7f]+)?"),
}
_FORMS: Final = {
    "env": "env:NAME (an environment variable)",
    "file": "file:PATH (a file only you can read)",
    "keyring": "keyring:SERVICE/NAME",
    "vault": "vault:MOUNT/PATH#FIELD",
    "aws": "aws:SECRET_ID#FIELD",
}
_ALLOWED: Final = f"allowed are references: {', '.join(_FORMS.values())}"
_WITH_FIELDS: Final = ("vault", "aws")


@frozen
class SecretReference:
    """Where a secret is to be found: a scheme and a place. It holds no value, so it may be shown."""

    scheme: str
    place: str

    @classmethod
    def parse(cls, text: str) -> SecretReference:
        """Read `env:NAME`, `file:PATH`, `keyring:SERVICE/NAME`, `vault:MOUNT/PATH#FIELD` or `aws:SECRET_ID#FIELD`.

        Anything else may be the secret itself, so the SecretError it raises does not repeat it.
        """
        scheme, colon, place = text.partition(":")
        if not colon or scheme not in _PLACES:
            raise SecretError(f"found a value that is not a reference (not shown); {_ALLOWED}")
        if not place:
            raise SecretError(f"found {scheme}: with nothing behind it; {_ALLOWED}")
        if not _PLACES[scheme].fullmatch(place):
            raise SecretError(f"found {scheme}: and no place behind it (not shown); allowed is {_FORMS[scheme]}")
        return cls(scheme, place)

    def resolve(self, folder: Path | None = None) -> Secret:
        """Fetch the value. Relative file paths start at `folder`. It may wait for a store. Raises SecretError."""
        return self.fetch(folder).secret

    def fetch(self, folder: Path | None = None) -> Fetched:
        """Fetch the value, with the time of its last change where the store tells it. Raises SecretError."""
        return self._picked(self._read(folder))

    @property
    def document(self) -> tuple[str, str]:
        """What is asked for: the scheme, and the place without the field."""
        return self.scheme, self._split()[0]

    def __str__(self) -> str:
        return f"{self.scheme}:{self.place}"

    def _split(self) -> tuple[str, str]:
        if self.scheme not in _WITH_FIELDS:
            return self.place, WHOLE
        address, _, field = self.place.partition("#")
        return address, field

    def _read(self, folder: Path | None) -> Document | SecretError:
        try:
            return self._looked_up(folder or Path())
        except SecretError as error:
            return error

    def _picked(self, found: Document | SecretError) -> Fetched:
        problem = str(found)  # of a document it is not used, and shows no value
        if isinstance(found, Document):
            try:
                return found.pick(self._split()[1])
            except SecretError as error:
                problem = str(error)
        raise SecretError(f"{self}: {problem}")

    def _looked_up(self, folder: Path) -> Document:
        # Each store is imported when it is used: the libraries behind them are large, or not there.
        address = self._split()[0]
        match self.scheme:
            case "keyring":
                from anyvenue.venue.secrets import keyring_store

                return keyring_store.read(address)
            case "vault":
                from anyvenue.venue.secrets import vault

                return vault.read(address)
            case "aws":
                from anyvenue.venue.secrets import aws

                return aws.read(address)
        from anyvenue.venue.secrets import local

        return local.read_environment(address) if self.scheme == "env" else local.read_file(address, folder)


def fetch_all(
    references: Mapping[str, SecretReference], folder: Path | None = None
) -> tuple[dict[str, Fetched], dict[str, SecretError]]:
    """Follow references, and return what came and what did not, by name.

    A document that several of them name is asked for once, so that a key and its secret are of one version.
    """
    documents: dict[tuple[str, str], Document | SecretError] = {}
    fetched, problems = {}, {}
    for name, reference in references.items():
        if reference.document not in documents:
            documents[reference.document] = reference._read(folder)
        try:
            fetched[name] = reference._picked(documents[reference.document])
        except SecretError as error:
            problems[name] = error
    return fetched, problems
