"""The account: balance, modes, positions, leverage, funding payments, and the dead-man switch.

A reader takes the decoded JSON of an answer. It raises LookupError, TypeError or ValueError for what it cannot read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from anyvenue.model.balance import Balance
from anyvenue.model.enums import MarginMode, PositionMode, PositionSide
from anyvenue.model.errors import TradingEnded
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.numbers import ZERO, exact, shortest_text, whole
from anyvenue.model.position import Position
from anyvenue.model.times import unix_ns
from anyvenue.wire.request import Request
from anyvenue_gateio.errors import VENUE
from anyvenue_gateio.limits import private
from anyvenue_gateio.rest.orders import command, id_of, page, question

__all__ = [
    "Account",
    "account_request",
    "countdown_request",
    "funding_payments_request",
    "leverage_request",
    "position_mode_request",
    "position_request",
    "positions_request",
    "read_account",
    "read_funding_payments",
    "read_position",
    "read_positions",
]

_MODES: Final = {"single": PositionMode.ONE_WAY, "dual": PositionMode.HEDGE}
_MODE_NAMES: Final = {mode: name for name, mode in _MODES.items()}
_MARGIN_MODES: Final = {1: "multi-currency", 2: "portfolio", 3: "single-currency"}
_SIDES: Final = {"single": PositionSide.NET, "dual_long": PositionSide.LONG, "dual_short": PositionSide.SHORT}
_NS: Final = 1_000_000_000
_COUNTDOWN_LEAST_S: Final = 5


@frozen(kw_only=True)
class Account:
    """What `accounts` tells. `user` is the id that private channels want."""

    user: str
    position_mode: PositionMode
    balance: Balance


def account_request(settle: str) -> Request:
    """Ask for balance and modes."""
    return _get(settle, "accounts")


def read_account(data: Mapping[str, Any], ts_recv: int) -> Account:
    """Return balance and modes. Raises TradingEnded for an account in a mode that this adapter does not trade in."""
    margin_mode = whole(data.get("margin_mode") or 0, "margin_mode")
    mode = data.get("position_mode") or ("dual" if data.get("in_dual_mode") else "single")
    if margin_mode:
        name = _MARGIN_MODES.get(margin_mode, "unknown")
        raise _unfit(f"a unified account (margin_mode {margin_mode}, {name})", "classic")
    if mode not in _MODES:
        raise _unfit(f"position mode {mode}", "single or dual")
    balance = Balance(
        currency=data["currency"].upper(),
        total=exact(data["total"], "total"),
        available=exact(data["available"], "available"),
        sequence=None if data.get("update_id") is None else whole(data["update_id"], "update_id"),
        ts_event=unix_ns(data.get("update_time") or 0, "update_time"),
        ts_recv=ts_recv,
    )
    return Account(user=id_of({"id": data["user"]}), position_mode=_MODES[mode], balance=balance)


def _unfit(found: str, allowed: str) -> TradingEnded:
    return TradingEnded(
        f"found {found}; this adapter trades in {allowed} mode: switch the account at Gate", venue=VENUE
    )


def positions_request(settle: str) -> Request:
    """Ask for all positions that are not flat, in either position mode."""
    return _get(settle, "positions", ("holding", "true"))


def position_request(instrument: Instrument, mode: PositionMode) -> Request:
    """Ask for one contract's position, flat or not; in hedge mode for both."""
    return _get(instrument.settle, f"{_positions(mode)}/{instrument.venue_symbol}")


def read_positions(data: Any, instruments: Mapping[str, Instrument], ts_recv: int) -> list[Position]:
    """Return the positions of an answer, one object or a list of them. `instruments` are found by Gate's names.

    Contracts that are not among them are left out.
    """
    rows = data if isinstance(data, list) else [data]
    known = [(row, instruments.get(row["contract"])) for row in rows]
    return [read_position(row, instrument, ts_recv) for row, instrument in known if instrument is not None]


