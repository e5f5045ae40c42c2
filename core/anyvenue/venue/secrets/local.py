"""Secrets on this machine: environment variables and files that only their owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from anyvenue.venue.secrets.value import Document, Secret, SecretError

__all__ = ["private_file", "read_environment", "read_file"]

_FILE_BYTES_MAX: Final = 65_536
_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO


def read_environment(name: str) -> Document:
    """Return an environment variable. Raises SecretError."""
    if name not in os.environ:
        raise SecretError(f"the environment variable {name} is not set")
    if not os.environ[name]:
        raise SecretError(f"the environment variable {name} is empty")
    return Document.of(Secret(os.environ[name]))


def read_file(place: str, folder: Path) -> Document:
    """Return a file's text; a relative path starts at `folder`. Raises SecretError."""
    try:
        path = folder / Path(place).expanduser()
    except RuntimeError:
        path = None
    if path is None:
        raise SecretError("there is no such home folder; write the path out")
    return private_file(path)


def private_file(path: Path) -> Document:
    """Return the text of a file that only its owner can read, without line ends behind it. Raises SecretError."""
    found = _look(path)
    if isinstance(found, str):  # raised here, where no content is in reach
        raise SecretError(found)
    return found


def _look(path: Path) -> Document | str:
    """Return what the file holds, or what is wrong with it."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_FILE_BYTES_MAX + 1) if stat.S_ISREG(status.st_mode) else b""
    except OSError as error:
        return f"cannot read {path}: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return f"{path} is not an ordinary file"
    if status.st_mode & _OTHERS_MAY:
        mode = stat.S_IMODE(status.st_mode)
        return f"{path} is open to other users (mode {mode:o}); close it: chmod 600 {path}"
    if len(content) > _FILE_BYTES_MAX:
        return f"{path} is longer than {_FILE_BYTES_MAX} bytes, so it is not a secret"
    value = content.decode("utf-8", errors="replace").rstrip("\r\n")
    if "\N{REPLACEMENT CHARACTER}" in value:
        return f"{path} is not UTF-8 text"
    if not value:
        return f"{path} is empty"
    return Document.of(Secret(value), status.st_mtime_ns)
