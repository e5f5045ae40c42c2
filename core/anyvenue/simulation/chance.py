"""Chance that is the same on every machine: whole numbers from a seed."""

from __future__ import annotations

from random import Random

__all__ = ["Chance"]


class Chance:
    """Draws from a seed text.

    Python promises the sequence of `random()` for a seed, for all versions to come, and of nothing else in its
    `random` module. So everything is drawn from that.
    """

    __slots__ = ("_random",)

    def __init__(self, seed: str) -> None:
        self._random = Random(seed).random

    def below(self, count: int) -> int:
        """Return a number from 0 to `count` - 1, each as likely as the next."""
        return int(self._random() * count)
