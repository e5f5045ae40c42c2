"""A strategy's account beside the venue's own books: what an engine believes, held against what its simulator booked.

The comparison is for an instant at which nothing is on its way. It takes what is new since the last one, because the
simulator forgets the oldest, as venues do.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Final

from attrs import Factory, define, evolve, frozen

from anyvenue.engine.engine import Engine
from anyvenue.model.enums import Fate
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import shortest_text
from anyvenue.model.order import Order
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.dialect import Dialect
from anyvenue.simulation.server.hosting import Hosted, host
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.interface import Venue
from anyvenue_gaiaex.endpoints import GaiaExOptions
from anyvenue_gaiaex.rest import client_id as gaiaex_id
from anyvenue_gaiaex.simulator.dialect import GaiaExDialect
from anyvenue_gaiaex.venue import GaiaExVenue
from anyvenue_gateio.endpoints import GateOptions
from anyvenue_gateio.order_text import to_text as gateio_id
from anyvenue_gateio.simulator.dialect import GateDialect
from anyvenue_gateio.venue import GateVenue

__all__ = ["ACCOUNT", "START_NS", "TARGETS", "Beside", "Figures", "Scene", "Target", "Told", "state_of_process"]

START_NS: Final = 1_704_067_200_000_000_000
ACCOUNT: Final = "main"
REST_NS: Final = 45_000_000
"""When nothing was heard here and nothing changed there for so long, nothing of the market is on its way,"""
FILLS_REST_NS: Final = 1_000_000_000
"""and when nothing traded for so long, nothing of the account: balances are asked for a little later."""
REST_PATIENCE_NS: Final = 120_000_000_000
LEVELS: Final = 10
"""So many levels a side of the books are compared."""


@frozen(kw_only=True)
class Target:
    """What differs between venues.

    Attributes:
        fits: whether a simulator, as its seed made it, is one that books an order each time it is sent.
        orders: the path of requests that place, amend and cancel, for the faults; `creates` of those that place.
        private, public: texts that frames of the account and of the market contain, for the faults.
        has_fills: whether the venue tells its fills, and orders can be looked up.
        balance_step: what is told of a balance may be off by so much.
        own: what only this venue's simulator can be told: a name, and what it is told at the begin and at the end.
        named: what the venue has in place of a client id of ours.
    """

    symbol: str
    currency: str
    dialect: type[Dialect]
    venue: Callable[[VenueContext], Venue]
    options: Any
    fits: Callable[[Any], bool]
    orders: str
    creates: str
    private: tuple[str, ...]
    public: str
    has_fills: bool
    balance_step: Decimal
    own: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any]], ...]
    named: Callable[[str], str]


TARGETS: Final[Mapping[str, Target]] = {
    "gateio": Target(
        symbol="BTC-USDT-PERP",
        currency="USDT",
        dialect=GateDialect,
        venue=GateVenue,
        options=GateOptions(),
        fits=lambda dialect: True,
        orders="*/orders*",
        creates="*/orders",
        private=("futures.orders", "futures.usertrades", "futures.positions", "futures.balances"),
        public="futures.obu",
        has_fills=True,
        balance_step=Decimal("1e-8"),
        own=(("notice of an upgrade", {"upgrade": "the server goes away soon"}, {}),),
        named=gateio_id,
    ),
    "gaiaex": Target(
        symbol="BTC-USDC-PERP",
        currency="USDC",
        dialect=GaiaExDialect,
        venue=GaiaExVenue,
        options=GaiaExOptions(time_in_force=True, writes_per_s=8),
        fits=lambda dialect: (
            dialect.quirks.duplicate == "second" and dialect.quirks.write_limit >= 10 and not dialect.quirks.outages
        ),
        orders="*/order*",
        creates="*/order",
        private=("positions",),
        public="orderbook",
        has_fills=False,
        balance_step=Decimal("0.01"),
        own=(("feed down", {"stale": ["BTC"]}, {"stale": []}),),
        named=gaiaex_id,
    ),
}


@define
class Figures:
    """What was seen. `wrong` says what should not be, `unknown` what the venue gives no means to find out."""

    counts: Counter[str] = Factory(Counter)
    wrong: list[str] = Factory(list)
    unknown: list[str] = Factory(list)

    def __str__(self) -> str:
        counted = ", ".join(f"{count:,} {name}" for name, count in sorted(self.counts.items()))
        return f"{counted}; {len(self.unknown)} unknown, {len(self.wrong)} differences"


@define
class Told:
    """What a strategy sent, and the fills it was told, since the last comparison; beside those, orders open then."""

    sent: dict[str, None] = Factory(dict)
    fills: dict[str, Fill] = Factory(dict)
    twice: list[str] = Factory(list)

    def take(self, fill: Fill) -> None:
        """Note a fill that the strategy is told."""
        if fill.trade_id in self.fills:
            self.twice.append(fill.trade_id)
        self.fills[fill.trade_id] = fill


class Scene:
    """A venue's simulator and what reaches it, in memory and on one driven clock. Made by `Scene.of`."""

    def __init__(self, target: Target, clock: DrivenClock, settings: SimulationSettings) -> None:
        self.target = target
        self.clock = clock
        self._settings = settings
        self.hosted: Hosted

    @classmethod
    async def of(cls, target: Target, seed: int, **terms: Any) -> Scene:
        """Return one with a simulator that fits, the first from `seed` on. `terms` are of SimulationSettings."""
        for number in count(seed):
            settings = SimulationSettings(symbols=(target.symbol,), seed=number, balance="1000000", **terms)
            scene = cls(target, DrivenClock(START_NS), settings)
            scene.hosted = await host(scene.context(ACCOUNT), target.dialect)
            if target.fits(scene.hosted.gateway.dialect):
                break
        return scene

    def context(self, account: str, **options: Any) -> VenueContext:
        """Return what a venue is opened with."""
        return VenueContext(
            connection=account,
            environment=Environment.SIMULATOR,
            clock=self.clock,
            session="bench",
            options=evolve(self.target.options, **options),
            simulation=self._settings,
        )


