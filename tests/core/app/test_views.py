"""The live views: a picture on a terminal, lines elsewhere; both of a run that is made up here."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from decimal import Decimal

import pytest
from attrs import evolve, field, frozen
from rich.console import Console

from anyvenue.app.line_view import LineView, ProgressLine, line
from anyvenue.app.live_view import TerminalView, screen
from anyvenue.app.pace import Pace
from anyvenue.app.watch import RunView, watched_from_beside, watching
from anyvenue.model.book import OrderBook
from anyvenue.model.enums import Fate, OrderState, Side
from anyvenue.model.histogram import Durations
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position

NOON_NS = 1_723_118_400_000_000_000  # 2024-08-08 12:00:00 UTC


@frozen(kw_only=True)
class View:
    """What the engine would say of a run."""

    ts: int = NOON_NS
    events: int = 3000
    books: Sequence[OrderBook] = ()
    open_orders: Sequence[Order] = ()
    positions: Sequence[Position] = ()
    net_pnl: Decimal = Decimal("-1.256")
    messages: Sequence[str] = field(factory=list)
    progress: float | None = 0.25
    latency: Sequence[Durations] = ()


def order(instrument: Instrument, side: Side, price: str, client_order_id: str) -> Order:
    spec = OrderSpec(
        client_order_id=client_order_id,
        instrument=instrument,
        side=side,
        quantity=Decimal("0.020"),
        price=Decimal(price),
    )
    return Order(spec=spec, state=OrderState.OPEN, create=Fate.DONE)


@pytest.fixture
def view(instrument: Instrument) -> View:
    book = OrderBook(instrument)
    bids = [[f"{50000 - i / 10:.2f}", f"{i + 1}"] for i in range(20)]
    asks = [[f"{50000.1 + i / 10:.2f}", f"0.{i + 1}"] for i in range(20)]
    book.apply_snapshot(bids, asks, NOON_NS, NOON_NS)
    return View(
        books=[book],
        open_orders=[
            order(instrument, Side.BUY, "49999.9", "avs1-1"),
            order(instrument, Side.SELL, "50001.5", "avs1-2"),
        ],
        positions=[
            Position(
                instrument=instrument,
                quantity=Decimal("0.010"),
                cost=Decimal("500.004"),
                realized_pnl=Decimal("2.5"),
                fees=Decimal("0.25"),
            )
        ],
        messages=[f"message {i}" for i in range(9)],
    )


@pytest.fixture
def pace() -> Pace:
    pace = Pace(0.0)
    pace.update(10.0, 3000, 0.25)
    return pace


def drawn(view: RunView, pace: Pace, width: int = 110) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(screen(view, pace, "echo on main: alpha"))
    return [row.strip("│ \n").rstrip() for row in capture.get().splitlines()]


def test_the_picture(view: View, pace: Pace) -> None:
    rows = drawn(view, pace)
    assert rows[0].startswith("╭─ echo on main: alpha ─")
    assert rows[1] == "2024-08-08 12:00:00 UTC   PnL -1.26 USDT   3,000 events, 300/s"
    assert rows[2].endswith("25%, 30.0 s left")
    assert rows[4].split()[:3] == ["●", "50001.5", "0.150"]  # ours, beyond the levels that are shown
    assert [row.split()[:2] for row in rows[5:7]] == [["50000.6", "0.600"], ["50000.5", "0.500"]]
    body = "\n".join(rows)
    assert "● 49999.9 2.000" in " ".join(body.split())
    assert "main:BTC-USDT-PERP 0.01 BTC 50000.4 +2.50 USDT -0.25 USDT" in " ".join(body.split())
    assert "avs1-1 buy 49999.9 0.02 of 0.02 BTC open" in " ".join(body.split())
    assert [row for row in rows if row.startswith("message")] == [f"message {i}" for i in range(4, 9)]
    assert max(map(len, rows)) <= 110


def test_the_picture_shows_how_long_things_take(view: View, pace: Pace) -> None:
    rows = [
        Durations(name="frame to callback done", count=9, p50=8_300, p90=12_900, p99=120_400, longest=999_400),
        Durations(name="wire to answer", count=2, p50=2_400_000, p90=3_000_000, p99=9_900_000, longest=12_000_000),
    ]
    drawn_rows = [" ".join(row.split()) for row in drawn(evolve(view, latency=rows), pace)]
    first = drawn_rows.index("latency median 90 % 99 % longest count")
    assert drawn_rows[first + 1] == "frame to callback done 8.3 us 12.9 us 120 us 999 us 9"
    assert drawn_rows[first + 2] == "wire to answer 2.4 ms 3.0 ms 9.9 ms 12.0 ms 2"


def test_the_picture_of_a_run_that_has_not_begun() -> None:
    rows = drawn(View(progress=None, net_pnl=Decimal(0), events=0), Pace(0.0))
    assert rows[1] == "2024-08-08 12:00:00 UTC   PnL 0.00000000   0 events, 0/s"


def test_a_stale_book_and_many_orders_are_told(view: View, pace: Pace, instrument: Instrument) -> None:
    view.books[0].mark_stale("a gap", NOON_NS)
    orders = [order(instrument, Side.SELL, f"{50100 + i}", f"avs1-{i}") for i in range(14)]
    unknown = evolve(orders[-1], create=Fate.UNKNOWN)
    body = "\n".join(drawn(evolve(view, open_orders=[*orders[:-1], unknown]), pace))
    assert "stale: a gap" in body
    assert "open, unknown" in body
    assert "and 4 more" in body


def test_a_narrow_terminal_is_no_trouble(view: View, pace: Pace) -> None:
    assert max(map(len, drawn(view, pace, width=40))) <= 40


def test_the_terminal_view_draws_and_takes_the_picture_away(view: View) -> None:
    file = io.StringIO()
    console = Console(file=file, width=110, force_terminal=True)
    shower = TerminalView(console, title="echo", clock=lambda: 0.0)
    shower.show(view)
    shower.show(evolve(view, events=4000))
    shower.close()
    shower.close()
    assert "3,000 events" in file.getvalue()
    assert "4,000 events" in file.getvalue()
    assert file.getvalue().rstrip().endswith("\x1b[2K")


def test_a_line_on_a_run(view: View, pace: Pace) -> None:
    assert line(view, pace) == (
        "2024-08-08 12:00:00  25%, 30.0 s left  3,000 events (300/s)  2 open orders  BTC-USDT-PERP 0.01 BTC  "
        "PnL -1.26 USDT"
    )
    assert "flat" in line(evolve(view, positions=[]), pace)


def test_lines_come_now_and_then(view: View) -> None:
    stream, now = io.StringIO(), [0.0]
    shower = LineView(stream, interval_s=5.0, clock=lambda: now[0])
    for tenth in range(121):
        now[0] = tenth / 10
        shower.show(view)
    shower.close()
    assert len(stream.getvalue().splitlines()) == 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_progress_line_is_written_anew_on_a_terminal_only(view: View) -> None:
    now = [0.0]
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        shower = ProgressLine(stream, interval_s=5.0, clock=lambda: now[0])
        for now[0] in (1.0, 2.0, 7.0):
            shower.show(view)
        shower.close()
        now[0] = 0.0
    assert file.getvalue() == "2024-08-08 12:00:00  25%, 21.0 s left  3,000 events (0/s)\n"
    first, *others = terminal.getvalue().lstrip("\r").split("\r")
    assert first.startswith("2024-08-08 12:00:00  25%, 3.0 s left  3,000 events (3,000/s)")
    assert len(others) == 4
    assert others[-2].isspace()
    assert others[-1] == ""


class Recorder:
    def __init__(self) -> None:
        self.shown: list[int] = []
        self.closed = 0

    def show(self, view: RunView) -> None:
        self.shown.append(view.events)

    def close(self) -> None:
        self.closed += 1


def test_watching_ends_with_a_last_look() -> None:
    shower, events = Recorder(), iter(range(10_000))

    async def run() -> None:
        enough = asyncio.Event()

        def look() -> View:
            number = next(events)
            if number == 3:
                enough.set()
            return View(events=number)

        async with watching(look, shower, interval_s=0.001):
            await enough.wait()

    asyncio.run(run())
    assert shower.shown == list(range(len(shower.shown)))
    assert len(shower.shown) >= 4
    assert shower.closed == 1


def test_a_view_that_fails_does_not_harm_the_run(caplog: pytest.LogCaptureFixture) -> None:
    def look() -> View:
        raise ValueError("broken")

    async def run() -> int:
        async with watching(look, Recorder(), interval_s=0.001):
            await asyncio.sleep(0.01)
            return 5

    assert asyncio.run(run()) == 5
    assert "the live view failed" in caplog.text


def test_watching_from_beside_looks_while_the_thread_is_busy() -> None:
    looks: list[int] = []
    with watched_from_beside(lambda: looks.append(1), interval_s=0.001):
        while len(looks) < 3:
            pass
        seen = len(looks)
    assert len(looks) > seen
