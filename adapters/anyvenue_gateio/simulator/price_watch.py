"""The prices that waiting orders look at: last, mark and index, now and as they change."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from anyvenue.model.enums import PriceSource
from anyvenue.model.market import MarketEvent, Ticker, Trade
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import Channel
from anyvenue_gateio.simulator.contracts import Contract

__all__ = ["present_price", "watch_price"]


def present_price(stage: Stage, contract: Contract, source: PriceSource) -> Decimal | None:
    """Return a price as it is now; None before there is one."""
    if source is PriceSource.LAST:
        return stage.exchange.last_price(contract.symbol)
    ticker = stage.market.ticker(contract.symbol)
    return ticker.mark_price if source is PriceSource.MARK else ticker.index_price


def watch_price(
    stage: Stage, contract: Contract, source: PriceSource, listener: Callable[[Decimal], None]
) -> Callable[[], None]:
    """Tell `listener` each price from now on, until the returned function is called. It may not give commands."""

    def hear(event: MarketEvent) -> None:
        if isinstance(event, Trade):
            listener(event.price)
        elif isinstance(event, Ticker):
            price = event.mark_price if source is PriceSource.MARK else event.index_price
            if price is not None:
                listener(price)

    channel = Channel.TRADES if source is PriceSource.LAST else Channel.TICKER
    return stage.listen(contract.instrument, channel, hear)
