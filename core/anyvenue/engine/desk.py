"""The desk: what a strategy asks for, checked against instrument, venue and limits before it becomes a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from anyvenue.engine.commands import CommandFailed, Place, Protect, SetLeverage
from anyvenue.engine.guard_table import emulation, is_emulated, is_usable
from anyvenue.engine.risk import RiskGate, RiskLimits, Wish
from anyvenue.engine.risk_floods import Floods
from anyvenue.engine.risk_loss import LossStep
from anyvenue.engine.risk_standing import EngineStanding
from anyvenue.model.enums import Fate, MarginMode, OrderType, PositionSide, Side
from anyvenue.model.errors import NotSent, RejectReason
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO, Number, exact
from anyvenue.model.order import Order
from anyvenue.model.order_events import AmendRejected, OrderCanceled, OrderRejected, OrderSent
from anyvenue.model.order_spec import OrderSpec, Protection, check_protection
from anyvenue.venue.capabilities import Capabilities, Capability, Feature
from anyvenue.venue.events import Channel
from anyvenue.venue.needs import features_of

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine

__all__ = ["Desk"]

_TRIGGERS: Final = (Feature.STOP, Feature.TAKE_PROFIT, Feature.TRAILING)


class Desk:
    """Orders and other wishes on their way out of one engine.

    Misuse raises. What the limits refuse becomes an event, as if a venue had refused it.
    """

    def __init__(self, engine: Engine, risk: RiskLimits, allow_approximate: Mapping[str, frozenset[Feature]]) -> None:
        self._engine = engine
        self._gate = RiskGate(risk, EngineStanding(engine))
        self._allow_approximate = dict(allow_approximate)
        self._floods = Floods(lambda: engine.now)
        self.capabilities: dict[str, Capabilities] = {}
        self._native: dict[str, frozenset[Feature]] = {}
        """By connection, what its venue has itself, and well enough."""

    @property
    def limits(self) -> RiskLimits:
        """The limits that hold."""
        return self._gate.limits

    def add_connection(self, name: str, capabilities: Capabilities) -> None:
        """Take what a connection's venue can do, and how many orders it takes."""
        self.capabilities[name] = capabilities
        allowed = self._allow_approximate.get(name, frozenset())
        self._native[name] = frozenset(feature for feature in Feature if is_usable(feature, capabilities, allowed))
        self._gate.know_rate(name, capabilities.order_rate)

    def check_connections(self, connections: Sequence[str]) -> None:
        """Refuse limits of a connection that is not there: they would protect nobody."""
        for name in self.limits.connections:
            if name not in connections:
                raise ValueError(f"risk.connections: found {name!r}; connections are {', '.join(connections)}")

    # What can be asked for

    def capability(self, feature: Feature, instrument: Instrument) -> Capability:
        """Return how well something can be done on the instrument's venue, with what the engine makes itself."""
        capabilities, allowed = self.capabilities[instrument.connection], self._allowed(instrument)
        made = None if is_usable(feature, capabilities, allowed) else emulation(feature, capabilities, allowed)
        return made or capabilities[feature]

    def has(self, feature: Feature, instrument: Instrument) -> bool:
        """Tell whether `require` would pass."""
        return self.venue_has(feature, instrument) or self._is_emulated(feature, instrument)

    def venue_has(self, feature: Feature, instrument: Instrument) -> bool:
        """Tell whether the venue itself can do it well enough, without the engine's help."""
        return feature in self._native[instrument.connection]

    def require(self, feature: Feature, instrument: Instrument) -> None:
        """Raise NotSupported where neither the instrument's venue nor the engine can do it, or not well enough."""
        if not self.venue_has(feature, instrument) and not self._is_emulated(feature, instrument):
            capabilities = self.capabilities[instrument.connection]
            capabilities.require(feature, venue=instrument.venue, allowed=self._allowed(instrument))

    def _is_emulated(self, feature: Feature, instrument: Instrument) -> bool:
        return is_emulated(feature, self.capabilities[instrument.connection], self._allowed(instrument))

    def _allowed(self, instrument: Instrument) -> frozenset[Feature]:
        return self._allow_approximate.get(instrument.connection, frozenset())

    # Orders

    def submit(
        self,
        instrument: Instrument,
        side: Side,
        quantity: Number,
        price: Number | None,
        *,
        is_closing: bool = False,
        is_wished: bool = True,
        client_order_id: str | None = None,
        **how: Any,
    ) -> Order:
        """Make an order, pass it by the limits, and send it. Closing a position passes all of them.

        What the strategy has not wished for itself at this moment is no part of a flood. Without a client id it gets
        a fresh one.
        """
        self._called()
        if not isinstance(side, Side):
            raise TypeError(f"side: found {side!r}; allowed are Side.BUY and Side.SELL")
        if how.get("display_quantity") is not None:
            how["display_quantity"] = exact(how["display_quantity"], "display_quantity")
        spec = OrderSpec(
            client_order_id=client_order_id or self._engine.orders.next_id(),
            instrument=instrument,
            side=side,
            quantity=quantity,
            price=price,
            ts_created=self._engine.now,
            **how,
        )
        features = features_of(spec)
        for feature in features:
            self.require(feature, instrument)
        if spec.protection is not None and self._is_emulated(Feature.ATTACHED_PROTECTION, instrument):
            self._engine.guards.attached.hold(spec, spec.protection)
            spec = evolve(spec, protection=None)
        if spec.trigger is not None and any(
            self._is_emulated(feature, instrument) for feature in features if feature in _TRIGGERS
        ):
            return self._hold(Order(spec=spec))
        refusal = None if is_closing else self._refusal(spec, spec.price, spec.quantity, spec.quantity, is_new=True)
        if refusal is not None:
            return self._refuse(Order(spec=spec), refusal, is_wished=is_wished)
        if is_wished and not is_closing:
            self._floods.placed()
        order = self._engine.orders.place(spec)
        self._engine.recorder.sent(order, self._engine.data.mid(spec.instrument))
        return order

    def _called(self) -> None:
        if self._engine.latency is not None:
            self._engine.latency.called()

    def _hold(self, order: Order) -> Order:
        """Keep an order whose trigger is watched here. The limits see it now, and again when it leaves."""
        spec = order.spec
        refusal = self._refusal(spec, spec.price, spec.quantity, spec.quantity, is_new=True)
        if refusal is not None:
            return self._refuse(order, refusal)
        self._floods.placed()
        return self._engine.guards.triggers.hold(order)

    def send_held(self, order: Order) -> None:
        """Send an order whose trigger has fired, past the limits of this moment."""
        spec = order.spec
        refusal = self._refusal(spec, spec.price, spec.quantity, spec.quantity, is_new=True)
        if refusal is not None:
            self._refuse(order, refusal, is_wished=False)
            return
        order = self._engine.orders.apply(order, OrderSent(ts_recv=self._engine.now))
        self._engine.recorder.sent(order, self._engine.data.mid(spec.instrument))
        self._engine.send(Place(order))

    def replace(self, order: Order, price: Decimal | None, quantity: Decimal, client_order_id: str) -> Order:
        """Send the order that an amended one becomes. Raises InvalidOrder, NotSupported."""
        spec, instrument = order.spec, self._engine.instrument(order.instrument)
        how: dict[str, Any] = {
            "order_type": spec.order_type,
            "time_in_force": spec.time_in_force,
            "post_only": spec.post_only,
            "reduce_only": spec.reduce_only,
            "position_side": spec.position_side,
            "protection": spec.protection or self._engine.guards.attached.of(order.client_order_id),
            "display_quantity": None if spec.display_quantity is None else min(spec.display_quantity, quantity),
            "self_trade_prevention": spec.self_trade_prevention,
        }
        return self.submit(
            instrument, spec.side, quantity, price, is_wished=False, client_order_id=client_order_id, **how
        )

    def _refusal(
        self, spec: OrderSpec, price: Decimal | None, quantity: Decimal, adds: Decimal, *, is_new: bool
    ) -> str | None:
        wish = Wish(
            instrument=spec.instrument,
            side=spec.side,
            price=price,
            quantity=quantity,
            adds=adds,
            is_new=is_new,
            reduce_only=spec.reduce_only,
        )
        return self._barred(wish) or self._gate.refusal(wish, self._engine.now)

    def _barred(self, wish: Wish) -> str | None:
        """Return why nothing that may enlarge a position passes at all, None where it may."""
        engine = self._engine
        if engine.is_stopping and not wish.reduce_only:
            return "the run is ending; only reduce-only orders and cancels are taken"
        if engine.guards.condemned and not wish.reduce_only:
            return f"{engine.guards.condemned}; only reduce-only orders and cancels are taken"
        if not engine.guards.losses.is_set:
            return None
        engine.guards.look_at_losses()
        if engine.guards.losses.step is not LossStep.OPEN and not self._gate.only_reduces(wish):
            return f"{engine.guards.losses.text}: only what reduces a position is taken"
        return None

    def _refuse(self, order: Order, text: str, *, is_wished: bool = True) -> Order:
        rejected = OrderRejected(
            client_order_id=order.client_order_id,
            reason=RejectReason.LOCAL_LIMIT,
            text=text,
            ts_recv=self._engine.now,
        )
        self._engine.guards.journal.decision("refused", f"{order.client_order_id}: {text}", self._engine.now)
        self._engine.orders.remember_refused(order)
        if self._engine.is_stopping:
            # Nothing will come of telling a strategy that is ending, but perhaps the same wish again.
            return self._engine.orders.apply(order, rejected)
        if is_wished:
            self._floods.refused(text)
        self._engine.later(rejected)
        return order

    def amend(self, order: Order | str, price: Number | None, quantity: Number | None) -> Order:
        """Change an order's price or total quantity, past the limits again."""
        self._called()
        order = self._current(order)
        instrument = order.instrument
        new_price = order.price if price is None else instrument.check_price(price)
        new_quantity = order.quantity if quantity is None else instrument.check_quantity(quantity)
        if order.is_terminal:
            return self._refuse_amend(order, RejectReason.ORDER_CLOSED, f"the order is {order.state.value}")
        self.require(Feature.AMEND, instrument)
        if not order.is_open:
            return self._refuse_amend(order, RejectReason.LOCAL_LIMIT, "the order has not left yet; cancel it instead")
        is_emulated = self._is_emulated(Feature.AMEND, instrument)
        if self._engine.orders.must_wait(order, to_cancel=is_emulated):
            return self._engine.orders.wish(order, new_price, new_quantity)
        is_changing = self._engine.guards.amends.has(order)
        if is_emulated and order.cancel in (Fate.IN_FLIGHT, Fate.UNKNOWN) and not is_changing:
            return order  # a cancel beats an amend
        if new_price == order.price and new_quantity == order.quantity and not is_changing:
            return order
        adds = max(new_quantity - order.quantity, ZERO)
        refusal = self._refusal(order.spec, new_price, new_quantity, adds, is_new=False)
        if refusal is not None:
            return self._refuse_amend(order, RejectReason.LOCAL_LIMIT, refusal)
        if is_emulated:
            return self._engine.guards.amends.amend(order, new_price, new_quantity)
        self._engine.recorder.decided(order, self._engine.data.mid(instrument))
        return self._engine.orders.amend(order, new_price, new_quantity)

    def _refuse_amend(self, order: Order, reason: RejectReason, text: str) -> Order:
        if self._engine.is_stopping:
            return order
        self._floods.refused(text)
        self._engine.later(
            AmendRejected(client_order_id=order.client_order_id, reason=reason, text=text, ts_recv=self._engine.now)
        )
        return order

    def cancel(self, order: Order | str) -> Order:
        """Cancel an order; one that waits for its trigger here ends at once."""
        self._called()
        order = self._current(order)
        if self._engine.guards.triggers.drop(order.client_order_id) is not None:
            order = self._engine.orders.apply(order, OrderSent(ts_recv=self._engine.now))
            self._engine.later(OrderCanceled(client_order_id=order.client_order_id, ts_recv=self._engine.now))
            return order
        self._engine.guards.amends.drop(order.client_order_id)
        return self._engine.orders.cancel(order)

    def order(self, order: Order | str) -> Order | None:
        """Return an order of ours as it is now; the one that stands for it since an amend made of two."""
        amends = self._engine.guards.amends
        if amends.stands_for_nothing:  # strategies ask at every change of a book
            return self._engine.orders.get(order if isinstance(order, str) else order.client_order_id)
        known = self._known(order)
        return None if known is None else amends.shown(known)

    def _known(self, order: Order | str) -> Order | None:
        client_order_id = order if isinstance(order, str) else order.client_order_id
        return self._engine.orders.get(self._engine.guards.amends.latest(client_order_id))

    def open_orders(self, instrument: Instrument | None = None) -> list[Order]:
        """Return the open orders, those that wait here for a trigger among them."""
        resting = [self._engine.guards.amends.shown(order) for order in self._engine.orders.open_orders(instrument)]
        return resting + self._engine.guards.triggers.orders(instrument)

    def close(self, instrument: Instrument, side: PositionSide) -> Order | None:
        """Close a position by reduce-only market orders, as many as the venue's largest one makes necessary.

        What is being closed already is not closed twice. Returns the last order that closes it; None where nothing is
        held, or less than the venue's smallest order.
        """
        held = self._engine.portfolio.position(instrument, side).quantity
        closing = self.closing_orders(instrument, side)
        order = closing[-1] if closing else None
        left = abs(held) - sum((order.leaves_quantity for order in closing), ZERO)
        largest = instrument.max_market_quantity or instrument.max_quantity or left
        while left >= instrument.min_quantity:
            quantity = min(left, largest)
            left -= quantity
            order = self.submit(
                instrument,
                Side.SELL if held > 0 else Side.BUY,
                quantity,
                None,
                order_type=OrderType.MARKET,
                is_closing=True,
                reduce_only=True,
                position_side=side,
            )
        if left > 0:
            self._engine.say(
                f"{instrument.key}: {left} is left: less than the smallest order {instrument.min_quantity}"
            )
        return order

    def closing_orders(self, instrument: Instrument, side: PositionSide) -> list[Order]:
        """Return the market orders that are closing a position, oldest first; not those of which that is not known."""
        held = self._engine.portfolio.position(instrument, side).quantity
        return [
            order
            for order in self._engine.orders.open_orders(instrument)
            if order.spec.reduce_only
            and order.spec.order_type is OrderType.MARKET
            and order.spec.trigger is None
            and order.spec.position_side is side
            and order.side.sign * held < 0
            and not order.has_unknown_fate
        ]

    # Everything else

    def protect(self, instrument: Instrument, protection: Protection, side: PositionSide) -> None:
        """Set a position's take-profit and stop-loss: at the venue, or here where it has none good enough."""
        self.require(Feature.PROTECTION, instrument)
        position = self._engine.portfolio.position(instrument, side)
        mark = self._engine.data.mark(instrument)
        if position.quantity and mark is not None:
            opening = Side.BUY if position.quantity > 0 else Side.SELL
            check_protection(protection, opening=opening, price=mark, instrument=instrument)
        self._floods.set()
        self.protect_held(instrument, protection, side)

    def protect_held(self, instrument: Instrument, protection: Protection, side: PositionSide) -> None:
        """Do so as it stands. Raises NotSupported."""
        if self._is_emulated(Feature.PROTECTION, instrument):
            self._engine.guards.positions.protect(instrument, protection, side)
        else:
            self._engine.send(Protect(instrument, protection, side))

    def set_leverage(self, instrument: Instrument, leverage: Number, margin_mode: MarginMode) -> None:
        """Set leverage and margin mode. What the limits refuse arrives in `on_refused`."""
        self.require(Feature.LEVERAGE, instrument)
        command = SetLeverage(instrument, exact(leverage, "leverage"), margin_mode)
        if command.leverage <= 0:
            raise ValueError(f"leverage: found {command.leverage}; allowed are numbers above 0")
        self._floods.set()
        if (refusal := self._gate.leverage_refusal(instrument, command.leverage)) is not None:
            self._floods.refused(refusal)
            self._engine.later(CommandFailed(command, NotSent(refusal, venue=instrument.venue)))
            return
        self._engine.send(command)

    def subscribe(
        self, instrument: Instrument, channel: Channel, interval_s: int | None, depth: int | None = None
    ) -> None:
        """Start a stream for the strategy."""
        self._floods.subscribed()
        self._engine.data.subscribe(instrument, channel, interval_s, depth)

    def unsubscribe(self, instrument: Instrument, channel: Channel, interval_s: int | None) -> None:
        """Stop a stream for the strategy."""
        self._floods.subscribed()
        self._engine.data.unsubscribe(instrument, channel, interval_s)

    def set_timer(self, name: str, *, after_s: Number | None = None, every_s: Number | None = None) -> None:
        """Set a timer of the strategy."""
        self._floods.timed(name, after_s, every_s)
        self._engine.timers.set(name, after_s=after_s, every_s=every_s)

    def cancel_timer(self, name: str) -> None:
        """Stop a timer; one that does not exist is fine."""
        self._floods.untimed(name)
        self._engine.timers.cancel(name)

    def _current(self, order: Order | str) -> Order:
        if not isinstance(order, str | Order):
            raise TypeError(f"order: found {order!r} ({type(order).__name__}); allowed are an Order and its client id")
        current = self._known(order)
        if current is None:
            client_order_id = order if isinstance(order, str) else order.client_order_id
            raise ValueError(f"order: found the client id {client_order_id!r}, which is none of this run's orders")
        return current
