"""Nonces: of each signer the 100 highest are kept, and a new one lies near the present time (chapter 5)."""

from __future__ import annotations

from bisect import insort
from typing import Final

__all__ = ["Nonces"]

KEPT: Final = 100
_DAY_MS: Final = 86_400_000
BEHIND_MS: Final = 2 * _DAY_MS
AHEAD_MS: Final = _DAY_MS


class Nonces:
    """The nonces that were used, by signer."""

    def __init__(self) -> None:
        self._used: dict[str, list[int]] = {}

    def objection(self, signer: str, nonce: int, now_ms: int) -> str:
        """Return why a nonce may not be used; empty where it may."""
        used = self._used.get(signer, [])
        if nonce in used:
            return f"Invalid nonce: duplicate nonce {nonce}"
        least = now_ms - BEHIND_MS
        if len(used) == KEPT:
            least = max(least, used[0])
        if nonce <= least:
            return f"Invalid nonce: nonce too low {nonce} < {least}"
        if nonce >= now_ms + AHEAD_MS:
            return f"Invalid nonce: nonce too high {nonce} > {now_ms + AHEAD_MS}"
        return ""

    def use(self, signer: str, nonce: int) -> None:
        """Remember a nonce, and forget the lowest of too many."""
        used = self._used.setdefault(signer, [])
        insort(used, nonce)
        del used[:-KEPT]

    def forget(self, signer: str) -> None:
        """Remember nothing of a signer: one that is deregistered may be forgotten."""
        self._used.pop(signer, None)
