"""Market data: streams and requests tell what the exchange shows, and a book that went wrong is never trusted."""

from __future__ import annotations

from decimal import Decimal

from anyvenue.model.book import OrderBook
from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.depth_sync import Action
from anyvenue.model.enums import Side
from anyvenue.model.errors import NotSupported
from anyvenue.model.market import BookDelta, BookSnapshot, Quote, Ticker, Trade
from anyvenue.testing.behaviour import Unproven, behaviour
from anyvenue.testing.bench import Bench
from anyvenue.testing.session import HeardSession
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import Channel, Subscription

__all__ = ["MarketData"]

LEVELS = 3


async def _live_book(bench: Bench, session: HeardSession) -> OrderBook:
    stream = session.books(bench.here.instrument.symbol)
    session.kept.append(stream)
    book: OrderBook = await anext(stream)
    await bench.until(lambda: book.is_synced, "the book's first snapshot")
    return book


def _shown(book: OrderBook) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
    return [tuple(one) for one in book.bids(LEVELS)], [tuple(one) for one in book.asks(LEVELS)]  # type: ignore[misc]


def _truth(bench: Bench) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
    bids, asks = bench.here.public_book()
    return bids[:LEVELS], asks[:LEVELS]


async def _is_as_the_exchange_has_it(bench: Bench, book: OrderBook) -> None:
    await bench.until(
        lambda: book.is_synced and _shown(book) == _truth(bench), "a book as the exchange has it, in base units"
    )


async def _subscribed(bench: Bench, session: HeardSession, channel: Channel) -> Subscription:
    subscription = Subscription(channel=channel, instrument=session.instrument(bench.here.instrument.symbol))
    await session.venue.subscribe(subscription)
    return subscription


