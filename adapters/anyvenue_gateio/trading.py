"""What changes an account at Gate: orders, positions, modes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any, Final

from anyvenue.model.enums import MarginMode, PositionMode, PositionSide, Side, TradingStatus
from anyvenue.model.errors import (
    AnyvenueError,
    InvalidOrder,
    Rejected,
    RejectReason,
    UnknownOrder,
)
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderSent,
    OrderTriggered,
)
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.position import Position
from anyvenue.venue.events import (
    AccountEvent,
)
from anyvenue_gateio import errors
from anyvenue_gateio.look_ups import GateLookUps, waits
from anyvenue_gateio.rest import account, orders, triggers

__all__ = ["GateTrading"]

NAMES_KEPT: Final = 10_000
_GONE: Final = (RejectReason.UNKNOWN_ORDER, RejectReason.ORDER_CLOSED)


class GateTrading(GateLookUps):
    """Commands. An order that waits for a trigger is in a list of its own, until it fires."""

    async def place(self, spec: OrderSpec) -> Sequence[AccountEvent]:
        """Send a new order, once. One that waits for a trigger goes to a list of its own."""
        self._check_open(spec)
        self.traded[spec.instrument.key] = spec.instrument
        if spec.trigger is not None:
            accepted: OrderAccepted = self.read(triggers.created, await self.ask(triggers.create(spec)), spec)
            self._names[str(accepted.venue_order_id)] = spec.client_order_id
            self._waits[spec.client_order_id] = Order(spec=spec).apply(OrderSent()).apply(accepted)
            if len(self._names) > NAMES_KEPT:
                self._names.popitem(last=False)
            return [accepted]
        expires_ms = self._expiry_ms()
        if self._by_rest:
            data = await self.ask(orders.place(spec, expires_ms=expires_ms))
        else:
            body = orders.order_body(spec)
            urgent = "reduce_only" in body
            data = await self._enter("futures.order_place", body, urgent=urgent, expires_ms=expires_ms)
        return [self.read(orders.order_report, data, spec.instrument)]

    def _check_open(self, spec: OrderSpec) -> None:
        """Refuse what would open where a contract runs off. A halt may be over at any moment: Gate knows."""
        listed = self._latest.get(spec.instrument.venue_symbol, spec.instrument)
        if listed.status is TradingStatus.REDUCE_ONLY and not orders.reduces(spec):
            raise Rejected(
                f"{spec.instrument.key} is being delisted and takes only orders that reduce a position (reduce_only); "
                "nothing was sent",
                reason=RejectReason.REDUCE_ONLY,
                venue=self.name,
            )

    async def place_batch(self, specs: Sequence[OrderSpec]) -> Sequence[Sequence[AccountEvent] | Exception]:
        """Send several orders, ten to a request; one answer for each. Those with triggers are sent one by one."""
        answers: dict[int, Sequence[AccountEvent] | Exception] = {}
        plain: list[int] = []
        for number, spec in enumerate(specs):
            try:
                if spec.trigger is not None:
                    answers[number] = await self.place(spec)
                else:
                    self._check_open(spec)
                    orders.order_body(spec)
                    plain.append(number)
            except (AnyvenueError, InvalidOrder) as error:
                answers[number] = error
        for start in range(0, len(plain), orders.BATCH):
            rows = plain[start : start + orders.BATCH]
            answers |= zip(rows, await self._place_ten([specs[number] for number in rows]), strict=True)
        return [answers[number] for number in range(len(specs))]

    async def _place_ten(self, specs: Sequence[OrderSpec]) -> Sequence[Sequence[AccountEvent] | Exception]:
        self.traded.update((spec.instrument.key, spec.instrument) for spec in specs)
        request = orders.place_batch(specs, expires_ms=self._expiry_ms())

        def error_of(row: Mapping[str, Any]) -> AnyvenueError:
            text = str(row.get("detail") or row.get("message") or "")
            return errors.error_of(str(row.get("label") or ""), text, status=400, request=request)

        def answers(data: Any, now: int) -> Sequence[Sequence[AccountEvent] | Exception]:
            return orders.batch_answers(data, specs, now, error_of)

        try:
            read: Sequence[Sequence[AccountEvent] | Exception] = self.read(answers, await self.ask(request))
        except AnyvenueError as error:
            return [error] * len(specs)
        return read

    async def amend(
        self, order: Order, *, price: Decimal | None = None, quantity: Decimal | None = None
    ) -> Sequence[AccountEvent]:
        """Change an order in place. `quantity` is the new total, the filled part included."""
        if waits(order):
            await self.ask(triggers.amend(order, price=price, quantity=quantity))
            return [OrderAmended(**_names(order), price=price, quantity=quantity, ts_recv=self.clock.time_ns())]
        expires_ms = self._expiry_ms()
        if self._by_rest:
            data = await self.ask(orders.amend(order, price=price, quantity=quantity, expires_ms=expires_ms))
        else:
            body = orders.amend_body(order, price=price, quantity=quantity) | {"order_id": orders.locator(order)}
            urgent = orders.reduces(order.spec)
            data = await self._enter("futures.order_amend", body, urgent=urgent, expires_ms=expires_ms)
        return [self.read(orders.order_report, data, order.instrument)]

    async def cancel(self, order: Order) -> Sequence[AccountEvent]:
        """Cancel by the venue's id, else by our own. A waiting order that has fired is canceled as what it became."""
        if not waits(order):
            if self._by_rest:
                data = await self.ask(orders.cancel(order))
            else:
                data = await self._enter("futures.order_cancel", {"order_id": orders.locator(order)}, urgent=True)
            return [self.read(orders.order_report, data, order.instrument)]
        try:
            await self.ask(triggers.cancel(order))
        except Rejected as error:
            row = await self._waiting_row(order) if error.reason in _GONE else None
            child = None if row is None else self.read(lambda told, now: triggers.child_id(told), row)
            if child is None:
                raise
            fired = OrderTriggered(client_order_id=order.client_order_id, venue_order_id=child)
            return [fired, *await self.cancel(order.apply(fired))]
        self._waits.pop(order.client_order_id, None)
        return [OrderCanceled(**_names(order), ts_recv=self.clock.time_ns())]

    async def cancel_all(self, instrument: Instrument) -> Sequence[AccountEvent]:
        """Cancel every order of a contract: in the book, and waiting. What protects a position stays."""
        data = await self.ask(orders.cancel_all(instrument))
        rows = self.read(orders.rows_of, data)
        events: list[AccountEvent] = [self.read(orders.order_report, row, instrument) for row in rows]
        for row in await self._waiting(instrument):
            if not triggers.protects(row):
                with suppress(UnknownOrder):  # it fired meanwhile
                    await self.ask(triggers.cancel_row(instrument, row))
                    own_id, now = triggers.own_id(row), self.clock.time_ns()
                    name = self._names.get(own_id)
                    self._waits.pop(name, None)
                    events.append(OrderCanceled(client_order_id=name, venue_order_id=own_id, ts_recv=now))
        return events

    async def close_position(
        self, instrument: Instrument, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Close a position at market, by the venue's own close order."""
        self.traded[instrument.key] = instrument
        self._closes += 1
        name = f"close-{self.context.session}-{self._closes}"
        data = await self.ask(orders.close_position(instrument, position_side, name))
        return [self.read(orders.order_report, data, instrument)]

    async def protect(
        self, instrument: Instrument, protection: Protection, position_side: PositionSide = PositionSide.NET
    ) -> Sequence[AccountEvent]:
        """Set a whole position's take-profit and stop-loss. The new ones stand before the old ones are canceled."""
        positions = {position.side: position for position in await self._positions_of(instrument)}
        held = positions.get(position_side)
        if held is None or held.is_flat:
            raise Rejected(
                "there is no position to protect; nothing was sent", reason=RejectReason.REDUCE_ONLY, venue=self.name
            )
        opened_by = Side.BUY if held.quantity > 0 else Side.SELL
        old = [row for row in await self._waiting(instrument) if triggers.protects(row, opened_by)]
        for request in triggers.protect(instrument, protection, opened_by, position_side):
            await self.ask(request)
        for row in old:
            with suppress(UnknownOrder):  # it fired meanwhile, or was canceled
                await self.ask(triggers.cancel_row(instrument, row))
        return ()

    async def set_leverage(
        self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode = MarginMode.CROSS
    ) -> Position:
        """Set leverage and margin mode, read them back, and return the (long) position."""
        with _unless_so_already():
            await self.ask(account.leverage_request(instrument, leverage, margin_mode, self._mode))

        def as_asked(found: Sequence[Position], now: int) -> Position:
            position = found[0]
            if (position.leverage, position.margin_mode) != (leverage, margin_mode):
                raise ValueError(
                    f"{instrument.key}: asked for {leverage} {margin_mode.value}; the venue has {position.leverage} "
                    f"{position.margin_mode.value}"
                )
            return position

        position: Position = self.read(as_asked, await self._positions_of(instrument))
        return position

    async def set_position_mode(self, mode: PositionMode) -> None:
        """Switch between one-way and hedge mode; refused while there is a position or an order."""
        with _unless_so_already():
            await self.ask(account.position_mode_request(self._settle, mode))
        self._set_mode(mode)

    async def arm_dead_man_switch(self, timeout_s: int) -> None:
        """Have all orders of the settle currency canceled in `timeout_s` (5 or more) unless armed again; 0 disarms."""
        await self.ask(account.countdown_request(self._settle, timeout_s))


def _names(order: Order) -> dict[str, Any]:
    return {"client_order_id": order.client_order_id, "venue_order_id": order.venue_order_id}


@contextmanager
def _unless_so_already() -> Iterator[None]:
    """Take a refusal because nothing would change as what it is: success."""
    try:
        yield
    except Rejected as error:
        if error.reason is not RejectReason.NOTHING_CHANGED:
            raise
