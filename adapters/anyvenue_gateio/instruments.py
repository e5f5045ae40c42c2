"""Gate's contracts as instruments, and the requests that list them.

Gate states no quantity step: it is one contract, or the smallest order where `enable_decimal` is set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from anyvenue.model.enums import ContractKind, TradingStatus
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import EXACT, ONE, Rounding, exact, round_to_step, whole
from anyvenue.model.pricing import Tick
from anyvenue.model.symbols import format_symbol
from anyvenue.wire.request import Request
from anyvenue_gateio.errors import VENUE
from anyvenue_gateio.limits import public
from anyvenue_gateio.rest.orders import page, question

__all__ = ["contracts_request", "fees_request", "read_contracts", "wrong_settle"]

_SETTLE_OF_QUOTE: Final = {"USDT": "usdt", "USD": "btc"}


def contracts_request(settle: str, offset: int = 0) -> Request:
    """Return the request for one page of the contracts."""
    path = f"/futures/{settle}/contracts"
    return Request(method="GET", path=path, query=page(offset), charges=public(path))


def fees_request(settle: str) -> Request:
    """Return the request for the account's own fee rates, by contract."""
    return question(f"/futures/{settle}/fee")


def read_contracts(
    data: Sequence[Mapping[str, Any]],
    *,
    settle: str,
    connection: str,
    now_ns: int,
    fees: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[list[Instrument], dict[str, str]]:
    """Return the instruments, and why the other contracts were left out, by name.

    `fees` is the answer to `fees_request`; without it the contract's base tier counts.
    """
    instruments, left_out = [], {}
    for contract in data:
        try:
            instruments.append(_instrument(contract, settle.upper(), connection, now_ns, fees or {}))
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            left_out[str(contract.get("name"))] = f"no {error}" if isinstance(error, KeyError) else str(error)
    return instruments, left_out


def _instrument(
    contract: Mapping[str, Any], settle: str, connection: str, now_ns: int, fees: Mapping[str, Mapping[str, Any]]
) -> Instrument:
    """Return one contract's instrument. Raises ValueError and its like, with the reason, where there can be none."""
    name = contract["name"]
    if not name.isascii():
        raise ValueError("its name is not ASCII: Gate does not say how such a path is signed")
    status = _status(contract, now_ns)
    base, _, quote = name.rpartition("_")
    multiplier = exact(contract["quanto_multiplier"], "quanto_multiplier")
    if contract["type"] == "inverse" and base == settle and not multiplier:
        kind, size = ContractKind.INVERSE, ONE  # one contract is 1 USD
    elif contract["type"] == "direct" and quote == settle:
        kind, size = ContractKind.LINEAR, multiplier
    else:
        raise ValueError(f"a {contract['type']} contract settled in {settle} with multiplier {multiplier} is not known")
    # Without the decimal header, a decimal contract's smallest order reads 0: then whole contracts are safe.
    smallest = exact(contract["order_size_min"], "order_size_min")
    step = smallest if contract.get("enable_decimal") and smallest else ONE
    fee = fees.get(name, {})
    largest = [
        EXACT.multiply(exact(contract.get(field) or 0, field), size) or None
        for field in ("order_size_max", "market_order_size_max")
    ]
    return Instrument(
        symbol=format_symbol(base, quote),
        venue=VENUE,
        connection=connection,
        venue_symbol=name,
        base=base,
        quote=quote,
        settle=settle,
        kind=kind,
        contract_size=size,
        depth_unit=size,
        price_rule=Tick(contract["order_price_round"]),
        quantity_step=EXACT.multiply(step, size),
        min_quantity=EXACT.multiply(max(round_to_step(smallest, step, Rounding.UP), step), size),
        max_quantity=largest[0],
        max_market_quantity=largest[1],
        min_leverage=contract["leverage_min"],
        max_leverage=contract["leverage_max"],
        maintenance_margin_rate=contract["maintenance_rate"],
        maker_fee=fee.get("maker_fee", contract["maker_fee_rate"]),
        taker_fee=fee.get("taker_fee", contract["taker_fee_rate"]),
        price_band=contract["order_price_deviate"],
        funding_interval_s=whole(contract["funding_interval"], "funding_interval"),
        status=status,
    )


def _status(contract: Mapping[str, Any], now_ns: int) -> TradingStatus:
    """Return what can be done with a contract. Raises ValueError for one that is gone."""
    status = contract.get("status") or "trading"
    delisting = contract.get("in_delisting")
    if status == "delisted" or (delisting and not exact(contract["position_size"], "position_size")):
        raise ValueError("it is delisted")
    if status not in ("trading", "delisting"):
        return TradingStatus.HALTED  # prelaunch, circuit_breaker, suspend, and what is not known
    ends_s = exact(contract.get("delisting_time") or 0, "delisting_time")
    if delisting or status == "delisting" or 0 < ends_s * 1_000_000_000 <= now_ns:
        return TradingStatus.REDUCE_ONLY
    return TradingStatus.TRADING


def wrong_settle(name: str, settle: str) -> str:
    """Return what to say of a contract, neutral or Gate's name, that another settle has; empty for any other name."""
    quote = name.removesuffix("-PERP").replace("-", "_").rpartition("_")[2]
    right = _SETTLE_OF_QUOTE.get(quote, settle)
    if right == settle:
        return ""
    return (
        f"this connection has settle = {settle!r}, and contracts in {quote} are listed with settle = {right!r}: choose "
        "one of this connection's, or make a connection with that settle"
    )
