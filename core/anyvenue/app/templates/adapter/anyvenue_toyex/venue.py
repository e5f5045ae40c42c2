"""The venue: ToyEx's pure parts joined to the wire.

Ask of your venue: in which order does a connection begin? What is proven by the answer to a command, and what does it
mean when nothing is found (`retention`)? Everything that can be decided without a socket belongs into the other files.
"""

from __future__ import annotations

from collections.abc import Sequence

from anyvenue.model.balance import Balance
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.errors import UnknownOrder
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.venue.events import AccountEvent, Sink, Subscription
from anyvenue.venue.feed_venue import FeedVenue
from anyvenue.venue.interface import Retention, VenueOrder
from anyvenue.wire.server_time import ServerTime

from anyvenue_toyex import auth, endpoints, errors, instruments, rest, streams
from anyvenue_toyex.descriptor import CAPABILITIES, DESCRIPTOR


class ToyExVenue(FeedVenue):
    """One account on ToyEx. Without credentials it has market data only."""

    name = errors.VENUE
    capabilities = CAPABILITIES
    retention = Retention(  # orders that ended are remembered for an hour; a time stamp is good for 10 s
        create_window_s=10,
        finds_open=True,
        lists_open=True,
        unfilled_s=3600,
        filled_s=3600,
        unfilled_by_client_id_s=3600,
        filled_by_client_id_s=3600,
        names_fills=True,
    )

    async def connect(self, sink: Sink) -> None:
        """Open the connection: the venue's time, its markets, then the stream with the account's news."""
        self.sink = sink
        urls = await self.reach(endpoints.urls(self.context.environment, self.context.options), DESCRIPTOR.simulator)
        time = ServerTime(self.clock, self._server_time)
        self.http = self.client(
            urls["rest"], judge=errors.refusal_of, sign=auth.rest_headers, buckets=rest.BUCKETS, server_time=time
        )
        await time.sync()
        self.keep_time(time)
        self.list_instruments(await self.ask(rest.MARKETS), instruments.read_instrument)
        protocol = streams.Streams(self.by_name, self.credentials)
        await self.open_feed(urls["ws"], protocol, server_time=time)

    async def _server_time(self) -> int:
        return self.read(rest.read_time, await self.ask(rest.TIME))

    # Market data

    def topic_of(self, subscription: Subscription) -> tuple[str, str]:
        """Return what ToyEx calls a channel."""
        return streams.topic_of(subscription)

    def depth_rule(self, instrument: Instrument) -> SequenceRule:
        """Return how ToyEx numbers its depth frames."""
        return streams.DEPTH_RULE

    async def order_book(self, instrument: Instrument, depth: int = 50) -> BookSnapshot:
        """Return the order book now."""
        return self.read(rest.read_book, await self.ask(rest.order_book(instrument, depth)), instrument)

    # Commands

    async def place(self, spec: OrderSpec) -> Sequence[AccountEvent]:
        """Send a new order, once."""
        self.check(spec)
        return [self.read(rest.read_report, await self.ask(rest.place(spec)))]

    async def cancel(self, order: Order) -> Sequence[AccountEvent]:
        """Cancel by the venue's id, else by our own."""
        return [self.read(rest.read_report, await self.ask(rest.cancel(order)))]

    # Look-ups

    async def order(self, order: Order) -> VenueOrder | None:
        """Look one order up."""
        try:
            return self.read(rest.read_order, await self.ask(rest.look_up(order)), self.by_name)
        except UnknownOrder:
            return None

    async def open_orders(self, instrument: Instrument | None = None) -> Sequence[VenueOrder]:
        """Return the open orders of the account."""
        found = self.read_each(rest.read_order, await self.ask(rest.OPEN_ORDERS), self.by_name)
        return [one for one in found if instrument in (None, one.instrument)]

    async def fills(self, instrument: Instrument, *, start_ns: int) -> Sequence[Fill]:
        """Return the account's fills since `start_ns`, oldest first."""
        return self.read_each(rest.read_fill, await self.ask(rest.fills(instrument, start_ns)), self.by_name)

    async def positions(self) -> Sequence[Position]:
        """Return the positions that are not flat."""
        return self.read_each(rest.read_position, await self.ask(rest.POSITIONS), self.by_name)

    async def balances(self) -> Sequence[Balance]:
        """Return the account's balances."""
        return self.read_each(rest.read_balance, await self.ask(rest.BALANCES))
