"""What a trigger order's body says, and which forms of it Gate takes (fact sheet, chapter 8.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import evolve, frozen

from anyvenue.model.enums import PriceSource
from anyvenue_gateio.simulator.order_body import check_text, read_decimal, read_flag, read_word
from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["SOURCES", "TriggerWish", "amended", "attached_wish", "check_form", "read_choice", "read_trigger"]

SOURCES: Final = {0: PriceSource.LAST, 1: PriceSource.MARK, 2: PriceSource.INDEX}
"""By `price_type`."""
_WHOLE: Final = ("close-long-position", "close-short-position")
_PART: Final = ("plan-close-long-position", "plan-close-short-position")
_SOURCE_TAGS: Final = ("web", "api", "app")


@frozen(kw_only=True)
class TriggerWish:
    """A trigger order as it was asked for. `size` is signed contracts, 0 for a whole position; `price` 0 is market.

    `level` is the price that fires it: at or above it with `rule` 1, at or below it with 2. `expiration` is seconds,
    None for ever.
    """

    contract: str
    size: Decimal
    price: Decimal
    tif: str
    level: Decimal
    rule: int
    price_type: int
    text: str = "api"
    reduce_only: bool = False
    close: bool = False
    auto_size: str = ""
    order_type: str = ""
    expiration: int | None = None

    @property
    def is_entry(self) -> bool:
        """Whether it opens a position."""
        return not (self.reduce_only or self.close or self.auto_size)

    @property
    def source(self) -> PriceSource:
        """The price that it looks at."""
        return SOURCES[self.price_type]

    def fires(self, price: Decimal) -> bool:
        """Tell whether a price sets it off."""
        return price >= self.level if self.rule == 1 else price <= self.level


def read_trigger(body: Any) -> TriggerWish:
    """Return what a body says. Raises Refused for what is not of its form."""
    initial, trigger = (body.get("initial"), body.get("trigger")) if isinstance(body, Mapping) else (None, None)
    if not isinstance(initial, Mapping) or not isinstance(trigger, Mapping):
        raise Refused("INVALID_REQUEST_BODY", "a trigger order has an initial and a trigger object")
    contract = read_word(initial, "contract")
    if not contract:
        raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: contract")
    if trigger.get("strategy_type") not in (None, 0):
        raise Refused("INVALID_PARAM_VALUE", "strategy_type: only 0 is supported")
    price_type = read_choice(trigger, "price_type", SOURCES, default=0)
    rule = read_choice(trigger, "rule", (1, 2), label="AUTO_INVALID_PARAM_TRIGGER_RULE")
    text = initial.get("text")
    return TriggerWish(
        contract=contract,
        size=_size(initial),
        price=_price(initial, "price"),
        tif=_tif(initial),
        level=_price(trigger, "price"),
        rule=rule,
        price_type=price_type,
        text=text if isinstance(text, str) and text in _SOURCE_TAGS else check_text(text),
        reduce_only=read_flag(initial, "reduce_only") or read_flag(initial, "is_reduce_only"),
        close=read_flag(initial, "close") or read_flag(initial, "is_close"),
        auto_size=read_word(initial, "auto_size"),
        order_type=read_word(body, "order_type"),
        expiration=_expiration(trigger),
    )


def read_choice(
    body: Mapping[str, Any],
    name: str,
    allowed: Collection[int],
    *,
    default: int | None = None,
    label: str = "INVALID_PARAM_VALUE",
) -> int:
    """Return a whole number that is one of a few; where there is none, `default`. Raises Refused with `label`."""
    value = body.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
        raise Refused(label, f"{name}: allowed are {', '.join(map(str, allowed))}")
    return value


def check_form(wish: TriggerWish, *, dual: bool, expiring_protection: bool) -> None:
    """Refuse a form that the account's position mode does not take. Raises Refused."""
    if not wish.level:
        raise Refused("AUTO_INVALID_PARAM_PRICE", "trigger price must be above 0")
    if not wish.price and wish.tif != "ioc":
        raise Refused("AUTO_INVALID_PARAM_PRICE", "price 0 needs tif ioc")
    if wish.order_type not in ("", *_WHOLE, *_PART):
        raise Refused("AUTO_INVALID_PARAM_ORDER_TYPE", f"order_type: found {wish.order_type}")
    if wish.auto_size not in ("", "close_long", "close_short"):
        raise Refused("AUTO_INVALID_PARAM_CLOSE", "auto_size: allowed are close_long and close_short")
    if dual and wish.close:
        raise Refused("AUTO_INVALID_PARAM_CLOSE", "close belongs to the single mode; use auto_size")
    if wish.auto_size and not (dual and wish.reduce_only):
        raise Refused("AUTO_INVALID_PARAM_CLOSE", "auto_size belongs to the dual mode, with reduce_only")
    if bool(wish.size) is bool(wish.close or wish.auto_size):
        raise Refused("AUTO_INVALID_PARAM_CLOSE", "size must be 0 with close or auto_size, and only then")
    if wish.order_type:
        _check_closing(wish)
        if wish.expiration and not expiring_protection:
            raise Refused("AUTO_INVALID_PARAM_TRIGGER_EXPIRATION", "a position's stop has no expiration")


