"""What may be done with orders at Gate: create, amend and cancel, in front of the exchange's own commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import evolve

from anyvenue.model.enums import PositionSide
from anyvenue.model.errors import Rejected
from anyvenue.model.numbers import Rounding, round_to_step
from anyvenue.model.order import Order
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import AccountEvent
from anyvenue_gateio.simulator.accounts import Accounts
from anyvenue_gateio.simulator.contracts import Contract, Contracts
from anyvenue_gateio.simulator.labels import refused
from anyvenue_gateio.simulator.listed import quantity_step
from anyvenue_gateio.simulator.news import News
from anyvenue_gateio.simulator.order_body import Wish, read_amend, read_order
from anyvenue_gateio.simulator.order_file import OrderFile
from anyvenue_gateio.simulator.order_record import OrderRecord, gate_id
from anyvenue_gateio.simulator.order_rules import (
    check_attached,
    check_band,
    check_price,
    check_risk_limit,
    check_size,
    position_side,
    resolve_size,
    specify,
    worst_price,
)
from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["OrderCommands"]

Attach: TypeAlias = Callable[[str, str, int, Decimal | None, Decimal | None], object]


class OrderCommands:
    """Takes orders in Gate's words, and keeps what the exchange does not know of them in `file`.

    Everything raises Refused with Gate's label. Sizes are read with their fractions where `decimal` is true, as with
    the header X-Gate-Size-Decimal; else a fraction is lost without a word, as at Gate.
    """

    def __init__(self, stage: Stage, contracts: Contracts, accounts: Accounts, news: News) -> None:
        self._stage = stage
        self._exchange = stage.exchange
        self._contracts = contracts
        self._accounts = accounts
        self._news = news
        self.file = OrderFile(stage, contracts)
        news.keep(self.file.on_event)
        self.attach: Attach | None = None
        """Takes the TP/SL of an order that was accepted: account, settle, Gate's id, take-profit, stop-loss."""
        self._ids = 0
        # Undocumented: what an ended order is called, and what a fraction becomes without the header.
        self._ended_label = ("ORDER_FINISHED", "ORDER_NOT_FOUND")[stage.chance.below(2)]
        self._cuts_to_step = stage.chance.below(2) == 1

    # Commands

    def create(self, account: str, settle: str, body: Any, *, default_text: str = "api", decimal: bool = True) -> int:
        """Take an order and return Gate's id for it. It may have ended when this returns."""
        return self._create(account, settle, read_order(body, default_text=default_text), decimal)

    def amend(self, account: str, settle: str, id_or_text: str, body: Any, *, decimal: bool = True) -> OrderRecord:
        """Change size (the total, the filled part included), price or remark of an open order."""
        size, price, remark = read_amend(body)
        record = self._open_record(account, settle, id_or_text)
        contract = record.contract
        if size is not None:
            size = self._cut(contract, size, decimal)
            if record.is_close and size != record.size:
                raise Refused("INVALID_PARAM_VALUE", "the size of a close order cannot be changed")
            if size and (size > 0) is not (record.size > 0):
                raise Refused("INVALID_PARAM_VALUE", "size: the sign of an order cannot be changed")
        new_size, new_price = record.size if size is None else size, record.price if price is None else price
        if (new_size, new_price) == (record.size, record.price):
            if remark is None or remark == record.amend_text:
                raise Refused("NO_CHANGE", "nothing to change")
        elif abs(new_size) <= record.filled:
            self._command(account, lambda: self._exchange.cancel(account, client_order_id=record.client_id))
        else:
            self._amend(record, new_size, new_price)
        record.amend_text = remark or record.amend_text
        self.file.refresh(record)
        return record

    def cancel(self, account: str, settle: str, id_or_text: str) -> OrderRecord:
        """Cancel an open order."""
        record = self._open_record(account, settle, id_or_text)
        self._command(account, lambda: self._exchange.cancel(account, client_order_id=record.client_id))
        self.file.refresh(record)
        return record

    def cancel_all(
        self,
        account: str,
        settle: str,
        contract: str | None = None,
        side: str | None = None,
        *,
        exclude_reduce_only: bool = False,
        text: str | None = None,
    ) -> list[OrderRecord]:
        """Cancel all open orders, of one contract, one side (`bid`, `ask`), or one text; return them."""
        if contract is not None:
            self._contracts.find(settle, contract)
        canceled = [
            record
            for record in self.file.open(account, settle, contract)
            if (side is None or (record.size > 0) is (side == "bid"))
            and not (exclude_reduce_only and record.is_reduce_only)
            and (text is None or record.text == text)
        ]
        for record in canceled:
            self._cancel_quietly(account, record)
        return canceled

    def get(self, account: str, settle: str, id_or_text: str) -> OrderRecord:
        """Return an order as long as Gate remembers it."""
        record = self.file.find(account, settle, str(id_or_text))
        if record is None or self.file.is_forgotten(record, by_text=not str(id_or_text).isdigit()):
            raise Refused("ORDER_NOT_FOUND", f"order {id_or_text} not found", status=404)
        return record

    # What these are made of

    def _create(self, account: str, settle: str, wish: Wish, decimal: bool) -> int:
        contract = self._contracts.find(settle, wish.contract)
        self._accounts.check_settle(account, settle)
        if wish.stp_act != "-" and account not in self._accounts.stp_group:
            raise Refused("INVALID_PARAM_VALUE", "stp_act: the account is in no STP group")
        cut = self._cut(contract, wish.size, decimal)
        mode = self._accounts.mode(account)
        now = self._stage.clock.time_ns()
        if wish.size and not cut:
            return self._file_nothing(account, contract, wish, now)
        if cut != wish.size:
            wish = evolve(wish, size=cut)
        size = resolve_size(wish, self._exchange, account, contract, mode)
        side_of = position_side(wish, mode, size)
        check_size(contract, size, market=not wish.price)
        reducing = wish.reduce_only or wish.close
        if contract.terms.delisting and not reducing:
            raise Refused("CONTRACT_IN_DELISTING", f"{contract.name} is in delisting; only reduce-only orders")
        if wish.price:
            check_price(contract, wish.price)
            check_band(contract, wish.price, self._exchange.mark_price(contract.symbol))
        may_rest = wish.tif in ("gtc", "poc")
        if may_rest and len(self.file.open(account, settle, contract.name)) >= contract.terms.orders_limit:
            raise Refused("TOO_MANY_ORDERS", f"at most {contract.terms.orders_limit} open orders of {contract.name}")
        worst = None if wish.price else worst_price(wish, self._exchange, contract, size)
        check_attached(contract, wish, size, wish.price or self._exchange.mark_price(contract.symbol))
        if not reducing:
            check_risk_limit(self._exchange, account, contract, side_of, size, wish.price or worst)
        self._ids += 1
        client_id = f"gate-{self._ids}"
        spec = specify(wish, contract, size, client_id, side_of, worst, now)
        record = OrderRecord.of(account, contract, wish, size, side_of, client_id, now)
        self.file.expect(record)
        try:
            self._command(account, lambda: self._exchange.place(account, spec), record)
        except Refused:
            self.file.drop(record)
            raise
        self.file.refresh(record)
        if self.attach is not None and (wish.take_profit is not None or wish.stop_loss is not None):
            self.attach(account, settle, record.number, wish.take_profit, wish.stop_loss)
        return record.number

    def _amend(self, record: OrderRecord, size: Decimal, price: Decimal) -> None:
        contract, account = record.contract, record.account
        if size != record.size:
            check_size(contract, size, market=False)
        if price != record.price:
            if not price:
                raise Refused("INVALID_PARAM_VALUE", "price: a resting order has one")
            check_price(contract, price)
            check_band(contract, price, self._exchange.mark_price(contract.symbol))
        former = record.size, record.price
        record.size, record.price = size, price  # whoever is told of the change asks for the order as it is then
        record.update_id += 1
        record.update_ns = self._stage.clock.time_ns()
        try:
            self._command(
                account,
                lambda: self._exchange.amend(
                    account,
                    client_order_id=record.client_id,
                    price=price,
                    quantity=None if size == former[0] else contract.quantity_of(abs(size)),
                ),
            )
        except Refused as error:
            if error.label != "NO_CHANGE":  # what was cut off a reduce-only order before is no change to the exchange
                record.size, record.price = former
                raise

    def _command(
        self, account: str, action: Callable[[], Sequence[AccountEvent]], record: OrderRecord | None = None
    ) -> None:
        """Give a command; for a new order, file it under its id before anybody is told."""

        def act() -> Sequence[AccountEvent]:
            proven = action()
            if record is not None:
                self.file.enter(
                    record, gate_id(_placed(self._exchange.order(account, client_order_id=record.client_id)))
                )
            return proven

        try:
            self._news.command(account, act)
        except Rejected as error:
            raise refused(error) from None

    def _cancel_quietly(self, account: str, record: OrderRecord) -> None:
        """Cancel an order of several; one may have ended with the one before it."""
        if record.is_open:
            self._command(account, lambda: self._exchange.cancel(account, client_order_id=record.client_id))
            self.file.refresh(record)

    def _open_record(self, account: str, settle: str, id_or_text: str) -> OrderRecord:
        record = self.get(account, settle, id_or_text)
        if not record.is_open:
            status = 404 if self._ended_label == "ORDER_NOT_FOUND" else 400
            raise Refused(self._ended_label, f"order {id_or_text} has ended: {record.finish_as}", status=status)
        return record

    def _cut(self, contract: Contract, size: Decimal, decimal: bool) -> Decimal:
        if decimal:
            return size
        step = quantity_step(contract.terms) if self._cuts_to_step else Decimal(1)
        return round_to_step(size, step, Rounding.TOWARD_ZERO)

    def _file_nothing(self, account: str, contract: Contract, wish: Wish, now: int) -> int:
        """Take an order that has lost its whole size with the fraction: it is over at once, and nothing is said."""
        record = OrderRecord.of(account, contract, wish, Decimal(0), PositionSide.NET, "", now)
        record.finish("cancelled", now)
        self.file.enter(record, self.file.spare_id())
        return record.number


def _placed(order: Order | None) -> str:
    if order is None or order.venue_order_id is None:
        raise RuntimeError("the exchange does not know an order that it has just accepted")
    return order.former_ids[0] if order.former_ids else order.venue_order_id
