"""How an account looks in JSON: its balance (9.1), its positions and its open orders (11.3, by the words of 8.8)."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from anyvenue.model.balance import Balance
from anyvenue.model.enums import MarginMode
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.position import Position
from anyvenue.simulation.server.stage import Stage
from anyvenue_gaiaex.simulator.leverage import LeverageDesk
from anyvenue_gaiaex.simulator.markets import SETTLE, TERMS
from anyvenue_gaiaex.simulator.order_file import Kept, OrderFile
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.replies import padded
from anyvenue_gaiaex.simulator.revision import Shapes
from anyvenue_gaiaex.simulator.wallets import Wallets

__all__ = ["AccountShapes"]

_CENT: Final = Decimal("0.01")


class AccountShapes:
    """Tells of accounts."""

    def __init__(
        self,
        stage: Stage,
        wallets: Wallets,
        file: OrderFile,
        leverage: LeverageDesk,
        quirks: Quirks,
        shapes: Shapes,
    ) -> None:
        self._stage = stage
        self._wallets = wallets
        self._file = file
        self._leverage = leverage
        self._quirks = quirks
        self._shapes = shapes

    def balance(self, account: str) -> dict[str, Any]:
        """Return the balance. Unrealised profit is not in what is available."""
        nothing = Balance(currency=SETTLE, total=ZERO, available=ZERO)
        balances = self._stage.exchange.balances(account)
        balance = next((found for found in balances if found.currency == SETTLE), nothing)
        positions = self._stage.exchange.positions(account)
        cross = sum((self._profit(held) for held in positions if held.margin_mode is MarginMode.CROSS), ZERO)
        used = sum((self._margin(held) for held in positions), ZERO)
        available = min(max(ZERO, balance.available - cross), balance.total)
        return {
            "address": self._wallets.address(account),
            "usdc_balance": _money(balance.total),
            "hl_confirmed_bal": _money(balance.total),
            "pending_deposit": _money(ZERO),
            "available": _money(available),
            "unrealized_pnl": _money(sum((self._profit(held) for held in positions), ZERO)),
            "margin_used": _money(used),
        }

    def positions(self, account: str) -> list[dict[str, Any]]:
        """Return the positions that are not flat."""
        return [self._position(held) for held in self._stage.exchange.positions(account)]

    def orders(self, account: str) -> list[dict[str, Any]]:
        """Return the open orders."""
        shown = None if self._quirks.tpsl_shown else False
        return [self._order(kept, order) for kept, order in self._file.open(account, triggers=shown)]

    def _position(self, held: Position) -> dict[str, Any]:
        terms = TERMS[held.instrument.venue_symbol]
        size, word = padded(abs(held.quantity), 0), "LONG" if held.quantity > 0 else "SHORT"
        decimals = terms.price_decimals
        entry = _price(abs(held.cost / held.quantity), decimals)
        mark = _price(self._stage.exchange.mark_price(terms.symbol), decimals)
        closing = _price(held.liquidation_price, decimals)
        profit, leverage = _money(self._profit(held)), int(held.leverage)
        if self._quirks.snake:
            return {
                "symbol": terms.name,
                "side": word,
                "size": size,
                "entry_price": entry,
                "mark_price": mark,
                "unrealized_pnl": profit,
                "leverage": leverage,
                "margin_mode": held.margin_mode.value,
                "liquidation_price": closing,
            }
        return {
            "symbol": terms.name,
            "positionSide": word,
            "size": size,
            "entryPrice": entry,
            "markPrice": mark,
            "unrealizedPnl": profit,
            "leverage": leverage,
            "marginType": self._leverage.margin_word(held.margin_mode),
            "liquidationPrice": closing,
        }

    def _order(self, kept: Kept, order: Order) -> dict[str, Any]:
        trigger = order.spec.trigger
        price = trigger.price if order.price is None and trigger is not None else order.price
        told_price = _price(price, kept.terms.price_decimals)
        size, filled = padded(order.quantity, 0), padded(order.filled_quantity, 0)
        status = "resting" if self._shapes.is_b("user orders") else "open"
        word = "market" if kept.is_market else "limit"
        if self._quirks.snake:
            told: dict[str, Any] = {
                "order_id": kept.order_id,
                "symbol": kept.terms.name,
                "side": order.side.name,
                "order_type": word,
                "size": size,
                "filled_size": filled,
                "price": told_price,
                "status": status,
                "reduce_only": order.spec.reduce_only,
                "timestamp": kept.created_ms,
            }
        else:
            told = {
                "orderId": kept.order_id,
                "symbol": kept.terms.name,
                "side": order.side.name,
                "type": word.upper(),
                "origQty": size,
                "executedQty": filled,
                "price": told_price,
                "status": status,
                "reduceOnly": order.spec.reduce_only,
                "time": kept.created_ms,
            }
        if kept.client_id:
            told["client_id" if self._quirks.snake else "clientId"] = kept.client_id
        return told

    def _profit(self, held: Position) -> Decimal:
        mark = self._stage.exchange.mark_price(held.instrument.symbol)
        return ZERO if mark is None else held.unrealized_pnl(mark)

    def _margin(self, held: Position) -> Decimal:
        if held.margin_mode is MarginMode.ISOLATED:
            return held.margin
        mark = self._stage.exchange.mark_price(held.instrument.symbol)
        value = abs(held.cost if mark is None else held.instrument.value(held.quantity, mark))
        return value * max(1 / held.leverage, held.instrument.initial_margin_rate)


def _money(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_DOWN) + ZERO  # never a zero below zero


def _price(price: Decimal | None, decimals: int) -> Decimal | None:
    return None if price is None else padded(round(price, decimals), decimals)
