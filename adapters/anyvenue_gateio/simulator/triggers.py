"""The trigger orders of Gate: taken, watched, fired, and those that come with an order (fact sheet, chapters 8.1, 8.2).

They are Gate's own, not the exchange's: a list beside the orders, which makes an ordinary order when a price comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from anyvenue.model.errors import InvalidPrice
from anyvenue.model.order_events import OrderCanceled, OrderExpired, OrderFilled
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import AccountEvent
from anyvenue_gateio.simulator.accounts import Accounts
from anyvenue_gateio.simulator.contracts import Contract, Contracts
from anyvenue_gateio.simulator.news import News
from anyvenue_gateio.simulator.orders import OrderDesk
from anyvenue_gateio.simulator.price_watch import present_price, watch_price
from anyvenue_gateio.simulator.quirks import Quirks
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.trigger_body import TriggerWish, amended, attached_wish, check_form, read_trigger
from anyvenue_gateio.simulator.trigger_order import TriggerOrder, trigger_shape

__all__ = ["TriggerDesk"]

_FIRST_ID: Final = 72_057_594_037_927_936
"""2^56: beyond a binary float, and apart from the ids of orders."""
_FINISHED_KEPT: Final = 1_000
_SECOND_NS: Final = 1_000_000_000

_Shapes = list[dict[str, Any]]
_Orders = list[TriggerOrder]


class TriggerDesk:
    """Takes trigger orders, fires them, and looks them up. Everything raises Refused with Gate's label."""

    def __init__(
        self, stage: Stage, contracts: Contracts, desk: OrderDesk, accounts: Accounts, news: News, quirks: Quirks
    ) -> None:
        self._stage = stage
        self._contracts = contracts
        self._desk = desk
        self._accounts = accounts
        self._quirks = quirks
        self._orders: dict[int, TriggerOrder] = {}
        self._inactive: dict[tuple[str, int], _Orders] = {}  # by account and parent
        self._listeners: list[Callable[[TriggerOrder], None]] = []
        self._count = 0
        news.keep(self._on_news)

    def on_change(self, listener: Callable[[TriggerOrder], None]) -> Callable[[], None]:
        """Tell `listener` of each trigger order that is taken, changed or over, until the function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def shape(self, order: TriggerOrder) -> dict[str, Any]:
        """Return a trigger order as Gate tells it."""
        return trigger_shape(order, self._accounts.user_id(order.account))

    # Commands

    def create(self, account: str, settle: str, body: Any) -> dict[str, Any]:
        """Take a trigger order; return its id."""
        wish = read_trigger(body)
        contract = self._contracts.find(settle, wish.contract)
        self._accounts.check_settle(account, settle)
        check_form(wish, dual=self._accounts.is_dual(account), expiring_protection=self._quirks.expiring_protection)
        self._check_prices(contract, wish)
        order = self._file(account, contract, wish)
        self._watch(order)
        if wish.expiration is not None:
            due = order.create_ns + wish.expiration * _SECOND_NS
            self._stage.clock.call_at(due, lambda: self._stage.market.do(lambda: self._finish(order, "expired")))
        self._changed(order)
        return _named(order)

    def attach(self, account: str, settle: str, order_id: int, tp: Decimal | None, sl: Decimal | None) -> _Shapes:
        """Let a take-profit and a stop-loss wait for an order to fill; return their ids.

        They close at market what the order has filled by then, and when one has fired the other is canceled.
        """
        parent = self._desk.get(account, settle, str(order_id))
        is_long = parent.size > 0
        attached = []
        for level, rule in ((tp, 1 if is_long else 2), (sl, 2 if is_long else 1)):
            if level is None:
                continue
            wish = attached_wish(parent.contract.name, parent.size, level=level, rule=rule)
            self._check_level(parent.contract, level)
            attached.append(self._file(account, parent.contract, wish, parent=parent.number))
        for order in attached:
            self._changed(order)
        self._inactive[account, parent.number] = list(attached)
        self._follow_parent(account, parent.number)
        return [_named(order) for order in attached]

    def cancel(self, account: str, settle: str, number: str) -> dict[str, Any]:
        """Cancel one."""
        order = self._find(account, settle, number)
        if order.is_over:
            raise Refused("ORDER_FINISHED", f"trigger order {number} has ended: {order.finish_as}")
        self._finish(order, "cancelled")
        return self.shape(order)

    def cancel_all(self, account: str, settle: str, contract: str | None = None) -> _Shapes:
        """Cancel all, or those of one contract."""
        chosen = [order for order in self._of(account, settle, contract) if not order.is_over]
        for order in chosen:
            self._finish(order, "cancelled")
        return [self.shape(order) for order in chosen]

    def amend(self, account: str, settle: str, body: Any) -> dict[str, Any]:
        """Change size, price or level; return its id. A conditional entry cannot be changed."""
        if not isinstance(body, Mapping) or not body.get("order_id"):
            raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: order_id")
        order = self._find(account, settle, str(body["order_id"]))
        if order.is_over:
            raise Refused("ORDER_FINISHED", f"trigger order {order.number} has ended: {order.finish_as}")
        if order.wish.is_entry:
            raise Refused("APIOrderNotSupportUpdateTouchOrder", "a conditional entry cannot be amended")
        wish = amended(order.wish, body)
        if not order.parent:
            check_form(wish, dual=self._accounts.is_dual(account), expiring_protection=True)
        self._check_prices(order.contract, wish)
        order.wish = wish
        if order.status == "open":
            self._watch(order)
        self._changed(order)
        return _named(order)

    # Looking up

    def get(self, account: str, settle: str, number: str) -> dict[str, Any]:
        """Return one."""
        return self.shape(self._find(account, settle, number))

    def list(
        self,
        account: str,
        settle: str,
        status: str | None,
        contract: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> _Shapes:
        """Return those that wait (`open`) or have ended (`finished`), newest first."""
        if not status:
            raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: status")
        if status not in ("open", "finished"):
            raise Refused("INVALID_PARAM_VALUE", "status: allowed are open and finished")
        if contract is not None:
            self._contracts.find(settle, contract)
        chosen = [o for o in reversed(self._of(account, settle, contract)) if o.is_over is (status == "finished")]
        return [self.shape(order) for order in chosen[offset : offset + limit]]

    # Life

    def _file(self, account: str, contract: Contract, wish: TriggerWish, parent: int = 0) -> TriggerOrder:
        self._count += 1
        order = TriggerOrder(
            number=_FIRST_ID + self._count,
            account=account,
            contract=contract,
            wish=wish,
            create_ns=self._stage.clock.time_ns(),
            parent=parent,
            status="inactive" if parent else "open",
        )
        self._orders[order.number] = order
        return order

    def _watch(self, order: TriggerOrder) -> None:
        self._unwatch(order)
        order.stop_watching = watch_price(self._stage, order.contract, order.wish.source, partial(self._see, order))

    def _unwatch(self, order: TriggerOrder) -> None:
        if order.stop_watching is not None:
            order.stop_watching()
            order.stop_watching = None

    def _see(self, order: TriggerOrder, price: Decimal) -> None:
        if order.status == "open" and not order.firing and order.wish.fires(price):
            order.firing = True
            self._stage.market.do(lambda: self._fire(order))

    def _fire(self, order: TriggerOrder) -> None:
        if order.status != "open":
            return
        try:
            text = order.wish.text
            body = self._child(order)
            if self._quirks.keeps_text and text.startswith("t-"):
                body["text"] = text
            order.child = self._desk.create(order.account, order.settle, body, default_text=f"ao-{order.number}")
        except Refused as refused:
            self._finish(order, "failed", refused.label)
            return
        self._finish(order, "succeeded")
        for sibling in list(self._orders.values()):
            if order.parent and sibling.parent == order.parent and not sibling.is_over:
                self._finish(sibling, "cancelled")

    def _child(self, order: TriggerOrder) -> dict[str, Any]:
        """Return the body of the order that it makes. Raises Refused where there is nothing to close."""
        wish = order.wish
        body: dict[str, Any] = {"contract": wish.contract, "price": str(wish.price), "tif": wish.tif}
        if wish.close:
            held = self._stage.exchange.position(order.account, order.contract.symbol).quantity
            if wish.order_type and (held <= 0 if "-long-" in wish.order_type else held >= 0):
                raise Refused("POSITION_EMPTY", "there is no such position")
            return {**body, "size": "0", "close": True}
        if wish.auto_size:
            return {**body, "size": "0", "auto_size": wish.auto_size, "reduce_only": True}
        size = wish.size
        if order.parent:
            parent = self._desk.get(order.account, order.settle, str(order.parent))
            size = parent.filled.copy_sign(wish.size)
        return {**body, "size": str(size), "reduce_only": wish.reduce_only}

    def _finish(self, order: TriggerOrder, finish_as: str, reason: str = "", status: str = "finished") -> None:
        if order.is_over:
            return
        self._unwatch(order)
        order.status, order.finish_as, order.reason = status, finish_as, reason
        order.finish_ns = self._stage.clock.time_ns()
        over = [number for number, kept in self._orders.items() if kept.is_over]
        for number in over[:-_FINISHED_KEPT]:
            del self._orders[number]
        self._changed(order)

    def _changed(self, order: TriggerOrder) -> None:
        for listener in list(self._listeners):
            listener(order)

    def _on_news(self, account: str, event: AccountEvent) -> None:
        if isinstance(event, OrderFilled | OrderCanceled | OrderExpired):
            for holder, parent in list(self._inactive):
                if holder == account:
                    self._follow_parent(account, parent)

    def _follow_parent(self, account: str, number: int) -> None:
        """Wake what is attached to an order that has begun to fill; without a fill it ends with the order."""
        parent = self._desk.file.by_id(account, number)
        if parent is not None and parent.is_open and not parent.filled:
            return
        for order in self._inactive.pop((account, number)):
            if order.is_over:
                continue
            if parent is not None and parent.filled:
                order.status = "open"
                self._watch(order)
                self._changed(order)
            else:
                self._finish(order, "cancelled", status="invalid")

    # Checks

    def _check_prices(self, contract: Contract, wish: TriggerWish) -> None:
        """Refuse prices off the grid, and a level that has been passed already."""
        self._check_level(contract, wish.level)
        if wish.price:
            self._check_level(contract, wish.price)
        price = present_price(self._stage, contract, wish.source)
        if price is None or not wish.fires(price):
            return
        if wish.rule == 1:
            raise Refused("AUTO_TRIGGER_PRICE_LESS_LAST", f"the trigger price must be above {price}")
        raise Refused("AUTO_TRIGGER_PRICE_GREATE_LAST", f"the trigger price must be below {price}")

    def _check_level(self, contract: Contract, price: Decimal) -> None:
        try:
            contract.instrument.check_price(price)
        except InvalidPrice as error:
            raise Refused("AUTO_INVALID_PARAM_PRICE", str(error)) from None

    def _of(self, account: str, settle: str, contract: str | None) -> _Orders:
        return [
            order
            for order in self._orders.values()
            if order.account == account and order.settle == settle and contract in (None, order.contract.name)
        ]

    def _find(self, account: str, settle: str, number: str) -> TriggerOrder:
        order = self._orders.get(int(number)) if number.isdigit() else None
        if order is None or order.account != account or order.settle != settle:
            raise Refused("ORDER_NOT_FOUND", f"trigger order {number} not found", status=404)
        return order


def _named(order: TriggerOrder) -> dict[str, Any]:
    return {"id": order.number, "id_string": str(order.number)}
