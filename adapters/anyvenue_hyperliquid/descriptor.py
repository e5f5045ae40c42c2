"""What anyvenue knows of this adapter before any of it is loaded: so nothing heavy is imported here."""

from __future__ import annotations

from typing import Any, Final

from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade
from anyvenue.venue.descriptor import Environment, VenueContext, VenueDescriptor
from anyvenue.venue.interface import Venue
from anyvenue_hyperliquid.endpoints import Options

_TRIGGERS: Final = "reduce-only orders alone, fired by the mark price; any other is NotSupported"

_NATIVE: Final = (
    Feature.BOOK, Feature.TRADES, Feature.TICKER, Feature.CANDLES, Feature.QUOTES,
    Feature.CANDLE_HISTORY, Feature.FUNDING_HISTORY, Feature.RISK_TIERS,
    Feature.LIMIT, Feature.POST_ONLY, Feature.IOC, Feature.REDUCE_ONLY, Feature.CLIENT_ORDER_ID,
    Feature.BATCH, Feature.CANCEL_BY_CLIENT_ID, Feature.PROTECTION,
    Feature.ORDER_LOOKUP, Feature.OPEN_ORDERS, Feature.ORDER_HISTORY, Feature.FILLS, Feature.FILL_STREAM,
    Feature.POSITIONS, Feature.FUNDING_PAYMENTS, Feature.LEVERAGE, Feature.MARGIN_MODE,
)  # fmt: skip

CAPABILITIES: Final = Capabilities.of(
    native=_NATIVE,
    funding_rate=Capability(Grade.EMULATED, "told by the market's context, as the rate due at the end of the hour"),
    market=Capability(Grade.EMULATED, "by an immediate order, bounded by the option market_slippage"),
    self_trade_prevention=Capability(Grade.NATIVE, "the resting order is canceled; there is no other way"),
    amend=Capability(Grade.NATIVE, "a new number, and post-only from then on; not for orders with a trigger"),
    cancel_all=Capability(Grade.EMULATED, "one by one"),
    close_position=Capability(Grade.EMULATED, "by a reduce-only market order"),
    stop=Capability(Grade.APPROXIMATE, _TRIGGERS),
    take_profit=Capability(Grade.APPROXIMATE, _TRIGGERS),
    attached_protection=Capability(
        Grade.APPROXIMATE, "it stands only once the order has filled whole, and dies with one canceled before that"
    ),
    dead_man_switch=Capability(
        Grade.APPROXIMATE, "only once the account has traded $1,000,000; ten firings a day; it takes triggers away too"
    ),
)


def _open(context: VenueContext) -> Venue:
    from anyvenue_hyperliquid.venue import HyperliquidVenue

    return HyperliquidVenue(context)


def _simulator() -> type[Any]:
    from anyvenue_hyperliquid.simulator.dialect import HyperliquidDialect

    return HyperliquidDialect


DESCRIPTOR: Final = VenueDescriptor(
    name="hyperliquid",
    title="Hyperliquid perpetuals",
    interface_version=1,
    capabilities=CAPABILITIES,
    environments=frozenset(Environment),
    options=Options,
    credentials=(("address", "private_key"),),
    open=_open,
    simulator=_simulator,
)
