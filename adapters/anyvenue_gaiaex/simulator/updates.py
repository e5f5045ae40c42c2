"""Word that something about an account has changed, at most once at the end of each job."""

from __future__ import annotations

from collections.abc import Callable

from anyvenue.model.enums import MarginMode
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import AccountEvent
from anyvenue_gaiaex.simulator.markets import Markets

__all__ = ["Updates"]


class Updates:
    """Watches accounts. `keep` gets each event with its account; it may not give commands."""

    def __init__(self, stage: Stage, markets: Markets) -> None:
        self._stage = stage
        self._markets = markets
        self._listeners: dict[str, dict[object, Callable[[], None]]] = {}
        self._dirty: set[str] = set()
        self.keep: Callable[[str, AccountEvent], None] = lambda account, event: None

    def attend(self, account: str) -> None:
        """Watch an account from now on. Markets that know no cross margin are set so when it is new."""
        if account in self._listeners:
            return
        self._listeners[account] = {}
        for terms in self._markets.all():
            if terms.is_isolated_only(self._markets.revision):
                leverage = self._stage.exchange.position(account, terms.symbol).leverage
                self._stage.exchange.set_leverage(account, terms.symbol, leverage, MarginMode.ISOLATED)
        self._stage.watch(account, lambda event: self._hear(account, event))

    def touch(self, account: str) -> None:
        """Say that something has changed. To be called within a job."""
        if account not in self._dirty:
            self._dirty.add(account)
            self._stage.market.tell_after(lambda: self._tell(account))

    def listen(self, account: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at the end of each job that changed something, until the returned function is called."""
        self.attend(account)
        place = object()
        self._listeners[account][place] = listener

        def leave() -> None:
            self._listeners[account].pop(place, None)

        return leave

    def _hear(self, account: str, event: AccountEvent) -> None:
        self.keep(account, event)
        self.touch(account)

    def _tell(self, account: str) -> None:
        self._dirty.discard(account)
        for listener in list(self._listeners[account].values()):
            listener()
