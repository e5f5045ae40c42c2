"""A venue with one WebSocket: which topics are subscribed, what is refused, and what is begun anew."""

import asyncio
from collections import deque

import pytest
from listed import linear

from anyvenue.model.enums import OrderType, Side
from anyvenue.model.errors import NotSent, NotSupported, OutcomeUnknown, Rejected, RejectReason, VenueProtocolError
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.events import Channel, StreamStale, Subscription
from anyvenue.venue.feed_venue import FEATURES, FeedVenue
from anyvenue.venue.secrets import Secret
from anyvenue.wire.deadline import pause

ROW = {"name": "BTCUSDT"}


def instrument(row=ROW, connection="main"):
    return linear(venue="fake", connection=connection, venue_symbol=row["name"])


BTC = instrument()
BOOK, TRADES = (Subscription(channel=channel, instrument=BTC) for channel in (Channel.BOOK, Channel.TRADES))
TICKER, FUNDING = (Subscription(channel=channel, instrument=BTC) for channel in (Channel.TICKER, Channel.FUNDING))


class Feed:
    """Takes every topic, unless an error waits in `refusals`."""

    def __init__(self):
        self.did = []
        self.refusals = deque()

    async def subscribe(self, topic):
        self.did.append(f"+{topic}")
        if self.refusals and (error := self.refusals.popleft()) is not None:
            raise error

    async def unsubscribe(self, topic):
        self.did.append(f"-{topic}")


class Fake(FeedVenue):
    name = "fake"
    candle_intervals = frozenset({60, 300})
    capabilities = Capabilities.of(
        native=(Feature.BOOK, Feature.TICKER, Feature.CANDLES, Feature.LIMIT),
        funding_rate=Capability(Grade.EMULATED),
        trades=Capability(Grade.APPROXIMATE, "some of them get lost"),
    )

    def topic_of(self, subscription):
        shared = subscription.channel in (Channel.TICKER, Channel.FUNDING)
        return "ticker" if shared else subscription.channel.value

    async def connect(self, sink):
        self.sink = sink

    async def place(self, spec):
        self.check(spec)
        return []

    async def cancel(self, order):
        return []

    async def balances(self):
        return []


def play(scenario, **context):
    """Run `scenario(venue, told)` on a driven clock; return what the feed was asked to do, and what was told."""

    async def run():
        clock = DrivenClock(0)
        terms = {"connection": "main", "environment": Environment.LIVE, "session": "x"} | context
        venue, told = Fake(VenueContext(clock=clock, **terms)), []
        venue.feed = Feed()

        async def whole():
            await venue.connect(told.append)
            await scenario(venue)
            await venue.close()

        await Pump(clock).serve(whole())
        return venue.feed.did, told

    return asyncio.run(run())


def test_a_subscription_is_made_once_and_ended_once():
    async def scenario(venue):
        for _ in range(2):
            await venue.subscribe(BOOK)
        for _ in range(2):
            await venue.unsubscribe(BOOK)

    assert play(scenario)[0] == ["+book", "-book"]


def test_a_stream_that_two_subscriptions_share_ends_with_the_second():
    async def scenario(venue):
        await venue.subscribe(TICKER)
        await venue.subscribe(FUNDING)
        await venue.unsubscribe(TICKER)
        assert venue.feed.did[-1] == "+ticker"
        await venue.unsubscribe(FUNDING)

    assert play(scenario)[0][-1] == "-ticker"


@pytest.mark.parametrize(
    "wish",
    [
        Subscription(channel=Channel.QUOTES, instrument=BTC),
        TRADES,  # approximate, and not allowed
        Subscription(channel=Channel.CANDLES, instrument=BTC, interval_s=61),
    ],
    ids=["absent", "approximate", "no such interval"],
)
def test_what_the_venue_has_not_is_refused_and_nothing_is_sent(wish):
    async def scenario(venue):
        with pytest.raises(NotSupported):
            await venue.subscribe(wish)

    assert play(scenario)[0] == []


def test_what_is_approximate_is_there_where_it_is_allowed():
    done, _ = play(lambda venue: venue.subscribe(TRADES), allow_approximate=frozenset({Feature.TRADES}))
    assert done == ["+trades"]


def test_every_channel_has_a_feature():
    assert set(FEATURES) == set(Channel)


def test_a_subscription_that_is_refused_may_be_made_again():
    async def scenario(venue):
        venue.feed.refusals.append(Rejected("no", reason=RejectReason.OTHER))
        with pytest.raises(Rejected):
            await venue.subscribe(BOOK)
        await venue.subscribe(BOOK)

    assert play(scenario)[0] == ["+book", "+book"]


