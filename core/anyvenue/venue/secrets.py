"""Secrets: how a configuration points at one, and the box its value lives in.

A configuration holds references (`env:NAME`, `file:PATH`), never values. A reference becomes a `Secret`, which shows
its value to nobody but `reveal`: not to print, logs, tracebacks, pickle or JSON. No error of this module holds a value.
"""

from __future__ import annotations

import hmac
import os
import re
import stat
from pathlib import Path
from typing import Final, NoReturn

from attrs import frozen

__all__ = ["Secret", "SecretError", "SecretReference"]

_NEEDS_EXTRA: Final = {"keyring": "keyring", "vault": "vault", "aws": "aws"}
_ALLOWED: Final = "allowed are references: env:NAME (an environment variable) or file:PATH (a file only you can read)"
_ENVIRONMENT_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FILE_BYTES_MAX: Final = 65_536
_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO


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
class SecretReference:
    """Where a secret is to be found: a scheme and a place. It holds no value, so it may be shown."""

    scheme: str
    place: str

    @classmethod
    def parse(cls, text: str) -> SecretReference:
        """Read `env:NAME`, `file:PATH`, `keyring:...`, `vault:...` or `aws:...`.

        Anything else may be the secret itself, so the SecretError it raises does not repeat it.
        """
        scheme, colon, place = text.partition(":")
        if not colon or scheme not in ("env", "file", *_NEEDS_EXTRA):
            raise SecretError(f"found a value that is not a reference (not shown); {_ALLOWED}")
        if not place:
            raise SecretError(f"found {scheme}: with nothing behind it; {_ALLOWED}")
        if scheme in _NEEDS_EXTRA:
            raise SecretError(
                f"found a reference to {scheme}: it needs the extra anyvenue[{_NEEDS_EXTRA[scheme]}], which is not "
                f"available in this version; {_ALLOWED}"
            )
        if scheme == "env" and not _ENVIRONMENT_NAME.match(place):
            raise SecretError("found env: and then what is not a variable's name (not shown); allowed is env:NAME")
        return cls(scheme, place)

    def resolve(self, folder: Path | None = None) -> Secret:
        """Fetch the value. Relative file paths start at `folder`. Raises SecretError."""
        if self.scheme == "env":
            return self._from_environment()
        return self._from_file((folder or Path()) / Path(self.place).expanduser())

    def __str__(self) -> str:
        return f"{self.scheme}:{self.place}"

    def _from_environment(self) -> Secret:
        value = os.environ.get(self.place)
        if not value:
            state = "is not set" if value is None else "is empty"
            raise SecretError(f"{self}: the environment variable {self.place} {state}")
        return Secret(value)

    def _from_file(self, path: Path) -> Secret:
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                content = file.read(_FILE_BYTES_MAX + 1) if stat.S_ISREG(status.st_mode) else b""
        except OSError as error:
            raise SecretError(f"{self}: cannot read {path}: {error.strerror}") from None
        if not stat.S_ISREG(status.st_mode):
            raise SecretError(f"{self}: {path} is not an ordinary file")
        if status.st_mode & _OTHERS_MAY:
            mode = stat.S_IMODE(status.st_mode)
            raise SecretError(f"{self}: {path} is open to other users (mode {mode:o}); close it: chmod 600 {path}")
        if len(content) > _FILE_BYTES_MAX:
            raise SecretError(f"{self}: {path} is longer than {_FILE_BYTES_MAX} bytes, so it is not a secret")
        value = content.decode("utf-8", errors="replace").rstrip("\r\n")
        if "\N{REPLACEMENT CHARACTER}" in value:
            raise SecretError(f"{self}: {path} is not UTF-8 text")
        if not value:
            raise SecretError(f"{self}: {path} is empty")
        return Secret(value)
