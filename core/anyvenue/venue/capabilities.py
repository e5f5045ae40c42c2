"""What a venue can do, and how well: data that can be asked for before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import field, frozen, validators

from anyvenue.model.errors import NotSupported

__all__ = ["Capabilities", "Capability", "Feature", "Grade"]


class Feature(Enum):
    """One thing a venue may be able to do."""

    __hash__ = object.__hash__  # a member is one object; Enum's own is a Python call, at every look-up

    BOOK = "book"
    TRADES = "trades"
    TICKER = "ticker"
    CANDLES = "candles"
    FUNDING_RATE = "funding_rate"
    QUOTES = "quotes"
    LIQUIDATIONS = "liquidations"
    CANDLE_HISTORY = "candle_history"
    TRADE_HISTORY = "trade_history"
    FUNDING_HISTORY = "funding_history"
    RISK_TIERS = "risk_tiers"
    LIMIT = "limit"
    MARKET = "market"
    POST_ONLY = "post_only"
    IOC = "ioc"
    FOK = "fok"
    REDUCE_ONLY = "reduce_only"
    ICEBERG = "iceberg"
    SELF_TRADE_PREVENTION = "self_trade_prevention"
    CLIENT_ORDER_ID = "client_order_id"
    AMEND = "amend"
    BATCH = "batch"
    CANCEL_BY_CLIENT_ID = "cancel_by_client_id"
    CANCEL_ALL = "cancel_all"
    STOP = "stop"
    TAKE_PROFIT = "take_profit"
    TRAILING = "trailing"
    PROTECTION = "protection"
    ATTACHED_PROTECTION = "attached_protection"
    CLOSE_POSITION = "close_position"
    ORDER_LOOKUP = "order_lookup"
    OPEN_ORDERS = "open_orders"
    ORDER_HISTORY = "order_history"
    FILLS = "fills"
    FILL_STREAM = "fill_stream"
    POSITIONS = "positions"
    FUNDING_PAYMENTS = "funding_payments"
    LEVERAGE = "leverage"
    MARGIN_MODE = "margin_mode"
    HEDGE_MODE = "hedge_mode"
    DEAD_MAN_SWITCH = "dead_man_switch"
    WEBSOCKET_ORDERS = "websocket_orders"


class Grade(Enum):
    """How well: by the venue itself, by us with the same guarantee, by us with a weaker one, or not at all."""

    NATIVE = "native"
    EMULATED = "emulated"
    APPROXIMATE = "approximate"
    ABSENT = "absent"


@frozen
class Capability:
    """A grade, and in words what one should know: for APPROXIMATE the weaker guarantee."""

    grade: Grade
    note: str = ""

    def __attrs_post_init__(self) -> None:
        if self.grade is Grade.APPROXIMATE and not self.note:
            raise ValueError("an approximate capability must say in its note what is weaker about it")


_ABSENT = Capability(Grade.ABSENT)


@frozen
class Capabilities:
    """The grades of one venue, and how fast it takes orders. A feature that is not listed is absent.

    `order_rate` is how many creates and amends the venue takes from one account in any one second; None where its
    documents do not say. The risk limits stay below it where the configuration says nothing else.
    """

    features: Mapping[Feature, Capability] = field(factory=dict)
    order_rate: int | None = field(default=None, validator=validators.optional(validators.ge(1)))

    @classmethod
    def of(
        cls, *, native: tuple[Feature, ...] = (), order_rate: int | None = None, **others: Capability
    ) -> Capabilities:
        """Build from a tuple of native features and `feature_name=Capability(...)` for the rest."""
        features = {feature: Capability(Grade.NATIVE) for feature in native}
        features |= {Feature(name): capability for name, capability in others.items()}
        return cls(features, order_rate)

    def __getitem__(self, feature: Feature) -> Capability:
        return self.features.get(feature, _ABSENT)

    def has(self, feature: Feature) -> bool:
        """Tell whether the feature is there in some grade."""
        return self[feature].grade is not Grade.ABSENT

    def require(self, feature: Feature, *, venue: str, allowed: frozenset[Feature] = frozenset()) -> None:
        """Raise NotSupported where the feature is absent, or only approximate and not in `allowed`."""
        capability = self[feature]
        if capability.grade is Grade.ABSENT:
            why = f" ({capability.note})" if capability.note else ""
            raise NotSupported(f"{feature.value} is absent on this venue{why}; nothing was sent", venue=venue)
        if capability.grade is Grade.APPROXIMATE and feature not in allowed:
            raise NotSupported(
                f"{feature.value} is only approximate on this venue: {capability.note}. Nothing was sent. "
                f'To accept that, add "{feature.value}" to allow_approximate of the connection',
                venue=venue,
            )
