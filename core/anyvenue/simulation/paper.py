"""The environment `paper` of any venue: its live market data, and orders that a simulated exchange here takes.

Real money is never touched. Of the real venue only these are called: connect, close, instruments, subscribe,
unsubscribe, resync, and market data by request; and `open_paper` opens it without credentials.

What a strategy sees of the market is the real venue's own, event for event. So its paper orders are not in the book
that it sees, and nobody reacts to them. How they are filled is the queue model's affair, see `matching`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from attrs import evolve

from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.errors import NotSent
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, Candle, FundingRate, Ticker, Trade
from anyvenue.model.risk_tier import RiskTier
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.exchange_client import ExchangeClient
from anyvenue.simulation.paper_market import PaperMarket
from anyvenue.simulation.paper_streams import PaperStreams
from anyvenue.simulation.venue import CAPABILITIES
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.descriptor import VenueContext
from anyvenue.venue.events import Sink, Subscription, VenueEvent
from anyvenue.venue.interface import Venue

__all__ = ["PaperVenue", "open_paper"]

T = TypeVar("T")

_MARKET_DATA: Final = frozenset(
    {
        Feature.BOOK,
        Feature.TRADES,
        Feature.TICKER,
        Feature.FUNDING_RATE,
        Feature.CANDLES,
        Feature.QUOTES,
        Feature.LIQUIDATIONS,
        Feature.CANDLE_HISTORY,
        Feature.TRADE_HISTORY,
        Feature.FUNDING_HISTORY,
        Feature.RISK_TIERS,
    }
)


def open_paper(open_real: Callable[[VenueContext], Venue], context: VenueContext) -> PaperVenue:
    """Open a venue for paper trading; `open_real` makes the real one, and is never given credentials."""
    return PaperVenue(open_real(evolve(context, credentials=None)), context)


class PaperVenue(ExchangeClient):
    """Market data of `real`, orders to an exchange in this process. The account is named after the connection.

    The first subscription or order for an instrument has the exchange hear of it too: until the last subscription is
    given back, or where it has been traded, until the close. An order waits a few seconds for the first book; while a
    book is out of step, whatever could trade is answered NotSent, and what rests is not filled. The account lives as
    long as this object.
    """

    def __init__(self, real: Venue, context: VenueContext) -> None:
        super().__init__(context.clock)
        self.name = real.name
        self.capabilities = Capabilities(
            {feature: (real.capabilities if feature in _MARKET_DATA else CAPABILITIES)[feature] for feature in Feature},
            order_rate=real.capabilities.order_rate,
        )
        self.candle_intervals = real.candle_intervals
        self._real = real
        self._context = context
        self._market: PaperMarket | None = None
        self._streams: PaperStreams | None = None

    # What every adapter supplies

    async def connect(self, sink: Sink) -> None:
        """Connect to the real venue, and open the account at the exchange here."""
        await self._real.connect(self._on_event)
        if self._market is None:
            self._instruments = {instrument.symbol: instrument for instrument in await self._real.instruments()}
            context = self._context
            self._market = PaperMarket(self._instruments, self._clock, context.simulation, context.connection)
        self._market.wire.open(sink, self._instruments)
        self._streams = PaperStreams(self._real, self._clock, self._market, sink)
        for symbol in self._market.busy:
            await self._streams.feed(self._instruments[symbol])

    async def close(self) -> None:
        """Leave both. The account, its orders and its positions stay as they are."""
        if self._market is not None and self._streams is not None:
            self._market.wire.close()
            self._streams.close()
            self._streams = None
        await self._real.close()

    async def instruments(self) -> Sequence[Instrument]:
        """Return what the real venue listed when it was connected to."""
        self._open()
        return list(self._instruments.values())

    async def subscribe(self, subscription: Subscription) -> None:
        """Start a stream of the real venue. A book that runs already is shown as it is now."""
        await self._open()[1].want(subscription, self._mine(subscription.instrument))

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Stop a stream. The exchange still hears what it needs."""
        self._mine(subscription.instrument)
        await self._open()[1].give_back(subscription)

    async def resync(self, subscription: Subscription) -> None:
        """Start one book stream anew. Both the exchange here and the strategy get the snapshot that follows."""
        self._mine(subscription.instrument)
        await self._open()[1].resync(subscription)

    # Market data by request

    def explain(self, symbol: str) -> str:
        """Return what the real venue has to say about a symbol that is not listed."""
        return self._real.explain(symbol)

    def depth_rule(self, instrument: Instrument) -> SequenceRule:
        """Return the real venue's rule."""
        return self._real.depth_rule(instrument)

    async def order_book(self, instrument: Instrument, depth: int = 50) -> BookSnapshot:
        """Return the real order book now."""
        return await self._real.order_book(instrument, depth)

    async def ticker(self, instrument: Instrument) -> Ticker:
        """Return the real prices and funding rate now."""
        return await self._real.ticker(instrument)

    async def candles(self, instrument: Instrument, interval_s: int, *, start_ns: int, end_ns: int) -> Sequence[Candle]:
        """Return the real venue's candles."""
        return await self._real.candles(instrument, interval_s, start_ns=start_ns, end_ns=end_ns)

    async def trades(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return the real public trades."""
        return await self._real.trades(instrument, start_ns=start_ns, end_ns=end_ns)

    async def funding_rates(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[FundingRate]:
        """Return the real settled funding rates."""
        return await self._real.funding_rates(instrument, start_ns=start_ns, end_ns=end_ns)

    async def risk_tiers(self, instrument: Instrument) -> Sequence[RiskTier]:
        """Return the real venue's risk tiers. The exchange here keeps to the instrument's own margin rates."""
        return await self._real.risk_tiers(instrument)

    # Requests to the exchange

    async def arm_dead_man_switch(self, timeout_s: int) -> None:
        """Have all orders canceled unless armed again within `timeout_s`; 0 disarms."""
        market, _ = self._open()
        await self._ask(lambda exchange, account: market.arm_dead_man_switch(timeout_s))

    async def _ask(self, request: Callable[[Exchange, str], T]) -> T:
        market, _ = self._open()
        return await market.wire.call(lambda: request(market.exchange, market.wire.account))

    async def _prepare(self, *instruments: Instrument) -> None:
        _, streams = self._open()
        for instrument in instruments:
            feed = await streams.feed(self._mine(instrument))
            await feed.begun

    def _on_event(self, event: VenueEvent) -> None:
        if self._streams is not None:
            self._streams.on_event(event)

    def _open(self) -> tuple[PaperMarket, PaperStreams]:
        if self._market is None or self._streams is None:
            raise NotSent("not connected: call connect first", venue=self.name)
        return self._market, self._streams
