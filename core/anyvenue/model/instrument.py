"""An instrument: what can be traded, in which sizes and prices, and what it is worth.

Quantities are in `quantity_unit`: base currency for linear contracts, quote money for inverse ones. Contracts, the
venue's own unit of size, are met only in `to_contracts` and `from_contracts`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from attrs import field, frozen

from anyvenue.model.enums import ContractKind, Side, TradingStatus
from anyvenue.model.errors import InvalidPrice, InvalidQuantity, QuantityTooSmall
from anyvenue.model.numbers import (
    EXACT,
    ONE,
    ZERO,
    Number,
    Rounding,
    divide_down,
    exact,
    is_multiple,
    plain,
    quantize_money,
    round_to_step,
    shortest_text,
)
from anyvenue.model.pricing import PriceRule

__all__ = ["Instrument"]


def _number(value: Number) -> Decimal:
    return plain(exact(value))


def _optional(value: Number | None) -> Decimal | None:
    return None if value is None else _number(value)


@frozen(kw_only=True, cache_hash=True)
class Instrument:
    """A perpetual contract on one connection.

    Attributes:
        symbol: the neutral symbol, `BTC-USDT-PERP`.
        venue: the adapter's name.
        connection: the name of the configured connection it is reached through; the venue's name unless told.
        venue_symbol: the venue's own name for it.
        base, quote, settle: currencies. Money (fees, PnL, margin) is in `settle`.
        kind: linear or inverse.
        contract_size: quantity in one contract, in `quantity_unit`.
        depth_unit: quantity in one unit of size of this venue's depth and trade frames (the contract size where
            the venue counts contracts, 1 where it speaks in quantities already).
        price_rule: which prices are allowed.
        quantity_step, min_quantity, max_quantity, max_market_quantity: in `quantity_unit`; no maximum is None.
        min_notional: smallest notional of an order, in quote money; what only reduces a position may be worth less.
        min_leverage, max_leverage: as the venue states them for its first risk tier.
        initial_margin_rate: margin to open, a fraction of notional; 0 means 1 / leverage alone decides.
        maintenance_margin_rate: below this fraction of notional a position is liquidated.
        maker_fee, taker_fee: fractions of notional; a rebate is negative.
        price_band: largest allowed distance of an order's price from the mark price, as a fraction; None if none.
        funding_interval_s: seconds between funding settlements; None if unknown.
        status: whether it takes orders.
    """

    symbol: str
    venue: str
    connection: str = field()
    venue_symbol: str
    base: str
    quote: str
    settle: str
    price_rule: PriceRule
    quantity_step: Decimal = field(converter=_number)
    min_quantity: Decimal = field(converter=_number)
    kind: ContractKind = ContractKind.LINEAR
    contract_size: Decimal = field(default=ONE, converter=_number)
    depth_unit: Decimal = field(default=ONE, converter=_number)
    max_quantity: Decimal | None = field(default=None, converter=_optional)
    max_market_quantity: Decimal | None = field(default=None, converter=_optional)
    min_notional: Decimal = field(default=ZERO, converter=_number)
    min_leverage: Decimal = field(default=ONE, converter=_number)
    max_leverage: Decimal = field(default=ONE, converter=_number)
    initial_margin_rate: Decimal = field(default=ZERO, converter=_number)
    maintenance_margin_rate: Decimal = field(default=ZERO, converter=_number)
    maker_fee: Decimal = field(default=ZERO, converter=_number)
    taker_fee: Decimal = field(default=ZERO, converter=_number)
    price_band: Decimal | None = field(default=None, converter=_optional)
    funding_interval_s: int | None = None
    status: TradingStatus = TradingStatus.TRADING

    key: str = field(init=False, eq=False, repr=False)
    """`connection:symbol`, unique in a process."""

    @connection.default
    def _connection_is_the_venue(self) -> str:
        return self.venue

    @key.default
    def _make_key(self) -> str:
        return f"{self.connection}:{self.symbol}"

    def __attrs_post_init__(self) -> None:
        for name in ("quantity_step", "min_quantity", "contract_size", "depth_unit", "max_leverage"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{self.key}: {name}: found {getattr(self, name)}; allowed are numbers above 0")
        if not is_multiple(self.min_quantity, self.quantity_step):
            raise ValueError(
                f"{self.key}: min_quantity: found {self.min_quantity}; "
                f"allowed are multiples of the quantity step {self.quantity_step}"
            )
        contracts = divide_down(self.quantity_step, self.contract_size)
        if EXACT.multiply(contracts, self.contract_size) != self.quantity_step:
            raise ValueError(
                f"{self.key}: quantity_step: found {self.quantity_step}, which is no decimal number of contracts of "
                f"{self.contract_size}; allowed are steps that are"
            )

    def __str__(self) -> str:
        return self.key

    @property
    def quantity_unit(self) -> str:
        """The currency quantities are counted in."""
        return self.base if self.kind is ContractKind.LINEAR else self.quote

    # Prices

    def round_price(self, price: Number, side: Side | None = None, *, rounding: Rounding | None = None) -> Decimal:
        """Return the nearest allowed price; with `side`, the nearest that is no worse for that side.

        A buy rounds down and a sell rounds up, so that a rounded quote never crosses. `rounding` overrides. Below
        the smallest allowed price the result may be 0.
        """
        chosen = rounding or (Rounding.NEAREST if side is None else Rounding.DOWN if side is Side.BUY else Rounding.UP)
        return self.price_rule.round(exact(price, "price"), chosen)

    def check_price(self, price: Number) -> Decimal:
        """Return `price` as a Decimal. Raises InvalidPrice where it breaks the rule; a float is a TypeError."""
        number = exact(price, "price")
        self.check_exact_price(number)
        return number

    def check_exact_price(self, number: Decimal) -> None:
        """Do as `check_price`, for what `exact` has made already."""
        if number <= 0:
            raise InvalidPrice(f"{self.key}: price: found {number}; allowed are prices above 0")
        if not self.price_rule.allows(number):
            near = self.price_rule.round(number, Rounding.NEAREST) or self.price_rule.round(number, Rounding.UP)
            raise InvalidPrice(f"{self.key}: price: found {number}; allowed is {self.price_rule}, such as {near}")

    # Quantities

    def round_quantity(self, quantity: Number) -> Decimal:
        """Return `quantity` rounded toward zero to the step. May be 0."""
        return round_to_step(exact(quantity, "quantity"), self.quantity_step, Rounding.TOWARD_ZERO)

    def check_quantity(self, quantity: Number, *, market: bool = False) -> Decimal:
        """Return `quantity` as a Decimal. Raises InvalidQuantity or QuantityTooSmall, naming the rule it breaks."""
        number = exact(quantity, "quantity")
        self.check_exact_quantity(number, market=market)
        return number

    def check_exact_quantity(self, number: Decimal, *, market: bool = False) -> None:
        """Do as `check_quantity`, for what `exact` has made already."""
        if number <= 0:
            raise InvalidQuantity(
                f"{self.key}: quantity: found {number}; allowed are quantities above 0 (the side says which way)"
            )
        if number < self.min_quantity:
            raise QuantityTooSmall(f"{self.key}: quantity: found {number} {self.quantity_unit}; {self._smallest(None)}")
        if not is_multiple(number, self.quantity_step):
            raise InvalidQuantity(
                f"{self.key}: quantity: found {number} {self.quantity_unit}; "
                f"allowed is a multiple of {self.quantity_step}, such as {self.round_quantity(number)}"
            )
        limit = self.max_market_quantity if market and self.max_market_quantity is not None else self.max_quantity
        if limit is not None and number > limit:
            raise InvalidQuantity(
                f"{self.key}: quantity: found {number} {self.quantity_unit}; "
                f"allowed is at most {limit} in one {'market ' if market else ''}order"
            )

    def to_contracts(self, quantity: Number) -> Decimal:
        """Return the venue's contracts for a quantity, rounded toward zero to what the venue can represent.

        The exact inverse of `from_contracts` on representable sizes; the sign is kept. Raises QuantityTooSmall
        where a quantity other than 0 rounds to nothing.
        """
        number = exact(quantity, "quantity")
        rounded = number
        if not is_multiple(number, self.quantity_step):
            rounded = round_to_step(number, self.quantity_step, Rounding.TOWARD_ZERO)
        if not rounded and number:
            raise QuantityTooSmall(
                f"{self.key}: quantity: found {number} {self.quantity_unit}, which is 0 contracts; "
                f"{self._smallest(None)}"
            )
        return plain(divide_down(rounded, self.contract_size))

    def from_contracts(self, contracts: Number) -> Decimal:
        """Return the quantity in a number of contracts, sign kept."""
        return plain(EXACT.multiply(exact(contracts, "contracts"), self.contract_size))

    def quantity_for_notional(self, notional: Number, *, price: Number) -> Decimal:
        """Return the largest allowed quantity worth at most `notional` quote money at `price`.

        Raises QuantityTooSmall where that is below the smallest order, by quantity or by notional.
        """
        money, at = exact(notional, "notional"), self._positive_price(price)
        quantity = divide_down(money, at) if self.kind is ContractKind.LINEAR else money
        return self._sized(quantity, at, f"notional: found {money} {self.quote}")

    def quantity_for_risk(self, risk: Number, *, entry: Number, stop: Number) -> Decimal:
        """Return the largest allowed quantity that loses at most `risk` settle money between `entry` and `stop`.

        Risk divided by what one contract loses over that distance, rounded down; fees and slippage are not in it.
        Raises QuantityTooSmall where that is below the smallest order, InvalidPrice where entry and stop are equal.
        """
        money, at_entry, at_stop = exact(risk, "risk"), self._positive_price(entry), self._positive_price(stop)
        distance = EXACT.subtract(at_entry, at_stop).copy_abs()
        if not distance:
            raise InvalidPrice(f"{self.key}: stop: found {at_stop}, the entry price itself; allowed is any other price")
        if self.kind is ContractKind.INVERSE:
            money_times = EXACT.multiply(money, EXACT.multiply(at_entry, at_stop))
        else:
            money_times = money
        found = f"risk: found {money} {self.settle} from {at_entry} to {at_stop}"
        return self._sized(divide_down(money_times, distance), at_entry, found)

    def _sized(self, quantity: Decimal, price: Decimal, found: str) -> Decimal:
        """Return an order's quantity of at most `quantity`. Raises QuantityTooSmall where there is none."""
        most = quantity if self.max_quantity is None else min(quantity, self.max_quantity)
        rounded = self.round_quantity(most)
        if rounded < self._smallest_quantity(price):
            raise QuantityTooSmall(
                f"{self.key}: {found}, which is {shortest_text(rounded)} {self.quantity_unit}; {self._smallest(price)}"
            )
        return rounded

    def _smallest_quantity(self, price: Decimal | None) -> Decimal:
        if price is None or not self.min_notional:
            return self.min_quantity
        needed = self.min_notional if self.kind is ContractKind.INVERSE else self.min_notional / price
        return max(self.min_quantity, round_to_step(needed, self.quantity_step, Rounding.UP))

    def _smallest(self, price: Decimal | None) -> str:
        quantity = self._smallest_quantity(price)
        contracts = self.to_contracts(quantity)
        text = f"the smallest order is {quantity} {self.quantity_unit}"
        text += f" ({contracts} contract{'' if contracts == 1 else 's'}"
        if price is not None:
            text += f", {shortest_text(self.notional(quantity, price))} {self.quote} at {price}"
        return text + ")"

    # Values

    def notional(self, quantity: Number, price: Number) -> Decimal:
        """Return what `quantity` is worth at `price`, in quote money, sign kept."""
        number, at = exact(quantity, "quantity"), self._positive_price(price)
        return number * at if self.kind is ContractKind.LINEAR else number

    def exposure_base(self, quantity: Number, price: Number) -> Decimal:
        """Return the exposure of `quantity` at `price` in base currency, sign kept."""
        number, at = exact(quantity, "quantity"), self._positive_price(price)
        return number if self.kind is ContractKind.LINEAR else quantize_money(number / at)

    def value(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return what `quantity` is worth at `price` in settle currency, sign kept.

        Exact for linear contracts; for inverse ones the division is cut once to 16 decimals.
        """
        return quantity * price if self.kind is ContractKind.LINEAR else quantize_money(quantity / price)

    @property
    def pnl_sign(self) -> Literal[1, -1]:
        """+1 where a rising price raises the settle value of a quantity (linear), -1 where it lowers it (inverse)."""
        return 1 if self.kind is ContractKind.LINEAR else -1

    def pnl(self, quantity: Number, *, entry: Number, exit: Number) -> Decimal:  # noqa: A002 - the field's own word
        """Return the profit in settle currency of `quantity` (negative for a short) from `entry` to `exit`.

        Linear: quantity x (exit - entry). Inverse: quantity x (1 / entry - 1 / exit).
        """
        number = exact(quantity, "quantity")
        at_entry, at_exit = self._positive_price(entry), self._positive_price(exit)
        return self.pnl_sign * (self.value(number, at_exit) - self.value(number, at_entry))

    def fee(self, quantity: Decimal, price: Decimal, *, maker: bool) -> Decimal:
        """Return the fee of a fill in settle currency, cut to 16 decimals; negative is a rebate."""
        return quantize_money(abs(self.value(quantity, price)) * (self.maker_fee if maker else self.taker_fee))

    def initial_margin(self, quantity: Decimal, price: Decimal, leverage: Decimal) -> Decimal:
        """Return the margin to open `quantity` at `price`, in settle currency, cut to 16 decimals."""
        rate = max(ONE / leverage, self.initial_margin_rate)
        return quantize_money(abs(self.value(quantity, price)) * rate)

    def maintenance_margin(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the margin below which a position of `quantity` is liquidated at `price`, in settle currency."""
        return quantize_money(abs(self.value(quantity, price)) * self.maintenance_margin_rate)

    def _positive_price(self, price: Number) -> Decimal:
        number = exact(price, "price")
        if number <= 0:
            raise InvalidPrice(f"{self.key}: price: found {number}; allowed are prices above 0")
        return number
