"""A trading desk for tests: an exchange on a hand-driven clock, its accounts, and everything they were told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from anyvenue.model.enums import ContractKind, MarginMode, OrderType, PositionMode, PositionSide, Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.order_events import OrderFilled
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.model.pricing import Tick
from anyvenue.simulation.exchange import Exchange

BTC = "BTC-USDT-PERP"
ETH = "ETH-USDT-PERP"
USD = "BTC-USD-PERP"  # inverse, settled in BTC


def linear(symbol: str = BTC, **changes: Any) -> Instrument:
    base = symbol.partition("-")[0]
    values: dict[str, Any] = {
        "symbol": symbol,
        "venue": "simulated",
        "venue_symbol": symbol,
        "base": base,
        "quote": "USDT",
        "settle": "USDT",
        "price_rule": Tick("0.5"),
        "quantity_step": "0.1",
        "min_quantity": "0.1",
        "max_leverage": "100",
        "maintenance_margin_rate": "0.01",
        "maker_fee": "0.0001",
        "taker_fee": "0.0005",
    }
    return Instrument(**values | changes)


def inverse(**changes: Any) -> Instrument:
    values: dict[str, Any] = {
        "symbol": USD,
        "kind": ContractKind.INVERSE,
        "base": "BTC",
        "quote": "USD",
        "settle": "BTC",
        "quantity_step": "1",
        "min_quantity": "1",
    }
    return linear(**values | changes)


def plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


class Desk:
    """An exchange and what it told. Numbers are given as text."""

    def __init__(self, *instruments: Instrument, publish: bool = False, **options: Any) -> None:
        self.now = 1_000
        self.told: list[tuple[str, Any]] = []
        self.published: list[Any] = []
        self.instruments = {one.symbol: one for one in instruments or (linear(),)}
        self.exchange = Exchange(
            list(self.instruments.values()),
            time_ns=lambda: self.now,
            notify=lambda account, event: self.told.append((account, event)),
            publish=self.published.append if publish else None,
            **options,
        )
        self.count = 0
        self.first = next(iter(self.instruments))

    def open(self, *names: str, money: str = "10000", currency: str = "USDT", **options: Any) -> None:
        for name in names:
            self.exchange.open_account(name, balances={currency: Decimal(money)}, **options)

    def spec(self, side: Side, quantity: str, price: str | None = None, **options: Any) -> OrderSpec:
        self.count += 1
        symbol = options.pop("symbol", self.first)
        return OrderSpec(
            client_order_id=options.pop("name", f"c{self.count}"),
            instrument=self.instruments[symbol],
            side=side,
            quantity=Decimal(quantity),
            price=None if price is None else Decimal(price),
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            **options,
        )

    def buy(self, account: str, quantity: str, price: str | None = None, **options: Any) -> str:
        """Place a buy; return its client order id."""
        return self.place(account, self.spec(Side.BUY, quantity, price, **options))

    def sell(self, account: str, quantity: str, price: str | None = None, **options: Any) -> str:
        return self.place(account, self.spec(Side.SELL, quantity, price, **options))

    def place(self, account: str, spec: OrderSpec) -> str:
        self.exchange.place(account, spec)
        return spec.client_order_id

    def order(self, account: str, name: str) -> Any:
        return self.exchange.order(account, client_order_id=name)

    def state(self, account: str, name: str) -> tuple[str, str]:
        """Return an order's state and filled quantity."""
        order = self.order(account, name)
        return order.state.value, plain(order.filled_quantity)

    def fills(self, account: str) -> list[tuple[str, str, str]]:
        """Return (client id, price, quantity) of an account's fills."""
        return [(f.client_order_id or "", plain(f.price), plain(f.quantity)) for f in self.exchange.fills(account)]

    def position(self, account: str, side: PositionSide = PositionSide.NET, symbol: str | None = None) -> Any:
        return self.exchange.position(account, symbol or self.first, side)

    def total(self, account: str, currency: str = "USDT") -> Decimal:
        return next(b.total for b in self.exchange.balances(account) if b.currency == currency)

    def free(self, account: str, currency: str = "USDT") -> Decimal:
        return next(b.available for b in self.exchange.balances(account) if b.currency == currency)

    def depth(self, bids: dict[str, str], asks: dict[str, str], *, snapshot: bool = False, symbol: str = "") -> None:
        self.exchange.apply_depth(
            symbol or self.first, list(bids.items()), list(asks.items()), snapshot=snapshot, ts_event=self.now
        )

    def trade(self, side: Side, price: str, quantity: str, symbol: str = "") -> None:
        self.exchange.apply_trade(symbol or self.first, side, price, quantity, ts_event=self.now)

    def mark(self, price: str, index: str | None = None, symbol: str = "") -> None:
        self.exchange.set_mark(symbol or self.first, price, index)

    def events(self, account: str, *kinds: type) -> list[Any]:
        """Return what an account was told, of these kinds."""
        return [event for name, event in self.told if name == account and (not kinds or isinstance(event, kinds))]

    def order_events(self, account: str) -> list[tuple[str, str]]:
        """Return (kind, client id) of the order events an account was told."""
        return [
            (type(event).__name__.removeprefix("Order"), event.client_order_id or "")
            for event in self.events(account)
            if hasattr(event, "client_order_id")
        ]

    def filled_events(self, account: str) -> list[Any]:
        return [event.fill for event in self.events(account, OrderFilled)]


@pytest.fixture
def desk() -> Desk:
    """One linear instrument, three accounts with 10,000 USDT at leverage 10."""
    made = Desk()
    made.open("ann", "bob", "cid")
    return made


@pytest.fixture(scope="session")
def make_desk() -> Callable[..., Desk]:
    return Desk


@pytest.fixture(scope="session")
def make_linear() -> Callable[..., Instrument]:
    return linear


@pytest.fixture(scope="session")
def make_inverse() -> Callable[..., Instrument]:
    return inverse


__all__ = ["Desk", "MarginMode", "PositionMode", "Protection", "Trigger", "inverse", "linear"]
