"""One process for one account: an operating system's lock on a file, which ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from anyvenue.engine.journal import AccountLocked

__all__ = ["FileLock"]

_PID_BYTES = 20


class FileLock:
    """Held from the moment it is made until `release`. The file holds the holder's process id, and stays."""

    def __init__(self, path: Path, what: str) -> None:
        """Take the lock, or raise AccountLocked at once; `what` is locked, for the message."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._file, _PID_BYTES, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise AccountLocked(
                f"{what} is in use by another process ({f'pid {holder}' if holder else 'it has not said which'}); "
                f"stop that first. The lock is {path}"
            ) from None
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, str(os.getpid()).encode(), 0)
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Let the next one in. Safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
