"""The seam for durability: an intent is written down before it leaves, and what was learned survives a restart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from anyvenue.engine.commands import Cancel, Command, EngineEvent, Place
from anyvenue.model.errors import AnyvenueError, TradingEnded
from anyvenue.model.order import Order
from anyvenue.model.position import Position

__all__ = ["AccountLocked", "Journal", "JournalFailed", "JournalUnreadable", "NoJournal", "only_reduces"]


class JournalFailed(TradingEnded):
    """The journal cannot be written. The command was not sent, and no other will be but what reduces risk."""


class JournalUnreadable(AnyvenueError):
    """A journal or session log that this version cannot read: another format, or damaged."""


class AccountLocked(AnyvenueError):
    """Another process trades on this account, or with this journal. The message names it."""


def only_reduces(command: Command) -> bool:
    """Tell whether a command must leave even where it cannot be written down: it only takes risk away."""
    return isinstance(command, Cancel) or (isinstance(command, Place) and command.order.spec.reduce_only)


class Journal(Protocol):
    """Where intents, private events and decisions are kept. Calls come from the engine's thread."""

    @property
    def values(self) -> Mapping[str, Any]:
        """All that is remembered, by name."""

    def intent(self, command: Command, now_ns: int) -> int:
        """Write down a command before it is sent; return a ticket that `durable` takes.

        Where the ticket is 0, it is durable already (or nothing that has to be). Raises JournalFailed where it cannot
        be written; a cancel and a reduce-only order pass all the same.
        """

    def event(self, event: EngineEvent, now_ns: int, connection: str = "") -> None:
        """Take down what `connection` told about an order or the account, before anything is made of it.

        It is written before, or together with, the next intent, decision or value: nothing that comes of it leaves
        earlier. A fill is told once: the caller knows it to be new.
        """

    def decision(self, what: str, text: str, now_ns: int) -> None:
        """Write down what was decided here, such as a halt: `what` in a word, `text` for people."""

    def remember(self, name: str, value: Any) -> None:
        """Keep a value by name over a restart: bool, int, str, float, Decimal, or lists and dicts (by str) of them.

        None forgets it. Raises TypeError for anything else.
        """

    def recall(self, name: str) -> Any:
        """Return what is remembered by that name, None where nothing is."""

    def settle(
        self, orders: Sequence[Order], positions: Sequence[Position], now_ns: int, *, must: bool = False
    ) -> None:
        """Take note, between two events, of how things stand: the orders that have to be known, open ones before all,
        and positions as our fills make them.

        What was written before is needed no longer to recover. The journal does it as seldom as it likes, but where it
        `must`, since something changed that no event tells.
        """

    async def durable(self, ticket: int) -> None:
        """Return once the intent of that ticket is as durable as the configuration asks. Raises JournalFailed."""

    def close(self, now_ns: int, *, clean: bool) -> None:
        """End the session; `clean` says that no order of ours was left open. Safe to call twice."""


class NoJournal:
    """Keeps nothing but named values, and those for as long as it lives: for backtests, which lose nothing."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = dict(values or {})

    @property
    def values(self) -> Mapping[str, Any]:
        """All that is remembered, by name."""
        return self._values

    def intent(self, command: Command, now_ns: int) -> int:
        """Forget it."""
        return 0

    def event(self, event: EngineEvent, now_ns: int, connection: str = "") -> None:
        """Forget it."""

    def decision(self, what: str, text: str, now_ns: int) -> None:
        """Forget it."""

    def remember(self, name: str, value: Any) -> None:
        """Keep a value by name; None forgets it."""
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = value

    def recall(self, name: str) -> Any:
        """Return what is remembered by that name, None where nothing is."""
        return self._values.get(name)

    def settle(
        self, orders: Sequence[Order], positions: Sequence[Position], now_ns: int, *, must: bool = False
    ) -> None:
        """Forget it."""

    async def durable(self, ticket: int) -> None:
        """Nothing is waited for."""

    def close(self, now_ns: int, *, clean: bool) -> None:
        """Nothing is open."""