def attached_wish(contract: str, size: Decimal, *, level: Decimal, rule: int) -> TriggerWish:
    """Return what closes at market what an order of `size` opens: a form that only Gate itself makes."""
    return TriggerWish(
        contract=contract,
        size=-size,
        price=Decimal(0),
        tif="ioc",
        level=level,
        rule=rule,
        price_type=0,
        reduce_only=True,
        order_type="close-long-order" if size > 0 else "close-short-order",
    )


def amended(wish: TriggerWish, body: Mapping[str, Any]) -> TriggerWish:
    """Return a wish with what an amend body changes. Raises Refused."""
    amount = read_decimal(body, "amount")
    size = amount if amount is not None else read_decimal(body, "size")
    price, level = read_decimal(body, "price"), read_decimal(body, "trigger_price")
    price_type = read_choice(body, "price_type", SOURCES, default=wish.price_type)
    return evolve(
        wish,
        size=wish.size if size is None else size,
        price=wish.price if price is None else price,
        level=wish.level if level is None else level,
        price_type=price_type,
        auto_size=read_word(body, "auto_size") or wish.auto_size,
        close=wish.close if body.get("close") is None else read_flag(body, "close"),
    )


def _check_closing(wish: TriggerWish) -> None:
    is_long = "-long-" in wish.order_type
    if wish.order_type in _WHOLE and wish.size:
        raise Refused("AUTO_INVALID_PARAM_CLOSE", f"{wish.order_type} closes the whole position: size must be 0")
    if wish.is_entry:
        raise Refused("AUTO_INVALID_PARAM_CLOSE", f"{wish.order_type} needs reduce_only")
    if wish.auto_size and (wish.auto_size == "close_long") is not is_long:
        raise Refused("AUTO_INVALID_PARAM_ORDER_TYPE", f"{wish.order_type} with auto_size {wish.auto_size}")
    if wish.size and (wish.size < 0) is not is_long:
        raise Refused("AUTO_INVALID_PARAM_ORDER_TYPE", f"{wish.order_type} with size {wish.size}")


def _size(initial: Mapping[str, Any]) -> Decimal:
    amount = read_decimal(initial, "amount")
    size = read_decimal(initial, "size")
    if size is not None and size % 1:
        raise Refused("INVALID_PARAM_VALUE", "size is a whole number; use amount for fractions")
    return amount if amount is not None else size or Decimal(0)


def _price(fields: Mapping[str, Any], name: str) -> Decimal:
    try:
        price = read_decimal(fields, name)
    except Refused:
        price = None
    if price is None or price < 0:
        raise Refused("AUTO_INVALID_PARAM_PRICE", "price: allowed are texts of numbers from 0")
    return price


def _tif(initial: Mapping[str, Any]) -> str:
    tif = read_word(initial, "tif") or "gtc"
    if tif not in ("gtc", "ioc"):
        raise Refused("INVALID_PARAM_VALUE", "tif: allowed are gtc and ioc")
    return tif


def _expiration(trigger: Mapping[str, Any]) -> int | None:
    expiration = trigger.get("expiration")
    if expiration is None:
        return None
    if not isinstance(expiration, int) or isinstance(expiration, bool) or expiration < 0:
        raise Refused("AUTO_INVALID_PARAM_TRIGGER_EXPIRATION", "expiration: allowed are whole seconds")
    return expiration or None
