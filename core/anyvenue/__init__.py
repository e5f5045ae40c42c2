"""One strategy, any venue: trading of crypto perpetual futures against a venue-neutral core.

What is in `__all__` is the promise of this package; what is not may change. Names are imported when they are first
used, so that `import anyvenue` loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from anyvenue.engine.backtest import backtest
    from anyvenue.engine.result import RunResult
    from anyvenue.engine.risk import (
        BookLimits,
        ConnectionLimits,
        InstrumentLimits,
        LossSteps,
        RiskLimits,
        WholeBookLimits,
    )
    from anyvenue.engine.signal import Signal
    from anyvenue.engine.strategy import Strategy
    from anyvenue.model.balance import Balance
    from anyvenue.model.book import OrderBook
    from anyvenue.model.catalog import InstrumentCatalog
    from anyvenue.model.enums import (
        ContractKind,
        Fate,
        Liquidity,
        MarginMode,
        OrderState,
        OrderType,
        PositionMode,
        PositionSide,
        PriceSource,
        SelfTradePrevention,
        Side,
        TimeInForce,
        TradingStatus,
        TriggerKind,
    )
    from anyvenue.model.errors import (
        AnyvenueError,
        AuthenticationFailed,
        InsufficientFunds,
        InvalidOrder,
        InvalidPrice,
        InvalidQuantity,
        NotSent,
        NotSupported,
        OutcomeUnknown,
        PermissionDenied,
        QuantityTooSmall,
        RateLimited,
        Rejected,
        RejectReason,
        TradingEnded,
        UnknownInstrument,
        UnknownOrder,
        VenueProtocolError,
        WouldTakeLiquidity,
    )
    from anyvenue.model.fill import Fill
    from anyvenue.model.instrument import Instrument
    from anyvenue.model.market import Candle, FundingPayment, FundingRate, Liquidation, Quote, Ticker, Trade
    from anyvenue.model.numbers import Rounding
    from anyvenue.model.order import Order
    from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
    from anyvenue.model.position import Position
    from anyvenue.model.risk_tier import RiskTier
    from anyvenue.scripting import connect
    from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade
    from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext, VenueDescriptor
    from anyvenue.venue.events import Channel, Subscription
    from anyvenue.venue.interface import Venue, VenueOrder
    from anyvenue.venue.session import Session

__all__ = [
    "AnyvenueError",
    "AuthenticationFailed",
    "Balance",
    "BookLimits",
    "Candle",
    "Capabilities",
    "Capability",
    "Channel",
    "ConnectionLimits",
    "ContractKind",
    "Environment",
    "Fate",
    "Feature",
    "Fill",
    "FundingPayment",
    "FundingRate",
    "Grade",
    "Instrument",
    "InstrumentCatalog",
    "InstrumentLimits",
    "InsufficientFunds",
    "InvalidOrder",
    "InvalidPrice",
    "InvalidQuantity",
    "Liquidation",
    "Liquidity",
    "LossSteps",
    "MarginMode",
    "NotSent",
    "NotSupported",
    "Order",
    "OrderBook",
    "OrderSpec",
    "OrderState",
    "OrderType",
    "OutcomeUnknown",
    "PermissionDenied",
    "Position",
    "PositionMode",
    "PositionSide",
    "PriceSource",
    "Protection",
    "QuantityTooSmall",
    "Quote",
    "RateLimited",
    "RejectReason",
    "Rejected",
    "RiskLimits",
    "RiskTier",
    "Rounding",
    "RunResult",
    "SelfTradePrevention",
    "Session",
    "Side",
    "Signal",
    "SimulationSettings",
    "Strategy",
    "Subscription",
    "Ticker",
    "TimeInForce",
    "Trade",
    "TradingEnded",
    "TradingStatus",
    "Trigger",
    "TriggerKind",
    "UnknownInstrument",
    "UnknownOrder",
    "Venue",
    "VenueContext",
    "VenueDescriptor",
    "VenueOrder",
    "VenueProtocolError",
    "WholeBookLimits",
    "WouldTakeLiquidity",
    "backtest",
    "connect",
]

_HOMES: Final = {
    "AnyvenueError": "anyvenue.model.errors",
    "AuthenticationFailed": "anyvenue.model.errors",
    "Balance": "anyvenue.model.balance",
    "BookLimits": "anyvenue.engine.risk",
    "Candle": "anyvenue.model.market",
    "Capabilities": "anyvenue.venue.capabilities",
    "Capability": "anyvenue.venue.capabilities",
    "Channel": "anyvenue.venue.events",
    "ConnectionLimits": "anyvenue.engine.risk",
    "ContractKind": "anyvenue.model.enums",
    "Environment": "anyvenue.venue.descriptor",
    "Fate": "anyvenue.model.enums",
    "Feature": "anyvenue.venue.capabilities",
    "Fill": "anyvenue.model.fill",
    "FundingPayment": "anyvenue.model.market",
    "FundingRate": "anyvenue.model.market",
    "Grade": "anyvenue.venue.capabilities",
    "Instrument": "anyvenue.model.instrument",
    "InstrumentCatalog": "anyvenue.model.catalog",
    "InstrumentLimits": "anyvenue.engine.risk",
    "InsufficientFunds": "anyvenue.model.errors",
    "InvalidOrder": "anyvenue.model.errors",
    "InvalidPrice": "anyvenue.model.errors",
    "InvalidQuantity": "anyvenue.model.errors",
    "Liquidation": "anyvenue.model.market",
    "Liquidity": "anyvenue.model.enums",
    "LossSteps": "anyvenue.engine.risk",
    "MarginMode": "anyvenue.model.enums",
    "NotSent": "anyvenue.model.errors",
    "NotSupported": "anyvenue.model.errors",
    "Order": "anyvenue.model.order",
    "OrderBook": "anyvenue.model.book",
    "OrderSpec": "anyvenue.model.order_spec",
    "OrderState": "anyvenue.model.enums",
    "OrderType": "anyvenue.model.enums",
    "OutcomeUnknown": "anyvenue.model.errors",
    "PermissionDenied": "anyvenue.model.errors",
    "Position": "anyvenue.model.position",
    "PositionMode": "anyvenue.model.enums",
    "PositionSide": "anyvenue.model.enums",
    "PriceSource": "anyvenue.model.enums",
    "Protection": "anyvenue.model.order_spec",
    "QuantityTooSmall": "anyvenue.model.errors",
    "Quote": "anyvenue.model.market",
    "RateLimited": "anyvenue.model.errors",
    "RejectReason": "anyvenue.model.errors",
    "Rejected": "anyvenue.model.errors",
    "RiskLimits": "anyvenue.engine.risk",
    "RiskTier": "anyvenue.model.risk_tier",
    "Rounding": "anyvenue.model.numbers",
    "RunResult": "anyvenue.engine.result",
    "SelfTradePrevention": "anyvenue.model.enums",
    "Session": "anyvenue.venue.session",
    "Side": "anyvenue.model.enums",
    "Signal": "anyvenue.engine.signal",
    "SimulationSettings": "anyvenue.venue.descriptor",
    "Strategy": "anyvenue.engine.strategy",
    "Subscription": "anyvenue.venue.events",
    "Ticker": "anyvenue.model.market",
    "TimeInForce": "anyvenue.model.enums",
    "Trade": "anyvenue.model.market",
    "TradingEnded": "anyvenue.model.errors",
    "TradingStatus": "anyvenue.model.enums",
    "Trigger": "anyvenue.model.order_spec",
    "TriggerKind": "anyvenue.model.enums",
    "UnknownInstrument": "anyvenue.model.errors",
    "UnknownOrder": "anyvenue.model.errors",
    "Venue": "anyvenue.venue.interface",
    "VenueContext": "anyvenue.venue.descriptor",
    "VenueDescriptor": "anyvenue.venue.descriptor",
    "VenueOrder": "anyvenue.venue.interface",
    "VenueProtocolError": "anyvenue.model.errors",
    "WholeBookLimits": "anyvenue.engine.risk",
    "WouldTakeLiquidity": "anyvenue.model.errors",
    "backtest": "anyvenue.engine.backtest",
    "connect": "anyvenue.scripting",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'anyvenue' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
