"""The live view on a terminal: books with our orders in them, open orders, positions, profit, pace, last messages.

It looks at the run some times a second and changes nothing; the engine knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from time import monotonic
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from anyvenue.app.figures import NOTHING, latency, money, plain, quantity, time_text
from anyvenue.app.line_view import left_text, settle_of
from anyvenue.app.pace import Pace
from anyvenue.app.watch import RunView
from anyvenue.model.book import OrderBook
from anyvenue.model.enums import Side
from anyvenue.model.histogram import Durations
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.position import Position

__all__ = ["TerminalView", "screen"]

_BOOKS: Final = 4
_LEVELS: Final = 6
_ORDERS: Final = 10
_MESSAGES: Final = 5
_OWN: Final = "\N{BLACK CIRCLE}"
_SIDE_STYLE: Final = {Side.BUY: "green", Side.SELL: "red"}


class TerminalView:
    """Draws the run into the terminal, in place. Log lines and prints meanwhile appear above it."""

    def __init__(self, console: Console, *, title: str, clock: Callable[[], float] = monotonic) -> None:
        self._title = title
        self._clock = clock
        self._pace = Pace(clock())
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def show(self, view: RunView) -> None:
        """Draw the run as it is now."""
        if not self._live.is_started:
            self._live.start()
        self._pace.update(self._clock(), view.events, view.progress)
        self._live.update(screen(view, self._pace, self._title), refresh=True)

    def close(self) -> None:
        """Take the picture away."""
        self._live.stop()


def screen(view: RunView, pace: Pace, title: str) -> RenderableType:
    """Return the whole picture of a run."""
    parts: list[RenderableType] = [_heading(view, pace)]
    if view.progress is not None:
        parts.append(_progress(view.progress, pace))
    body = Table.grid(padding=(1, 4, 0, 0))
    books = [_book(book, view.open_orders) for book in view.books[:_BOOKS]]
    body.add_row(*books, Group(_positions(view.positions), "", _orders(view.open_orders)))
    parts.append(body)
    if view.latency:
        parts += ["", _latency(view.latency)]
    parts += [Text(message, style="dim", no_wrap=True, overflow="ellipsis") for message in view.messages[-_MESSAGES:]]
    return Panel(Group(*parts), title=title, title_align="left", subtitle="Ctrl-C stops", border_style="dim")


def _heading(view: RunView, pace: Pace) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{time_text(view.ts)} UTC   ", "bold")
    text.append("PnL ")
    text.append(money(view.net_pnl, settle_of(view), sign=True), _tone(view.net_pnl))
    text.append(f"   {view.events:,} events, {pace.events_per_s:,.0f}/s", "dim")
    return text


def _latency(rows: Sequence[Durations]) -> RenderableType:
    table = _table("latency", "median", "90 %", "99 %", "longest", "count")
    for row in rows:
        table.add_row(row.name, *map(latency, (row.p50, row.p90, row.p99, row.longest)), f"{row.count:,}")
    return table


def _progress(progress: float, pace: Pace) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        ProgressBar(total=1.0, completed=progress, width=40, complete_style="cyan"), Text(left_text(progress, pace))
    )
    return grid


def _book(book: OrderBook, orders: Sequence[Order]) -> RenderableType:
    table = Table(box=None, padding=(0, 1), show_header=False, title=_book_title(book), title_justify="left")
    table.add_column(width=1)
    for _ in range(2):
        table.add_column(justify="right", no_wrap=True)
    for side in (Side.SELL, Side.BUY):
        for row in _levels(book, side, orders):
            table.add_row(*row)
    return table


def _book_title(book: OrderBook) -> Text:
    title = Text(book.instrument.key, "bold")
    if not book.is_synced:
        title.append(f"  stale: {book.stale_reason}", "yellow")
    return title


def _levels(book: OrderBook, side: Side, orders: Sequence[Order]) -> list[tuple[Text, Text, Text]]:
    """One side's best levels, highest price first, and our own orders wherever they rest."""
    own = {
        order.price
        for order in orders
        if order.instrument.key == book.instrument.key and order.side is side and order.is_resting and order.price
    }
    levels = {level.price: level.quantity for level in (book.bids if side is Side.BUY else book.asks)(_LEVELS)}
    levels |= {price: book.quantity_at(side, price) for price in own}
    return [
        _level(book.instrument, side, price, levels[price], is_own=price in own)
        for price in sorted(levels, reverse=True)
    ]


def _level(
    instrument: Instrument, side: Side, price: Decimal, size: Decimal, *, is_own: bool
) -> tuple[Text, Text, Text]:
    style = _SIDE_STYLE[side]
    return (
        Text(_OWN if is_own else " ", f"bold {style}"),
        Text(_on_grid(price, instrument.price_rule.step_at(price)), f"bold {style}" if is_own else style),
        Text(_on_grid(size, instrument.quantity_step), "" if is_own else "dim"),
    )


def _on_grid(value: Decimal, step: Decimal) -> str:
    """Write a number with the decimals of its step, so that columns line up."""
    exponent = step.normalize().as_tuple().exponent
    return f"{value:.{max(0, -exponent) if isinstance(exponent, int) else 0}f}"


def _positions(positions: Sequence[Position]) -> RenderableType:
    table = _table("position", "quantity", "entry", "realised", "fees")
    for position in positions:
        table.add_row(*_position(position))
    return table


def _position(position: Position) -> tuple[str, ...]:
    instrument, entry = position.instrument, position.entry_price
    return (
        instrument.key,
        quantity(position.quantity, instrument.quantity_unit),
        NOTHING if entry is None else plain(instrument.round_price(entry)),
        money(position.realized_pnl, instrument.settle, sign=True),
        money(-position.fees, instrument.settle, sign=True),
    )


def _orders(orders: Sequence[Order]) -> RenderableType:
    table = _table("order", "side", "price", "open", "state")
    for order in orders[-_ORDERS:]:
        state = f"{order.state.value}, unknown" if order.has_unknown_fate else order.state.value
        table.add_row(
            order.client_order_id,
            Text(order.side.value, _SIDE_STYLE[order.side]),
            "market" if order.price is None else plain(order.price),
            f"{plain(order.leaves_quantity)} of {quantity(order.quantity, order.instrument.quantity_unit)}",
            state,
        )
    if len(orders) > _ORDERS:
        table.add_row(f"and {len(orders) - _ORDERS} more", "", "", "", "")
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _tone(value: Decimal) -> str:
    return "bold green" if value > 0 else "bold red" if value < 0 else "bold"