def test_a_book_is_begun_anew_for_as_long_as_it_takes():
    async def scenario(venue):
        await venue.subscribe(BOOK)
        venue.feed.refusals += [OutcomeUnknown("lost"), NotSent("no connection")]
        await venue.resync(BOOK)
        await pause(venue.clock, 60)

    assert play(scenario)[0] == ["+book", *["-book", "+book"] * 3]


def test_a_book_that_nobody_wants_any_more_is_not_begun_anew():
    async def scenario(venue):
        await venue.subscribe(BOOK)
        venue.feed.refusals += [OutcomeUnknown("lost")] * 100
        await venue.resync(BOOK)
        await pause(venue.clock, 5)
        await venue.unsubscribe(BOOK)
        asked = len(venue.feed.did)
        await pause(venue.clock, 60)
        assert len(venue.feed.did) == asked
        await venue.resync(BOOK)
        await pause(venue.clock, 60)
        assert len(venue.feed.did) == asked

    play(scenario)


def test_a_stream_that_is_refused_on_a_new_connection_is_stale_and_may_be_asked_for_again():
    async def scenario(venue):
        await venue.subscribe(TICKER)
        await venue.subscribe(FUNDING)
        venue._refused("ticker", Rejected("gone", reason=RejectReason.OTHER))
        await venue.subscribe(TICKER)

    did, told = play(scenario)
    assert did[2:] == ["+ticker"]
    assert [(type(event), event.channel) for event in told] == [
        (StreamStale, Channel.TICKER),
        (StreamStale, Channel.FUNDING),
    ]


def spec(**terms):
    usual = {"client_order_id": "av1", "instrument": BTC, "side": Side.BUY, "quantity": "0.01", "price": "60000"}
    return OrderSpec(**(usual | terms))


def test_an_order_is_checked_and_its_instrument_counts_as_traded():
    async def scenario(venue):
        with pytest.raises(NotSupported, match="post_only is absent"):
            await venue.place(spec(post_only=True))
        with pytest.raises(NotSupported, match="market is absent"):
            await venue.place(spec(order_type=OrderType.MARKET, price=None))
        assert venue.traded == {}
        await venue.place(spec())
        assert venue.traded == {BTC.key: BTC}

    play(scenario)


def test_rows_that_are_no_instruments_are_left_out_and_said_so(caplog):
    async def scenario(venue):
        venue.list_instruments([{}, ROW, None], instrument)
        assert [*venue.by_name.values()] == [BTC]
        assert await venue.instruments() == list(venue.by_name.values())

    with caplog.at_level("INFO", logger="anyvenue.venue"):
        play(scenario)
    assert "KeyError: 'name'" in caplog.text


def test_rows_of_an_instrument_that_is_not_listed_are_left_out_and_said_so(caplog):
    async def scenario(venue):
        venue.list_instruments([ROW], instrument)
        found = venue.read_each(lambda row, listed, now: listed[row["name"]], [{"name": "NEW"}, ROW], venue.by_name)
        assert found == [BTC]

    play(scenario)
    assert "'NEW' is not among the venue's instruments" in caplog.text


@pytest.mark.parametrize("rows", [[], [{}]])
def test_a_list_without_any_instrument_is_an_error(rows):
    async def scenario(venue):
        with pytest.raises(VenueProtocolError, match="no instrument that can be read"):
            venue.list_instruments(rows, instrument)

    play(scenario)


def test_a_row_that_cannot_be_read_is_told_with_its_bytes():
    async def scenario(venue):
        assert venue.read_each(lambda row, unit, now: (row * unit, now), [1, 2], 10) == [(10, 0), (20, 0)]
        with pytest.raises(VenueProtocolError) as error:
            venue.read_each(lambda row, now: row["price"], [{"price": 1}, {}])
        assert b"price" in error.value.raw

    play(scenario)


@pytest.mark.parametrize(("credentials", "is_private"), [(None, False), ({}, False), ({"key": Secret("k")}, True)])
def test_a_real_environment_is_reached_by_its_own_urls_and_credentials(credentials, is_private):
    async def scenario(venue):
        assert await venue.reach({"rest": "https://host.test"}, None) == {"rest": "https://host.test"}
        assert (venue.credentials, venue.is_private, venue.transport) == (credentials, is_private, None)

    play(scenario, credentials=credentials)
