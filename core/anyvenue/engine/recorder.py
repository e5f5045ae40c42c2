"""What a run is remembered by: counts, sums, and samples in bounded number, from which the result is made."""

from __future__ import annotations

from decimal import Decimal

from attrs import define, field

from anyvenue.engine.portfolio import Portfolio
from anyvenue.engine.result import EquityPoint, FillPoint, InstrumentResult, RunResult
from anyvenue.model.enums import Liquidity, PositionSide
from anyvenue.model.fill import Fill
from anyvenue.model.histogram import Durations
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order

__all__ = ["Recorder"]

SAMPLES_KEPT = 4096
FILLS_KEPT = 20_000


@define
class _Tally:
    """The sums of one instrument."""

    instrument: Instrument
    orders: int = 0
    fills: int = 0
    maker_fills: int = 0
    volume: Decimal = ZERO
    turnover: Decimal = ZERO
    maker_turnover: Decimal = ZERO
    slippage: Decimal = ZERO
    inventory_max: Decimal = ZERO
    inventory_min: Decimal = ZERO
    prices: list[tuple[int, Decimal]] = field(factory=list)


class Recorder:
    """Counts what happens. Samples are thinned by half whenever there are too many, so memory stays flat."""

    def __init__(self, portfolio: Portfolio) -> None:
        self._portfolio = portfolio
        self._tallies: dict[str, _Tally] = {}
        self._decision_mid: dict[str, Decimal] = {}
        self._equity: list[EquityPoint] = []
        self._fills: list[FillPoint] = []
        self._keep_every = 1
        self._samples_seen = 0
        self._high = ZERO
        self._max_drawdown = ZERO
        self.start_equity = ZERO
        self.orders = self.amends = self.cancels = self.fills = 0
        self.refused = self.canceled = self.unknown = 0

    def _tally(self, instrument: Instrument) -> _Tally:
        tally = self._tallies.get(instrument.key)
        if tally is None:
            tally = self._tallies[instrument.key] = _Tally(instrument)
        return tally

    def sent(self, order: Order, mid: Decimal | None) -> None:
        """An order was sent while the book's mid price was `mid`."""
        self.orders += 1
        self._tally(order.instrument).orders += 1
        self.decided(order, mid)

    def decided(self, order: Order, mid: Decimal | None) -> None:
        """An order's price was chosen anew while the book's mid price was `mid`: slippage is measured from there."""
        if mid is not None:
            self._decision_mid[order.client_order_id] = mid

    def ended(self, order: Order) -> None:
        """An order has ended."""
        self._decision_mid.pop(order.client_order_id, None)

    def filled(self, fill: Fill, ts: int) -> None:
        """A fill was booked into the portfolio."""
        self.fills += 1
        tally, instrument = self._tally(fill.instrument), fill.instrument
        value = abs(instrument.value(fill.quantity, fill.price))
        tally.fills += 1
        tally.volume += fill.quantity
        tally.turnover += value
        if fill.liquidity is Liquidity.MAKER:
            tally.maker_fills += 1
            tally.maker_turnover += value
        mid = self._decision_mid.get(fill.client_order_id or "")
        if mid is not None:
            tally.slippage -= instrument.pnl(fill.quantity * fill.side.sign, entry=fill.price, exit=mid)
        inventory = self._portfolio.quantity(instrument, expected=False)  # its order still expects this very fill
        tally.inventory_max = max(tally.inventory_max, inventory)
        tally.inventory_min = min(tally.inventory_min, inventory)
        self._fills.append(
            FillPoint(ts, instrument.key, fill.side, fill.price, fill.quantity, fill.liquidity, inventory)
        )
        if len(self._fills) > FILLS_KEPT:
            del self._fills[: FILLS_KEPT // 2]
        self.mark_equity()

    def mark_equity(self) -> Decimal:
        """Take the equity now into the drawdown, and return it."""
        equity = self.start_equity + self._portfolio.net_pnl()
        self._high = max(self._high, equity)
        self._max_drawdown = max(self._max_drawdown, self._high - equity)
        return equity

    def begin(self, start_equity: Decimal) -> None:
        """Equity is counted from here on."""
        self.start_equity = self._high = start_equity

    def sample(self, ts: int, mids: dict[str, tuple[Instrument, Decimal]]) -> None:
        """Take a sample of equity and of each instrument's mid price."""
        equity = self.mark_equity()
        self._samples_seen += 1
        if self._samples_seen % self._keep_every:
            return
        self._equity.append(EquityPoint(ts, equity))
        for instrument, mid in mids.values():
            self._tally(instrument).prices.append((ts, mid))
        if len(self._equity) > SAMPLES_KEPT:
            self._keep_every *= 2
            del self._equity[::2]
            for tally in self._tallies.values():
                del tally.prices[::2]

    def result(
        self,
        *,
        strategy: str,
        stopped: str,
        failure: str,
        ts_start: int,
        ts_end: int,
        events: int,
        marks: dict[str, Decimal],
        latency: tuple[Durations, ...] = (),
    ) -> RunResult:
        """Return the figures of the run."""
        rows = tuple(self._row(tally, marks.get(key)) for key, tally in sorted(self._tallies.items()))
        return RunResult(
            strategy=strategy,
            stopped=stopped,
            failure=failure,
            ts_start=ts_start,
            ts_end=ts_end,
            events=events,
            orders=self.orders,
            amends=self.amends,
            cancels=self.cancels,
            fills=self.fills,
            refused=self.refused,
            canceled=self.canceled,
            unknown=self.unknown,
            max_drawdown=self._max_drawdown,
            instruments=rows,
            equity=tuple(self._equity),
            fill_points=tuple(self._fills),
            latency=latency,
        )

    def _row(self, tally: _Tally, mark: Decimal | None) -> InstrumentResult:
        instrument = tally.instrument
        legs = [self._portfolio.position(instrument, side) for side in PositionSide]
        return InstrumentResult(
            key=instrument.key,
            symbol=instrument.symbol,
            connection=instrument.connection,
            settle=instrument.settle,
            quantity_unit=instrument.quantity_unit,
            orders=tally.orders,
            fills=tally.fills,
            maker_fills=tally.maker_fills,
            volume=tally.volume,
            turnover=tally.turnover,
            maker_turnover=tally.maker_turnover,
            fees=sum((leg.fees for leg in legs), ZERO),
            funding=sum((leg.funding for leg in legs), ZERO),
            realized_pnl=sum((leg.realized_pnl for leg in legs), ZERO),
            unrealized_pnl=ZERO if mark is None else sum((leg.unrealized_pnl(mark) for leg in legs), ZERO),
            inventory=sum((leg.quantity for leg in legs), ZERO),
            inventory_max=tally.inventory_max,
            inventory_min=tally.inventory_min,
            slippage=tally.slippage,
            mark=mark,
            prices=tuple(tally.prices),
        )
