"""The risk gate: what stands between a strategy and a venue, whatever the strategy does."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol, TypeAlias

import attrs
from attrs import define

from anyvenue.engine.risk_exposure import BookExposure, Exposure, book_exposure
from anyvenue.engine.risk_limits import (
    BookLimits,
    ConnectionLimits,
    InstrumentLimits,
    LossSteps,
    RiskLimits,
    WholeBookLimits,
)
from anyvenue.engine.risk_rate import RateWindow
from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO, shortest_text

__all__ = [
    "BookLimits",
    "ConnectionLimits",
    "InstrumentLimits",
    "LossSteps",
    "RiskGate",
    "RiskLimits",
    "Standing",
    "WholeBookLimits",
    "Wish",
]


_Row: TypeAlias = tuple[Instrument, Exposure]


@define(kw_only=True)  # one is made for each order, and what is frozen takes three times as long to make
class Wish:
    """A create or an amend on its way out.

    `quantity` is the order's whole, `adds` what it adds to what is open already.
    """

    instrument: Instrument
    side: Side
    price: Decimal | None
    quantity: Decimal
    adds: Decimal
    is_new: bool
    reduce_only: bool


class Standing(Protocol):
    """What the gate asks about the run."""

    def mark(self, instrument: Instrument) -> Decimal | None:
        """Return the mark price, else the mid, else None."""

    def exposure(self, instrument: Instrument) -> Exposure:
        """Return what is held and ordered of an instrument."""

    def exposures(self) -> Sequence[tuple[Instrument, Exposure]]:
        """Return what is held and ordered of each instrument of which there is anything."""

    def open_orders(self, connection: str | None, instrument: Instrument | None) -> int:
        """Return how many orders are open: on all connections, on one, or of one instrument."""

    def equity(self) -> Decimal:
        """Return the equity over all connections in quote money."""


class RiskGate:
    """Decides on each create and amend: through, or refused with the reason in words."""

    def __init__(self, limits: RiskLimits, standing: Standing) -> None:
        self.limits = limits
        self._standing = standing
        self._rate = None if limits.order_rate is None else RateWindow(limits.order_rate)
        self._rates = {
            name: RateWindow(own.order_rate) for name, own in limits.connections.items() if own.order_rate is not None
        }
        self._venues: dict[str, int] = {}
        self._limits_of: dict[str, InstrumentLimits] = {}
        self._is_free: dict[str, bool] = {}
        """By the instrument's key, whether nothing but rates limits it."""
        self._counts_book = limits.book.needs_notional or any(own.needs_notional for own in limits.connections.values())

    def know_rate(self, connection: str, venues: int | None) -> None:
        """Take the rate of orders that a venue allows: where none is configured, four fifths of it are let through."""
        if venues is not None and connection not in self._rates:
            self._rates[connection] = RateWindow(max(1, venues * 4 // 5))
            self._venues[connection] = venues

    def refusal(self, wish: Wish, now_ns: int) -> str | None:
        """Return why a command may not pass, or None after counting it.

        What only reduces passes the limits on position and notional: they must not keep anybody in a position. Where a
        limit needs a mark (else mid) price and there is none, the command is refused.
        """
        is_free = self._is_free.get(wish.instrument.key)
        if is_free is None:
            is_free = self._is_free[wish.instrument.key] = self._has_no_limit(wish.instrument)
        if is_free:
            text = self._rate_of(wish, now_ns)
            return None if text is None else f"{wish.instrument.key}: {text}"
        too_large = None if wish.reduce_only else self._size(wish) or self._position(wish) or self._book(wish)
        if too_large is not None and self.only_reduces(wish):
            too_large = None
        text = self._band(wish) or too_large or self._open_orders(wish) or self._rate_of(wish, now_ns)
        return None if text is None else f"{wish.instrument.key}: {text}"

    def _has_no_limit(self, instrument: Instrument) -> bool:
        own, limits = self.limits.connections.get(instrument.connection), self._of(instrument)
        if self._counts_book or any(getattr(limits, a.name) is not None for a in attrs.fields(InstrumentLimits)):
            return False
        return self.limits.book.max_open_orders is None and (own is None or own.max_open_orders is None)

    def only_reduces(self, wish: Wish) -> bool:
        """Tell whether a command can do nothing but make a position smaller."""
        if wish.reduce_only:
            return True
        return self._standing.exposure(wish.instrument).only_reduces(wish.side, wish.adds)

    def leverage_refusal(self, instrument: Instrument, leverage: Decimal) -> str | None:
        """Return why a leverage may not be set, or None."""
        limit = self._of(instrument).max_leverage
        if limit is None or leverage <= limit:
            return None
        return f"{instrument.key}: leverage {leverage} is above max_leverage {limit}"

    def _of(self, instrument: Instrument) -> InstrumentLimits:
        """Return the limits that hold for an instrument, merged once."""
        known = self._limits_of.get(instrument.symbol)
        if known is None:
            known = self._limits_of[instrument.symbol] = self.limits.of(instrument)
        return known

    def _band(self, wish: Wish) -> str | None:
        band = self._of(wish.instrument).price_band
        if band is None or wish.price is None:
            return None
        reference = self._standing.mark(wish.instrument)
        if reference is None:
            return f"price_band {band} needs a mark or mid price and there is none yet"
        if abs(wish.price - reference) > reference * band:
            return f"price {wish.price} is further than price_band {band} from {reference}"
        return None

    def _size(self, wish: Wish) -> str | None:
        limits, instrument = self._of(wish.instrument), wish.instrument
        most, limit = limits.max_order_quantity, limits.max_order_notional
        if most is not None and wish.quantity > most:
            return f"quantity {wish.quantity} {instrument.quantity_unit} is above max_order_quantity {most}"
        if limit is None:
            return None
        prices = [price for price in (self._standing.mark(instrument), wish.price) if price is not None]
        if not prices:
            return f"max_order_notional {limit} needs a mark or mid price and there is none yet"
        notional = instrument.notional(wish.quantity, max(prices))
        if notional > limit:
            return f"notional {notional} {instrument.quote} is above max_order_notional {limit}"
        return None

    def _position(self, wish: Wish) -> str | None:
        limit = self._of(wish.instrument).max_position
        if limit is None:
            return None
        now = self._standing.exposure(wish.instrument)
        reached = now.with_more(wish.side, wish.adds).reach(wish.side)
        if reached > limit:
            held = f"position {now.position}, open buys {now.open_buys}, sells {now.open_sells}"
            return f"a {wish.side.value} of {wish.adds} more could reach {reached}, above max_position {limit} ({held})"
        return None

    def _book(self, wish: Wish) -> str | None:
        if not self._counts_book or not wish.adds:
            return None
        before = list(self._standing.exposures())
        after = _with_more(before, wish)
        name = wish.instrument.connection
        own = self.limits.connections.get(name)
        if own is not None:
            mine = [[row for row in book if row[0].connection == name] for book in (before, after)]
            if (text := self._notional(own, f"connections.{name}.", wish.side, *mine)) is not None:
                return text
        return self._notional(self.limits.book, "book.", wish.side, before, after)

    def _notional(
        self,
        limits: BookLimits,
        where: str,
        side: Side,
        before: Sequence[_Row],
        after: Sequence[_Row],
    ) -> str | None:
        if not limits.needs_notional:
            return None
        marks = {i.key: mark for i, _ in after if (mark := self._standing.mark(i)) is not None}
        new, old = book_exposure(after, marks), book_exposure(before, marks)
        if not isinstance(new, BookExposure) or not isinstance(old, BookExposure):
            missing = new if isinstance(new, Instrument) else old
            return (
                f"the limits of {where[:-1]} need a mark or mid price of {missing} and there is none: subscribe to it"
            )
        gross, net = limits.max_gross_notional, limits.max_net_notional
        # What does not make it larger passes, even where a price has carried it above the limit.
        if gross is not None and new.gross > max(gross, old.gross):
            return f"gross notional could reach {shortest_text(new.gross)}, above {where}max_gross_notional {gross}"
        leans, leant = (new.long, old.long) if side is Side.BUY else (new.short, old.short)
        if net is not None and leans > max(net, leant):
            return (
                f"net notional could reach {shortest_text(leans)} {_WORDS[side]}, above {where}max_net_notional {net}"
            )
        most = limits.max_leverage if isinstance(limits, WholeBookLimits) else None
        if most is not None and new.gross > old.gross:
            equity = self._standing.equity()
            if new.gross > most * equity:
                reached = f"{shortest_text(new.gross)} with equity {shortest_text(equity)}"
                return f"gross notional could reach {reached}, above {where}max_leverage {most}"
        return None

    def _open_orders(self, wish: Wish) -> str | None:
        """Reducing orders count, but are not kept back: see `refusal`."""
        if not wish.is_new or wish.reduce_only:
            return None
        instrument, name = wish.instrument, wish.instrument.connection
        own = self.limits.connections.get(name)
        for limit, where, connection, one in (
            (self._of(instrument).max_open_orders, "", None, instrument),
            (None if own is None else own.max_open_orders, "connections.", name, None),
            (self.limits.book.max_open_orders, "book.", None, None),
        ):
            if limit is not None and (count := self._standing.open_orders(connection, one)) >= limit:
                named = f"{where}{connection}." if connection else where
                return f"{count} orders are open, {named}max_open_orders allows {limit}"
        return None

    def _rate_of(self, wish: Wish, now_ns: int) -> str | None:
        name = wish.instrument.connection
        windows = self._rate, self._rates.get(name)
        for window in windows:
            if window is not None and window.is_full(now_ns):
                limit = window.limit
                where = "" if window is self._rate else f"connections.{name}."
                why = f" (the venue's own limit is {self._venues[name]})" if where and name in self._venues else ""
                return f"{where}order_rate: {limit} creates and amends in the last second, allowed are {limit}{why}"
        for window in windows:
            if window is not None:
                window.take(now_ns)
        return None


_WORDS = {Side.BUY: "long", Side.SELL: "short"}


def _with_more(rows: Sequence[_Row], wish: Wish) -> list[_Row]:
    """Return the rows with one more order; of the legs of a hedge the first bears the orders."""
    more = list(rows)
    for index, (instrument, exposure) in enumerate(rows):
        if instrument.key == wish.instrument.key:
            more[index] = instrument, exposure.with_more(wish.side, wish.adds)
            return more
    return [*more, (wish.instrument, Exposure(ZERO, ZERO, ZERO).with_more(wish.side, wish.adds))]
