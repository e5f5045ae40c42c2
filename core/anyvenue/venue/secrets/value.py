"""The box a secret's value lives in, and what a store gave for a place in it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

from attrs import frozen

__all__ = ["WHOLE", "Document", "Fetched", "Secret", "SecretError", "instant_ns"]

WHOLE: Final = ""
"""The field of a document that has no fields: its whole text."""


class SecretError(ValueError):
    """A reference that cannot be read or followed. The message says what to do, and never holds the value."""


class Secret:
    """A value that shows itself only when asked by `reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not value:
            raise SecretError("found an empty secret")
        self._value = value

    def reveal(self) -> str:
        """Return the value. Keep it out of anything that is stored, logged or raised."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: its value must not leave this process")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret has no state to give: its value must not leave this process")


@frozen
class Fetched:
    """A secret, and when its value was last changed, in nanoseconds since the epoch; None where nobody knows."""

    secret: Secret
    changed_ns: int | None = None


@frozen
class Document:
    """What a store holds at one place: secrets by field, None for a field that holds no text.

    A document without fields has one, `WHOLE`.
    """

    fields: Mapping[str, Secret | None]
    changed_ns: int | None = None

    @classmethod
    def of(cls, whole: Secret, changed_ns: int | None = None) -> Document:
        """Return a document without fields."""
        return cls({WHOLE: whole}, changed_ns)

    def pick(self, field: str) -> Fetched:
        """Return the secret in `field`. Raises SecretError, with the names of the fields that are there."""
        secret = self.fields.get(field)
        if secret is not None:
            return Fetched(secret, self.changed_ns)
        if field in self.fields:
            raise SecretError(f"its field {field} holds no text, or an empty one; allowed is text, in quotes")
        if WHOLE in self.fields:
            raise SecretError(f"it is one text without fields; leave #{field} out")
        has = f"its fields are {', '.join(sorted(self.fields))}" if self.fields else "it has no fields at all"
        missing = f"it has no field {field}" if field else "no field is named; put #FIELD behind it"
        raise SecretError(f"{missing}; {has}")


def instant_ns(moment: datetime) -> int:
    """Return an aware time in nanoseconds since the epoch."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
