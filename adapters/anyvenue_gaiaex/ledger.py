"""What became of our orders, told from an account's updates: who is open, what is held, and what that must mean.

GaiaEx tells neither fills nor ends of orders. So an order's fills are what a change of the position proves, shared
among the orders that can have made it, never beyond their quantities; their prices are estimated. An order that two
updates in a row no longer have, with the position told meanwhile, has ended. Nothing here asks, waits or looks at a
clock: it is told what was sent, what was answered and what came in, and returns events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from attrs import evolve

from anyvenue.model.enums import OrderState, OrderType, Side, TimeInForce
from anyvenue.model.errors import RejectReason
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    AmendRejected,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.venue.events import AccountEvent
from anyvenue_gaiaex.derived import derived_fill, estimated_price, held_position
from anyvenue_gaiaex.rest import LIVE_WORDS, Ack, client_id
from anyvenue_gaiaex.streams import Held, Row, Update
from anyvenue_gaiaex.tracked_order import TWICE, TrackedOrder

__all__ = ["Ledger"]

_SECOND_NS: Final = 1_000_000_000
GRACE_NS: Final = 1 * _SECOND_NS
"""An update this soon after an acknowledgement may be older than it: that an order is not in it says nothing."""
PATIENCE_NS: Final = 2 * _SECOND_NS
"""So long a change of position waits for an order that may explain it, before it is a stranger's."""
KEPT_NS: Final = 60 * _SECOND_NS
"""So long an order that has ended may still explain a change of position."""
_FLAT: Final = Held()