class MarketData:
    """Market data."""

    @behaviour(Feature.BOOK)
    async def test_a_books_stream_begins_with_a_snapshot(self, bench: Bench) -> None:
        """The first depth event of a subscription is a BookSnapshot."""
        session = await bench.session()
        await _subscribed(bench, session, Channel.BOOK)
        await bench.until(lambda: session.heard(BookSnapshot), "a snapshot")
        assert isinstance(next(e for e in session.told if isinstance(e, BookSnapshot | BookDelta)), BookSnapshot)

    @behaviour(Feature.BOOK)
    async def test_the_book_is_the_exchanges_at_every_quiet_point(self, bench: Bench) -> None:
        """Prices and quantities, in base units, after every change of the market."""
        session = await bench.session()
        book = await _live_book(bench, session)
        await _is_as_the_exchange_has_it(bench, book)
        bench.here.change(bids=[(bench.here.inside, bench.here.unit * 7)])
        await _is_as_the_exchange_has_it(bench, book)
        bench.here.change(bids=[(bench.here.inside, Decimal(0)), (bench.here.bid, bench.here.unit)])
        await _is_as_the_exchange_has_it(bench, book)
        bench.here.change(asks=[(bench.here.ask, Decimal(0))])
        await _is_as_the_exchange_has_it(bench, book)

    @behaviour(Feature.BOOK)
    async def test_a_second_subscription_changes_nothing(self, bench: Bench) -> None:
        """Asking twice for a stream does nothing: every trade, or change, is still told once."""
        session = await bench.session()
        book = await _live_book(bench, session)
        await _subscribed(bench, session, Channel.BOOK)
        bench.here.change(bids=[(bench.here.inside, bench.here.unit * 7)])
        await _is_as_the_exchange_has_it(bench, book)

    @behaviour(Feature.BOOK)
    async def test_after_an_unsubscribe_nothing_more_is_told_and_a_second_one_is_harmless(self, bench: Bench) -> None:
        """What nobody listens to is quiet, but for what was on its way."""
        session = await bench.session()
        subscription = await _subscribed(bench, session, Channel.BOOK)
        await bench.until(lambda: session.heard(BookSnapshot), "a snapshot")
        await session.venue.unsubscribe(subscription)
        await session.venue.unsubscribe(subscription)
        bench.here.change(bids=[(bench.here.inside, bench.here.unit * 2)])
        await bench.settle()
        told = len(session.heard(BookSnapshot)) + len(session.heard(BookDelta))
        bench.here.change(bids=[(bench.here.inside, bench.here.unit)])
        await bench.settle()
        assert len(session.heard(BookSnapshot)) + len(session.heard(BookDelta)) == told

    @behaviour(Feature.BOOK, wire=True)
    async def test_a_book_with_a_gap_is_mended_and_is_the_exchanges_again(self, bench: Bench) -> None:
        """Frames that are lost without a word do not leave a wrong book behind."""
        session = await bench.session()
        book = await _live_book(bench, session)
        await _is_as_the_exchange_has_it(bench, book)
        plan = bench.faults({"on": "ws_out", "drop": True, "until_s": 5})
        bench.here.change(bids=[(bench.here.inside, bench.here.unit * 7)])
        await bench.wait(6)
        assert plan.counts[0] > 0, "no frame was lost, so nothing was tried"
        for number in (2, 3, 4):
            bench.here.change(asks=[(bench.here.ask, bench.here.unit * number)])
            await bench.wait(1)
        await _is_as_the_exchange_has_it(bench, book)

    @behaviour(Feature.BOOK, wire=True)
    async def test_a_gap_is_not_passed_over_in_silence(self, bench: Bench) -> None:
        """The frames that come show the gap, and by the venue's depth rule a resync follows; a whole book mends it."""
        session = await bench.session()
        instrument = session.instrument(bench.here.instrument.symbol)
        keeper = BookKeeper(instrument, session.venue.depth_rule(instrument))
        await _subscribed(bench, session, Channel.BOOK)
        await bench.until(lambda: session.heard(BookSnapshot), "a snapshot")
        bench.here.change(bids=[(bench.here.inside, bench.here.unit)])
        await bench.settle()
        bench.faults({"on": "ws_out", "drop": True, "until_s": 3})
        bench.here.change(bids=[(bench.here.inside, bench.here.unit * 5)])
        await bench.wait(4)
        bench.here.change(asks=[(bench.here.ask, bench.here.unit)])
        await bench.settle()
        actions = [
            keeper.on_delta(event) if isinstance(event, BookDelta) else keeper.on_snapshot(event)
            for event in session.told
            if isinstance(event, BookSnapshot | BookDelta)
        ]
        assert Action.RESYNC in actions or _shown(keeper.book) == _truth(bench)

    @behaviour(Feature.BOOK, wire=True)
    async def test_a_book_is_stale_while_its_stream_is_gone(self, bench: Bench) -> None:
        """A reader sees at once that what is shown cannot be trusted, and trusts it again when it is whole."""
        session = await bench.session()
        book = await _live_book(bench, session)
        bench.faults({"on": "ws_in", "drop": True, "until_s": 20})
        bench.wire.disconnect()
        await bench.until(lambda: not book.is_synced, "the book called stale", at_most_s=10)
        bench.here.change(bids=[(bench.here.inside, bench.here.unit * 7)])
        await _is_as_the_exchange_has_it(bench, book)

    @behaviour(Feature.BOOK, wire=True)
    async def test_depth_frames_that_come_twice_do_no_harm(self, bench: Bench) -> None:
        """Duplicates are dropped, or applied without effect."""
        session = await bench.session()
        book = await _live_book(bench, session)
        bench.faults({"on": "ws_out", "duplicate": True, "until_s": 10})
        for number in (3, 5, 7):
            bench.here.change(bids=[(bench.here.inside, bench.here.unit * number)])
            await bench.wait(1)
        await _is_as_the_exchange_has_it(bench, book)

    @behaviour(Feature.BOOK, wire=True)
    async def test_depth_frames_out_of_order_do_no_lasting_harm(self, bench: Bench) -> None:
        """Frames that overtake each other end in a book that is the exchange's."""
        session = await bench.session()
        book = await _live_book(bench, session)
        bench.faults({"on": "ws_out", "reorder": 1, "every": 2, "until_s": 10})
        for number in (3, 5, 7, 9, 11, 13):
            bench.here.change(bids=[(bench.here.inside, bench.here.unit * number)])
            await bench.wait(1)
        await bench.wait(10)
        for number in (4, 6):
            bench.here.change(asks=[(bench.here.ask, bench.here.unit * number)])
            await bench.wait(1)
        await _is_as_the_exchange_has_it(bench, book)

    @behaviour(Feature.BOOK, wire=True)
    async def test_a_frame_that_cannot_be_read_does_not_end_the_stream(self, bench: Bench) -> None:
        """Half a frame is dropped or reconnected over, and the book is the exchange's afterwards."""
        session = await bench.session()
        book = await _live_book(bench, session)
        bench.faults({"on": "ws_out", "corrupt": True, "times": 1})
        for number in (3, 5, 7, 9):
            bench.here.change(bids=[(bench.here.inside, bench.here.unit * number)])
            await bench.wait(2)
        await _is_as_the_exchange_has_it(bench, book)

    @behaviour(Feature.BOOK)
    async def test_the_book_by_request_is_the_streams_or_the_request_is_not_supported(self, bench: Bench) -> None:
        """`order_book` returns what the exchange shows, sorted, in base units."""
        session = await bench.session()
        try:
            book = await session.order_book(bench.here.instrument.symbol, 20)
        except NotSupported as error:
            raise Unproven("the venue has no order book by request, which no capability speaks of") from error
        assert _shown(book) == _truth(bench)

    @behaviour(Feature.TRADES)
    async def test_trades_are_told_once_each_in_order_with_the_takers_side(self, bench: Bench) -> None:
        """Price, quantity in base units, and side are those of the trade."""
        session = await bench.session()
        await _subscribed(bench, session, Channel.TRADES)
        bench.here.trade(bench.here.ask, bench.here.unit * 2, Side.BUY)
        bench.here.trade(bench.here.bid, bench.here.unit, Side.SELL)
        await bench.settle()
        assert [(one.side, one.price, one.quantity) for one in session.heard(Trade)] == [
            (Side.BUY, bench.here.ask, bench.here.unit * 2),
            (Side.SELL, bench.here.bid, bench.here.unit),
        ]

    @behaviour(Feature.TRADES)
    async def test_a_trades_times_are_nanoseconds(self, bench: Bench) -> None:
        """`ts_event` and `ts_recv` of a trade that has just happened lie within seconds of now."""
        session = await bench.session()
        await _subscribed(bench, session, Channel.TRADES)
        bench.here.trade(bench.here.ask, bench.here.unit, Side.BUY)
        await bench.settle()
        (trade,) = session.heard(Trade)
        for told in (trade.ts_event, trade.ts_recv):
            assert abs(told - bench.clock.time_ns()) < 10**10, f"found {told}; it is {bench.clock.time_ns()}"

    @behaviour(Feature.TICKER)
    async def test_the_ticker_tells_the_mark_price(self, bench: Bench) -> None:
        """A change of the mark price arrives."""
        session = await bench.session()
        await _subscribed(bench, session, Channel.TICKER)
        await bench.settle()
        price = bench.here.off("0.002")
        bench.here.mark(price)
        await bench.until(
            lambda: price in [one.mark_price for one in session.heard(Ticker)], "the mark price", at_most_s=30
        )

    @behaviour(Feature.QUOTES)
    async def test_quotes_tell_the_best_of_each_side_in_base_units(self, bench: Bench) -> None:
        """Best bid and ask with their quantities."""
        session = await bench.session()
        await _subscribed(bench, session, Channel.QUOTES)
        await bench.wait(1)
        bench.here.change(bids=[(bench.here.inside, bench.here.unit * 3)])
        await bench.settle()
        quote = session.heard(Quote)[-1]
        found = (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity)
        (bid, bid_quantity), (ask, ask_quantity) = (side[0] for side in _truth(bench))
        assert found == (bid, bid_quantity, ask, ask_quantity)

    @behaviour(Feature.TRADE_HISTORY)
    async def test_trades_by_request_are_those_that_happened_oldest_first(self, bench: Bench) -> None:
        """Within the time that was asked for, end excluded."""
        session = await bench.session()
        start = bench.clock.time_ns()
        await bench.wait(2)
        bench.here.trade(bench.here.ask, bench.here.unit * 2, Side.BUY)
        await bench.wait(2)
        bench.here.trade(bench.here.bid, bench.here.unit, Side.SELL)
        await bench.wait(2)
        found = await session.recent_trades(bench.here.instrument.symbol, start_ns=start)
        assert [(one.side, one.quantity) for one in found] == [
            (Side.BUY, bench.here.unit * 2),
            (Side.SELL, bench.here.unit),
        ]

    @behaviour(Feature.CANDLE_HISTORY)
    async def test_candles_by_request_are_oldest_first_and_in_the_interval_asked_for(self, bench: Bench) -> None:
        """Whole intervals, without one twice."""
        session = await bench.session()
        start = bench.clock.time_ns()
        for _ in range(4):
            bench.here.trade(bench.here.ask, bench.here.unit, Side.BUY)
            await bench.wait(60)
        found = await session.candles(bench.here.instrument.symbol, 60, start_ns=start)
        opens = [candle.ts_open for candle in found]
        assert opens == sorted(set(opens))
        assert opens
        assert {moment % (60 * 10**9) for moment in opens} == {0}

    @behaviour(Feature.BOOK)
    async def test_a_channel_of_another_instrument_stays_quiet(self, bench: Bench) -> None:
        """A subscription brings its own instrument's news only."""
        session = await bench.session()
        await _subscribed(bench, session, Channel.BOOK)
        bench.there.change(bids=[(bench.there.inside, bench.there.unit)])
        await bench.settle()
        told = {event.instrument.symbol for event in session.told if isinstance(event, BookSnapshot | BookDelta)}
        assert told == {bench.here.instrument.symbol}
