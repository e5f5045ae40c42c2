"""Trades on signals that come from outside: sized by risk, protected from the start, never added to silently.

A signal is a JSON object:

    {"contract": "BTC-USDT-PERP", "direction": "long", "entry_price": "61800", "stop_loss": "61700",
     "risk_pct": "0.5", "take_profit": "62000", "id": "2024-08-08-1", "expiry": "2024-08-09T00:00:00Z"}

`contract` is a neutral or a venue's symbol, `direction` long or short, `risk_pct` the percentage of the balance that is
lost when the stop is hit. `take_profit`, `id` and `expiry` (ISO 8601 with zone, or Unix seconds) are optional. A signal
that was seen before (same id; without one, same content) or has expired does nothing.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import frozen

from anyvenue.engine.signal import Signal
from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import exact
from anyvenue.model.order import Order
from anyvenue.model.order_spec import Protection

__all__ = ["SignalFollower", "SignalFollowerParameters", "TradeIdea", "read_signal"]

SIGNALS_REMEMBERED = 10_000
SECOND_NS = 1_000_000_000
_NEEDED = ("contract", "direction", "entry_price", "stop_loss", "risk_pct")
_OPTIONAL = ("take_profit", "id", "expiry", "ts")
_SIDES = {"long": Side.BUY, "buy": Side.BUY, "short": Side.SELL, "sell": Side.SELL}


@frozen(kw_only=True)
class SignalFollowerParameters:
    """What the follower is told.

    Attributes:
        max_risk_pct: a signal that asks for more of the balance is refused.
        entry_timeout_s: an entry that has not filled after this long is canceled; 0 leaves it to the signal's expiry.
    """

    max_risk_pct: Decimal = Decimal(2)
    entry_timeout_s: int = 0

    def __attrs_post_init__(self) -> None:
        if not 0 < self.max_risk_pct <= 100:
            raise ValueError(f"max_risk_pct: found {self.max_risk_pct}; allowed is above 0 and at most 100")
        if self.entry_timeout_s < 0:
            raise ValueError(f"entry_timeout_s: found {self.entry_timeout_s}; allowed are 0 and above")


@frozen(kw_only=True)
class TradeIdea:
    """A signal, read."""

    name: str
    contract: str
    side: Side
    entry_price: Decimal
    stop_loss: Decimal
    risk_pct: Decimal
    take_profit: Decimal | None
    expiry_ns: int | None


def read_signal(payload: Mapping[str, Any]) -> TradeIdea:
    """Read a signal. Raises ValueError or TypeError that names the field, what was found and what is allowed."""
    missing = [name for name in _NEEDED if name not in payload]
    unknown = [name for name in payload if name not in _NEEDED + _OPTIONAL]
    if missing or unknown:
        raise ValueError(
            f"signal: missing {missing}, unknown {unknown}; needed are {list(_NEEDED)}, optional {list(_OPTIONAL)}"
        )
    direction = payload["direction"]
    if not isinstance(direction, str) or direction.lower() not in _SIDES:
        raise ValueError(f"direction: found {direction!r}; allowed are {', '.join(_SIDES)}")
    target = payload.get("take_profit")
    expiry = payload.get("expiry")
    return TradeIdea(
        name=str(payload["id"]) if payload.get("id") is not None else _fingerprint(payload),
        contract=str(payload["contract"]),
        side=_SIDES[direction.lower()],
        entry_price=exact(payload["entry_price"], "entry_price"),
        stop_loss=exact(payload["stop_loss"], "stop_loss"),
        risk_pct=exact(payload["risk_pct"], "risk_pct"),
        take_profit=None if target is None else exact(target, "take_profit"),
        expiry_ns=None if expiry is None else _time_ns(expiry),
    )


def _fingerprint(payload: Mapping[str, Any]) -> str:
    text = repr(sorted((name, str(value)) for name, value in payload.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _time_ns(value: object) -> int:
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"expiry: found {value!r}; allowed are ISO 8601 times and Unix seconds") from None
        if moment.tzinfo is None:
            raise ValueError(f"expiry: found {value!r} without a time zone; write for example {value + 'Z'!r}")
        return int(exact(str(int(moment.timestamp() * 1_000_000)), "expiry")) * 1000
    return int(exact(value, "expiry") * SECOND_NS)  # type: ignore[arg-type]


class SignalFollower(Strategy):
    """One position per instrument, one entry at a time, each with stop and target from the first fill on."""

    Parameters = SignalFollowerParameters
    parameters: SignalFollowerParameters

    def on_start(self) -> None:
        """Wait for signals."""
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._entries: dict[str, str] = {}

    def on_signal(self, signal: Signal) -> None:
        """Act on a signal, or say why not."""
        try:
            idea = read_signal(signal.payload)
            refusal = self._refusal(idea) or self._enter(idea)
        except (TypeError, ValueError) as error:
            refusal = str(error)
        if refusal:
            self.log.warning("signal from %s not traded: %s", signal.source, refusal)

    def _refusal(self, idea: TradeIdea) -> str | None:
        if idea.name in self._seen:
            return f"signal {idea.name} was seen before"
        self._seen[idea.name] = None
        if len(self._seen) > SIGNALS_REMEMBERED:
            self._seen.popitem(last=False)
        if idea.expiry_ns is not None and self.now >= idea.expiry_ns:
            return f"signal {idea.name} has expired"
        if not 0 < idea.risk_pct <= self.parameters.max_risk_pct:
            return f"risk_pct: found {idea.risk_pct}; allowed is above 0 and at most {self.parameters.max_risk_pct}"
        return None

    def _enter(self, idea: TradeIdea) -> str | None:
        instrument = self.instrument(idea.contract)
        held = self.position(instrument).quantity
        if held:
            return f"{instrument.key}: {held} is held already, and positions are not added to"
        if self.open_orders(instrument):
            return f"{instrument.key}: an entry is open already"
        quantity = self._size(instrument, idea)
        protection = Protection(take_profit=idea.take_profit, stop_loss=idea.stop_loss)
        order = self.submit(instrument, idea.side, quantity, idea.entry_price, protection=protection)
        self._entries[order.client_order_id] = idea.name
        timeout = self._timeout_s(idea)
        if timeout is not None:
            self.set_timer(f"entry {order.client_order_id}", after_s=timeout)
        self.log.info("signal %s: %s %s %s", idea.name, idea.side.value, quantity, instrument.key)
        return None

    def _size(self, instrument: Instrument, idea: TradeIdea) -> Decimal:
        balance = self.balance(instrument.settle, on=instrument.connection)
        if balance is None:
            raise ValueError(f"the balance in {instrument.settle} is not known yet")
        risk = balance.total * idea.risk_pct / 100
        return instrument.quantity_for_risk(risk, entry=idea.entry_price, stop=idea.stop_loss)

    def _timeout_s(self, idea: TradeIdea) -> Decimal | None:
        limits = [Decimal(self.parameters.entry_timeout_s)] if self.parameters.entry_timeout_s else []
        if idea.expiry_ns is not None:
            limits.append(Decimal(idea.expiry_ns - self.now) / SECOND_NS)
        return min(limits) if limits else None

    def on_timer(self, name: str) -> None:
        """An entry has waited long enough."""
        client_order_id = name.removeprefix("entry ")
        order = self.order(client_order_id)
        if client_order_id in self._entries and order is not None and not order.is_terminal:
            self.cancel(order)

    def on_order(self, order: Order) -> None:
        """Say what became of an entry."""
        if order.is_terminal and self._entries.pop(order.client_order_id, None) is not None:
            self.cancel_timer(f"entry {order.client_order_id}")
            if not order.filled_quantity:
                self.log.warning("entry %s ended without a fill: %s", order.client_order_id, order.text or order.state)
