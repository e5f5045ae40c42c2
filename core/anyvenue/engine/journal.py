"""The seam for durability: an intent is written down before it leaves."""

from __future__ import annotations

from typing import Protocol

from anyvenue.engine.commands import Command, EngineEvent

__all__ = ["Journal", "NoJournal"]


class Journal(Protocol):
    """Where intents and private events are kept."""

    def intent(self, command: Command, now_ns: int) -> None:
        """Write down a command before it is sent. When this returns, it is durable."""

    def event(self, event: EngineEvent, now_ns: int) -> None:
        """Write down what was learned about an order or the account."""


class NoJournal:
    """Keeps nothing: for backtests, where there is nothing to lose."""

    def intent(self, command: Command, now_ns: int) -> None:
        """Forget it."""

    def event(self, event: EngineEvent, now_ns: int) -> None:
        """Forget it."""
