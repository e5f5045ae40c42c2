"""What a run came to: the figures that every report is made of. Only `latency` is measured by the wall's clock."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from anyvenue.model.enums import Liquidity, Side
from anyvenue.model.histogram import Durations

__all__ = ["EquityPoint", "FillPoint", "InstrumentResult", "RunResult"]


@frozen
class EquityPoint:
    """Equity (balance at the start and all profit since) over all connections at one time, in quote money."""

    ts: int
    equity: Decimal


@frozen
class FillPoint:
    """One fill, as reports draw and list it."""

    ts: int
    key: str
    side: Side
    price: Decimal
    quantity: Decimal
    liquidity: Liquidity
    position_after: Decimal


@frozen(kw_only=True)
class InstrumentResult:
    """One instrument's part. Money is in its settle currency.

    `slippage` is what fills cost against the mid price at the time their order was made, positive when worse.
    `prices` are (ts, mid) samples for drawing.
    """

    key: str
    symbol: str
    connection: str
    settle: str
    quantity_unit: str
    orders: int
    fills: int
    maker_fills: int
    volume: Decimal
    turnover: Decimal
    maker_turnover: Decimal
    fees: Decimal
    funding: Decimal
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    inventory: Decimal
    inventory_max: Decimal
    inventory_min: Decimal
    slippage: Decimal
    mark: Decimal | None
    prices: tuple[tuple[int, Decimal], ...] = ()

    @property
    def net_pnl(self) -> Decimal:
        """Realised and unrealised profit, less fees, plus funding."""
        return self.realized_pnl + self.unrealized_pnl - self.fees + self.funding

    @property
    def maker_share(self) -> Decimal | None:
        """Part of the turnover that made liquidity; None without a fill."""
        return self.maker_turnover / self.turnover if self.turnover else None


@frozen(kw_only=True)
class RunResult:
    """A whole run.

    `orders` counts orders that were sent, `refused` those that risk or the venue turned down, `amends` and `cancels`
    the commands sent. `max_drawdown` is the largest fall of equity from an earlier high, in quote money.
    `stopped` says why it ended: `finished`, `duration`, `interrupted`, or `strategy_failed` with `failure`. `latency`
    is how long things took in a run on the wall's clock; of any other it is empty.
    """

    strategy: str
    stopped: str
    failure: str = ""
    ts_start: int
    ts_end: int
    events: int
    orders: int
    amends: int
    cancels: int
    fills: int
    refused: int
    canceled: int
    unknown: int
    max_drawdown: Decimal
    instruments: tuple[InstrumentResult, ...]
    equity: tuple[EquityPoint, ...] = ()
    fill_points: tuple[FillPoint, ...] = ()
    latency: tuple[Durations, ...] = ()