class Beside:
    """Holds one account's view against its venue's, again and again."""

    def __init__(self, engine: Engine, scene: Scene, told: Told, figures: Figures) -> None:
        self._engine = engine
        self._hosted = scene.hosted
        self._exchange = scene.hosted.stage.exchange
        self._target = scene.target
        self._told = told
        self._figures = figures
        self._since_ns = 0
        self._funding = Decimal(0)
        self._unknown: set[str] = set()

    def at_rest(self, call: Callable[[bool], None]) -> None:
        """Call `call` with True at an instant at which nothing is on its way, or in the end with False."""
        clock, listing = self._hosted.stage.clock, self._hosted.stage.market.listing(self._target.symbol)
        end_ns = clock.time_ns() + REST_PATIENCE_NS

        def look(before: tuple[int, int] | None, since_ns: int) -> None:
            now, seen = clock.time_ns(), (self._engine.events, listing.last_id)
            if seen != before or self._is_busy():
                since_ns = now
            is_quiet = now >= since_ns + REST_NS and not self._exchange.fills(ACCOUNT, since_ns=now - FILLS_REST_NS)
            if is_quiet or now >= end_ns:
                call(is_quiet)
            else:
                clock.call_at(now + REST_NS // 5, lambda: look(seen, since_ns))

        look(None, clock.time_ns())

    def _is_busy(self) -> bool:
        """Whether a command is on its way."""
        return any(
            order.create is Fate.IN_FLIGHT
            or order.cancel is Fate.IN_FLIGHT
            or (order.amend is not None and order.amend.fate is Fate.IN_FLIGHT)
            for order in self._engine.orders.open_orders()
        )

    def compare(self, where: str) -> None:
        """Compare everything. `where` is said in front of what differs."""
        wrong, target, now = list[str](), self._target, self._hosted.stage.clock.time_ns()
        instrument = self._engine.instrument(target.symbol)
        self._orders(wrong)
        self._fills(wrong)
        self._position(wrong, instrument)
        self._balance(wrong)
        self._book(wrong)
        self._figures.counts["comparisons"] += 1
        self._figures.wrong += [f"{where}: {text}" for text in wrong]
        self._since_ns = now

    # Orders

    def _orders(self, wrong: list[str]) -> None:
        exchange, told, counts = self._exchange, self._told, self._figures.counts
        called = self._hosted.gateway.dialect.client_id_of
        history = exchange.order_history(ACCOUNT, since_ns=self._since_ns)
        venues: dict[str, list[Order]] = {}
        for order in (*history, *exchange.open_orders(ACCOUNT)):
            name = called(ACCOUNT, order.client_order_id)
            if name:  # else the venue's own: a liquidation, the closing of a position
                venues.setdefault(name, []).append(order)
        ours = {self._target.named(name): name for name in told.sent}
        for name, orders in venues.items():
            if len(orders) > 1:
                wrong.append(f"{name}: at the venue {len(orders)} times")
                counts["duplicates"] += 1
            if name not in ours:
                wrong.append(f"{name}: at the venue, and sent by nobody")
        for venues_name, name in ours.items():
            self._order(name, venues.get(venues_name, [None])[0], wrong)
        for name in [name for name in told.sent if self._has_ended(name)]:
            del told.sent[name]
        known = set(ours.values())
        wrong += [
            f"{order.client_order_id}: open here, and sent by nobody"
            for order in self._engine.orders.open_orders()
            if order.client_order_id not in known
        ]

    def _has_ended(self, name: str) -> bool:
        order = self._engine.orders.get(name)
        return order is None or (order.is_terminal and not order.missing_fills)

    def _order(self, name: str, at_venue: Order | None, wrong: list[str]) -> None:
        order, counts = self._engine.orders.get(name), self._figures.counts
        if order is None:
            wrong.append(f"{name}: forgotten before it was compared")
            return
        counts["fates compared"] += 1
        text = ""
        if at_venue is None:
            if not order.is_terminal:
                text = f"{name}: never came (or ended long ago) and has no end: {order.state.value}"
            elif order.filled_quantity:
                text = f"{name}: never came, and has traded {order.filled_quantity}"
            else:
                counts["never came"] += 1
        elif _terms(order) != _terms(at_venue) or order.missing_fills:
            text = f"{name}: {_terms(at_venue)} at the venue, {_terms(order)} here, {order.missing_fills} missing"
        if text and not self._target.has_fills:
            if name not in self._unknown:
                self._unknown.add(name)
                self._figures.unknown.append(text)
        elif text:
            wrong.append(text)

    # The rest of the account

    def _fills(self, wrong: list[str]) -> None:
        told, counts = self._told, self._figures.counts
        venues = self._exchange.fills(ACCOUNT, since_ns=self._since_ns)
        counts["fills at the venue"] += len(venues)
        counts["fills told"] += len(told.fills)
        counts["fills told as estimates"] += sum(fill.estimated for fill in told.fills.values())
        wrong += [f"the fill {name} was told twice" for name in told.twice]
        if self._target.has_fills:
            theirs, ours = Counter[Any](), Counter[Any]()
            for fill in venues:
                theirs[fill.trade_id, fill.price] += fill.quantity * fill.side.sign  # type: ignore[assignment]
            for fill in told.fills.values():
                ours[fill.trade_id, fill.price] += fill.quantity * fill.side.sign  # type: ignore[assignment]
            for key in theirs.keys() | ours.keys():
                if theirs.get(key) != ours.get(key):
                    wrong.append(f"fill {key[0]} at {key[1]}: {theirs.get(key)} at the venue, {ours.get(key)} told")
        told.fills.clear()
        told.twice.clear()

    def _position(self, wrong: list[str], instrument: Instrument) -> None:
        ours, theirs = (
            self._engine.portfolio.position(instrument),
            self._exchange.position(ACCOUNT, instrument.symbol),
        )
        if ours.quantity != theirs.quantity:
            wrong.append(f"position: {theirs.quantity} at the venue, {ours.quantity} here")
        reported = self._engine.portfolio.reported(instrument)
        if reported is not None and reported.quantity != theirs.quantity:
            wrong.append(f"position: {theirs.quantity} at the venue, {reported.quantity} as it is said to have told")
        payments = self._exchange.funding_payments(ACCOUNT, since_ns=self._since_ns)
        self._funding += sum((payment.amount for payment in payments), Decimal(0))
        self._figures.counts["funding payments"] += len(payments)
        if self._target.has_fills and ours.funding != self._funding:
            wrong.append(f"funding: {self._funding} at the venue, {ours.funding} here")

    def _balance(self, wrong: list[str]) -> None:
        target, currency = self._target, self._target.currency
        theirs = next(b for b in self._exchange.balances(ACCOUNT) if b.currency == currency)
        ours = self._engine.portfolio.balance(ACCOUNT, currency)
        if ours is None or abs(ours.total - theirs.total) > target.balance_step:
            found = None if ours is None else ours.total
            wrong.append(f"balance: {theirs.total} {currency} at the venue, {found} here")

    def _book(self, wrong: list[str]) -> None:
        book = self._engine.strategy.book(self._target.symbol)
        if not book.is_synced:
            wrong.append("the book is not in step")
            return
        theirs = self._exchange.book(self._target.symbol).levels(LEVELS)
        if (book.bids(LEVELS), book.asks(LEVELS)) != theirs:
            wrong.append(f"the book begins {book.bids(2)} {book.asks(2)}, the venue's {theirs[0][:2]} {theirs[1][:2]}")


def _terms(order: Order) -> tuple[str, ...]:
    """Return what has to be the same on both sides. What an order's price was when it ended is of no interest."""
    if order.is_terminal:
        return order.state.value, shortest_text(order.filled_quantity)
    price = "at market" if order.price is None else shortest_text(order.price)
    return "open", shortest_text(order.filled_quantity), shortest_text(order.quantity), price


def state_of_process(engine: Engine, journal: Path) -> dict[str, int]:
    """Return what must not grow: memory, tasks, descriptors, objects, what the engine and its journal keep."""
    gc.collect()
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)) as database:
        rows = int(database.execute("SELECT count(*) FROM records").fetchone()[0])
    return {
        "rss_kb": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024,
        "tasks": len(asyncio.all_tasks()),
        "descriptors": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "objects": len(gc.get_objects()),
        "orders kept": len(engine.orders._open) + len(engine.orders._ended),
        "journal rows": rows,
        "journal_kb": journal.stat().st_size // 1024,
    }
