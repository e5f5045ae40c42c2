"""Risk limits as values: what a configuration's `[risk]` table may say."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import attrs
from attrs import field, frozen

from anyvenue.model.instrument import Instrument

__all__ = ["BookLimits", "ConnectionLimits", "InstrumentLimits", "LossSteps", "RiskLimits", "WholeBookLimits"]


def _check_above_zero(limits: Any, *names: str) -> None:
    for name in names:
        value = getattr(limits, name)
        if value is not None and value <= 0:
            raise ValueError(f"{name}: found {value}; allowed are numbers above 0")


def _check_counts(limits: Any, *names: str) -> None:
    for name in names:
        value = getattr(limits, name)
        if value is not None and value < 1:
            raise ValueError(f"{name}: found {value}; allowed are whole numbers from 1")


@frozen(kw_only=True)
class InstrumentLimits:
    """Limits of one instrument; None is no limit.

    Attributes:
        max_position: largest absolute position, open orders included, in the instrument's quantity unit.
        max_order_notional: largest notional of one order, in quote money.
        max_order_quantity: largest quantity of one order, in the instrument's quantity unit.
        max_open_orders: most orders open at one time.
        max_leverage: largest leverage that may be set.
        price_band: largest distance of a limit price from the mark (else mid) price, as a fraction.
    """

    max_position: Decimal | None = None
    max_order_notional: Decimal | None = None
    max_order_quantity: Decimal | None = None
    max_open_orders: int | None = None
    max_leverage: Decimal | None = None
    price_band: Decimal | None = None

    def __attrs_post_init__(self) -> None:
        _check_above_zero(
            self, "max_position", "max_order_notional", "max_order_quantity", "max_leverage", "price_band"
        )
        _check_counts(self, "max_open_orders")
        if self.price_band is not None and self.price_band >= 1:
            raise ValueError(
                f"price_band: found {self.price_band}; allowed are fractions below 1, such as 0.02 for 2 %"
            )


@frozen(kw_only=True)
class BookLimits:
    """Limits of all that is held and ordered together; None is no limit.

    Notional is in quote money at the mark price (else the mid), never at the last trade, and counts the worst that
    open orders can do.

    Attributes:
        max_gross_notional: largest sum of the notional of each instrument's larger side.
        max_net_notional: largest notional of the side to which all instruments together lean.
        max_open_orders: most orders open at one time.
    """

    max_gross_notional: Decimal | None = None
    max_net_notional: Decimal | None = None
    max_open_orders: int | None = None

    def __attrs_post_init__(self) -> None:
        _check_above_zero(self, "max_gross_notional", "max_net_notional")
        _check_counts(self, "max_open_orders")

    @property
    def needs_notional(self) -> bool:
        """Whether any of them is a limit on notional."""
        return self.max_gross_notional is not None or self.max_net_notional is not None


@frozen(kw_only=True)
class WholeBookLimits(BookLimits):
    """Limits over all connections.

    Attributes:
        max_leverage: largest gross notional over equity.
    """

    max_leverage: Decimal | None = None

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        _check_above_zero(self, "max_leverage")

    @property
    def needs_notional(self) -> bool:
        """Whether any of them is a limit on notional."""
        return self.max_leverage is not None or super().needs_notional


@frozen(kw_only=True)
class ConnectionLimits(BookLimits):
    """Limits of one connection.

    Attributes:
        order_rate: the largest number of creates and amends in any one second. Where it is not said it is four fifths
            of the venue's own, as far as the adapter knows that (`Capabilities.order_rate`). Keep it below the venue's:
            what this refuses has a reason and costs nothing, what the venue refuses may cost the right to trade for a
            while.
    """

    order_rate: int | None = None

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        _check_counts(self, "order_rate")


@frozen(kw_only=True)
class LossSteps:
    """How much may be lost, in quote money.

    Attributes:
        reduce: from here on only what reduces a position passes.
        halt: here the run ends.
    """

    reduce: Decimal | None = None
    halt: Decimal | None = None

    def __attrs_post_init__(self) -> None:
        _check_above_zero(self, "reduce", "halt")
        if self.reduce is not None and self.halt is not None and self.reduce > self.halt:
            raise ValueError(f"reduce: found {self.reduce}; allowed is at most halt, which is {self.halt}")

    @property
    def is_set(self) -> bool:
        """Whether either is a limit."""
        return self.reduce is not None or self.halt is not None


@frozen(kw_only=True)
class RiskLimits(InstrumentLimits):
    """Limits for every instrument, and others for some, by neutral symbol: what those leave out holds for them too.

    Attributes:
        order_rate: the largest number of creates and amends in any one second, over all connections.
        instruments: limits of single instruments, by symbol.
        connections: limits of single connections, by name.
        book: limits over all connections.
        daily_loss: how much may be lost in a day.
        drawdown: how much may be lost from the highest equity so far.
        day_hour: the hour at which the day of `daily_loss` begins.
        on_limit: what becomes of positions when a loss limit halts the run: `keep` or `flatten`.
        hang_s: so long may a strategy take over one event; then its orders are canceled from beside.
        dead_man_s: have the venues cancel all orders of the account unless heard of within so many seconds.
    """

    order_rate: int | None = None
    instruments: Mapping[str, InstrumentLimits] = field(factory=dict)
    connections: Mapping[str, ConnectionLimits] = field(factory=dict)
    book: WholeBookLimits = field(factory=WholeBookLimits)
    daily_loss: LossSteps = field(factory=LossSteps)
    drawdown: LossSteps = field(factory=LossSteps)
    day_hour: int = 0
    on_limit: Literal["keep", "flatten"] = "keep"
    hang_s: float = 30.0
    dead_man_s: int | None = None

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        _check_counts(self, "order_rate", "dead_man_s")
        _check_above_zero(self, "hang_s")
        if not 0 <= self.day_hour <= 23:
            raise ValueError(f"day_hour: found {self.day_hour}; allowed are whole hours from 0 to 23, UTC")
        if self.on_limit not in ("keep", "flatten"):
            raise ValueError(f"on_limit: found {self.on_limit!r}; allowed are 'keep' and 'flatten'")

    def of(self, instrument: Instrument) -> InstrumentLimits:
        """Return the limits that hold for `instrument`: each its own where it has one, else that for all."""
        own = self.instruments.get(instrument.symbol)
        if own is None:
            return self
        merged = {}
        for attribute in attrs.fields(InstrumentLimits):
            value = getattr(own, attribute.name)
            merged[attribute.name] = getattr(self, attribute.name) if value is None else value
        return InstrumentLimits(**merged)
