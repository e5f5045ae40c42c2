"""The closed vocabularies of trading: sides, order types, modes and sources."""

from __future__ import annotations

from enum import Enum

__all__ = [
    "ContractKind",
    "Fate",
    "Liquidity",
    "MarginMode",
    "OrderState",
    "OrderType",
    "PositionMode",
    "PositionSide",
    "PriceSource",
    "SelfTradePrevention",
    "Side",
    "TimeInForce",
    "TradingStatus",
    "TriggerKind",
]


class _Word(Enum):
    """A member is one object, so identity will do as its hash. Enum's own is a Python call, at every look-up."""

    __hash__ = object.__hash__


class Side(_Word):
    """Which way an order or a trade goes; for a public trade, the taker's. `sign` is +1 to buy, -1 to sell."""

    BUY = "buy"
    SELL = "sell"

    def __init__(self, value: str) -> None:
        self.sign = 1 if value == "buy" else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(_Word):
    """How the price is bound: not at all, or by a limit."""

    MARKET = "market"
    LIMIT = "limit"


class OrderState(_Word):
    """Where an order is in its life. The last four end it (`is_terminal`), but for fills that arrive late."""

    NEW = "new"
    SENT = "sent"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    def __init__(self, value: str) -> None:
        self.is_terminal = value in ("filled", "canceled", "rejected", "expired")


class Fate(_Word):
    """What became of a command: nothing yet, done, refused, or not known."""

    IN_FLIGHT = "in_flight"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class TimeInForce(_Word):
    """How long an order may rest: until canceled, not at all, or not at all and only whole."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class TriggerKind(_Word):
    """What sets a waiting order off.

    STOP fires when the price moves against a holder of the closing side's position (a sell stop at or below its
    price, a buy stop at or above); TAKE_PROFIT the other way round; TRAILING is a stop that follows the price.
    """

    STOP = "stop"
    TAKE_PROFIT = "take_profit"
    TRAILING = "trailing"


class PriceSource(_Word):
    """Which price a trigger looks at."""

    LAST = "last"
    MARK = "mark"
    INDEX = "index"


class SelfTradePrevention(_Word):
    """Which order gives way when an account would trade with itself."""

    CANCEL_NEWEST = "cancel_newest"
    CANCEL_OLDEST = "cancel_oldest"
    CANCEL_BOTH = "cancel_both"


class PositionSide(_Word):
    """Which position an order or fill belongs to: the only one (one-way mode), or one of two (hedge mode)."""

    NET = "net"
    LONG = "long"
    SHORT = "short"


class PositionMode(_Word):
    """One position per instrument, or a long and a short beside each other."""

    ONE_WAY = "one_way"
    HEDGE = "hedge"


class MarginMode(_Word):
    """Whether a position stands on the whole balance or only on margin of its own."""

    CROSS = "cross"
    ISOLATED = "isolated"


class Liquidity(_Word):
    """Whether a fill made or took liquidity. UNKNOWN where the venue does not say."""

    MAKER = "maker"
    TAKER = "taker"
    UNKNOWN = "unknown"


class ContractKind(_Word):
    """LINEAR: settled in quote money, sized in base. INVERSE: settled in base, sized in quote money."""

    LINEAR = "linear"
    INVERSE = "inverse"


class TradingStatus(_Word):
    """Whether an instrument takes orders: all, only those that reduce a position, or none."""

    TRADING = "trading"
    REDUCE_ONLY = "reduce_only"
    HALTED = "halted"
