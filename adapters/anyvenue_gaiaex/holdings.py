"""What an account holds, and the fills that its changes prove: each change is shared among the orders that made it.

Never is more booked than a position proves, and never more to an order than its quantity. A change that cannot be
told to be one order's waits for the next news, for a while; what is left then is a stranger's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO
from anyvenue.model.order_events import OrderFilled
from anyvenue.model.position import Position
from anyvenue.venue.events import AccountEvent
from anyvenue_gaiaex.claims import Change, claim_of, netted, share_out
from anyvenue_gaiaex.derived import derived_fill, estimated_price, held_position
from anyvenue_gaiaex.streams import Held, Row
from anyvenue_gaiaex.tracked_order import TrackedOrder

__all__ = ["Holdings"]

PATIENCE_NS: Final = 2_000_000_000
"""So long a change of position waits for what tells which order made it: less than the 3 s after which the engine's
reconciliation books what fills do not explain."""
_FLAT: Final = Held()


class Holdings:
    """The positions of one account. `find` gives the instrument of a symbol, `price_of` a price for it."""

    def __init__(
        self, find: Callable[[str], Instrument | None], price_of: Callable[[Instrument], Decimal | None]
    ) -> None:
        self._find = find
        self._price_of = price_of
        self._held: dict[str, Held] = {}
        self._told_ns = 0
        self._changes: list[Change] = []
        self._strange = 0
        self.is_known = False

    @property
    def is_waiting(self) -> bool:
        """Whether a change waits to be explained."""
        return bool(self._changes)

    def waits_for(self, instrument: Instrument, side: Side) -> bool:
        """Tell whether a change that orders of one side may have made waits to be explained."""
        return any(one.instrument.key == instrument.key and one.side is side for one in self._changes)

    def positions(self) -> list[Position]:
        """Return the positions that are not flat, as told last."""
        held = ((self._find(symbol), held) for symbol, held in self._held.items())
        return [held_position(instrument, one, 0) for instrument, one in held if instrument is not None]

    def held(self, instrument: Instrument) -> Held:
        """Return what is held of an instrument, as told last."""
        return self._held.get(instrument.venue_symbol, _FLAT)

    def told(
        self, told: Mapping[str, Held], steady: Sequence[Row], now: int, ts_event: int
    ) -> list[tuple[Instrument, Held]]:
        """Take in what is held now; return what has changed. `steady` are the rows that were there before and after."""
        before, self._held = self._held, {symbol: held for symbol, held in told.items() if held.quantity}
        before_ns, self._told_ns = self._told_ns, now
        changed: list[tuple[Instrument, Held]] = []
        for symbol in sorted({*before, *self._held}):
            held, base, instrument = self._held.get(symbol, _FLAT), before.get(symbol, _FLAT), self._find(symbol)
            if instrument is None or held == base:
                continue
            changed.append((instrument, held))
            if self.is_known and held.quantity != base.quantity:
                side = Side.BUY if held.quantity > base.quantity else Side.SELL
                self._changes.append(
                    Change(
                        instrument=instrument,
                        side=side,
                        left=abs(held.quantity - base.quantity),
                        base=base,
                        held=held,
                        steady=[row for row in steady if row.symbol == symbol and row.side is side],
                        before_ns=before_ns,
                        told_ns=now,
                        ts_event=ts_event,
                    )
                )
        self.is_known = True  # where it begins nothing can be said of what came before
        return changed

    def explain(self, orders: Iterable[TrackedOrder], orders_ns: int, now: int) -> list[AccountEvent]:
        """Share the changes among the orders, as far as it is clear who made them or late enough to guess.

        `orders_ns` is when the open orders were told last.
        """
        events: list[AccountEvent] = []
        for change in self._changes:
            events += self._explain(change, [*orders], orders_ns, now)
        self._changes = [change for change in self._changes if change.left]
        return events

    def net(self, order: TrackedOrder, orders: Sequence[TrackedOrder], now: int) -> Iterable[AccountEvent]:
        """Book what an order that is no more has traded against others of ours: no position has changed by it."""
        market = self._price_of(order.instrument)
        for other, quantity in netted(order, orders):
            # What rested traded at its own price.
            prices = [(one, one.price if one.is_seen else market or one.price) for one in (order, other)]
            if all(price is not None for _, price in prices):
                yield from (self._fill(one, quantity, price or ZERO, now, 0) for one, price in prices)

    def _explain(
        self, change: Change, orders: Sequence[TrackedOrder], orders_ns: int, now: int
    ) -> Iterable[AccountEvent]:
        price = estimated_price(change.base, change.held, self._price_of(change.instrument))
        claims = [claim for one in orders if (claim := claim_of(one, change, orders_ns)) is not None]
        is_late = now >= change.told_ns + PATIENCE_NS
        if price is None and is_late:
            price = change.base.entry_price  # a guess, but else neither the fill nor the order's end is ever told
        shares = share_out(change.left, claims, is_late=is_late)
        for claim, quantity in shares:
            booked_at = price or claim.order.price
            if booked_at is not None:  # else it waits: the next update or book may bring a price
                change.left -= quantity
                yield self._fill(claim.order, quantity, booked_at, now, change.ts_event)
        may_come = len(claims) > len(shares) or any(one.ended_ns is None and change.can_be_of(one) for one in orders)
        if change.left and price is not None and (is_late or not may_come):
            yield self._strangers(change, price, now)
            change.left = ZERO

    def _fill(self, tracked: TrackedOrder, quantity: Decimal, price: Decimal, now: int, ts_event: int) -> OrderFilled:
        if limits := tracked.prices:  # a limit order does not trade at worse than its price
            price = min(price, max(limits)) if tracked.side is Side.BUY else max(price, min(limits))
        tracked.filled += quantity
        tracked.credited_ns = now
        name = tracked.client_order_id or (tracked.ids or [f"close at {tracked.since_ns}"])[-1]
        names = tracked.names()
        trade_id = f"position:{name}:{tracked.filled:f}"
        fill = derived_fill(tracked.instrument, tracked.side, quantity, price, trade_id, names, now, ts_event)
        return OrderFilled(**names, fill=fill, ts_event=ts_event, ts_recv=now)

    def _strangers(self, change: Change, price: Decimal, now: int) -> OrderFilled:
        """A change that none of our orders made: a trigger, a liquidation, a person at the app."""
        self._strange += 1
        names = {"client_order_id": None, "venue_order_id": None}
        trade_id = f"position:stranger:{now}:{self._strange}"
        fill = derived_fill(change.instrument, change.side, change.left, price, trade_id, names, now, 0)
        return OrderFilled(fill=fill, ts_recv=now)
