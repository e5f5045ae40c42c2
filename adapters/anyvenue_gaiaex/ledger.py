"""What became of our orders, told from an account's updates: who is open, what is held, and what that must mean.

GaiaEx tells neither fills nor ends of orders. So an order's fills are what a change of the position proves, shared
among the orders that can have made it, never beyond their quantities; their prices are estimated. An order that two
updates in a row no longer have, with the position told meanwhile, has ended. Nothing here asks, waits or looks at a
clock: it is told what was sent, what was answered and what came in, and returns events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from attrs import frozen

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
    OrderRejected,
    OrderReported,
    OrderUnknown,
)
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.venue.events import AccountEvent
from anyvenue_gaiaex.derived import held_position
from anyvenue_gaiaex.holdings import Holdings
from anyvenue_gaiaex.open_rows import OpenRows
from anyvenue_gaiaex.rest import LIVE_WORDS, Ack
from anyvenue_gaiaex.streams import Held, Row, Update
from anyvenue_gaiaex.tracked_order import TWICE, TrackedOrder

__all__ = ["Ledger", "Stray"]

_SECOND_NS: Final = 1_000_000_000
GRACE_NS: Final = 1 * _SECOND_NS
"""An update this soon after an acknowledgement may be older than it: that an order is not in it says nothing."""
CHASE_NS: Final = 5 * _SECOND_NS
"""So long after its cancel an order that was believed to have ended may be shown."""
KEPT_NS: Final = 60 * _SECOND_NS
"""So long an order that has ended may still explain a change of position."""


@frozen
class Stray:
    """An order that is open at the venue by this id, and of which everybody has been told that it has ended."""

    order_id: str
    order: TrackedOrder


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
        self._doubt_ns = int(in_doubt_s * _SECOND_NS)
        self._holdings = Holdings(find, price_of)
        self._told_ns = 0
        self._orders_ns = 0
        self._orders: list[TrackedOrder] = []
        self._rows = OpenRows(is_told=False)

    # What is asked

    @property
    def knows_positions(self) -> bool:
        """Whether the positions have been told."""
        return self._holdings.is_known

    def positions(self) -> list[Position]:
        """Return the positions that are not flat, as told last."""
        return self._holdings.positions()

    def held(self, instrument: Instrument) -> Held:
        """Return what is held of an instrument, as told last."""
        return self._holdings.held(instrument)

    def order_id(self, client_order_id: str, known: str | None) -> str | None:
        """Return the id under which an order is to be found now: the last one, None where none is known yet."""
        tracked = self._of(client_order_id)
        return known if tracked is None or not tracked.ids else tracked.ids[-1]

    @property
    def is_waiting(self) -> bool:
        """Whether a change of position waits for an order that may explain it: then `tick` is to be called later."""
        return self._holdings.is_waiting

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
        due += [max(self._told_ns, from_ns) for from_ns, _, _ in self._shown_though_over()]
        return min(due, default=None)

    def strays(self, now: int) -> list[Stray]:
        """Return the orders that are open though they are believed to have ended; each again only after a while.

        No event can bring them back, so they are to be canceled.
        """
        found = [(tracked, row) for from_ns, tracked, row in self._shown_though_over() if now >= from_ns]
        for tracked, _ in found:
            tracked.chased_ns = now
        return [Stray(row.order_id, tracked) for tracked, row in found]

    def _shown_though_over(self) -> Iterator[tuple[int, TrackedOrder, Row]]:
        """Iterate over the orders that the last update has though they are believed over; from when on that counts."""
        for tracked in self._orders:
            over_ns = tracked.over_ns if tracked.is_shown else None
            row = None if over_ns is None else self._rows.row_of(tracked, self._orders)
            if over_ns is not None and row is not None and (row.filled is None or row.filled < tracked.quantity):
                yield max(over_ns + GRACE_NS, tracked.chased_ns + CHASE_NS), tracked, row

    # What was sent, and what was answered

    def sent(self, spec: OrderSpec, now: int) -> None:
        """An order leaves."""
        self.refused(spec.client_order_id)
        self._orders.append(
            TrackedOrder(
                instrument=spec.instrument,
                side=spec.side,
                price=spec.price,
                quantity=spec.quantity,
                client_order_id=spec.client_order_id,
                sent_ns=now,
                since_ns=now,
                known_before=frozenset(self._rows.rows),
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
            is_canceling=order.cancel is not None,
            filled=order.filled_quantity,
            doubt=None if amend is None or price is None else (price, amend.quantity or order.quantity),
            is_left_over=True,
        )
        self._orders.append(tracked)
        row = self._rows.row_of(tracked, self._orders)
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
        return [OrderAccepted(**named), *self.tick(now)]

    def amending(self, client_order_id: str, price: Decimal, quantity: Decimal, now: int) -> None:
        """A modification is about to leave: from now on the order may be found by either id, at either terms."""
        tracked = self._of(client_order_id)
        if tracked is not None:
            tracked.doubt, tracked.since_ns, tracked.known_before = (price, quantity), now, frozenset(self._rows.rows)

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
            if tracked is not None:
                tracked.is_shown = False
            if tracked is not None and tracked.ended_ns is None:
                tracked.ended_ns, tracked.is_canceled, tracked.looks = now, True, 0
            name = client_order_id if tracked is None else tracked.client_order_id
            events.append(OrderCanceled(client_order_id=name, venue_order_id=order_id, ts_recv=now))
        return events

    def gone(self, client_order_id: str, now: int) -> list[AccountEvent]:
        """The venue says that it has no such open order. That ends it where the account's last update says so too.

        Not where that is older than the order, which may not have come to where cancels look; nor while a modification
        is in doubt: the order may live on under an id that nobody has told.
        """
        tracked = self._of(client_order_id)
        if tracked is None or tracked.ended_ns is not None or tracked.is_doubtful or not self._rows.is_told:
            return []
        if self._orders_ns < tracked.since_ns:
            return []
        if any(one in self._rows.rows for one in tracked.ids):
            return []
        return self._ended(tracked, now)

    def canceling(self, instrument: Instrument, client_order_id: str | None = None) -> None:
        """A cancel of an order, or of all, is about to leave: where one is gone from now on it may have been that."""
        for tracked in self._orders:
            if tracked.instrument.key == instrument.key and client_order_id in (None, tracked.client_order_id):
                tracked.is_canceling = True

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
        changed: list[tuple[Instrument, Held]] = []
        self._told_ns, before = now, self._rows
        if told.orders is not None:
            self._orders_ns = now
            events += self._see_orders(told.orders, now)
        if told.positions is not None:
            steady = [] if told.orders is None else before.steady(self._rows)
            changed = self._holdings.told(told.positions, steady, now, told.ts_event)
        events += self.tick(now)
        if told.positions is not None:
            for tracked in self._orders:
                tracked.looks += 1 if tracked.misses or tracked.ended_ns is not None else 0
        events += [held_position(instrument, held, now, told.ts_event) for instrument, held in changed]
        return events + self._settle(now)

    def tick(self, now: int) -> list[AccountEvent]:
        """Return what is known by now of the changes of positions: what was answered, or has waited long enough."""
        return self._holdings.explain(self._orders, self._orders_ns, now)

    def _of(self, client_order_id: str) -> TrackedOrder | None:
        return next((one for one in self._orders if one.client_order_id == client_order_id), None)

    # Orders

    def _see_orders(self, rows: Mapping[str, Row], now: int) -> list[AccountEvent]:
        self._rows = self._rows.followed_by(rows, self._orders)
        events: list[AccountEvent] = []
        for tracked in self._orders:
            row = self._rows.row_of(tracked, self._orders)
            tracked.is_shown = row is not None
            if row is not None:
                events += self._seen(tracked, row, now) if tracked.over_ns is None else self._back(tracked, row, now)
            elif now >= tracked.since_ns + self._lag_ns(tracked):
                tracked.misses += 1
        return events

    def _lag_ns(self, tracked: TrackedOrder) -> int:
        """Return how long after the last write about an order its absence begins to say something."""
        return self._doubt_ns if tracked.is_doubtful else GRACE_NS

    def _seen(self, tracked: TrackedOrder, row: Row, now: int) -> list[AccountEvent]:
        was_left_over, tracked.is_left_over = tracked.is_left_over, False
        tracked.is_seen = True
        if tracked.ended_ns is None:
            tracked.misses = tracked.looks = 0
        is_new = row.order_id not in tracked.ids
        events = self._recognized(tracked, row, now, is_new=is_new)
        filled = row.filled
        if filled is None and tracked.doubt is None and len(row.sizes) == 1:
            rest = min(row.sizes)  # one size alone may be the whole or the rest: below the whole it is the rest
            filled = tracked.quantity - rest if ZERO < rest < tracked.quantity else None
        if filled is not None:
            if tracked.earlier_fills is None:  # an order under a new id may begin to count anew
                tracked.earlier_fills = tracked.filled if filled < tracked.filled else ZERO
            tracked.told_filled = filled + tracked.earlier_fills
            tracked.unheard = max(ZERO, tracked.untold) if was_left_over else tracked.unheard
        return events

    def _back(self, tracked: TrackedOrder, row: Row, now: int) -> list[AccountEvent]:
        """It is there though it is believed to have ended. What never came up comes to life; the rest are strays."""
        tracked.ids += [] if row.order_id in tracked.ids else [row.order_id]
        if not tracked.is_refused:
            return []
        tracked.is_refused, tracked.is_live, tracked.ended_ns = False, True, None
        back = OrderReported(
            **tracked.names(),
            state=OrderState.OPEN,
            filled_quantity=tracked.filled,
            price=row.price or tracked.price,
            quantity=tracked.quantity,
            text="it came up after all",
            ts_recv=now,
        )
        return [back, *self._seen(tracked, row, now)]

    def _recognized(self, tracked: TrackedOrder, row: Row, now: int, *, is_new: bool) -> list[AccountEvent]:
        """Return what it says of the fate of commands that an order is there, at these terms, under this id."""
        if not tracked.is_live:
            tracked.is_live = True
            tracked.ids += [row.order_id] if is_new else []
            return [OrderAccepted(**tracked.names(), ts_recv=now)]
        is_changed = tracked.is_changed(row)
        if tracked.doubt is not None and (is_new or is_changed):
            return self._amended(tracked, row.order_id, now, 0)
        if is_changed is False and now >= tracked.since_ns + self._doubt_ns:
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
            if self._holdings.waits_for(tracked.instrument, tracked.side) or (
                not (tracked.ids and tracked.doubt is None) and self._rows.fresh(tracked, self._orders)
            ):
                continue  # what is not explained yet may be this one's
            if tracked.room > 0:
                events += self._holdings.net(tracked, self._orders, now)
            events += self._ended(tracked, now)
        self._orders = [
            one for one in self._orders if one.ended_ns is None or one.is_shown or now < one.ended_ns + KEPT_NS
        ]
        return events

    def _ended(self, tracked: TrackedOrder, now: int) -> list[AccountEvent]:
        tracked.ended_ns = now
        if tracked.room <= 0 and not tracked.unheard:
            return []
        if tracked.ids or tracked.filled or tracked.is_left_over:
            text = "it is not among the open orders any more; what it traded is what the position tells"
            return [OrderCanceled(**tracked.names(), text=text, ts_recv=now)]
        tracked.is_refused = True
        text = "it never came up, and can no longer arrive"
        return [OrderRejected(**tracked.names(), reason=RejectReason.EXPIRED, text=text, ts_recv=now)]
