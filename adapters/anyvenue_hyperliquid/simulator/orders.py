"""New orders: alone, or as a parent with its triggers (chapters 6 and 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from anyvenue.model.enums import PriceSource, SelfTradePrevention, TimeInForce, TriggerKind
from anyvenue.model.errors import InvalidOrder, Rejected
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec, Trigger
from anyvenue.simulation.server.stage import Stage
from anyvenue_hyperliquid.simulator.markets import Markets, number
from anyvenue_hyperliquid.simulator.order_file import Kept, OrderFile
from anyvenue_hyperliquid.simulator.order_rules import IMMEDIATE, NO_MATCH, OrderRules, Wish
from anyvenue_hyperliquid.simulator.quirks import Quirks
from anyvenue_hyperliquid.simulator.records import Records
from anyvenue_hyperliquid.simulator.refusal import Refused

__all__ = ["OrderDesk", "Placed"]

_MS_NS: Final = 1_000_000
_KINDS: Final = {"tp": TriggerKind.TAKE_PROFIT, "sl": TriggerKind.STOP}
_PARENT, _POSITION = "normalTpsl", "positionTpsl"

Placed = dict[str, Any] | str
"""One of the `statuses` of an answer."""


class OrderDesk:
    """Takes new orders."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        file: OrderFile,
        rules: OrderRules,
        records: Records,
        quirks: Quirks,
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._file = file
        self._rules = rules
        self._records = records
        self._quirks = quirks
        self._names = 0

    def place(self, account: str, action: Mapping[str, Any]) -> list[Placed]:
        """Carry out `order`. Raises Refused for the whole of it."""
        items, grouping = action["orders"], action["grouping"]
        if "builder" in action:  # none can be approved here
            raise Refused("Builder fee has not been approved.")
        complaint = self._complaint(items, grouping)
        if complaint is not None:
            if self._quirks.whole_batch:
                raise complaint
            return [{"error": complaint.text}]
        if grouping == _PARENT:
            return self._place_parent(account, items, grouping)
        placed: list[Placed] = []
        entered: list[Kept] = []
        for item in items:
            try:
                kept = self.enter(account, item, grouping)
            except Refused as refused:
                placed.append(self.error(refused, item))
                continue
            placed.append("waitingForTrigger" if grouping == _POSITION else self.status(kept))
            entered.append(kept)
        if grouping == _POSITION:
            _link(entered)
        return placed

    def enter(self, account: str, item: Mapping[str, Any], grouping: Any = "na") -> Kept:
        """Take one order. Raises Refused; what was looked at and refused is on record all the same."""
        wish = self._rules.read(account, item, grouping)
        kept = self._keep(account, wish)
        try:
            self._rules.check(account, wish)
            if wish.trigger is not None:
                self._rules.check_reduces(account, wish)
            self.send(kept)
        except Refused as refused:
            self._end(kept, refused.status)
            raise
        order = self._file.behind(kept)
        if order is not None and order.is_terminal and not order.filled_quantity:
            self._records.note(kept)
            raise Refused(NO_MATCH, status="iocCancelRejected")
        return kept

    def send(self, kept: Kept) -> None:
        """Give an order on record to the exchange behind. Raises Refused."""
        try:
            self._stage.exchange.place(kept.account, self._spec(kept))
        except InvalidOrder as error:
            raise Refused("Order has invalid size.", status="rejected") from error
        except Rejected as error:
            raise self._rules.refusal(kept.terms, error) from error
        order = self._file.behind(kept)
        self._records.note(kept, opened=order is not None and bool(order.filled_quantity))

    def status(self, kept: Kept) -> dict[str, Any]:
        """Return what became of a new order at once."""
        order = self._file.behind(kept)
        named = {"oid": kept.oid} | ({} if kept.cloid is None else {"cloid": kept.cloid})
        if order is None or not order.filled_quantity:
            return {"resting": named}
        return {"filled": {"totalSz": number(order.filled_quantity), "avgPx": _average(order), **named}}

    def error(self, refused: Refused, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entry of an item that was refused."""
        return {"error": f"{refused.text} asset={item['a']}" if self._quirks.asset_suffix else refused.text}

    def _complaint(self, items: Sequence[Mapping[str, Any]], grouping: Any) -> Refused | None:
        """Return why a batch fails as a whole; None where it does not."""
        if not items:
            return Refused("Order batch is empty.")
        triggers = ["trigger" in item["t"] for item in items]
        if grouping == _PARENT and triggers[0]:
            return Refused("Main order cannot be trigger order.")
        if (grouping == _PARENT and (len(items) not in (2, 3) or not all(triggers[1:]))) or (
            grouping == _POSITION and not all(triggers)
        ):
            return Refused("Unexpected number of trigger orders")
        try:
            for item in items:
                self._rules.check_payload(item)
        except Refused as refused:
            return refused
        return None

    def _place_parent(self, account: str, items: Sequence[Mapping[str, Any]], grouping: str) -> list[Placed]:
        """Take a parent, and triggers that wait for it; where one is refused there is none of them."""
        try:
            wishes = [self._rules.read(account, item, grouping) for item in items[1:]]
            parent = self.enter(account, items[0])
        except Refused as refused:
            return [self.error(refused, item) for item in items]
        for wish in wishes:
            child = self._keep(account, wish)
            child.waits = True
            parent.children.append(child)
            self._records.note(child)
        _link(parent.children)
        return [self.status(parent), *("waitingForFill" for _ in parent.children)]

    def _keep(self, account: str, wish: Wish) -> Kept:
        self._names += 1
        kept = Kept(
            oid=self._file.new_oid(),
            name=f"h{self._names}",
            account=account,
            terms=wish.terms,
            side=wish.side,
            size=wish.size,
            price=wish.price,
            tif=wish.tif,
            reduce_only=wish.reduce_only,
            created_ms=self._stage.time_ns() // _MS_NS,
            cloid=wish.cloid,
            trigger=wish.trigger,
            is_position_tpsl=wish.is_position_tpsl,
        )
        self._file.keep(kept)
        return kept

    def _end(self, kept: Kept, status: str) -> None:
        kept.ended = status or "rejected"
        self._records.note(kept)

    def _spec(self, kept: Kept) -> OrderSpec:
        trigger = kept.trigger
        immediate = kept.tif in IMMEDIATE if trigger is None else trigger.is_market
        return OrderSpec(
            client_order_id=kept.name,
            instrument=self._markets.instrument(kept.terms),
            side=kept.side,
            quantity=kept.size,
            price=kept.price,
            time_in_force=TimeInForce.IOC if immediate else TimeInForce.GTC,
            post_only=kept.tif == "Alo",
            reduce_only=kept.reduce_only,
            self_trade_prevention=SelfTradePrevention.CANCEL_OLDEST,
            trigger=None
            if trigger is None
            else Trigger(kind=_KINDS[trigger.kind], price=trigger.price, source=PriceSource.MARK),
        )


def _link(group: Sequence[Kept]) -> None:
    for kept in group:
        kept.siblings = [other for other in group if other is not kept]


def _average(order: Order) -> str:
    average = order.average_price
    return "0.0" if average is None else number(round(average, 8))
