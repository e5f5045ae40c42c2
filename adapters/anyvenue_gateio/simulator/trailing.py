"""The trailing orders of Gate: taken, followed, fired, changed and stopped (fact sheet, chapter 8.3)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from attrs import evolve

from anyvenue.simulation.server.stage import Stage
from anyvenue_gateio.simulator.accounts import Accounts
from anyvenue_gateio.simulator.contracts import Contracts
from anyvenue_gateio.simulator.order_body import read_decimal, read_flag, read_word
from anyvenue_gateio.simulator.orders import OrderDesk
from anyvenue_gateio.simulator.price_watch import present_price, watch_price
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.trail_order import (
    TRAIL_SOURCES,
    TrailOrder,
    read_offset,
    read_terms,
    read_trail_text,
    trail_shape,
)
from anyvenue_gateio.simulator.trigger_body import read_choice

__all__ = ["TrailDesk"]

_FIRST_ID: Final = 1_801_439_850_948_198
_FINISHED_KEPT: Final = 1_000
_SECOND_NS: Final = 1_000_000_000

_Orders = list[TrailOrder]


class TrailDesk:
    """Takes trailing orders, fires them, and looks them up. Everything raises Refused with Gate's label.

    Answers come in the envelope of Gate's auto orders: code, message, data, timestamp.
    """

    def __init__(self, stage: Stage, contracts: Contracts, desk: OrderDesk, accounts: Accounts) -> None:
        self._stage = stage
        self._contracts = contracts
        self._desk = desk
        self._accounts = accounts
        self._orders: dict[int, TrailOrder] = {}
        self._count = 0

    # Commands

    def create(self, account: str, settle: str, body: Any) -> dict[str, Any]:
        """Take a trailing order; return its id."""
        fields = _fields(body)
        contract = self._contracts.find(settle, read_word(fields, "contract"))
        self._accounts.check_settle(account, settle)
        terms = read_terms(fields)
        reduce_only, related = read_flag(fields, "reduce_only"), read_flag(fields, "position_related")
        if related and not reduce_only:
            raise Refused("INVALID_PARAM_VALUE", "position_related needs reduce_only")
        now = self._stage.clock.time_ns()
        self._count += 1
        order = TrailOrder(
            number=_FIRST_ID + self._count,
            account=account,
            contract=contract,
            terms=terms,
            text=read_trail_text(fields),
            reduce_only=reduce_only,
            position_related=related,
            is_dual=self._accounts.is_dual(account),
            create_ns=now,
        )
        order.note(now, is_create=True)
        self._orders[order.number] = order
        self._follow(order)
        return self._answer({"id": str(order.number)})

    def stop(self, account: str, settle: str, body: Any) -> dict[str, Any]:
        """Stop one, by id or text."""
        fields = _fields(body)
        order = self._find(account, settle, fields.get("id"), read_word(fields, "text"))
        self._must_be_open(order)
        self._finish(order, "cancelled")
        return self._answer({"order": self._shape(order)})

    def stop_all(self, account: str, settle: str, body: Any) -> dict[str, Any]:
        """Stop all, those of one contract, or those that close a long (1) or a short (2) position."""
        fields = _fields(body)
        contract = read_word(fields, "contract")
        related = fields.get("related_position")
        chosen = [o for o in self._of(account, settle, contract) if not o.is_finished and _closes(o, related)]
        for order in chosen:
            self._finish(order, "cancelled")
        return self._answer({"orders": [self._shape(order) for order in chosen]})

    def update(self, account: str, settle: str, body: Any) -> dict[str, Any]:
        """Change the terms of one; what is empty or 0 stays as it is."""
        fields = _fields(body)
        order = self._find(account, settle, fields.get("id"), "")
        self._must_be_open(order)
        terms = order.terms
        if amount := read_decimal(fields, "amount"):
            if (amount > 0) is not (terms.amount > 0):
                raise Refused("INVALID_PARAM_VALUE", "amount: the sign cannot be changed")
            terms = evolve(terms, amount=amount)
        if activation := read_decimal(fields, "activation_price"):
            terms = evolve(terms, activation=activation)
        if price_type := read_choice(fields, "price_type", (0, *TRAIL_SOURCES), default=0):
            terms = evolve(terms, price_type=price_type)
        if text := read_word(fields, "price_offset"):
            offset, is_ratio = read_offset(text)
            if offset:
                terms = evolve(terms, offset=offset, is_ratio=is_ratio, offset_text=text)
        if flag := read_word(fields, "is_gte_str", ("", "true", "false")):
            terms = evolve(terms, is_gte=flag == "true")
        if terms != order.terms:
            order.terms = terms
            order.note(self._stage.clock.time_ns(), is_create=False)
            self._follow(order)
        return self._answer({"order": self._shape(order)})

    # Looking up

    def list(self, account: str, settle: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Return those that the query of `GET list` asks for, newest first."""
        try:
            page = int(query.get("page_num") or 1)
            size = int(query.get("page_size") or 20)
            start, end = int(query.get("start_at") or 0), int(query.get("end_at") or 0)
            related = int(query.get("related_position") or 0)
        except ValueError:
            raise Refused("INVALID_PARAM_VALUE", "pages, times and positions are whole numbers") from None
        if page < 1 or size < 1:
            raise Refused("INVALID_PARAM_VALUE", "page_num and page_size: allowed are numbers from 1")
        chosen = [
            order
            for order in reversed(self._of(account, settle, query.get("contract") or ""))
            if order.is_finished is (query.get("is_finished") == "true")
            and order.create_ns >= start * _SECOND_NS
            and (not end or order.create_ns <= end * _SECOND_NS)
            and not (query.get("hide_cancel") == "true" and order.outcome == "cancelled")
            and query.get("reduce_only", "") in ("", str(order.reduce_only).lower())
            and query.get("side", "") in ("", "0", "1" if order.terms.amount > 0 else "2")
            and _closes(order, related)
        ]
        page_of = chosen[(page - 1) * size : page * size]
        return self._answer({"orders": [self._shape(order) for order in page_of]})

    def detail(self, account: str, settle: str, number: str) -> dict[str, Any]:
        """Return one."""
        return self._answer({"order": self._shape(self._find(account, settle, number, ""))})

    def change_log(self, account: str, settle: str, number: str) -> dict[str, Any]:
        """Return the terms that one has had, oldest first."""
        return self._answer({"change_log": self._find(account, settle, number, "").log})

    # Life

    def _follow(self, order: TrailOrder) -> None:
        """Look at the price now, and from now on."""
        source = TRAIL_SOURCES[order.terms.price_type]
        if order.stop_watching is not None:
            order.stop_watching()
        order.stop_watching = watch_price(self._stage, order.contract, source, partial(self._see, order))
        price = present_price(self._stage, order.contract, source)
        if price is not None:
            self._see(order, price)

    def _see(self, order: TrailOrder, price: Decimal) -> None:
        if order.is_finished or order.firing or not order.sees(price, self._stage.clock.time_ns()):
            return
        order.firing = True
        self._stage.market.do(lambda: self._fire(order))

    def _fire(self, order: TrailOrder) -> None:
        if order.is_finished:
            return
        order.child_text = f"ao-{order.number}"
        body = {
            "contract": order.contract.name,
            "size": str(order.terms.amount),
            "price": "0",
            "tif": "ioc",
            "reduce_only": order.reduce_only,
        }
        try:
            order.child = self._desk.create(
                order.account, order.contract.settle, body, default_text=order.child_text, decimal=True
            )
        except Refused as refused:
            self._finish(order, "failed", refused)
            return
        self._finish(order, "succeeded")

    def _finish(self, order: TrailOrder, outcome: str, refused: Refused | None = None) -> None:
        if order.stop_watching is not None:
            order.stop_watching()
            order.stop_watching = None
        order.is_finished, order.outcome = True, outcome
        order.finish_ns = order.update_ns = self._stage.clock.time_ns()
        if refused is not None:
            order.reason, order.error_label = refused.message, refused.label
        over = [number for number, kept in self._orders.items() if kept.is_finished]
        for number in over[:-_FINISHED_KEPT]:
            del self._orders[number]

    # What these are made of

    def _must_be_open(self, order: TrailOrder) -> None:
        if order.is_finished:
            raise Refused("ORDER_FINISHED", f"trailing order {order.number} has ended: {order.outcome}")

    def _of(self, account: str, settle: str, contract: str) -> _Orders:
        if contract:
            self._contracts.find(settle, contract)
        return [
            order
            for order in self._orders.values()
            if order.account == account and order.contract.settle == settle and contract in ("", order.contract.name)
        ]

    def _find(self, account: str, settle: str, number: Any, text: str) -> TrailOrder:
        for order in reversed(self._of(account, settle, "")):
            if str(order.number) == str(number) if number else text and order.text == text:
                return order
        raise Refused("ORDER_NOT_FOUND", f"trailing order {number or text} not found", status=404)

    def _shape(self, order: TrailOrder) -> dict[str, Any]:
        return trail_shape(order, self._accounts.user_id(order.account))

    def _answer(self, data: Mapping[str, Any]) -> dict[str, Any]:
        return {"code": 0, "message": "", "data": data, "timestamp": self._stage.clock.time_ns() // 1_000_000}


def _fields(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise Refused("INVALID_REQUEST_BODY", "a JSON object is needed")
    return body


def _closes(order: TrailOrder, related: Any) -> bool:
    """Tell whether an order closes a long (1) or a short (2) position; anything else asks nothing."""
    return related not in (1, 2) or (order.reduce_only and (order.terms.amount < 0) is (related == 1))
