"""The order desk: Gate's orders one by one, in batches and in lists, whoever asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from anyvenue_gateio.simulator.order_body import Wish, read_amend, read_order
from anyvenue_gateio.simulator.order_commands import OrderCommands
from anyvenue_gateio.simulator.order_record import OrderRecord, order_shape
from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["OrderDesk"]

_BATCH_MAX: Final = 10
_BATCH_CANCEL_MAX: Final = 20


class OrderDesk(OrderCommands):
    """All that can be done with orders, and how they look in JSON. Everything raises Refused with Gate's label."""

    # Batches

    def create_batch(
        self, account: str, settle: str, rows: Any, *, default_text: str = "api", decimal: bool = True
    ) -> list[dict[str, Any]]:
        """Take up to ten orders. A fault of form refuses all of them; any other one is told in its row."""
        wishes = [read_order(row, default_text=default_text) for row in _rows(rows, _BATCH_MAX)]

        def one(wish: Wish) -> OrderRecord:
            return self.get(account, settle, str(self._create(account, settle, wish, decimal)))

        return [self._row(account, partial(one, wish), decimal) for wish in wishes]

    def amend_batch(self, account: str, settle: str, rows: Any, *, decimal: bool = True) -> list[dict[str, Any]]:
        """Amend up to ten orders, each named by `order_id` or `text`."""
        named: list[tuple[str, Mapping[str, Any]]] = []
        for row in _rows(rows, _BATCH_MAX):
            read_amend(row)
            name = row.get("order_id") or row.get("text")
            if not name:
                raise Refused("MISSING_REQUIRED_PARAM", "Missing required parameter: order_id or text")
            named.append((str(name), row))
        return [
            self._row(account, partial(self.amend, account, settle, name, row, decimal=decimal), decimal)
            for name, row in named
        ]

    def cancel_batch(self, account: str, settle: str, ids: Any) -> list[dict[str, Any]]:
        """Cancel up to twenty orders by their ids, as texts."""
        rows = _rows(ids, _BATCH_CANCEL_MAX)
        if not all(isinstance(row, str) for row in rows):
            raise Refused("INVALID_REQUEST_BODY", "a list of order ids, as texts")
        user = self._accounts.user_id(account)
        results: list[dict[str, Any]] = []
        for row in rows:
            result = {"id": row, "user_id": user, "succeeded": True, "message": ""}
            try:
                self.cancel(account, settle, row)
            except Refused as error:
                result.update(succeeded=False, message=error.label)
            results.append(result)
        return results

    # Looking up

    def open_orders(self, account: str, settle: str, contract: str | None = None) -> list[OrderRecord]:
        """Return the open orders, newest first."""
        return self.file.open(account, settle, contract)[::-1]

    def finished_orders(self, account: str, settle: str, contract: str | None = None) -> list[OrderRecord]:
        """Return the ended orders that Gate still tells of, newest first."""
        return [
            record
            for record in reversed(self.file.ended(account, settle, contract))
            if not self.file.is_forgotten(record, by_text=False)
        ]

    def shape(self, account: str, order: OrderRecord | int | str, decimal: bool) -> dict[str, Any]:
        """Return an order, or the one with this id, as REST tells it."""
        record = order if isinstance(order, OrderRecord) else self.file.by_id(account, int(order))
        if record is None:
            raise Refused("ORDER_NOT_FOUND", f"order {order} not found", status=404)
        return order_shape(record, self._accounts.user_id(account), decimal)

    def _row(self, account: str, action: Callable[[], OrderRecord], decimal: bool) -> dict[str, Any]:
        try:
            return {"succeeded": True, **self.shape(account, action(), decimal)}
        except Refused as error:
            return {"succeeded": False, "label": error.label, "detail": error.message}


def _rows(rows: Any, most: int) -> list[Any]:
    if not isinstance(rows, list) or not 1 <= len(rows) <= most:
        raise Refused("INVALID_PARAM_VALUE", f"a list of 1 to {most} is needed")
    return rows
