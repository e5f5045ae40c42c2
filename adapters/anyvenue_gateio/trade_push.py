"""The push of `futures.trades` (12.1), decoded in one go."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import Trade
from anyvenue.model.numbers import exact

__all__ = ["TRADES_KEPT", "SeenTrades", "TradePush", "trade_reader"]

TRADES_KEPT: Final = 2_000
"""So many trades are known again when a connection that is replaced repeats them."""
_TEXTS_KEPT: Final = 4_096
_MS_NS: Final = 1_000_000


class _Row(Struct, gc=False):
    contract: str
    create_time_ms: Annotated[int, Meta(ge=10**11, lt=10**14)]  # what else may stand there is read the common way
    id: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    price: str
    size: int | str


class TradePush(Struct, gc=False, tag_field="channel", tag="futures.trades"):
    """A frame that holds trades, and nothing unusual."""

    result: list[_Row]
    time_ms: Annotated[int, Meta(ge=0)] = 0
    event: Literal["update"] | None = None
    error: None = None
    header: None = None


class SeenTrades:
    """The ids of the latest trades."""

    def __init__(self) -> None:
        self._ids: OrderedDict[tuple[str, str], None] = OrderedDict()

    def is_new(self, contract: str, trade_id: str) -> bool:
        """Tell whether a trade has not been asked about before."""
        key, ids = (contract, trade_id), self._ids
        if key in ids:
            return False
        ids[key] = None
        if len(ids) > TRADES_KEPT:
            ids.popitem(last=False)
        return True


class _Prices(dict[str, Decimal]):
    """The number of each text. Raises ValueError for what is none."""

    def __missing__(self, text: str) -> Decimal:
        number = exact(text, "price")
        if len(self) >= _TEXTS_KEPT:
            self.clear()
        self[text] = number
        return number


class _Takings(dict[int | str, tuple[Side, Decimal]]):
    """The taker's side and the quantity of each size, for one contract."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument

    def __missing__(self, size: int | str) -> tuple[Side, Decimal]:
        contracts = exact(size, "size")
        if len(self) >= _TEXTS_KEPT:
            self.clear()
        found = self[size] = (
            Side.BUY if contracts > 0 else Side.SELL,
            self.instrument.from_contracts(abs(contracts)),
        )
        return found


def trade_reader(find: Callable[[str], Instrument | None], seen: SeenTrades) -> Callable[[TradePush, int], list[Trade]]:
    """Return what gives the trades of a push that are new, received at the time given with it.

    It raises ValueError for what is no number, and then has taken none of them for seen.
    """
    prices: _Prices = _Prices()
    sizes: dict[str, _Takings] = {}

    def read(push: TradePush, ts_recv: int) -> list[Trade]:
        trades = []
        for row in push.result:
            contract = row.contract
            instrument = find(contract)
            if instrument is None:
                continue
            known = sizes.get(contract)
            if known is None or known.instrument is not instrument:
                known = sizes[contract] = _Takings(instrument)
            side, quantity = known[row.size]
            trades.append(
                Trade(
                    instrument=instrument,
                    trade_id=str(row.id),
                    side=side,
                    price=prices[row.price],
                    quantity=quantity,
                    ts_event=row.create_time_ms * _MS_NS,
                    ts_recv=ts_recv,
                )
            )
        return [trade for trade in trades if seen.is_new(trade.instrument.venue_symbol, trade.trade_id)]

    return read
