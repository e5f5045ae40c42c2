"""New orders: from a body of /order to the exchange behind, and the answer (8.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from anyvenue.model.enums import OrderState, OrderType, Side, TimeInForce
from anyvenue.model.errors import InvalidOrder, Rejected, RejectReason
from anyvenue.model.numbers import Rounding
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.simulation.server.stage import Stage
from anyvenue_gaiaex.simulator.call import Call
from anyvenue_gaiaex.simulator.leverage import LeverageDesk
from anyvenue_gaiaex.simulator.markets import Markets, Terms
from anyvenue_gaiaex.simulator.order_body import Wish, read_order
from anyvenue_gaiaex.simulator.order_file import Kept, OrderFile
from anyvenue_gaiaex.simulator.order_rules import OrderRules, refuse_by_chain
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.refusal import ChainRefused, Refused
from anyvenue_gaiaex.simulator.replies import padded
from anyvenue_gaiaex.simulator.revision import Shapes
from anyvenue_gaiaex.simulator.updates import Updates

__all__ = ["OrderDesk"]

ANSWERS_MAX: Final = 10_000
_PLACE: Final = "POST /order"
_IMMEDIATE: Final = "IOC"
_POST_ONLY: Final = "ALO"


class OrderDesk:
    """Takes new orders. Everything raises Refused."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        file: OrderFile,
        rules: OrderRules,
        leverage: LeverageDesk,
        updates: Updates,
        quirks: Quirks,
        shapes: Shapes,
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._file = file
        self._rules = rules
        self._leverage = leverage
        self._updates = updates
        self._quirks = quirks
        self._shapes = shapes
        self._answers: dict[tuple[str, str], dict[str, Any]] = {}

    def place(self, call: Call) -> dict[str, Any]:
        """Answer POST /order."""
        wish = read_order(call.body, knows_tif=not self._shapes.is_b("time_in_force"))
        terms = self._markets.get(wish.symbol)
        first = self._answers.get((call.account, wish.client_id)) if wish.client_id else None
        if first is not None and self._quirks.duplicate == "replay":
            return first
        if first is not None and self._quirks.duplicate == "error":
            raise Refused(400, f"Duplicate client_id '{wish.client_id}'")
        self._check(terms, wish)
        if wish.leverage is not None:
            self._leverage.set(call.account, terms, wish.leverage, wish.margin_mode)
        answer = self._answer(terms, wish, *self._carry_out(call, terms, wish), call.time_ms)
        if wish.client_id:
            self._remember((call.account, wish.client_id), answer)
        return answer

    def enter(self, account: str, kept: Kept, spec: OrderSpec) -> Order:
        """Give an order to the exchange behind and keep it on file; return what became of it at once."""
        try:
            self._stage.exchange.place(account, spec)
        except Rejected as error:
            refuse_by_chain(error.reason, error)
        self._file.keep(account, kept)
        self._updates.touch(account)
        order = self._stage.exchange.order(account, client_order_id=kept.name)
        if order is None:
            raise ChainRefused("Order is not known")
        return order

    def bound(self, terms: Terms, side: Side, slippage: Decimal) -> Decimal:
        """Return the worst price that slippage from the mark price allows."""
        mark = self._stage.exchange.mark_price(terms.symbol)
        if mark is None:
            refuse_by_chain(RejectReason.NO_LIQUIDITY)
        worst = mark * (1 + side.sign * slippage)
        rounding = Rounding.DOWN if side is Side.BUY else Rounding.UP
        return self._markets.instrument(terms).round_price(worst, rounding=rounding)

    def _check(self, terms: Terms, wish: Wish) -> None:
        self._rules.check_hours(terms)
        self._rules.check_size(terms, wish.size)
        for price in (wish.price, wish.tp_price, wish.sl_price):
            if price is not None:
                self._rules.check_price(terms, price)
        self._rules.check_value(terms, wish.size, wish.price, reduce_only=wish.reduce_only)

    def _carry_out(self, call: Call, terms: Terms, wish: Wish) -> tuple[Kept, Order]:
        kept = Kept(
            order_id=self._file.new_id(),
            name=self._file.new_name(),
            terms=terms,
            created_ms=call.time_ms,
            client_id=wish.client_id,
            is_market=wish.price is None,
            time_in_force=wish.time_in_force,
        )
        order = self.enter(call.account, kept, self._spec(kept, wish))
        if not order.filled_quantity and order.is_terminal:
            self._file.drop(call.account, kept.order_id)
            refuse_by_chain(RejectReason.NO_LIQUIDITY)
        return kept, order

    def _spec(self, kept: Kept, wish: Wish) -> OrderSpec:
        price, time_in_force = wish.price, TimeInForce.GTC
        slippage = self._quirks.market_slippage
        if price is None and slippage is not None:
            price, time_in_force = self.bound(kept.terms, wish.side, slippage), TimeInForce.IOC
        elif wish.time_in_force == _IMMEDIATE and price is not None:
            time_in_force = TimeInForce.IOC
        has_triggers = wish.tp_price is not None or wish.sl_price is not None
        try:
            return OrderSpec(
                client_order_id=kept.name,
                instrument=self._markets.instrument(kept.terms),
                side=wish.side,
                quantity=wish.size,
                price=price,
                order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
                time_in_force=time_in_force,
                post_only=wish.time_in_force == _POST_ONLY and wish.price is not None,
                reduce_only=wish.reduce_only,
                protection=Protection(
                    take_profit=wish.tp_price, stop_loss=wish.sl_price, source=self._quirks.trigger_source
                )
                if has_triggers
                else None,
            )
        except InvalidOrder as error:
            raise Refused(400, "Invalid TP/SL price" if has_triggers else "Invalid order") from error

    def _answer(self, terms: Terms, wish: Wish, kept: Kept, order: Order, time_ms: int) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "success": True,
            "orderId": kept.order_id,
            "status": self._status(kept, order),
            "symbol": terms.name,
            "side": wish.side.name,
            "type": "MARKET" if kept.is_market else "LIMIT",
            "origQty": padded(wish.size, 0),
        }
        if wish.price is not None:
            answer["price"] = padded(wish.price, terms.price_decimals)
        elif self._quirks.market_price == "null":
            answer["price"] = None
        elif self._quirks.market_price == "average" and order.average_price is not None:
            answer["price"] = padded(round(order.average_price, terms.price_decimals), terms.price_decimals)
        answer["timestamp"] = time_ms
        return answer

    def _status(self, kept: Kept, order: Order) -> str:
        every = self._quirks.pending_every
        if every and kept.order_id % every == 0:
            return "pending"
        is_done = order.state is OrderState.FILLED or order.is_terminal
        if is_done or (order.filled_quantity and self._quirks.filled_in_part):
            return "filled"
        return "resting" if self._shapes.is_b(_PLACE) else "open"

    def _remember(self, key: tuple[str, str], answer: dict[str, Any]) -> None:
        self._answers[key] = answer
        if len(self._answers) > ANSWERS_MAX:
            del self._answers[next(iter(self._answers))]
