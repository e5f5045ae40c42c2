"""What is told of an account to whoever subscribes to it; no signature is asked for (11.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from anyvenue.simulation.server.stage import Stage
from anyvenue_hyperliquid.simulator.account_shapes import AccountShapes
from anyvenue_hyperliquid.simulator.markets import Markets
from anyvenue_hyperliquid.simulator.order_file import OrderFile
from anyvenue_hyperliquid.simulator.public_feeds import Feed, Periodic, Send
from anyvenue_hyperliquid.simulator.quirks import Quirks
from anyvenue_hyperliquid.simulator.records import News, Records
from anyvenue_hyperliquid.simulator.shapes import OrderShapes, newest_first

__all__ = ["USER_FEEDS", "UserFeeds"]

STATE_S: Final = 5.0
SNAPSHOT: Final = 2000
_SERIES: Final = {
    "userFills": ("fills", "fills"),
    "userFundings": ("fundings", "fundings"),
    "userNonFundingLedgerUpdates": ("nonFundingLedgerUpdates", ""),
}
_STATES: Final = ("openOrders", "clearinghouseState", "allDexsClearinghouseState", "activeAssetData", "spotState")
USER_FEEDS: Final = ("orderUpdates", "userEvents", "notification", *_SERIES, *_STATES)


class UserFeeds:
    """Makes feeds."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        file: OrderFile,
        records: Records,
        accounts: AccountShapes,
        quirks: Quirks,
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._file = file
        self._records = records
        self._accounts = accounts
        self._orders = OrderShapes(file)
        self._quirks = quirks

    def open(self, wish: Mapping[str, Any], account: str, send: Send) -> Feed:
        """Return the feed of a subscription to an account, whose snapshot is sent."""
        kind, user = wish["type"], wish["user"]
        if kind in _SERIES:
            return self._series(kind, user, account, send)
        if kind in _STATES:
            return _State(self._stage, self._records, account, lambda: send(kind, self._state(wish, account)))
        tell = {"orderUpdates": _tell_orders, "userEvents": _tell_events}.get(kind, _tell_nothing)
        return _Listening(self._records, account, lambda news: tell(news, send), tells_orders=kind == "orderUpdates")

    def _series(self, kind: str, user: str, account: str, send: Send) -> Feed:
        name, source = _SERIES[kind]
        record = self._records.of(account)
        past = {"fills": list(record.fills), "fundings": [_flat(row) for row in record.fundings]}.get(source, [])
        send(kind, {"isSnapshot": True, "user": user, name: newest_first(past)[:SNAPSHOT]})

        def tell(news: News) -> None:
            rows = getattr(news, source) if source else []
            if rows:
                flag = {"isSnapshot": False} if self._quirks.snapshot_flag else {}
                send(kind, {**flag, "user": user, name: rows})

        return _Listening(self._records, account, tell)

    def _state(self, wish: Mapping[str, Any], account: str) -> dict[str, Any]:
        kind, user, dex = wish["type"], wish["user"], wish.get("dex", "")
        if kind == "openOrders":
            orders = [self._orders.frontend(kept) for kept in self._file.open(account) if kept.terms.dex == dex]
            return {"dex": dex, "user": user, "orders": orders}
        if kind == "clearinghouseState":
            return {"dex": dex, "user": user, "clearinghouseState": self._accounts.state(account, dex)}
        if kind == "allDexsClearinghouseState":
            return {"user": user, "clearinghouseStates": self._accounts.states(account)}
        terms = self._markets.find(wish.get("coin"))
        if kind == "activeAssetData" and terms is not None:
            return {"user": user, "coin": terms.name, **self._accounts.asset_data(account, terms)}
        return {"user": user, "spotState": {"balances": []}}


class _Listening:
    """Hears the news of an account."""

    def __init__(
        self, records: Records, account: str, tell: Callable[[News], None], *, tells_orders: bool = False
    ) -> None:
        self.tells_orders = tells_orders
        self._listeners = records.of(account).listeners
        self._tell = tell
        self._listeners[self] = None

    def stop(self) -> None:
        """Send no more."""
        self._listeners.pop(self, None)

    def on_news(self, news: News) -> None:
        """Take what a job has brought."""
        self._tell(news)


class _State:
    """Tells a state whole: when something has happened, and every few seconds."""

    def __init__(self, stage: Stage, records: Records, account: str, tell: Callable[[], None]) -> None:
        self._periodic = Periodic(stage.clock, STATE_S, tell)
        self._listening = _Listening(records, account, lambda news: tell())

    def stop(self) -> None:
        """Send no more."""
        self._periodic.stop()
        self._listening.stop()


def _tell_orders(news: News, send: Send) -> None:
    if news.orders:
        send("orderUpdates", news.orders)


def _tell_events(news: News, send: Send) -> None:
    """Send one message for each kind of event; the channel is not named like the subscription."""
    for liquidation in news.liquidations:
        send("user", {"liquidation": liquidation})
    if news.fills:
        send("user", {"fills": news.fills})
    if news.canceled:
        send("user", {"nonUserCancel": news.canceled})
    for funding in news.fundings:
        send("user", {"funding": funding})


def _tell_nothing(news: News, send: Send) -> None:
    """Nothing ever is worth a notification."""


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"time": row["time"], **{name: value for name, value in row["delta"].items() if name != "type"}}
