"""A market without a tape: background traders whose orders go into the exchange, seeded and without end.

A fair price wanders in ticks and is drawn back to where it began. Makers quote around it, a few dozen levels a side,
cancel and quote anew; takers trade where the book is off the fair price, and now and then without a reason. At times
a burst comes: everything is several times as fast and the fair price leans one way.

Everything is drawn as integers from one seed and worked out in integers, so every machine and every version of
Python gets the same market.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from attrs import frozen

from anyvenue.model.enums import ContractKind, OrderType, Side, TimeInForce
from anyvenue.model.errors import Rejected
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ONE, Rounding, round_to_step
from anyvenue.model.order_events import OrderCanceled, OrderFilled
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.symbols import MAIN_QUOTES, format_symbol, parse_symbol
from anyvenue.simulation.chance import Chance
from anyvenue.simulation.clock import DrivenTimer
from anyvenue.simulation.contracts import perpetual
from anyvenue.simulation.resting_ids import RestingIds
from anyvenue.simulation.tape import TapeHeader
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.events import AccountEvent

if TYPE_CHECKING:
    from anyvenue.simulation.simulated_market import SimulatedMarket

__all__ = ["SyntheticSource", "synthetic_sources"]

START_NS: Final = 1_704_067_200_000_000_000
"""2024-01-01 00:00:00 UTC, when every synthetic market begins."""

DEFAULT_SYMBOL: Final = "BTC-USDT-PERP"
"""What is listed when the settings name no symbol."""
MONEY: Final = Decimal(10) ** 12
"""What each background trader starts with: enough never to be refused or liquidated."""

PAUSE_NS: Final = 13_000_000
"""Time between two doings of the background traders, on average."""
BURST_PAUSE_NS: Final = 3_000_000
LEVELS_MIN: Final = 40
LEVELS_MAX: Final = 80
"""How many orders makers keep on each side."""
REACH: Final = 45
"""How many ticks from the fair price makers quote."""
UNIT_NOTIONAL: Final = 300
"""What the smallest order is worth, in quote money, or one quantity step where that is worth more."""


@frozen
class Terms:
    """What an instrument begins with: its price in ticks, the tick, and the quantity step."""

    price_ticks: int
    tick: Decimal
    step: Decimal


TERMS: Final = {
    "BTC": Terms(600_000, Decimal("0.1"), Decimal("0.001")),
    "ETH": Terms(300_000, Decimal("0.01"), Decimal("0.001")),
}
OTHER_TERMS: Final = Terms(100_000, Decimal("0.001"), Decimal("0.01"))
"""Any other base: 100 in ticks of 0.001."""

DOLLARS: Final = frozenset({"USD", "USDT", "USDC", "USDE", "DAI", "FDUSD"})
OTHER_PRICE: Final = Decimal(100)
PRICES: Final = {
    currency: Decimal(price)
    for currency, price in (
        ("BTC", "60000"),
        ("ETH", "3000"),
        ("BNB", "550"),
        ("SOL", "150"),
        ("LTC", "70"),
        ("AVAX", "25"),
        ("LINK", "12"),
        ("SUI", "2"),
        ("XRP", "0.6"),
        ("ADA", "0.4"),
        ("TRX", "0.15"),
        ("DOGE", "0.1"),
        ("SHIB", "0.00002"),
        ("PEPE", "0.00001"),
    )
}
TICKS_MIN: Final = 2_000
"""A price has at least so many ticks, else one of them would be a leap: what is worth less begins at that."""
TICKS_MAX: Final = 1_000_000
"""A price has at most so many ticks, else the whole book would lie within nothing: finer ones are bundled."""


def synthetic_sources(settings: SimulationSettings) -> list[SyntheticSource]:
    """Return a source for each symbol of the settings. Raises UnknownInstrument for what is no neutral symbol."""
    sources = {}
    for symbol in settings.symbols or (DEFAULT_SYMBOL,):
        terms, header = _terms_of(symbol)
        sources[header.symbol] = SyntheticSource(perpetual(header, settings), terms, settings.seed)
    return list(sources.values())


def synthetic_source_of(
    instrument: Instrument, settings: SimulationSettings, price: Decimal | None = None
) -> SyntheticSource:
    """Return a source for any instrument, with any tick and step, linear or inverse. It begins when it is started.

    `price` is about where it begins; without it, at the usual price of its base.
    """
    source = SyntheticSource(instrument, _terms_for(instrument, price or usual_price(instrument.base)), settings.seed)
    source.start_ns = 0
    return source


def usual_price(currency: str) -> Decimal:
    """Return what one of a currency is worth in dollars when a synthetic market begins."""
    return ONE if currency in DOLLARS else PRICES.get(currency, OTHER_PRICE)


class SyntheticSource:
    """The background traders of one instrument."""

    start_ns = START_NS
    end_ns: int | None = None

    def __init__(self, instrument: Instrument, terms: Terms, seed: int) -> None:
        symbol = instrument.symbol
        self.instrument = instrument
        self._terms = terms
        self._chance = Chance(f"{seed} {symbol}")
        self._anchor = self._fair = terms.price_ticks
        self._unit = _unit(instrument, terms)
        limits = [limit for limit in (instrument.max_quantity, instrument.max_market_quantity) if limit is not None]
        self._most = instrument.round_quantity(min(limits)) if limits else None
        self._lean = 0
        self._burst_left = 0
        self._count = 0
        self._resting = {Side.BUY: RestingIds(), Side.SELL: RestingIds()}
        self._timer: DrivenTimer | None = None
        self._makers = [f"maker {number} of {symbol}" for number in (1, 2, 3)]
        self._takers = [f"taker {number} of {symbol}" for number in (1, 2)]
        self.traders: Sequence[str] = (*self._makers, *self._takers)

    def start(self, market: SimulatedMarket, ended: Callable[[], None]) -> None:
        """Open the accounts, lay out a book, and begin. It never ends by itself."""
        self._market = market
        self._exchange = market.exchange
        for account in self.traders:
            self._exchange.open_account(account, balances={self.instrument.settle: MONEY}, leverage=Decimal(100))
            market.watch(account, self._on_event)
        market.do(self._lay_out)
        self._schedule()

    def stop(self) -> None:
        """Do nothing more. What rests in the book stays."""
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self) -> None:
        mean = BURST_PAUSE_NS if self._burst_left else PAUSE_NS
        pause = 1 + self._chance.below(2 * mean)
        self._timer = self._market.clock.call_at(self._market.clock.time_ns() + pause, self._on_time)

    def _on_time(self) -> None:
        self._market.do(self._act)
        self._schedule()

    def _on_event(self, event: AccountEvent) -> None:
        if isinstance(event, OrderFilled):
            side = self._resting[event.fill.side]
            side.reduce(event.client_order_id or "", event.fill.quantity)
        elif isinstance(event, OrderCanceled):
            for side in self._resting.values():
                side.remove(event.client_order_id or "")

    # The fair price

    def _move_fair(self) -> None:
        draw = self._chance.below
        if not self._burst_left and draw(4000) == 0:
            self._burst_left = 300 + draw(900)
            self._lean = draw(5) - 2
        elif self._burst_left:
            self._burst_left -= 1
        if draw(8) == 0:
            step = draw(11) - 5 + (self._lean if self._burst_left else 0)
            pull = (self._anchor - self._fair) // 512 if draw(4) == 0 else 0
            self._fair = max(2 * REACH, self._fair + step + pull)

    # What is done

    def _lay_out(self) -> None:
        for distance in range(1, LEVELS_MIN + 1):
            for side in Side:
                self._quote(side, distance)
        symbol = self.instrument.symbol
        self._market.take_depth_news(symbol)  # they are in the snapshot
        self._market.listing(symbol).tell_snapshot(self._market.clock.time_ns())

    def _act(self) -> None:
        self._move_fair()
        for side in Side:
            if len(self._resting[side]) < LEVELS_MIN:
                self._quote(side, self._distance())
                self._quote(side, self._distance())
        if not self._take_what_is_off():
            self._act_by_chance()

    def _act_by_chance(self) -> None:
        draw = self._chance.below
        side = Side.BUY if draw(2) else Side.SELL
        choice = draw(100)
        if choice < 12:
            self._take(side, self._size())
        elif (choice < 50 and len(self._resting[side]) > LEVELS_MIN) or len(self._resting[side]) >= LEVELS_MAX:
            self._cancel(side)
        else:
            self._quote(side, self._distance())

    def _take_what_is_off(self) -> bool:
        """Let a taker trade against quotes that the fair price has passed; tell whether there were any."""
        book = self._exchange.book(self.instrument.symbol)
        fair = self._fair * self._terms.tick
        ask, bid = book.best_ask, book.best_bid
        if ask is not None and ask < fair:
            self._take(Side.BUY, 4 * self._size(), limit=self._fair)
            return True
        if bid is not None and bid > fair:
            self._take(Side.SELL, 4 * self._size(), limit=self._fair)
            return True
        return False

    def _quote(self, side: Side, distance: int) -> None:
        quantity = self._quantity(self._size())
        maker = self._makers[self._chance.below(len(self._makers))]
        price = (self._fair - side.sign * distance) * self._terms.tick
        order_id = self._place(maker, side, quantity, price, post_only=True)
        if order_id is not None:
            self._resting[side].add(order_id, maker, quantity)

    def _cancel(self, side: Side) -> None:
        order_id, maker = self._resting[side].pick(self._chance)
        self._resting[side].remove(order_id)
        self._exchange.cancel(maker, client_order_id=order_id)

    def _take(self, side: Side, size: int, limit: int | None = None) -> None:
        taker = self._takers[self._chance.below(len(self._takers))]
        price = None if limit is None else limit * self._terms.tick
        self._place(taker, side, self._quantity(size), price)

    def _place(
        self, account: str, side: Side, quantity: Decimal, price: Decimal | None, *, post_only: bool = False
    ) -> str | None:
        self._count += 1
        spec = OrderSpec(
            client_order_id=f"{self._count}",
            instrument=self.instrument,
            side=side,
            quantity=quantity,
            price=price,
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            time_in_force=TimeInForce.GTC if price is None or post_only else TimeInForce.IOC,
            post_only=post_only,
        )
        try:
            self._exchange.place(account, spec)
        except Rejected:
            return None  # a quote that would trade at once, or nobody to trade with
        return spec.client_order_id

    # What is drawn

    def _distance(self) -> int:
        """Ticks from the fair price, near ones more often."""
        draw = self._chance.below
        return 1 + min(draw(REACH), draw(REACH), draw(REACH))

    def _size(self) -> int:
        """A size in units: mostly small, at times large."""
        draw = self._chance.below
        return 1 + draw(40) * draw(40) // (1 + draw(20))

    def _quantity(self, size: int) -> Decimal:
        quantity = size * self._unit * self._terms.step
        return quantity if self._most is None else min(quantity, self._most)


def _unit(instrument: Instrument, terms: Terms) -> int:
    """Return how many steps the smallest order has."""
    is_linear = instrument.kind is ContractKind.LINEAR
    worth = terms.step * (terms.price_ticks * terms.tick if is_linear else ONE)
    # Twice the minimum, so that it is kept when the price falls.
    steps = int(max(Decimal(UNIT_NOTIONAL), 2 * instrument.min_notional) / worth)
    return max(1, steps, int(instrument.min_quantity / terms.step))


def _terms_for(instrument: Instrument, price: Decimal) -> Terms:
    """Return the terms of any instrument, its price about the given one."""
    rule = instrument.price_rule
    # With significant figures the ticks are those of the next higher decade, which the price may come to.
    tick = rule.step_at(price * 2)
    price = max(round_to_step(price, tick, Rounding.UP), TICKS_MIN * tick)
    while price > TICKS_MAX * tick:
        tick *= 10
    return Terms(int(price / tick), tick, instrument.quantity_step)


def _terms_of(symbol: str) -> tuple[Terms, TapeHeader]:
    parsed = parse_symbol(symbol)
    quote = parsed.quote or MAIN_QUOTES[0]
    terms = TERMS.get(parsed.base, OTHER_TERMS)
    header = TapeHeader(
        symbol=format_symbol(parsed.base, quote),
        base=parsed.base,
        quote=quote,
        settle=quote,
        price_tick=str(terms.tick),
        quantity_step=str(terms.step),
        source="synthetic",
        start_ns=START_NS,
        end_ns=START_NS,
        frames=0,
    )
    return terms, header
