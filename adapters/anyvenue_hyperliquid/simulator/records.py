"""What has happened to an account: its fills and funding, and the news of it, told once at the end of each job."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Protocol

from attrs import define, evolve, field, frozen

from anyvenue.model.enums import Liquidity, MarginMode
from anyvenue.model.errors import RejectReason
from anyvenue.model.fill import Fill
from anyvenue.model.market import FundingPayment
from anyvenue.model.numbers import ZERO
from anyvenue.model.order_events import OrderCanceled, OrderFilled, OrderTriggered
from anyvenue.model.position import Position
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import AccountEvent
from anyvenue_hyperliquid.simulator.markets import SETTLE, Markets, number
from anyvenue_hyperliquid.simulator.order_file import Kept, OrderFile
from anyvenue_hyperliquid.simulator.quirks import Quirks
from anyvenue_hyperliquid.simulator.shapes import SIDES, OrderShapes, made_up_hash, trade_id
from anyvenue_hyperliquid.simulator.wallets import Wallets

__all__ = ["News", "NewsListener", "Record", "Records"]

FILLS_KEPT: Final = 10_000
_MS_NS: Final = 1_000_000
_NOT_BY_USER: Final = (RejectReason.LIQUIDATION, RejectReason.INSUFFICIENT_FUNDS, RejectReason.SELF_TRADE)


@frozen(kw_only=True)
class News:
    """What a job has brought an account: pushed orders, fills, liquidations and funding, in the venue's shapes."""

    orders: list[dict[str, Any]] = field(factory=list)
    fills: list[dict[str, Any]] = field(factory=list)
    fundings: list[dict[str, Any]] = field(factory=list)
    liquidations: list[dict[str, Any]] = field(factory=list)
    canceled: list[dict[str, Any]] = field(factory=list)
    """Orders that the venue took away, for a reason that is not the client's."""


class NewsListener(Protocol):
    """Who can be told of an account."""

    tells_orders: bool
    """Whether it tells of orders: before those that tell of fills, or behind them."""

    def on_news(self, news: News) -> None:
        """Take what a job has brought; orders, positions or money may have changed beside."""


@define(eq=False)
class Record:
    """One account's past. `volume` is in dollars; `extra_volume` was given to it by hand."""

    fills: deque[dict[str, Any]] = field(factory=lambda: deque(maxlen=FILLS_KEPT))
    fundings: deque[dict[str, Any]] = field(factory=lambda: deque(maxlen=FILLS_KEPT))
    volume: Decimal = ZERO
    extra_volume: Decimal = ZERO
    funding_before: dict[str, Decimal] = field(factory=dict)
    """Of each market, the funding there had been when the present position was opened."""
    positions: dict[str, Position] = field(factory=dict)
    listeners: dict[NewsListener, None] = field(factory=dict)
    noted: dict[Kept, None] = field(factory=dict)
    news: News = field(factory=News)
    is_due: bool = False


