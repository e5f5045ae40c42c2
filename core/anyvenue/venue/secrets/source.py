"""The secrets of a connection as they are now: fetched at the start, and again when they have been rotated."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from anyvenue.venue.clock import Clock
from anyvenue.venue.secrets.reference import SecretReference, fetch_all
from anyvenue.venue.secrets.value import Fetched, Secret, SecretError

__all__ = ["AGE_DAYS_MAX", "SecretSource"]

AGE_DAYS_MAX: Final = 90
"""Older ones are warned of, once."""

RENEWAL_PAUSE_S: Final = 30
"""Failures fetch anew at most this often: a key that is wrong for good must not hammer the store."""

_SECOND_NS: Final = 1_000_000_000
_DAY_NS: Final = 86_400 * _SECOND_NS
_log: Final = logging.getLogger("anyvenue.secrets")


class SecretSource(Mapping[str, Secret]):
    """A connection's secrets by name: a mapping whose values are the present ones.

    Read it anew for each signature, both halves of a pair without an `await` between, and rotated secrets are used as
    soon as they have been fetched. Whoever derives something from them compares `version`.

    Attributes:
        version: 0 before the first fetch; one more each time that a fetch brought other values.
    """

    def __init__(
        self, references: Mapping[str, SecretReference], *, owner: str, clock: Clock, folder: Path | None = None
    ) -> None:
        """`owner` says in log lines whose they are; relative file paths start at `folder`."""
        self.version = 0
        self._references = dict(references)
        self._owner = owner
        self._clock = clock
        self._folder = folder
        self._secrets: dict[str, Secret] = {}
        self._asked_ns: int | None = None
        self._lock = asyncio.Lock()

    def __getitem__(self, name: str) -> Secret:
        return self._secrets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._secrets)

    def __len__(self) -> int:
        return len(self._secrets)

    def __repr__(self) -> str:
        names = ", ".join(f"{name}={reference}" for name, reference in self._references.items())
        return f"SecretSource({self._owner}: {names})"

    def fetch(self) -> Mapping[str, SecretError]:
        """Fetch all of them, waiting for their stores, and return what went wrong, by name; then nothing is changed.

        The first time it warns of those that are old.
        """
        fetched, problems = fetch_all(self._references, self._folder)
        if not problems:
            if self.version == 0:
                self._warn_of_age(fetched)
            self._take(fetched)
        return problems

    async def reload(self) -> bool:
        """Fetch all of them anew, in a thread, and return whether any differs. On failure the old ones stay."""
        async with self._lock:
            return await self._reload()

    async def renewed(self, seen: int) -> bool:
        """Return whether there are other secrets than those of version `seen`, which the venue did not accept.

        Where there are none it fetches anew, but not soon after the last time. True means that sending again with the
        present ones makes sense. Calls may overlap: they wait for one fetch.
        """
        async with self._lock:
            if self.version != seen:
                return True
            if self._asked_ns is not None and self._clock.time_ns() - self._asked_ns < RENEWAL_PAUSE_S * _SECOND_NS:
                return False
            return await self._reload()

    async def _reload(self) -> bool:
        self._asked_ns = self._clock.time_ns()
        fetched, problems = await asyncio.to_thread(fetch_all, self._references, self._folder)
        for error in problems.values():
            _log.warning("%s: the credentials stay as they were: %s", self._owner, error)
        return not problems and self._take(fetched)

    def _take(self, fetched: Mapping[str, Fetched]) -> bool:
        secrets = {name: one.secret for name, one in fetched.items()}
        changed = [name for name, secret in secrets.items() if self._secrets.get(name) != secret]
        if self.version and changed:
            _log.info("%s: other credentials from now on: %s", self._owner, ", ".join(changed))
        if changed or not self.version:
            self._secrets = secrets
            self.version += 1
        return bool(changed)

    def _warn_of_age(self, fetched: Mapping[str, Fetched]) -> None:
        now_ns = self._clock.time_ns()
        changed = {name: one.changed_ns for name, one in fetched.items() if one.changed_ns is not None}
        ages = {name: (now_ns - changed_ns) // _DAY_NS for name, changed_ns in changed.items()}
        old = [f"{name} ({self._references[name]}, {age} days)" for name, age in ages.items() if age > AGE_DAYS_MAX]
        if old:
            text = "%s: credentials older than %d days: %s; make new ones at the venue and put them in their place"
            _log.warning(text, self._owner, AGE_DAYS_MAX, ", ".join(old))
