"""How an account looks: margins, positions and what it may still do (3.3)."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from anyvenue.model.balance import Balance
from anyvenue.model.enums import MarginMode
from anyvenue.model.numbers import ZERO
from anyvenue.model.position import Position
from anyvenue.simulation.server.stage import Stage
from anyvenue_hyperliquid.simulator.markets import DEXES, SETTLE, TERMS, Markets, Terms, number
from anyvenue_hyperliquid.simulator.records import Records

__all__ = ["AccountShapes"]

_MICRO: Final = Decimal("0.000001")
_RATIO: Final = Decimal("0.00000001")
_MUST_STAY: Final = Decimal("0.1")
_MS_NS: Final = 1_000_000


class AccountShapes:
    """Tells of accounts. A builder dex has no money of its own here: its isolated positions hold what they need."""

    def __init__(self, stage: Stage, markets: Markets, records: Records) -> None:
        self._stage = stage
        self._markets = markets
        self._records = records

    def state(self, account: str, dex: str) -> dict[str, Any]:
        """Return `clearinghouseState` of a dex."""
        self._records.of(account)
        held = [one for one in self._stage.exchange.positions(account) if _terms(one).dex == dex]
        isolated = sum((one.margin + self._profit(one) for one in held if _is_isolated(one)), ZERO)
        cross = self._cross_value(account) if not dex else ZERO
        crossed = [one for one in held if not _is_isolated(one)]
        balance = self._balance(account)
        needed = sum((self._value(one) for one in crossed), ZERO) * _MUST_STAY
        free = ZERO if dex else max(ZERO, min(balance.available, cross - needed))
        return {
            "marginSummary": self._summary(cross + isolated, held),
            "crossMarginSummary": self._summary(cross, crossed),
            "crossMaintenanceMarginUsed": _money(
                sum((self._value(one) * one.instrument.maintenance_margin_rate for one in crossed), ZERO)
            ),
            "withdrawable": _money(free),
            "assetPositions": [{"type": "oneWay", "position": self._position(account, one)} for one in held],
            "time": self._stage.time_ns() // _MS_NS,
        }

    def states(self, account: str) -> list[list[Any]]:
        """Return the states of all dexes."""
        return [[dex, self.state(account, dex)] for dex in DEXES]

    def asset_data(self, account: str, terms: Terms) -> dict[str, Any]:
        """Return `activeAssetData`, without the user and the coin."""
        held = self._stage.exchange.position(account, terms.symbol)
        mark = self._stage.exchange.mark_price(terms.symbol) or ZERO
        free = self._balance(account).available
        own = abs(held.quantity)
        buys, sells = (free, free)
        sizes = [ZERO, ZERO]
        if mark:
            step = self._markets.instrument(terms).quantity_step
            most = (free * held.leverage / mark).quantize(step, rounding=ROUND_DOWN)
            sizes = [most + own * 2 * (held.quantity < 0), most + own * 2 * (held.quantity > 0)]
        return {
            "leverage": self._leverage(held),
            "maxTradeSzs": [number(size) for size in sizes],
            "availableToTrade": [_money(buys), _money(sells)],
            "markPx": number(mark),
        }

    def _summary(self, value: Decimal, held: list[Position]) -> dict[str, str]:
        total = sum((self._value(one) for one in held), ZERO)
        net = sum((self._value(one) * (1 if one.quantity > 0 else -1) for one in held), ZERO)
        return {
            "accountValue": _money(value),
            "totalNtlPos": _money(total),
            "totalRawUsd": _money(value - net),
            "totalMarginUsed": _money(sum((self._margin(one) for one in held), ZERO)),
        }

    def _position(self, account: str, held: Position) -> dict[str, Any]:
        profit, margin = self._profit(held), self._margin(held)
        record = self._records.of(account)
        seen = record.positions.get(held.instrument.symbol)
        opened = ZERO if seen is None else seen.funding - record.funding_before.get(held.instrument.symbol, ZERO)
        cost = abs(held.cost) / held.leverage
        closing = held.liquidation_price
        return {
            "coin": held.instrument.venue_symbol,
            "szi": number(held.quantity),
            "leverage": self._leverage(held),
            "entryPx": number(round(abs(held.cost / held.quantity), 6)),
            "positionValue": _money(self._value(held)),
            "unrealizedPnl": _money(profit),
            "returnOnEquity": number((profit / cost).quantize(_RATIO) if cost else ZERO),
            "liquidationPx": None if closing is None else number(closing),
            "marginUsed": _money(margin),
            "maxLeverage": _terms(held).max_leverage,
            "cumFunding": {
                "allTime": _money(-held.funding),
                "sinceOpen": _money(-opened),
                "sinceChange": _money(-opened),
            },
        }

    def _leverage(self, held: Position) -> dict[str, Any]:
        told: dict[str, Any] = {"type": "cross", "value": int(held.leverage)}
        if _is_isolated(held):
            told |= {"type": "isolated", "rawUsd": _money(held.margin - held.cost)}
        return told

    def _balance(self, account: str) -> Balance:
        balances = self._stage.exchange.balances(account)
        nothing = Balance(currency=SETTLE, total=ZERO, available=ZERO)
        return next((balance for balance in balances if balance.currency == SETTLE), nothing)

    def _cross_value(self, account: str) -> Decimal:
        value = self._balance(account).total
        for held in self._stage.exchange.positions(account):
            value += -held.margin if _is_isolated(held) else self._profit(held)
        return value

    def _value(self, held: Position) -> Decimal:
        mark = self._stage.exchange.mark_price(held.instrument.symbol)
        return abs(held.cost if mark is None else held.instrument.value(held.quantity, mark))

    def _profit(self, held: Position) -> Decimal:
        mark = self._stage.exchange.mark_price(held.instrument.symbol)
        return ZERO if mark is None else held.unrealized_pnl(mark)

    def _margin(self, held: Position) -> Decimal:
        if _is_isolated(held):
            return held.margin + self._profit(held)
        return self._value(held) * max(1 / held.leverage, held.instrument.initial_margin_rate)


def _terms(held: Position) -> Terms:
    return TERMS[held.instrument.venue_symbol]


def _is_isolated(held: Position) -> bool:
    return held.margin_mode is MarginMode.ISOLATED


def _money(amount: Decimal) -> str:
    return number(amount.quantize(_MICRO, rounding=ROUND_DOWN) + ZERO)  # never a zero below zero