class Records:
    """Watches accounts. `react` gets each event of an account; it may not give commands."""

    def __init__(self, stage: Stage, markets: Markets, wallets: Wallets, file: OrderFile, quirks: Quirks) -> None:
        self._stage = stage
        self._markets = markets
        self._wallets = wallets
        self._file = file
        self._shapes = OrderShapes(file)
        self._quirks = quirks
        self._records: dict[str, Record] = {}
        self.react: Callable[[str, AccountEvent], None] = lambda account, event: None

    def of(self, account: str) -> Record:
        """Return an account's record, begun when first asked for. Builder markets know no cross margin."""
        found = self._records.get(account)
        if found is None:
            found = self._records[account] = Record()
            exchange = self._stage.exchange
            for terms in self._markets.open():
                if terms.is_isolated:
                    leverage = exchange.position(account, terms.symbol).leverage
                    exchange.set_leverage(account, terms.symbol, leverage, MarginMode.ISOLATED)
            self._stage.watch(account, lambda event: self._hear(account, event))
        return found

    def note(self, kept: Kept, *, opened: bool = False) -> None:
        """Push an order at the end of the job, where it stands otherwise than was pushed last.

        With `opened` it is pushed as open first, as it was before it traded.
        """
        record = self.of(kept.account)
        if opened and self._quirks.tells_open:
            record.news.orders.append(self._pushed(kept, "open", kept.size))
            kept.told = ("open", kept.size)
        record.noted[kept] = None
        self.touch(kept.account)

    def taken_away(self, kept: Kept) -> None:
        """Tell that the venue itself has ended an order."""
        record = self.of(kept.account)
        record.news.canceled.append({"coin": kept.terms.name, "oid": kept.oid})
        self.note(kept)

    def touch(self, account: str) -> None:
        """Say that something has changed. To be called within a job."""
        record = self.of(account)
        if not record.is_due:
            record.is_due = True
            # Behind all that the job has brought, some of which may still be on its way.
            tell_after = self._stage.market.tell_after
            tell_after(lambda: tell_after(lambda: self._tell(record)))

    def _hear(self, account: str, event: AccountEvent) -> None:
        record = self.of(account)
        if isinstance(event, OrderFilled):
            self._on_fill(account, record, event.fill)
        elif isinstance(event, FundingPayment):
            self._on_funding(record, event)
        kept = self._file.by_name(getattr(event, "client_order_id", None))
        if kept is not None:
            if isinstance(event, OrderTriggered):
                record.news.orders.append(self._pushed(kept, "triggered", kept.size))
                kept.told = ("triggered", kept.size)
            if isinstance(event, OrderCanceled) and event.reason in _NOT_BY_USER:
                self.taken_away(kept)
            record.noted[kept] = None
        self.react(account, event)
        self.touch(account)

    def _on_fill(self, account: str, record: Record, fill: Fill) -> None:
        symbol = fill.instrument.symbol
        before = record.positions.get(symbol) or Position(instrument=fill.instrument)
        after = before.apply(fill)
        if before.quantity * after.quantity <= 0:
            record.funding_before[symbol] = before.funding
        record.positions[symbol] = after
        record.volume += fill.quantity * fill.price
        row = self._fill_row(fill, before, after)
        if fill.client_order_id is None:  # the venue's own: the position was taken over
            mark = number(self._stage.exchange.mark_price(symbol) or fill.price)
            address = self._wallets.address(account)
            row["liquidation"] = {"liquidatedUser": address, "markPx": mark, "method": "backstop"}
            record.news.liquidations.append(
                {
                    "lid": row["tid"],
                    "liquidator": "0x" + "0" * 40,
                    "liquidated_user": address,
                    "liquidated_ntl_pos": number(fill.quantity * fill.price),
                    "liquidated_account_value": "0.0",
                }
            )
        record.fills.append(row)
        record.news.fills.append(row)

    def _fill_row(self, fill: Fill, before: Position, after: Position) -> dict[str, Any]:
        coin = fill.instrument.venue_symbol
        kept = self._file.by_name(fill.client_order_id)
        row: dict[str, Any] = {
            "coin": coin,
            "px": number(fill.price),
            "sz": number(fill.quantity),
            "side": SIDES[fill.side],
            "time": fill.ts_event // _MS_NS,
            "startPosition": number(before.quantity),
            "dir": _direction(before.quantity, after.quantity),
            "closedPnl": number(after.realized_pnl - before.realized_pnl),
            "hash": made_up_hash(f"{coin} {fill.trade_id}"),
            "oid": self._file.new_oid() if kept is None else kept.oid,
            "crossed": fill.liquidity is Liquidity.TAKER,
            "fee": number(fill.fee),
            "tid": trade_id(coin, fill.trade_id),
            "feeToken": SETTLE,
            "twapId": None,
        }
        if kept is not None and kept.cloid is not None:
            row["cloid"] = kept.cloid
        return row

    def _on_funding(self, record: Record, payment: FundingPayment) -> None:
        symbol, coin = payment.instrument.symbol, payment.instrument.venue_symbol
        held = record.positions.get(symbol) or Position(instrument=payment.instrument)
        record.positions[symbol] = evolve(held, funding=held.funding + payment.amount)
        delta = {
            "coin": coin,
            "usdc": number(payment.amount),
            "szi": number(held.quantity),
            "fundingRate": number(payment.rate or ZERO),
            "nSamples": None,
        }
        time_ms = payment.ts_event // _MS_NS
        record.fundings.append(
            {"time": time_ms, "hash": made_up_hash(f"funding {coin} {time_ms}"), "delta": {"type": "funding", **delta}}
        )
        record.news.fundings.append({"time": time_ms, **delta})

    def _pushed(self, kept: Kept, status: str, size: Decimal) -> dict[str, Any]:
        kept.status_ms = self._stage.time_ns() // _MS_NS
        return {"order": self._shapes.basic(kept, size), "status": status, "statusTimestamp": kept.status_ms}

    def _tell(self, record: Record) -> None:
        record.is_due = False
        noted, record.noted = record.noted, {}
        news, record.news = record.news, News()
        for kept in noted:
            standing = self._file.standing(kept)
            if (standing.status, standing.size) != kept.told:
                kept.told = (standing.status, standing.size)
                news.orders.append(self._pushed(kept, standing.status, standing.size))
        for listener in sorted(record.listeners, key=lambda one: one.tells_orders is self._quirks.fills_first):
            listener.on_news(news)


def _direction(before: Decimal, after: Decimal) -> str:
    if before * after < 0:
        return "Long > Short" if before > 0 else "Short > Long"
    opens = abs(after) > abs(before)
    return f"{'Open' if opens else 'Close'} {'Long' if (after if opens else before) > 0 else 'Short'}"
