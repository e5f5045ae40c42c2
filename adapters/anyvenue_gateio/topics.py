"""What can be subscribed to at Gate: wishes become topics, topics become frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from attrs import frozen

from anyvenue.model.depth_sync import Continuity, Overlap, SequenceRule, SnapshotSource
from anyvenue.model.instrument import Instrument
from anyvenue.venue.events import Channel, Subscription
from anyvenue_gateio.rest.market import INTERVALS

__all__ = ["PRIVATE", "UPDATES", "Topic", "depth_rule", "frame", "private_topics", "topic_of"]

UPDATES: Final = "futures.order_book_update"
UPDATE_DEPTH: Final = 100
"""Levels a side of `futures.order_book_update`, and of the REST snapshot that goes with it (13.1)."""
_BY_CONTRACT: Final = {
    Channel.TRADES: "futures.trades",
    Channel.TICKER: "futures.tickers",
    Channel.FUNDING: "futures.tickers",  # there is no funding channel (12.1)
    Channel.QUOTES: "futures.book_ticker",
    Channel.LIQUIDATIONS: "futures.public_liquidates",
}
PRIVATE: Final = ("orders", "usertrades", "positions", "autoorders", "liquidates", "auto_deleverages")


@frozen
class Topic:
    """What one subscribe frame asks for."""

    channel: str
    payload: tuple[str, ...]


def depth_rule(instrument: Instrument, *, updates: bool) -> SequenceRule:
    """Return the sequence rule of a contract's book: 13.1 with a snapshot by REST, or 13.2 (`futures.obu`)."""
    if not updates:
        return SequenceRule(continuity=Continuity.CONTIGUOUS)
    return SequenceRule(
        continuity=Continuity.CONTIGUOUS,
        overlap=Overlap.ALWAYS,
        snapshot=SnapshotSource.REQUEST,
        keeps_newer=True,
        depth=UPDATE_DEPTH,
    )


def topic_of(subscription: Subscription, *, updates: bool) -> Topic:
    """Return the topic of a subscription; `updates` chooses 13.1 for books. Raises ValueError for an interval."""
    contract = subscription.instrument.venue_symbol
    match subscription.channel:
        case Channel.BOOK if updates:
            return Topic(UPDATES, (contract, "100ms", str(UPDATE_DEPTH)))
        case Channel.BOOK:
            level = 50 if (subscription.depth or 50) <= 50 else 400
            return Topic("futures.obu", (f"ob.{contract}.{level}",))
        case Channel.CANDLES:
            if subscription.interval_s not in INTERVALS:
                raise ValueError(f"interval_s: found {subscription.interval_s}; allowed are {sorted(INTERVALS)}")
            return Topic("futures.candlesticks", (INTERVALS[subscription.interval_s], contract))
        case channel:
            return Topic(_BY_CONTRACT[channel], (contract,))


def private_topics(user: str) -> list[Topic]:
    """Return the topics that tell all of an account."""
    return [Topic(f"futures.{name}", (user, "!all")) for name in PRIVATE] + [Topic("futures.balances", (user,))]


def frame(topic: Topic, event: str, *, time_s: int, number: int, auth: Mapping[str, str] | None = None) -> str:
    """Return a subscribe or unsubscribe frame. order_book_update is left without its level (12.1)."""
    short = event == "unsubscribe" and topic.channel == UPDATES
    content: dict[str, Any] = {"time": time_s, "id": number, "channel": topic.channel, "event": event}
    content["payload"] = topic.payload[:2] if short else topic.payload
    if auth is not None:
        content["auth"] = auth
    return orjson.dumps(content).decode()
