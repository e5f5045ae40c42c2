"""The form of an order as a client sends it: names, types and texts. The rules of the market come later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from attrs import frozen

from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["Wish", "check_text", "read_amend", "read_decimal", "read_flag", "read_order", "read_word"]

_TEXT: Final = re.compile(r"t-[0-9A-Za-z_.\-]{1,28}\Z")
_TIFS: Final = ("gtc", "ioc", "poc", "fok")
_STP: Final = ("", "-", "cn", "co", "cb")
_AUTO: Final = ("", "close_long", "close_short")


@frozen(kw_only=True)
class Wish:
    """An order as it was asked for. `size` is signed contracts; `price` 0 is a market order."""

    contract: str
    size: Decimal
    price: Decimal
    tif: str
    text: str
    reduce_only: bool = False
    close: bool = False
    auto_size: str = ""
    iceberg: Decimal = Decimal(0)
    stp_act: str = "-"
    slip_ratio: Decimal | None = None
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None


def read_order(body: Any, *, default_text: str) -> Wish:
    """Return what a create body says. Raises Refused for a form that Gate does not take."""
    if not isinstance(body, Mapping):
        raise Refused("INVALID_REQUEST_BODY", "an order is a JSON object")
    contract = read_word(body, "contract")
    if not contract:
        raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: contract")
    size = read_decimal(body, "size")
    price = read_decimal(body, "price")
    if price is None:
        raise Refused("INVALID_ARGUMENT", "invalid argument")
    if price < 0:
        raise Refused("INVALID_PARAM_VALUE", "invalid argument: #price")
    close, auto_size = read_flag(body, "close"), read_word(body, "auto_size", _AUTO)
    if size is None:
        if not (close or auto_size):
            raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: size")
        size = Decimal(0)
    tif = read_word(body, "tif", _TIFS) or "gtc"
    if not price and tif not in ("ioc", "fok"):
        raise Refused("INVALID_PARAM_VALUE", f"price 0 is a market order and needs tif ioc or fok; found {tif}")
    slip = read_decimal(body, "market_order_slip_ratio")
    if slip is not None and not 0 < slip <= 1:
        raise Refused("INVALID_PARAM_VALUE", "invalid argument: #market_order_slip_ratio")
    read_word(body, "action_mode", ("", "ACK", "RESULT", "FULL"))
    iceberg = read_decimal(body, "iceberg") or Decimal(0)
    if iceberg < 0:
        raise Refused("INVALID_PARAM_VALUE", "invalid argument: #iceberg")
    return Wish(
        contract=contract,
        size=size,
        price=price,
        tif=tif,
        text=check_text(body.get("text"), default_text),
        reduce_only=read_flag(body, "reduce_only"),
        close=close,
        auto_size=auto_size,
        iceberg=iceberg,
        stp_act=read_word(body, "stp_act", _STP) or "-",
        slip_ratio=slip,
        take_profit=read_decimal(body, "tpsl_tp_trigger_price") or None,
        stop_loss=read_decimal(body, "tpsl_sl_trigger_price") or None,
    )


def read_amend(body: Any) -> tuple[Decimal | None, Decimal | None, str | None]:
    """Return the size, price and remark of an amend body, None for what it does not say. Raises Refused."""
    if not isinstance(body, Mapping):
        raise Refused("INVALID_REQUEST_BODY", "an amendment is a JSON object")
    size, price = read_decimal(body, "size"), read_decimal(body, "price")
    if price is not None and price < 0:
        raise Refused("INVALID_PARAM_VALUE", "invalid argument: #price")
    remark = body.get("amend_text")
    if remark is not None and not isinstance(remark, str):
        raise Refused("INVALID_PARAM_VALUE", "invalid argument: #amend_text")
    if size is None and price is None and not remark:
        raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: size or price")
    return size, price, remark or None


def check_text(text: Any, default: str = "api") -> str:
    """Return a client's own order id, or `default` where it gives none. Raises Refused.

    It begins with `t-`; at most 28 bytes follow, digits, letters, and `_`, `-`, `.`. The venue's own word for the way
    that the order came is taken, too: the official SDK sends it.
    """
    if text is None or text in ("", default):
        return default
    if not isinstance(text, str) or not _TEXT.match(text):
        raise Refused(
            "INVALID_PARAM_VALUE", "text: must begin with t-, and at most 28 of 0-9 A-Z a-z _ - . may follow it"
        )
    return text


def read_decimal(body: Mapping[str, Any], name: str) -> Decimal | None:
    """Return a number that may be written as a number or as a text; None where there is none. Raises Refused."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and abs(number.adjusted()) < 30:
            return number
    raise Refused("INVALID_PARAM_VALUE", f"invalid argument: #{name}")


def read_flag(body: Mapping[str, Any], name: str) -> bool:
    """Return a JSON boolean; False where there is none. Raises Refused."""
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise Refused("INVALID_PARAM_VALUE", f"invalid argument: #{name}")
    return value


def read_word(body: Mapping[str, Any], name: str, allowed: tuple[str, ...] | None = None) -> str:
    """Return a text; empty where there is none. Raises Refused for another type, or a word that is not allowed."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or (allowed is not None and value and value not in allowed):
        raise Refused("INVALID_PARAM_VALUE", f"invalid argument: #{name}")
    return value
