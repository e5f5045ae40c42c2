"""Orders and fills over REST: create, amend, cancel, batches, lists, the dead man's switch."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from anyvenue.simulation.server.stage import Stage
from anyvenue_gateio.simulator.account_book import AccountBooks, TradeRow
from anyvenue_gateio.simulator.accounts import Accounts
from anyvenue_gateio.simulator.call import Call, Route
from anyvenue_gateio.simulator.contracts import Contracts
from anyvenue_gateio.simulator.dead_men import DeadMen
from anyvenue_gateio.simulator.limits import CANCEL, PLACE
from anyvenue_gateio.simulator.order_body import read_decimal, read_word
from anyvenue_gateio.simulator.order_record import OrderRecord, gate_id
from anyvenue_gateio.simulator.orders import OrderDesk
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.shapes import money_text, price_text, seconds, size_value

__all__ = ["OrderRest"]

_F: Final = "/futures/{settle}"
_LEVEL_MAX: Final = 20


class OrderRest:
    """The order endpoints."""

    def __init__(
        self,
        stage: Stage,
        contracts: Contracts,
        accounts: Accounts,
        desk: OrderDesk,
        books: AccountBooks,
        dead_men: DeadMen,
    ) -> None:
        self._stage = stage
        self._contracts = contracts
        self._accounts = accounts
        self._desk = desk
        self._books = books
        self._dead_men = dead_men

    def routes(self) -> list[Route]:
        """Return the routes."""
        place: dict[str, Any] = {"bucket": PLACE, "expires": True}
        cancel: dict[str, Any] = {"bucket": CANCEL, "expires": True}
        one, many = f"{_F}/orders/{{order_id}}", f"{_F}/orders"
        return [
            Route(method="POST", pattern=many, handler=self.create, status=201, **place),
            Route(method="GET", pattern=many, handler=self.list_orders),
            Route(method="DELETE", pattern=many, handler=self.cancel_all, **cancel),
            Route(method="GET", pattern=f"{_F}/orders_timerange", handler=self.list_in_time),
            Route(method="GET", pattern=one, handler=self.get),
            Route(method="PUT", pattern=one, handler=self.amend, **place),
            Route(method="DELETE", pattern=one, handler=self.cancel, **cancel),
            Route(method="POST", pattern=f"{_F}/batch_orders", handler=self.create_batch, by_rows=True, **place),
            Route(method="POST", pattern=f"{_F}/batch_amend_orders", handler=self.amend_batch, by_rows=True, **place),
            Route(
                method="POST", pattern=f"{_F}/batch_cancel_orders", handler=self.cancel_batch, by_rows=True, **cancel
            ),
            Route(method="POST", pattern=f"{_F}/bbo_orders", handler=self.create_from_book, status=201, **place),
            Route(method="POST", pattern=f"{_F}/countdown_cancel_all", handler=self.count_down),
            Route(method="GET", pattern=f"{_F}/my_trades", handler=self.my_trades),
            Route(method="GET", pattern=f"{_F}/my_trades_timerange", handler=self.my_trades_in_time),
        ]

    # Commands

    def create(self, call: Call) -> Any:
        """POST orders."""
        number = self._desk.create(call.account, call.settle, call.body(), decimal=call.decimal)
        return self._shape(call, number)

    def create_from_book(self, call: Call) -> Any:
        """POST bbo_orders: a limit order at a level of the book."""
        body = call.object()
        direction = read_word(body, "direction", ("buy", "sell"))
        size, level = read_decimal(body, "size"), read_decimal(body, "level")
        if not direction or size is None or level is None:
            raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: direction, size or level")
        if size != int(size) or level != int(level) or not 1 <= level <= _LEVEL_MAX:
            raise Refused("INVALID_PARAM_VALUE", "size and level are whole numbers, level from 1 to 20")
        contract = self._contracts.find(call.settle, read_word(body, "contract"))
        book = self._stage.exchange.book(contract.symbol)
        levels = book.asks(int(level)) if direction == "buy" else book.bids(int(level))
        if not levels:
            raise Refused("CONTRACT_NO_COUNTER", f"no orders on that side of {contract.name}")
        signed = abs(size) * (1 if direction == "buy" else -1)
        number = self._desk.create(
            call.account, call.settle, {**body, "size": signed, "price": price_text(levels[-1].price)}
        )
        return self._shape(call, number)

    def amend(self, call: Call) -> Any:
        """PUT orders/{id or text}."""
        name = call.names["order_id"]
        return self._shape(call, self._desk.amend(call.account, call.settle, name, call.body(), decimal=call.decimal))

    def cancel(self, call: Call) -> Any:
        """DELETE orders/{id or text}."""
        return self._shape(call, self._desk.cancel(call.account, call.settle, call.names["order_id"]))

    def cancel_all(self, call: Call) -> Any:
        """DELETE orders."""
        canceled = self._desk.cancel_all(
            call.account,
            call.settle,
            call.word("contract"),
            call.word("side", ("bid", "ask")),
            exclude_reduce_only=call.flag("exclude_reduce_only"),
            text=call.word("text"),
        )
        return self._shapes(call, canceled)

    def create_batch(self, call: Call) -> Any:
        """POST batch_orders."""
        return self._desk.create_batch(call.account, call.settle, call.body(), decimal=call.decimal)

    def amend_batch(self, call: Call) -> Any:
        """POST batch_amend_orders."""
        return self._desk.amend_batch(call.account, call.settle, call.body(), decimal=call.decimal)

    def cancel_batch(self, call: Call) -> Any:
        """POST batch_cancel_orders."""
        return self._desk.cancel_batch(call.account, call.settle, call.body())

    def count_down(self, call: Call) -> Any:
        """POST countdown_cancel_all."""
        body = call.object()
        timeout = read_decimal(body, "timeout")
        if timeout is None:
            raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: timeout")
        if timeout != int(timeout) or (timeout and timeout < 5) or timeout < 0:
            raise Refused("INVALID_PARAM_VALUE", "timeout: 0 or at least 5 seconds")
        contract = read_word(body, "contract") or None
        return {"triggerTime": self._dead_men.arm(call.account, call.settle, contract, int(timeout))}

    # Lists

    def get(self, call: Call) -> Any:
        """GET orders/{id or text}."""
        return self._shape(call, self._desk.get(call.account, call.settle, call.names["order_id"]))

    def list_orders(self, call: Call) -> Any:
        """GET orders."""
        status = call.needed("status", ("open", "finished"))
        contract, last = self._contract(call), call.word("last_id")
        find = self._desk.open_orders if status == "open" else self._desk.finished_orders
        orders = find(call.account, call.settle, contract)
        if last:
            orders = [order for order in orders if order.number < call.whole("last_id", 0)]
        return self._shapes(call, call.page(orders))

    def list_in_time(self, call: Call) -> Any:
        """GET orders_timerange: what has ended, with texts for the times of update and end."""
        first, last = call.span_ns()
        orders = [
            order
            for order in self._desk.finished_orders(call.account, call.settle, self._contract(call))
            if first <= order.finish_ns < last
        ]
        shapes = self._shapes(call, call.page(orders))
        return [{**s, "update_time": str(s["update_time"]), "finish_time": str(s["finish_time"])} for s in shapes]

    def my_trades(self, call: Call) -> Any:
        """GET my_trades."""
        order, rows = call.word("order"), self._trades(call)
        last = call.whole("last_id", 0)
        chosen = [
            row
            for row in rows
            if (order is None or str(_order_of(row)) == order) and (not last or int(row.fill.trade_id) < last)
        ]
        return [{"id": int(row.fill.trade_id), **self._trade(call, row)} for row in call.page(chosen)]

    def my_trades_in_time(self, call: Call) -> Any:
        """GET my_trades_timerange: the same, with another name for the id."""
        first, last = call.span_ns()
        role = call.word("role", ("maker", "taker"))
        chosen = [
            row
            for row in self._trades(call)
            if first <= row.time_ns < last and role in (None, row.fill.liquidity.value)
        ]
        return [{"trade_id": row.fill.trade_id, **self._trade(call, row)} for row in call.page(chosen)]

    # What these are made of

    def _contract(self, call: Call) -> str | None:
        name = call.word("contract")
        return None if name is None else self._contracts.find(call.settle, name).name

    def _trades(self, call: Call) -> list[TradeRow]:
        self._accounts.check_settle(call.account, call.settle)
        contract = self._contract(call)
        rows = self._books.trades(call.account, call.settle)
        return [row for row in rows if contract is None or row.contract.name == contract]

    def _trade(self, call: Call, row: TradeRow) -> dict[str, Any]:
        fill, number = row.fill, _order_of(row)
        order = self._desk.file.by_id(call.account, number)
        value: Decimal = row.contract.instrument.value(fill.quantity, fill.price)
        return {
            "create_time": seconds(row.time_ns),
            "contract": row.contract.name,
            "order_id": str(number),
            "size": size_value(row.size, call.decimal),
            "close_size": size_value(row.close_size, call.decimal),
            "price": price_text(fill.price),
            "role": fill.liquidity.value,
            "text": "" if order is None else order.text,
            "fee": money_text(fill.fee),
            "point_fee": "0",
            "trade_value": money_text(value),
        }

    def _shape(self, call: Call, order: OrderRecord | int) -> dict[str, Any]:
        return self._desk.shape(call.account, order, call.decimal)

    def _shapes(self, call: Call, orders: Sequence[OrderRecord]) -> list[dict[str, Any]]:
        return [self._shape(call, order) for order in orders]


def _order_of(row: TradeRow) -> int:
    return gate_id(row.fill.venue_order_id or "0")
