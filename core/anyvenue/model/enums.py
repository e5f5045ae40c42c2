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


class Side(Enum):
    """Which way an order or a trade goes. For a public trade it is the taker's side."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


class OrderType(Enum):
    """How the price is bound: not at all, or by a limit."""

    MARKET = "market"
    LIMIT = "limit"


class OrderState(Enum):
    """Where an order is in its life. The last four are the end of it, but for fills that arrive late."""

    NEW = "new"
    SENT = "sent"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """Whether no command can change the order any more."""
        return self in _TERMINAL


_TERMINAL = frozenset({OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED})


class Fate(Enum):
    """What became of a command: nothing yet, done, refused, or not known."""

    IN_FLIGHT = "in_flight"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class TimeInForce(Enum):
    """How long an order may rest: until canceled, not at all, or not at all and only whole."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class TriggerKind(Enum):
    """What sets a waiting order off.

    STOP fires when the price moves against a holder of the closing side's position (a sell stop at or below its
    price, a buy stop at or above); TAKE_PROFIT the other way round; TRAILING is a stop that follows the price.
    """

    STOP = "stop"
    TAKE_PROFIT = "take_profit"
    TRAILING = "trailing"


class PriceSource(Enum):
    """Which price a trigger looks at."""

    LAST = "last"
    MARK = "mark"
    INDEX = "index"


class SelfTradePrevention(Enum):
    """Which order gives way when an account would trade with itself."""

    CANCEL_NEWEST = "cancel_newest"
    CANCEL_OLDEST = "cancel_oldest"
    CANCEL_BOTH = "cancel_both"


class PositionSide(Enum):
    """Which position an order or fill belongs to: the only one (one-way mode), or one of two (hedge mode)."""

    NET = "net"
    LONG = "long"
    SHORT = "short"


class PositionMode(Enum):
    """One position per instrument, or a long and a short beside each other."""

    ONE_WAY = "one_way"
    HEDGE = "hedge"


class MarginMode(Enum):
    """Whether a position stands on the whole balance or only on margin of its own."""

    CROSS = "cross"
    ISOLATED = "isolated"


class Liquidity(Enum):
    """Whether a fill made or took liquidity. UNKNOWN where the venue does not say."""

    MAKER = "maker"
    TAKER = "taker"
    UNKNOWN = "unknown"


class ContractKind(Enum):
    """LINEAR: settled in quote money, sized in base. INVERSE: settled in base, sized in quote money."""

    LINEAR = "linear"
    INVERSE = "inverse"


class TradingStatus(Enum):
    """Whether an instrument takes orders: all, only those that reduce a position, or none."""

    TRADING = "trading"
    REDUCE_ONLY = "reduce_only"
    HALTED = "halted"
