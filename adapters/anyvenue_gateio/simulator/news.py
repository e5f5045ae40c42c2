"""What happens to each account, told to whoever wants to know: the books that are kept first, then the listeners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import AccountEvent

__all__ = ["Keeper", "Listener", "News"]

Keeper: TypeAlias = Callable[[str, AccountEvent], None]
Listener: TypeAlias = Callable[[AccountEvent], None]


class News:
    """The one watcher of each account. Listeners may not give commands."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._keepers: list[Keeper] = []
        self._openers: list[Callable[[str], None]] = []
        self._listeners: dict[str, dict[int, Listener]] = {}
        self._count = 0
        self._held: list[tuple[str, AccountEvent]] | None = None

    def keep(self, keeper: Keeper, opener: Callable[[str], None] | None = None) -> None:
        """Tell `keeper` about every account, before anybody else; `opener` is called before an account's first news."""
        self._keepers.append(keeper)
        if opener is not None:
            self._openers.append(opener)

    def attend(self, account: str) -> None:
        """Watch an account from now on."""
        if account not in self._listeners:
            self._listeners[account] = {}
            for opener in self._openers:
                opener(account)
            self._stage.watch(account, lambda event: self.tell(account, event))

    def listen(self, account: str, listener: Listener) -> Callable[[], None]:
        """Tell `listener` all news of an account, in order, until the returned function is called."""
        self.attend(account)
        self._count += 1
        number = self._count
        self._listeners[account][number] = listener

        def stop() -> None:
            self._listeners[account].pop(number, None)

        return stop

    def tell(self, account: str, event: AccountEvent) -> None:
        """Tell something that happened."""
        if self._held is not None:
            self._held.append((account, event))
            return
        for keeper in self._keepers:
            keeper(account, event)
        for listener in list(self._listeners.get(account, {}).values()):
            listener(event)

    def command(self, account: str, action: Callable[[], Sequence[AccountEvent]]) -> None:
        """Give the exchange a command; what its reply proves is told first, then what came of it.

        Raises what the command raises.
        """
        self.attend(account)
        outer, self._held = self._held, []
        held = self._held
        try:
            proven = action()
        finally:
            self._held = outer
        for event in proven:
            self.tell(account, event)
        for name, event in held:
            self.tell(name, event)