def read_position(data: Mapping[str, Any], instrument: Instrument, ts_recv: int) -> Position:
    """Return a position, of an answer or a push. A push does not part the profit from fees and funding."""
    side = _SIDES[data.get("mode") or "single"]
    contracts = exact(data["size"], "size")
    if side is not PositionSide.NET:
        contracts = abs(contracts) if side is PositionSide.LONG else -abs(contracts)
    quantity = instrument.from_contracts(contracts)
    leverage, cross_leverage = _number(data, "leverage"), _number(data, "cross_leverage_limit")
    named = data.get("pos_margin_mode")
    is_cross = named == "cross" if named else not leverage
    return Position(
        instrument=instrument,
        side=side,
        quantity=quantity,
        cost=instrument.value(quantity, exact(data["entry_price"], "entry_price")) if quantity else ZERO,
        realized_pnl=_number(data, "pnl_pnl" if "pnl_pnl" in data else "realised_pnl"),
        fees=-_number(data, "pnl_fee"),
        funding=_number(data, "pnl_fund"),
        leverage=_number(data, "lever") or (cross_leverage if is_cross else leverage) or instrument.max_leverage,
        margin_mode=MarginMode.CROSS if is_cross else MarginMode.ISOLATED,
        margin=ZERO if is_cross else _number(data, "margin"),
        liquidation_price=_number(data, "liq_price") or None,
        sequence=None if data.get("update_id") is None else whole(data["update_id"], "update_id"),
        ts_event=unix_ns(data.get("time_ms") or data.get("update_time") or 0, "update_time"),
        ts_recv=ts_recv,
    )


def _number(data: Mapping[str, Any], name: str) -> Decimal:
    return exact(data.get(name) or 0, name)


def leverage_request(
    instrument: Instrument, leverage: Decimal, margin_mode: MarginMode, position_mode: PositionMode
) -> Request:
    """Set leverage and margin mode; the answer is read by `read_positions`.

    This is the older call: `leverage` 0 means cross, and then `cross_leverage_limit` holds the leverage. The newer
    `set_leverage` is documented without its answer and its effect on hedged positions.
    """
    text = shortest_text(leverage)
    pair = (("leverage", "0"), ("cross_leverage_limit", text))
    query = pair if margin_mode is MarginMode.CROSS else (("leverage", text),)
    return _post(instrument.settle, f"{_positions(position_mode)}/{instrument.venue_symbol}/leverage", query=query)


def position_mode_request(settle: str, mode: PositionMode) -> Request:
    """Set the position mode; the answer is read by `read_account`, and a refusal for NOTHING_CHANGED is a success."""
    return _post(settle, "set_position_mode", query=(("position_mode", _MODE_NAMES[mode]),))


def funding_payments_request(instrument: Instrument, *, start_ns: int, end_ns: int, offset: int = 0) -> Request:
    """Ask for a page of the funding booked from `start_ns` to `end_ns`, in whole seconds. A short one is the last."""
    span = (("from", str(start_ns // _NS)), ("to", str(-(-end_ns // _NS))))
    fund = ("type", "fund")
    return _get(instrument.settle, "account_book", ("contract", instrument.venue_symbol), *page(offset), *span, fund)


def read_funding_payments(
    data: Sequence[Mapping[str, Any]], instrument: Instrument, ts_recv: int
) -> list[FundingPayment]:
    """Return funding payments in the order in which they came."""
    return [
        FundingPayment(
            instrument=instrument,
            amount=exact(row["change"], "change"),
            ts_event=unix_ns(row["time"], "time"),
            ts_recv=ts_recv,
        )
        for row in data
    ]


def countdown_request(settle: str, timeout_s: int) -> Request:
    """Have all orders of the settle currency cancelled in `timeout_s` unless asked again; 0 disarms.

    Positions stay; whether triggers do is not documented. Raises ValueError below 5 s.
    """
    if timeout_s and timeout_s < _COUNTDOWN_LEAST_S:
        raise ValueError(f"timeout_s: found {timeout_s}; allowed are 0 (disarm) and {_COUNTDOWN_LEAST_S} or more")
    return _post(settle, "countdown_cancel_all", {"timeout": timeout_s})


def _positions(mode: PositionMode) -> str:
    return "positions" if mode is PositionMode.ONE_WAY else "dual_comp/positions"


def _get(settle: str, what: str, *query: tuple[str, str]) -> Request:
    return question(f"/futures/{settle.lower()}/{what}", *query)


def _post(settle: str, what: str, body: object = None, query: tuple[tuple[str, str], ...] = ()) -> Request:
    path = f"/futures/{settle.lower()}/{what}"
    return command("POST", path, body, query=query, charges=private(path))
