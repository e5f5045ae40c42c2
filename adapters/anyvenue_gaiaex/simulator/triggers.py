"""Take-profit and stop-loss of a position that stands (8.5): orders that wait for a price, then only reduce."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anyvenue.model.enums import OrderType, Side, TriggerKind
from anyvenue.model.errors import InvalidOrder
from anyvenue.model.order_events import OrderTriggered
from anyvenue.model.order_spec import OrderSpec, Trigger
from anyvenue.model.position import Position
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import AccountEvent
from anyvenue_gaiaex.simulator.call import Call
from anyvenue_gaiaex.simulator.markets import Markets, Terms
from anyvenue_gaiaex.simulator.order_file import Kept, OrderFile
from anyvenue_gaiaex.simulator.order_rules import BAD_PRICE, BAD_SIZE, OrderRules
from anyvenue_gaiaex.simulator.orders import OrderDesk
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.refusal import ChainRefused, Refused
from anyvenue_gaiaex.simulator.updates import Updates

__all__ = ["TriggerDesk"]

TAKE_PROFIT, STOP_LOSS = "tp", "sl"
_KINDS = {TAKE_PROFIT: TriggerKind.TAKE_PROFIT, STOP_LOSS: TriggerKind.STOP}


class TriggerDesk:
    """Sets triggers, and takes away those that have nothing left to close. Everything raises Refused."""

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
        self._pairs: dict[tuple[str, str], list[tuple[Kept, Kept]]] = {}
        updates.keep = self._hear

    def protect(self, call: Call) -> dict[str, Any]:
        """Answer POST /order/tpsl."""
        body = call.body
        terms = self._markets.get(body.text("symbol"))
        side = Side.BUY if body.flag("is_buy") else Side.SELL
        size = body.number("size", BAD_SIZE)
        prices = {
            kind: (price, body.flag(f"{kind}_is_market", default=True))
            for kind in _KINDS
            if (price := body.optional_number(f"{kind}_price", BAD_PRICE)) is not None
        }
        if not prices:
            raise Refused(400, "At least one of tp_price and sl_price is required")
        self._rules.check_hours(terms)
        self._rules.check_size(terms, size)
        for price, _ in prices.values():
            self._rules.check_price(terms, price)
        self._check_position(call.account, terms, side)
        replaced = self._waiting(call.account, terms.symbol) if self._quirks.tpsl_replaces else []
        entered: dict[str, Kept] = {}
        try:
            for kind, (price, is_market) in prices.items():
                entered[kind] = self._enter(call, terms, side, size, kind, price, is_market=is_market)
        except Refused:
            for kept in entered.values():
                self._stage.exchange.cancel(call.account, client_order_id=kept.name)
            raise
        self._cancel(call.account, replaced)
        if self._quirks.tpsl_linked and len(entered) == len(_KINDS):
            pairs = self._pairs.setdefault((call.account, terms.symbol), [])
            pairs[:] = [pair for pair in pairs if any(self._is_waiting(call.account, kept) for kept in pair)]
            pairs.append((entered[TAKE_PROFIT], entered[STOP_LOSS]))
        answer: dict[str, Any] = {"success": True, "symbol": terms.name}
        if self._quirks.tpsl_ids:
            answer.update({f"{kind}OrderId": kept.order_id for kind, kept in entered.items()})
        return {**answer, "timestamp": call.time_ms}

    def _check_position(self, account: str, terms: Terms, closing: Side) -> None:
        held = self._stage.exchange.position(account, terms.symbol).quantity
        if not held:
            raise ChainRefused(f"No open position for {terms.name}")
        if held * closing.sign > 0:
            raise ChainRefused("Reduce only order would increase position.")

    def _enter(
        self, call: Call, terms: Terms, side: Side, size: Decimal, kind: str, price: Decimal, *, is_market: bool
    ) -> Kept:
        kept = Kept(
            order_id=self._file.new_id(),
            name=self._file.new_name(),
            terms=terms,
            created_ms=call.time_ms,
            trigger=kind,
            is_market=is_market,
        )
        try:
            spec = OrderSpec(
                client_order_id=kept.name,
                instrument=self._markets.instrument(terms),
                side=side,
                quantity=size,
                # There is no field for the limit of a trigger that is not market: it is the trigger price.
                price=None if is_market else price,
                order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
                reduce_only=True,
                trigger=Trigger(kind=_KINDS[kind], price=price, source=self._quirks.trigger_source),
            )
        except InvalidOrder as error:
            raise Refused(400, BAD_SIZE) from error
        self._desk.enter(call.account, kept, spec)
        return kept

    def _hear(self, account: str, event: AccountEvent) -> None:
        if isinstance(event, OrderTriggered):
            self._stage.market.do(lambda: self._unlink(account))
        elif isinstance(event, Position) and not event.quantity:
            symbol = event.instrument.symbol
            self._stage.market.do(lambda: self._on_flat(account, symbol))

    def _unlink(self, account: str) -> None:
        """Take away the other trigger of each pair of which one has fired or is gone."""
        for (name, _), pairs in self._pairs.items():
            if name != account:
                continue
            for pair in list(pairs):
                waiting = [kept for kept in pair if self._is_waiting(account, kept)]
                if len(waiting) < len(pair):
                    pairs.remove(pair)
                    self._cancel(account, waiting)

    def _on_flat(self, account: str, symbol: str) -> None:
        if not self._stage.exchange.position(account, symbol).quantity:
            self._pairs.pop((account, symbol), None)
            self._cancel(account, self._waiting(account, symbol))

    def _waiting(self, account: str, symbol: str) -> list[Kept]:
        return [kept for kept, _ in self._file.open(account, triggers=True) if kept.terms.symbol == symbol]

    def _cancel(self, account: str, chosen: list[Kept]) -> None:
        for kept in chosen:
            self._stage.exchange.cancel(account, client_order_id=kept.name)
            self._updates.touch(account)

    def _is_waiting(self, account: str, kept: Kept) -> bool:
        order = self._stage.exchange.order(account, client_order_id=kept.name)
        return order is not None and not order.is_terminal and not order.triggered
