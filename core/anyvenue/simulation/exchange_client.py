"""A client of the simulated exchange: what a venue asks it, whatever moves the market behind it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from math import inf
from typing import Final, TypeVar

from anyvenue.model.balance import Balance
from anyvenue.model.enums import MarginMode, PositionMode, PositionSide
from anyvenue.model.errors import UnknownInstrument
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.position import Position
from anyvenue.simulation.connection import attempt
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.relabel import as_looked_up, relabel
from anyvenue.venue.clock import Clock
from anyvenue.venue.descriptor import VenueContext
from anyvenue.venue.events import AccountEvent
from anyvenue.venue.interface import Retention, Venue, VenueOrder

__all__ = ["ExchangeClient"]

T = TypeVar("T")

_US: Final = 1_000_000
_NAMED_MAX: Final = 20
"""So many instruments a message names at most."""


class ExchangeClient(Venue):
    """The trading half of a venue, over a simulated `Exchange`; `_ask` is the way there and back.

    `instruments` fills `_instruments`: by symbol, as the client knows them. `_context` is what it was opened with.
    """

    _context: VenueContext

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._instruments: Mapping[str, Instrument] = {}

    async def place(self, spec: OrderSpec) -> Sequence[AccountEvent]:
        """Send a new order."""
        await self._prepare(spec.instrument)
        return await self._command(lambda exchange, account: exchange.place(account, spec))

    async def cancel(self, order: Order) -> Sequence[AccountEvent]:
        """Cancel an order."""
        return await self._command(
            lambda exchange, account: exchange.cancel(
                account, client_order_id=order.client_order_id, venue_order_id=order.venue_order_id
            )
        )

    async def balances(self) -> Sequence[Balance]:
        """Return the account's balances."""
        return self._relabeled(await self._ask(lambda exchange, account: exchange.balances(account)))

    # More commands

    async def amend(
        self, order: Order, *, price: Decimal | None = None, quantity: Decimal | None = None
    ) -> Sequence[AccountEvent]:
        """Change an order in place. A lower quantity alone keeps its place in the queue."""
        return await self._command(
            lambda exchange, account: exchange.amend(
                account,
                client_order_id=order.client_order_id,
                venue_order_id=order.venue_order_id,
                price=price,
                quantity=quantity,
            )
        )

    async def place_batch(self, specs: Sequence[OrderSpec]) -> Sequence[Sequence[AccountEvent] | Exception]:
        """Send several orders in one request, carried out one after the other."""

        def place_all(exchange: Exchange, account: str) -> list[list[AccountEvent] | Exception]:
            def place(spec: OrderSpec) -> list[AccountEvent]:
                return exchange.place(account, spec)

            return [attempt(lambda spec=spec: place(spec)) for spec in specs]  # type: ignore[misc]

        await self._prepare(*(spec.instrument for spec in specs))
        outcomes = await self._ask(place_all)
        return [outcome if isinstance(outcome, Exception) else self._relabeled(outcome) for outcome in outcomes]

    async def cancel_all(self, instrument: Instrument) -> Sequence[AccountEvent]:
        """Cancel every order of the account on an instrument."""
        symbol = self._mine(instrument).symbol
        return await self._command(lambda exchange, account: exchange.cancel_all(account, symbol))

    async def close_position(
        self, instrument: Instrument, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Close a position at market."""
        await self._prepare(instrument)
        symbol = self._mine(instrument).symbol
        return await self._command(lambda exchange, account: exchange.close_position(account, symbol, position_side))

    async def protect(
        self, instrument: Instrument, protection: Protection, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Set a position's take-profit and stop-loss."""
        symbol = self._mine(instrument).symbol
        return await self._command(
            lambda exchange, account: exchange.protect(account, symbol, protection, position_side)
        )

    async def set_leverage(
        self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode = MarginMode.CROSS
    ) -> Position:
        """Set leverage and margin mode of an instrument."""
        symbol = self._mine(instrument).symbol

        def change(exchange: Exchange, account: str) -> Position:
            exchange.set_leverage(account, symbol, leverage, margin_mode)
            return exchange.position(account, symbol)

        return relabel(await self._ask(change), self._instruments, self._clock.time_ns())

    async def set_position_mode(self, mode: PositionMode) -> None:
        """Switch between one-way and hedge mode."""
        await self._ask(lambda exchange, account: exchange.set_position_mode(account, mode))

    # Look-ups

    @property
    def retention(self) -> Retention:
        """Return its memory, which has no end: a create arrives after the latency, and is seen at once."""
        settings = self._context.simulation
        return Retention(
            create_window_s=(settings.latency_in_us + settings.latency_jitter_us) / _US,
            settle_s=0,
            finds_open=True,
            lists_open=True,
            unfilled_s=inf,
            filled_s=inf,
            unfilled_by_client_id_s=inf,
            filled_by_client_id_s=inf,
            names_fills=True,
            triggers=True,
        )

    async def order(self, order: Order) -> VenueOrder | None:
        """Look one order up."""
        found = await self._ask(
            lambda exchange, account: exchange.order(
                account, client_order_id=order.client_order_id, venue_order_id=order.venue_order_id
            )
        )
        return None if found is None else self._seen([found])[0]

    async def open_orders(self, instrument: Instrument | None = None) -> Sequence[VenueOrder]:
        """Return the open orders."""
        symbol = None if instrument is None else self._mine(instrument).symbol
        orders = await self._ask(lambda exchange, account: exchange.open_orders(account, symbol))
        return self._seen(orders)

    async def order_history(self, instrument: Instrument, *, start_ns: int) -> Sequence[VenueOrder]:
        """Return the orders that ended."""
        symbol = self._mine(instrument).symbol
        orders = await self._ask(lambda exchange, account: exchange.order_history(account, symbol, start_ns))
        return self._seen(orders)

    async def fills(self, instrument: Instrument, *, start_ns: int) -> Sequence[Fill]:
        """Return the account's fills."""
        symbol = self._mine(instrument).symbol
        return self._relabeled(await self._ask(lambda exchange, account: exchange.fills(account, symbol, start_ns)))

    async def positions(self) -> Sequence[Position]:
        """Return the positions that are not flat."""
        return self._relabeled(await self._ask(lambda exchange, account: exchange.positions(account)))

    async def funding_payments(self, instrument: Instrument, *, start_ns: int) -> Sequence[FundingPayment]:
        """Return the funding paid and received."""
        symbol = self._mine(instrument).symbol
        return self._relabeled(
            await self._ask(lambda exchange, account: exchange.funding_payments(account, symbol, start_ns))
        )

    # How a request goes

    @abstractmethod
    async def _ask(self, request: Callable[[Exchange, str], T]) -> T:
        """Have the exchange carry out `request`, at its end of the wire, and wait for the answer."""

    async def _prepare(self, *instruments: Instrument) -> None:
        """Wait for what an order for these needs before it leaves. Here that is nothing."""

    async def _command(self, request: Callable[[Exchange, str], list[AccountEvent]]) -> list[AccountEvent]:
        return self._relabeled(await self._ask(request))

    def _relabeled(self, events: Sequence[T]) -> list[T]:
        now = self._clock.time_ns()
        return [relabel(event, self._instruments, now) for event in events]

    def _seen(self, orders: Sequence[Order]) -> list[VenueOrder]:
        now = self._clock.time_ns()
        return [as_looked_up(order, self._instruments, now) for order in orders]

    def _mine(self, instrument: Instrument) -> Instrument:
        found = self._instruments.get(instrument.symbol)
        if found is None or instrument.connection != found.connection:
            listed = ", ".join(own.key for own in islice(self._instruments.values(), _NAMED_MAX))
            if len(self._instruments) > _NAMED_MAX:
                listed += f" and {len(self._instruments) - _NAMED_MAX} more"
            raise UnknownInstrument(f"found {instrument.key}; this connection has {listed}")
        return found