class Ledger:
    """The orders and positions of one account. `find` gives the instrument of a symbol, `price_of` a price for it.

    A command of unknown outcome cannot arrive any more `in_doubt_s` after it was sent.
    """

    def __init__(
        self,
        find: Callable[[str], Instrument | None],
        price_of: Callable[[Instrument], Decimal | None],
        in_doubt_s: float = 15.0,
    ) -> None:
        self._find = find
        self._price_of = price_of
        self._doubt_ns = int(in_doubt_s * _SECOND_NS)
        self._told_ns = 0
        self._held_ns = 0
        self._orders: list[TrackedOrder] = []
        self._rows: dict[str, Row] = {}
        self._by_client: dict[str, Row] = {}
        self._held: dict[str, Held] = {}
        self._explained: dict[str, Held] = {}
        self._waiting: dict[str, int] = {}
        self._strange = 0
        self.knows_positions = False
        self._knows_orders = False

    # What is asked

    def positions(self) -> list[Position]:
        """Return the positions that are not flat, as told last."""
        held = ((self._find(symbol), held) for symbol, held in self._held.items() if held.quantity)
        return [held_position(instrument, one, 0) for instrument, one in held if instrument is not None]

    def held(self, instrument: Instrument) -> Held:
        """Return what is held of an instrument, as told last."""
        return self._held.get(instrument.venue_symbol, _FLAT)

    def order_id(self, client_order_id: str, known: str | None) -> str | None:
        """Return the id under which an order is to be found now: the last one, None where none is known yet."""
        tracked = self._of(client_order_id)
        return known if tracked is None or not tracked.ids else tracked.ids[-1]

    @property
    def is_waiting(self) -> bool:
        """Whether a change of position waits for an order that may explain it: then `tick` is to be called later."""
        return bool(self._waiting)

    @property
    def asks_ns(self) -> int | None:
        """From when on an update would settle something that none has been told about since; None for nothing."""
        if not self.knows_positions:
            return 0
        due = [
            max(self._told_ns, tracked.since_ns + self._lag_ns(tracked))
            for tracked in self._orders
            if tracked.ended_ns is None and (tracked.is_doubtful or not tracked.is_shown)
        ]
        return min(due, default=None)

    # What was sent, and what was answered

    def sent(self, spec: OrderSpec, now: int) -> None:
        """An order is about to leave."""
        self._orders.append(
            TrackedOrder(
                instrument=spec.instrument,
                side=spec.side,
                price=spec.price,
                quantity=spec.quantity,
                client_order_id=spec.client_order_id,
                sent_ns=now,
                since_ns=now,
                known_before=frozenset(self._rows),
                is_taking=spec.order_type is OrderType.MARKET or spec.time_in_force is TimeInForce.IOC,
            )
        )

    def take_on(self, order: Order, left_by_ns: int, now: int) -> list[AccountEvent]:
        """Follow an order of an earlier run from now on; what it traded before is in the position it began with.

        What was sent about it had left by then: it may be there under an id, or at terms, that nobody has told.
        """
        if order.is_terminal or self._of(order.client_order_id) is not None:
            return []
        ids = [*order.former_ids, *([order.venue_order_id] if order.venue_order_id is not None else [])]
        amend = order.amend
        price = order.price if amend is None else amend.price or order.price
        tracked = TrackedOrder(
            instrument=order.instrument,
            side=order.side,
            price=order.price,
            quantity=order.quantity,
            client_order_id=order.client_order_id,
            since_ns=left_by_ns,
            ids=ids,
            is_live=order.state is not OrderState.SENT,
            filled=order.filled_quantity,
            doubt=None if amend is None or price is None else (price, amend.quantity or order.quantity),
            is_left_over=True,
        )
        self._orders.append(tracked)
        row = self._row_of(tracked)
        tracked.is_shown = row is not None
        return [] if row is None else self._seen(tracked, row, now)

    def refused(self, client_order_id: str) -> None:
        """It was refused, or never left."""
        self._orders = [one for one in self._orders if one.client_order_id != client_order_id]

    def acknowledged(self, client_order_id: str, ack: Ack, now: int) -> list[AccountEvent]:
        """It was answered. Only a word that says that it lives settles that; `filled` may mean in part."""
        tracked = self._of(client_order_id)
        if tracked is None:
            return []
        if ack.order_id is not None and ack.order_id not in tracked.ids:
            tracked.ids.append(ack.order_id)
        tracked.since_ns = now
        named = tracked.names() | {"ts_event": ack.ts_event, "ts_recv": now}
        if ack.order_id is None or not (ack.status in LIVE_WORDS or ack.status == "filled" or tracked.is_live):
            return [OrderUnknown(**named, text=f"the venue answered {ack.status or 'without a status'!r}")]
        tracked.is_live, tracked.is_taking = True, tracked.is_taking or ack.status == "filled"
        return [OrderAccepted(**named)]

    def amending(self, client_order_id: str, price: Decimal, quantity: Decimal, now: int) -> None:
        """A modification is about to leave: from now on the order may be found by either id, at either terms."""
        tracked = self._of(client_order_id)
        if tracked is not None:
            tracked.doubt, tracked.since_ns, tracked.known_before = (price, quantity), now, frozenset(self._rows)

    def amend_refused(self, client_order_id: str) -> None:
        """The modification was refused, or never left."""
        tracked = self._of(client_order_id)
        if tracked is not None:
            tracked.doubt = None

    def amended(self, client_order_id: str, ack: Ack, now: int) -> list[AccountEvent]:
        """The modification was answered, with the order's id from now on."""
        tracked = self._of(client_order_id)
        return [] if tracked is None else self._amended(tracked, ack.order_id, now, ack.ts_event)

    def canceled(self, order_ids: Iterable[str], now: int, client_order_id: str | None = None) -> list[AccountEvent]:
        """The venue says that these are canceled. What they traded before, the position is still to tell."""
        events: list[AccountEvent] = []
        for order_id in order_ids:
            tracked = next((one for one in self._orders if order_id in one.ids), None)
            if tracked is not None and tracked.ended_ns is None:
                tracked.ended_ns, tracked.is_canceled, tracked.looks = now, True, 0
            name = client_order_id if tracked is None else tracked.client_order_id
            events.append(OrderCanceled(client_order_id=name, venue_order_id=order_id, ts_recv=now))
        return events

    def gone(self, client_order_id: str, now: int) -> list[AccountEvent]:
        """The venue says that it has no such open order. That ends it where the account's last update says so too.

        Not while a modification is in doubt: the order may live on under an id that nobody has told.
        """
        tracked = self._of(client_order_id)
        if tracked is None or tracked.ended_ns is not None or tracked.is_doubtful or not self._knows_orders:
            return []
        if any(one in self._rows for one in tracked.ids):
            return []
        return self._ended(tracked, now)

    def mistrust(self, client_order_id: str, now: int) -> None:
        """A cancel of it has an outcome that only a later update can tell."""
        tracked = self._of(client_order_id)
        if tracked is not None and tracked.ended_ns is None:
            tracked.is_shown = False
            tracked.since_ns = tracked.since_ns if tracked.is_doubtful else now

    def closing(self, instrument: Instrument, side: Side, quantity: Decimal, now: int) -> Callable[[Ack | None], None]:
        """The venue is about to be asked to close a position, which it does by an order of its own making.

        Return what is to be told the answer, or None where it was refused.
        """
        order = TrackedOrder(
            instrument=instrument,
            side=side,
            price=None,
            quantity=quantity,
            client_order_id=None,
            sent_ns=now,
            since_ns=now,
        )
        order.is_taking = True
        self._orders.append(order)

        def answered(ack: Ack | None) -> None:
            if ack is None:
                self._orders.remove(order)
            elif ack.order_id is not None:
                order.ids, order.is_live = [ack.order_id], True

        return answered

    def reconnected(self) -> None:
        """Updates were missed: those from now on do not follow on the ones before."""
        for tracked in self._orders:
            tracked.misses = tracked.looks = 0

    # What comes in

    def update(self, told: Update, now: int) -> list[AccountEvent]:
        """Return what an update means."""
        events: list[AccountEvent] = []
        self._told_ns = now
        if told.orders is not None:
            events += self._see_orders(told.orders, now)
        if told.positions is not None:
            events += self._see_positions(told.positions, now, told.ts_event)
            for tracked in self._orders:
                tracked.looks += 1 if tracked.misses or tracked.ended_ns is not None else 0
        return events + self.tick(now) + self._settle(now)

    def tick(self, now: int) -> list[AccountEvent]:
        """Return what waiting for long enough means for changes of position that no order has explained."""
        events: list[AccountEvent] = []
        for symbol in list(self._waiting):
            events += self._explain(symbol, now, 0)
        return events

    def _of(self, client_order_id: str) -> TrackedOrder | None:
        return next((one for one in self._orders if one.client_order_id == client_order_id), None)

    # Orders

    def _see_orders(self, rows: dict[str, Row] | Any, now: int) -> list[AccountEvent]:
        self._rows, self._knows_orders = dict(rows), True
        self._by_client = {row.client_id.lower(): row for row in rows.values() if row.client_id}
        events: list[AccountEvent] = []
        for tracked in self._orders:
            row = self._row_of(tracked)
            tracked.is_shown = row is not None
            if row is not None:
                events += self._seen(tracked, row, now)
            elif now >= tracked.since_ns + self._lag_ns(tracked):
                tracked.misses += 1
        return events

    def _row_of(self, tracked: TrackedOrder) -> Row | None:
        """Return the row that is an order's in the last update: by its id, else by its client id, else by its terms."""
        rows, name = self._rows, tracked.client_order_id
        row = next((rows[one] for one in reversed(tracked.ids) if one in rows), None)
        if row is None and name is not None:
            row = self._by_client.get(client_id(name)) or self._by_client.get(name) or self._adoptable(tracked, rows)
        return row

    def _lag_ns(self, tracked: TrackedOrder) -> int:
        """Return how long after the last write about an order its absence begins to say something."""
        return self._doubt_ns if tracked.is_doubtful else GRACE_NS

    def _adoptable(self, tracked: TrackedOrder, rows: dict[str, Row]) -> Row | None:
        """Return the one order that can only be this one, whose id is not known since its answer never came."""
        if tracked.ended_ns is not None or not tracked.is_doubtful:
            return None
        price, quantity = tracked.doubt or (tracked.price, tracked.quantity)
        fits = [
            row
            for row in self._fresh(tracked, rows)
            if not row.client_id and row.price == price and {quantity, quantity - tracked.filled} & row.sizes
        ]
        return fits[0] if len(fits) == 1 else None

    def _fresh(self, tracked: TrackedOrder, rows: dict[str, Row]) -> list[Row]:
        """Return the orders of nobody, on the same side of the same symbol, that came up since this one was sent."""
        ours = {one for other in self._orders for one in other.ids}
        return [
            row
            for one, row in rows.items()
            if one not in ours
            and one not in tracked.known_before
            and not row.is_trigger
            and row.symbol == tracked.instrument.venue_symbol
            and row.side is tracked.side
        ]

    def _seen(self, tracked: TrackedOrder, row: Row, now: int) -> list[AccountEvent]:
        was_left_over, tracked.is_left_over = tracked.is_left_over, False
        if tracked.ended_ns is None:
            tracked.misses = tracked.looks = 0
        is_new = row.order_id not in tracked.ids
        events = self._recognized(tracked, row, now, is_new=is_new)
        if row.filled is not None:
            if tracked.earlier_fills is None:  # an order under a new id may begin to count anew
                tracked.earlier_fills = tracked.filled if row.filled < tracked.filled else ZERO
            tracked.told_filled = row.filled + tracked.earlier_fills
            tracked.unheard = max(ZERO, tracked.untold) if was_left_over else tracked.unheard
        return events

    def _recognized(self, tracked: TrackedOrder, row: Row, now: int, *, is_new: bool) -> list[AccountEvent]:
        """Return what it says of the fate of commands that an order is there, at these terms, under this id."""
        if not tracked.is_live:
            tracked.is_live = True
            tracked.ids += [row.order_id] if is_new else []
            return [OrderAccepted(**tracked.names(), ts_recv=now)]
        if tracked.doubt is not None and (is_new or (row.price == tracked.doubt[0] != tracked.price)):
            return self._amended(tracked, row.order_id, now, 0)
        is_as_it_was = tracked.doubt is not None and row.price == tracked.price != tracked.doubt[0]
        if is_as_it_was and now >= tracked.since_ns + self._doubt_ns:
            tracked.doubt = None
            text = "the order is still there as it was, and the request can no longer arrive"
            return [AmendRejected(**tracked.names(), reason=RejectReason.EXPIRED, text=text, ts_recv=now)]
        if is_new:
            return self._amended(tracked, row.order_id, now, 0)
        return []

    def _amended(self, tracked: TrackedOrder, order_id: str | None, now: int, ts_event: int) -> list[AccountEvent]:
        if order_id is not None:
            if tracked.filled and order_id not in tracked.ids:
                tracked.earlier_fills = None
            tracked.ids = [*(one for one in tracked.ids if one != order_id), order_id]
        price, quantity = tracked.doubt or (tracked.price, tracked.quantity)
        tracked.price, tracked.quantity, tracked.doubt = price, quantity, None
        tracked.since_ns, tracked.misses, tracked.looks, tracked.told_filled = now, 0, 0, None
        names = tracked.names()
        return [OrderAmended(**names, price=price, quantity=quantity, ts_event=ts_event, ts_recv=now)]

    def _settle(self, now: int) -> list[AccountEvent]:
        """Tell the end of orders that are gone for good; forget those that ended long ago."""
        events: list[AccountEvent] = []
        for tracked in self._orders:
            if tracked.ended_ns is not None or tracked.misses < TWICE or tracked.looks < TWICE:
                continue
            if tracked.instrument.venue_symbol in self._waiting or (
                not (tracked.ids and tracked.doubt is None) and self._fresh(tracked, self._rows)
            ):
                continue  # what is not explained yet may be this one's
            events += self._ended(tracked, now)
        self._orders = [one for one in self._orders if one.ended_ns is None or now < one.ended_ns + KEPT_NS]
        return events

    def _ended(self, tracked: TrackedOrder, now: int) -> list[AccountEvent]:
        tracked.ended_ns = now
        if tracked.room <= 0 and not tracked.unheard:
            return []
        if tracked.ids or tracked.filled or tracked.is_left_over:
            text = "it is not among the open orders any more; what it traded is what the position tells"
            return [OrderCanceled(**tracked.names(), text=text, ts_recv=now)]
        text = "it never came up, and can no longer arrive"
        return [OrderRejected(**tracked.names(), reason=RejectReason.EXPIRED, text=text, ts_recv=now)]

    # Positions

    def _see_positions(self, told: dict[str, Held] | Any, now: int, ts_event: int) -> list[AccountEvent]:
        events: list[AccountEvent] = []
        self._held_ns = now
        before, self._held = self._held, {symbol: held for symbol, held in told.items() if held.quantity}
        if not self.knows_positions:  # where it begins: nothing can be said of what came before
            self.knows_positions, self._explained = True, dict(self._held)
        for symbol in sorted({*before, *self._held, *self._waiting}):
            events += self._explain(symbol, now, ts_event)
            held, instrument = self._held.get(symbol, _FLAT), self._find(symbol)
            if instrument is not None and held != before.get(symbol, _FLAT):
                events.append(held_position(instrument, held, now, ts_event))
        return events

    def _explain(self, symbol: str, now: int, ts_event: int) -> list[AccountEvent]:
        """Share a change of position among the orders that can have made it."""
        held, base, instrument = self._held.get(symbol, _FLAT), self._explained.get(symbol, _FLAT), self._find(symbol)
        change = held.quantity - base.quantity
        reference = None if instrument is None else self._price_of(instrument)
        price = estimated_price(base, held, reference)
        if instrument is None or not change:
            self._explained[symbol] = held
            self._waiting.pop(symbol, None)
            return []
        since = self._waiting.setdefault(symbol, now)
        if price is None:
            return []  # there is no price to book it at: the next update or book may bring one
        side, left, events = Side.BUY if change > 0 else Side.SELL, abs(change), list[AccountEvent]()
        for tracked in self._candidates(instrument, side):
            most = tracked.room if tracked.rank != 0 else min(tracked.room, tracked.untold)
            quantity = min(most, left)
            if quantity > 0:
                tracked.filled += quantity
                left -= quantity
                events.append(self._fill(tracked, quantity, price, now, ts_event))
        may_come = any(one.ended_ns is None for one in self._able(instrument, side))
        if left and (not may_come or now >= since + PATIENCE_NS):
            events.append(self._strangers(instrument, side, left, price, now))
            left = ZERO
        if left:
            self._explained[symbol] = evolve(held, quantity=held.quantity - left * side.sign, entry_price=None)
        else:
            self._explained[symbol] = held
            self._waiting.pop(symbol, None)
        return events

    def _able(self, instrument: Instrument, side: Side) -> list[TrackedOrder]:
        """Return who may have traded more than was told, leaving out what was sent after the positions were told."""
        return [
            one
            for one in self._orders
            if one.instrument.key == instrument.key
            and one.side is side
            and one.room > 0
            and one.sent_ns < self._held_ns
        ]

    def _candidates(self, instrument: Instrument, side: Side) -> list[TrackedOrder]:
        """Return who can have made a change, the likeliest first: of equals the better price, then the older."""
        able = [one for one in self._able(instrument, side) if one.rank is not None]
        return sorted(able, key=lambda one: (one.rank, one.price is not None, (one.price or ZERO) * -side.sign))

    def _fill(self, tracked: TrackedOrder, quantity: Decimal, price: Decimal, now: int, ts_event: int) -> OrderFilled:
        if tracked.price is not None:  # a limit order does not trade at worse than its price
            limits = [tracked.price, *([tracked.doubt[0]] if tracked.doubt else [])]
            price = min(price, max(limits)) if tracked.side is Side.BUY else max(price, min(limits))
        name = tracked.client_order_id or (tracked.ids or [f"close at {tracked.since_ns}"])[-1]
        names = tracked.names()
        trade_id = f"position:{name}:{tracked.filled:f}"
        fill = derived_fill(tracked.instrument, tracked.side, quantity, price, trade_id, names, now, ts_event)
        return OrderFilled(**names, fill=fill, ts_event=ts_event, ts_recv=now)

    def _strangers(
        self, instrument: Instrument, side: Side, quantity: Decimal, price: Decimal, now: int
    ) -> OrderFilled:
        """A change that none of our orders made: a trigger, a liquidation, a person at the app."""
        self._strange += 1
        names = {"client_order_id": None, "venue_order_id": None}
        trade_id = f"position:stranger:{now}:{self._strange}"
        return OrderFilled(fill=derived_fill(instrument, side, quantity, price, trade_id, names, now, 0), ts_recv=now)
