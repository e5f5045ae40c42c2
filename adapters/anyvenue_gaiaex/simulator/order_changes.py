"""What is done to orders that stand: cancel, cancel all and modify (8.2 to 8.4)."""

from __future__ import annotations

from typing import Any, NoReturn

from attrs import evolve

from anyvenue.model.errors import InvalidOrder, Rejected, RejectReason
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation.server.stage import Stage
from anyvenue_gaiaex.simulator.call import Call
from anyvenue_gaiaex.simulator.markets import Markets
from anyvenue_gaiaex.simulator.order_body import Change, read_change
from anyvenue_gaiaex.simulator.order_file import Kept, OrderFile
from anyvenue_gaiaex.simulator.order_rules import BAD_SIZE, OrderRules, refuse_by_chain
from anyvenue_gaiaex.simulator.orders import OrderDesk
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.refusal import Refused
from anyvenue_gaiaex.simulator.updates import Updates

__all__ = ["OrderChanges"]


class OrderChanges:
    """Cancels and modifies. Everything raises Refused."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        file: OrderFile,
        rules: OrderRules,
        desk: OrderDesk,
        updates: Updates,
        quirks: Quirks,
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._file = file
        self._rules = rules
        self._desk = desk
        self._updates = updates
        self._quirks = quirks

    def cancel(self, call: Call) -> dict[str, Any]:
        """Answer POST /order/cancel."""
        terms = self._markets.get(call.body.text("symbol"))
        order_id = call.body.whole("order_id")
        found = self._file.find_open(call.account, order_id, terms)
        if found is None:
            _refuse_unknown()
        self._cancel(call.account, found[0])
        return {
            "success": True,
            "orderId": order_id,
            "symbol": terms.name,
            "status": "CANCELED",
            "timestamp": call.time_ms,
        }

    def cancel_all(self, call: Call) -> dict[str, Any]:
        """Answer POST /order/cancel-all."""
        terms = self._markets.get(call.body.text("symbol")) if call.body.has("symbol") else None
        chosen = [
            kept
            for kept, _ in self._file.open(call.account, triggers=None if self._quirks.tpsl_canceled else False)
            if terms is None or kept.terms is terms
        ]
        for kept in chosen:
            self._cancel(call.account, kept)
        return {
            "success": True,
            "cancelled_count": len(chosen),
            "failed_count": 0,
            "errors": None,
            "cancelled_oids": [kept.order_id for kept in chosen],
            "symbol": None if terms is None else terms.name,
            "timestamp": call.time_ms,
        }

    def modify(self, call: Call) -> dict[str, Any]:
        """Answer POST /order/modify."""
        change = read_change(call.body)
        terms = self._markets.get(change.symbol)
        found = self._file.find_open(call.account, change.order_id, terms)
        if found is None or found[0].trigger:
            _refuse_unknown()
        kept, order = found
        self._rules.check_hours(terms)
        self._rules.check_size(terms, change.size)
        self._rules.check_price(terms, change.price)
        self._rules.check_value(terms, change.size, change.price, reduce_only=change.reduce_only)
        if change.side is order.side and change.reduce_only is order.spec.reduce_only:
            self._amend(call.account, kept, order, change)
        else:
            self._replace(call.account, kept, order, change)
        self._updates.touch(call.account)
        order_id = self._renumber(call.account, kept)
        return {
            "success": True,
            "orderId": order_id,
            "oldOrderId": change.order_id,
            "status": "MODIFIED",
            "symbol": terms.name,
            "note": "Order modified in place; the order id may change." if order_id != change.order_id else "Modified.",
            "timestamp": call.time_ms,
        }

    def _cancel(self, account: str, kept: Kept) -> None:
        self._stage.exchange.cancel(account, client_order_id=kept.name)
        self._updates.touch(account)

    def _amend(self, account: str, kept: Kept, order: Order, change: Change) -> None:
        whole = change.size if self._quirks.modify_total else change.size + order.filled_quantity
        try:
            self._stage.exchange.amend(account, client_order_id=kept.name, price=change.price, quantity=whole)
        except Rejected as error:
            if error.reason is not RejectReason.NOTHING_CHANGED:
                refuse_by_chain(error.reason, error)

    def _replace(self, account: str, kept: Kept, order: Order, change: Change) -> None:
        """Put a new order in the place of one of the other side, or that may do more or less than reduce.

        Where the exchange refuses the new one, the old one stands again, at the end of its queue.
        """
        left = change.size - order.filled_quantity if self._quirks.modify_total else change.size
        if left <= 0:
            raise Refused(400, BAD_SIZE)
        try:
            spec = evolve(
                order.spec,
                client_order_id=self._file.new_name(),
                side=change.side,
                quantity=left,
                price=change.price,
                reduce_only=change.reduce_only,
                protection=None if change.reduce_only else order.spec.protection,
            )
        except InvalidOrder as error:
            raise Refused(400, "Invalid order") from error
        again = self._restored(order)
        self._stage.exchange.cancel(account, client_order_id=kept.name)
        try:
            self._enter(account, kept, spec)
        except Refused:
            self._enter(account, kept, again)
            raise

    def _enter(self, account: str, kept: Kept, spec: OrderSpec) -> None:
        kept.name = spec.client_order_id
        self._desk.enter(account, kept, spec)

    def _restored(self, order: Order) -> OrderSpec:
        return evolve(
            order.spec,
            client_order_id=self._file.new_name(),
            price=order.price,
            quantity=order.leaves_quantity,
        )

    def _renumber(self, account: str, kept: Kept) -> int:
        """Give a modified order its id: the one it has, or a new one; return it."""
        if self._quirks.keeps_id:
            return kept.order_id
        old, kept.order_id = kept.order_id, self._file.new_id()
        self._file.keep(account, kept)
        if not self._quirks.old_id_works:
            self._file.drop(account, old)
        return kept.order_id


def _refuse_unknown() -> NoReturn:
    refuse_by_chain(RejectReason.UNKNOWN_ORDER)
