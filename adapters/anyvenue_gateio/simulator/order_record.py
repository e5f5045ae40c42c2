"""What Gate knows of an order beyond what the exchange does: its text, how it ended, and its shape in JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from attrs import define

from anyvenue.model.enums import OrderState, PositionSide
from anyvenue.model.errors import RejectReason
from anyvenue.model.order import Order
from anyvenue_gateio.simulator.contracts import Contract
from anyvenue_gateio.simulator.order_body import Wish
from anyvenue_gateio.simulator.shapes import money_text, price_text, seconds, size_value

__all__ = ["OrderRecord", "gate_id", "order_shape"]

_FIRST_ID: Final = 36_028_797_018_963_968
"""2^55: Gate's order ids do not fit into a binary float."""

_ENDS: Final = {
    RejectReason.NO_LIQUIDITY: "ioc",
    RejectReason.SELF_TRADE: "stp",
    RejectReason.LIQUIDATION: "liquidated",
}


def gate_id(exchange_order_id: str) -> int:
    """Return Gate's id of an order of the exchange."""
    return _FIRST_ID + int(exchange_order_id)


@define(eq=False, kw_only=True)
class OrderRecord:
    """An order at Gate. Sizes are signed contracts, `price` 0 is a market order, times are nanoseconds.

    `client_id` is the exchange's client id for it, empty for an order that never got there. `size` is what was asked
    for, the filled part included. `finish_as` is empty while it is open.
    """

    number: int
    account: str
    contract: Contract
    client_id: str
    text: str
    size: Decimal
    price: Decimal
    tif: str
    position_side: PositionSide = PositionSide.NET
    is_reduce_only: bool = False
    is_close: bool = False
    is_liq: bool = False
    auto_size: str = ""
    iceberg: Decimal = Decimal(0)
    stp_act: str = "-"
    slip_ratio: Decimal | None = None
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    amend_text: str = "-"
    create_ns: int = 0
    update_ns: int = 0
    finish_ns: int = 0
    finish_as: str = ""
    update_id: int = 1
    filled: Decimal = Decimal(0)
    average: Decimal | None = None

    @classmethod
    def of(
        cls,
        account: str,
        contract: Contract,
        wish: Wish,
        size: Decimal,
        side: PositionSide,
        client_id: str,
        now: int,
    ) -> OrderRecord:
        """Return the record of an order that was asked for; its number is given when it is filed."""
        return cls(
            number=0,
            account=account,
            contract=contract,
            client_id=client_id,
            text=wish.text,
            size=size,
            price=wish.price,
            tif=wish.tif,
            position_side=side,
            is_reduce_only=wish.reduce_only or wish.close,
            is_close=wish.close or bool(wish.auto_size),
            auto_size=wish.auto_size,
            iceberg=wish.iceberg,
            stp_act=wish.stp_act,
            slip_ratio=wish.slip_ratio,
            take_profit=wish.take_profit,
            stop_loss=wish.stop_loss,
            create_ns=now,
            update_ns=now,
        )

    @property
    def is_open(self) -> bool:
        """Whether it rests."""
        return not self.finish_as

    @property
    def left(self) -> Decimal:
        """What is not filled, signed like the size."""
        return self.size - self.filled.copy_sign(self.size)

    def refresh(self, order: Order, now: int, *, flat: bool) -> None:
        """Take in the exchange's view of it; `flat` tells whether there is no position (any more)."""
        filled = abs(self.contract.size_of(order.filled_quantity))
        if filled != self.filled:
            self.filled, self.average, self.update_ns = filled, order.average_price, now
            self.update_id += 1
        if order.is_terminal and self.is_open:
            self.finish(self._end(order, flat=flat), order.ts_event or now)

    def finish(self, finish_as: str, now: int) -> None:
        """End it."""
        self.finish_as, self.finish_ns, self.update_ns = finish_as, now, now
        self.update_id += 1

    def _end(self, order: Order, *, flat: bool) -> str:
        # The exchange cuts an order to what it may reduce, and calls it filled when that is.
        crowded = "position_closed" if flat else "reduce_only"
        if order.state is OrderState.FILLED:
            return crowded if self.left else "filled"
        if order.state is OrderState.EXPIRED:
            return "ioc"
        if order.reason is RejectReason.REDUCE_ONLY:
            return crowded
        return "cancelled" if order.reason is None else _ENDS.get(order.reason, "cancelled")


def order_shape(record: OrderRecord, user: int, decimal: bool) -> dict[str, Any]:
    """Return an order as REST tells it."""
    instrument = record.contract.instrument
    shape: dict[str, Any] = {
        "id": record.number,
        "id_string": str(record.number),
        "user": user,
        "contract": record.contract.name,
        "create_time": seconds(record.create_ns),
        "update_time": seconds(record.update_ns),
        "update_id": record.update_id,
        "size": size_value(record.size, decimal),
        "left": size_value(record.left, decimal),
        "iceberg": size_value(record.iceberg, decimal),
        "price": price_text(record.price),
        "fill_price": "0" if record.average is None else money_text(record.average),
        "tif": record.tif,
        "text": record.text,
        "status": "open" if record.is_open else "finished",
        "is_close": record.is_close,
        "is_reduce_only": record.is_reduce_only,
        "is_liq": record.is_liq,
        "tkfr": price_text(instrument.taker_fee),
        "mkfr": price_text(instrument.maker_fee),
        "refu": 0,
        "stp_id": 0,
        "stp_act": record.stp_act,
        "amend_text": record.amend_text,
        "biz_info": "-",
    }
    if not record.is_open:
        shape["finish_as"] = record.finish_as
        shape["finish_time"] = seconds(record.finish_ns)
    if record.auto_size:
        shape["auto_size"] = record.auto_size
    if record.slip_ratio is not None:
        shape["market_order_slip_ratio"] = price_text(record.slip_ratio)
    if record.take_profit is not None:
        shape["tpsl_tp_trigger_price"] = price_text(record.take_profit)
    if record.stop_loss is not None:
        shape["tpsl_sl_trigger_price"] = price_text(record.stop_loss)
    return shape
