"""What news of an account cost, from bytes to the end of all they cause: Gate's orders and fills, GaiaEx's updates."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from decimal import Decimal

import orjson
from engine_path import BTC, order_update, started

from anyvenue_gaiaex.ledger import Ledger
from anyvenue_gaiaex.rest import Ack, client_id
from anyvenue_gaiaex.update_reader import UpdateReader
from anyvenue_gateio.streams import Reader

__all__ = ["numbers"]

ROUNDS = 5
COUNT = 600
FILLS_EACH = 20
"""So many fills has an order on Gate here."""
AT_MS = 1_747_054_612_000
SECOND_NS = 1_000_000_000

FILL_PUSH = (
    b'{"time":1747054612,"time_ms":1747054612673,"channel":"futures.usertrades","event":"update","result":['
    b'{"id":"%d","order_id":"1","contract":"BTC_USDT","size":"1","price":"60000","role":"maker","text":"t-avbench-%d",'
    b'"fee":-0.00013500000000001,"point_fee":0,"create_time":1747054612,"create_time_ms":%d}]}'
)


def fill_pushes(count: int) -> Iterable[bytes]:
    """Return Gate's pushes of as many fills, of orders one after the other."""
    return (FILL_PUSH % (number, 1 + number // FILLS_EACH, AT_MS + number) for number in range(count))


def gate_fills(count: int) -> float:
    """Return the seconds of CPU that as many fills take."""
    frames = list(fill_pushes(count))
    engine, strategy = started()
    for _ in range(count // FILLS_EACH):
        strategy.buy(BTC.symbol, "1", "60000")
    read = Reader({"BTC_USDT": BTC}.get, dict[str, str]().get).read_push
    gc.collect()
    start = time.process_time()
    for raw in frames:
        for event in read(raw, 0) or ():  # type: ignore[union-attr]
            engine.receive(event, BTC.connection)
    seconds = time.process_time() - start
    assert engine.recorder.fills == count
    return seconds


def gaiaex_pushes(names: list[str], count: int) -> Iterable[bytes]:
    """Return GaiaEx's updates by which the first of the open orders trades one by one."""
    rows = [
        {"orderId": number, "symbol": "BTC", "side": "BUY", "type": "LIMIT", "origQty": "1000", "executedQty": "0"}
        | {"price": "60000", "status": "open", "reduceOnly": False, "time": AT_MS, "clientId": client_id(name)}
        for number, name in enumerate(names, 100)
    ]
    held = {"symbol": "BTC", "positionSide": "LONG", "entryPrice": "60000", "markPrice": "60001", "leverage": 10}
    held |= {"marginType": "cross", "unrealizedPnl": "1.5", "liquidationPrice": "30000"}
    for number in range(1, count + 1):
        yield orjson.dumps({
            "type": "update", "timestamp": AT_MS + number, "positions": [held | {"size": str(number)}],
            "orders": [rows[0] | {"executedQty": str(number)}, *rows[1:]],
            "balance": {"available": "850.00", "usdcBalance": "1000"},
        })  # fmt: skip


def gaiaex_updates(open_orders: int, count: int) -> float:
    """Return the seconds of CPU that as many updates take."""
    engine, strategy = started()
    orders = [strategy.order, *(strategy.buy(BTC.symbol, "1000", "60000") for _ in range(open_orders - 1))]
    ledger, reader, now = Ledger({"BTC": BTC}.get, lambda instrument: Decimal(60000)), UpdateReader(), AT_MS * 1_000_000
    flat = reader.read(b'{"type":"update","orders":[],"positions":[]}')
    assert flat is not None
    ledger.update(flat, now)
    for number, order in enumerate(orders, 100):
        ledger.sent(order.spec, now)
        ack = Ack(order_id=str(number), status="open", ts_event=now)
        for event in ledger.acknowledged(order.client_order_id, ack, now):
            engine.receive(event, BTC.connection)
    frames = list(gaiaex_pushes([order.client_order_id for order in orders], count))
    gc.collect()
    start = time.process_time()
    for raw in frames:
        now += SECOND_NS
        told = reader.read(raw)
        assert told is not None
        for event in ledger.update(told, now):
            engine.receive(event, BTC.connection)
        ledger.strays(now)
    seconds = time.process_time() - start
    assert engine.recorder.fills == count
    return seconds


def numbers(rounds: int = ROUNDS, count: int = COUNT) -> dict[str, float]:
    """Return the microseconds of each, the least of some rounds in turns."""
    works: dict[str, Callable[[], float]] = {
        "Gate, an order": lambda: order_update(rounds=1, count=count) * count / 1e6,
        "Gate, a fill": lambda: gate_fills(count),
        "GaiaEx, a fill with 1 open order": lambda: gaiaex_updates(1, count),
        "GaiaEx, a fill with 10 open orders": lambda: gaiaex_updates(10, count),
    }
    found = [{name: work() for name, work in works.items()} for _ in range(rounds)]
    return {name: min(row[name] for row in found) / count * 1e6 for name in works}


def main() -> None:
    """Print them."""
    for name, figure in numbers().items():
        print(f"{name:36} {figure:8.1f} us of CPU")


if __name__ == "__main__":
    main()
