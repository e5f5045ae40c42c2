"""A process that writes the journal is killed in the middle, again and again: what it was told is safe is there."""

import random
import subprocess
import sys

import pytest

from anyvenue.engine.journal_sqlite import SqliteJournal

ROUNDS = 8
LINES_MAX = 400

WRITER = """
import asyncio, itertools, sys
from decimal import Decimal
from pathlib import Path
from anyvenue.engine import journal_sqlite
from anyvenue.engine.commands import Place
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.model.enums import Side
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderCanceled, OrderFilled, OrderSent
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.pricing import Tick
from anyvenue.venue.clock import WallClock

path, session, durability = sys.argv[1:]
how = {"clock": WallClock(), "durability": "process"} if durability == "tail" else {"durability": durability}
journal_sqlite.PRUNED_AT_ONCE = 50
journal_sqlite.TRADES_KEPT = 1_000_000
NOW = int(session) * 86_400_000_000_000
journal = SqliteJournal(Path(path), session=session, now_ns=NOW, retention_days=1, **how)
btc = Instrument(symbol="BTC-USDT-PERP", venue="fake", venue_symbol="BTC_USDT", base="BTC", quote="USDT",
                 settle="USDT", price_rule=Tick("0.1"), quantity_step="0.001", min_quantity="0.001")
held = {position.side: position for position in journal.recovered.positions}
orders = {order.client_order_id: order for order in journal.recovered.orders}

def say(*words):
    print(*words, flush=True)

async def write():
    for number in itertools.count():
        name = f"{session}-{number}"
        spec = OrderSpec(client_order_id=name, instrument=btc, side=Side.BUY, quantity=Decimal(1), price=Decimal(100))
        order = Order(spec=spec).apply(OrderSent())
        ticket = journal.intent(Place(order), NOW)
        await journal.durable(ticket)
        say("placed", name)
        fill = Fill(instrument=btc, trade_id=name, client_order_id=name, venue_order_id=None, side=Side.BUY,
                    price=Decimal(100), quantity=Decimal("0.001"))
        event = OrderFilled(client_order_id=name, fill=fill)
        journal.event(event, NOW, "fake")
        journal.remember("last", name)
        order = order.apply(event)
        position = journal_position(fill)
        if number % 3:
            canceled = OrderCanceled(client_order_id=name)
            journal.event(canceled, NOW, "fake")
            order = order.apply(canceled)
        else:
            orders[name] = order
        if durability == "process":
            say("booked", name)
            if number % 3:
                say("ended", name)
        if number % 20 == 19:
            journal.settle(list(orders.values()), [position], NOW, must=True)

def journal_position(fill):
    from anyvenue.model.position import Position
    position = held.get(fill.position_side) or Position(instrument=btc)
    held[fill.position_side] = position = position.apply(fill)
    return position

asyncio.run(write())
"""


@pytest.mark.parametrize("durability", ["process", "tail", "power"])
def test_what_was_acknowledged_before_the_kill_is_there(tmp_path, durability):
    chance, path = random.Random(7), tmp_path / "journal.db"
    placed, booked, ended, unsaid = set(), set(), set(), set()
    kept = {"placed": placed, "booked": booked, "ended": ended}
    for round_ in range(ROUNDS):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(round_), durability], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randrange(1, LINES_MAX)):
                what, name = writer.stdout.readline().split()
                kept[what].add(name)
            writer.kill()
            rest = writer.stdout.read()
        for line in rest.splitlines(keepends=True):
            if line.endswith("\n"):
                what, name = line.split()
                kept[what].add(name)
        journal = SqliteJournal(path, session=f"look {round_}", now_ns=round_ * 86_400_000_000_000)
        found = journal.recovered
        journal.close(0, clean=True)
        # One more of each round may have been written than the writer had time to say.
        open_names = {order.client_order_id for order in found.orders}
        traded = {trade_id for _, trade_id in found.trade_ids}
        assert not found.clean
        assert placed <= open_names | traded, "an order was forgotten"
        assert booked <= traded, "a fill was forgotten"
        assert not ended & open_names, "an order that ended came back"
        assert found.positions[0].quantity * 1000 == len(traded), "a fill was booked twice, or not at all"
        if durability == "process":
            unsaid.add(f"{round_}-{len([n for n in placed if n.startswith(f'{round_}-')])}")
            assert open_names <= placed | unsaid
    assert len(placed) > ROUNDS
