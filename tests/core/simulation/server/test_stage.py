"""The stage: markets that never end, in any instrument's own terms, and who is told what of them."""

from decimal import Decimal
from itertools import pairwise

import pytest

from anyvenue.model.enums import ContractKind, OrderType, Side
from anyvenue.model.errors import UnknownInstrument
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot, FundingRate, Ticker, Trade
from anyvenue.model.order_events import OrderAccepted, OrderFilled
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.pricing import SignificantFigures, Tick
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import Channel

RECORDED = 1_500_000_000_000_000_000
SECOND = 1_000_000_000

# Recorded long ago; sizes in base units.
FRAMES = [
    [RECORDED, "s", [["99.9", "0.5"], ["99.8", "1"]], [["100.1", "0.25"], ["100.2", "2"]]],
    [RECORDED + 1 * SECOND, "d", [["99.9", "0.75"]], []],
    [RECORDED + 2 * SECOND, "t", "buy", "100.1", "0.125", "4711"],
    [RECORDED + 4 * SECOND, "d", [], [["100.1", "0"]]],
]
ROUND = 5 * SECOND  # four seconds of tape, and one of pause


@pytest.fixture
def stage(toy, tmp_path):
    """Return a function that makes the stage of one instrument on a tape, or among traders."""

    def make(frames=FRAMES, symbol="ABC-USDT-PERP", settings=(), **terms):
        market = toy.tape(tmp_path / "x.tape", frames, symbol) if frames else "synthetic"

        class Dialect(toy.dialect):
            @classmethod
            def instruments(cls, tapes, settings):
                assert list(tapes) == ([symbol] if frames else [])
                return [toy.listed(symbol, **terms)]

        return Stage.of(Dialect, DrivenClock(toy.start), toy.settings(market=market, **dict(settings)))

    return make


def heard(stage, channel=Channel.BOOK):
    told = []
    stage.listen(stage.instruments[0], channel, told.append)
    return told


def run_to(stage, toy, seconds):
    stage.clock.run_until(toy.start + int(seconds * SECOND))


def levels(event):
    return [list(map(tuple, event.bids)), list(map(tuple, event.asks))]


# A tape


def test_a_tape_plays_now_with_sizes_in_contracts(stage, toy):
    made = stage(contract_size="0.01", depth_unit="0.01", quantity_step="0.01", min_quantity="0.01")
    book, trades = heard(made), heard(made, Channel.TRADES)
    run_to(made, toy, 4.5)
    assert [type(event) for event in book] == [BookSnapshot, BookDelta, BookDelta]
    assert [event.ts_event - toy.start for event in book] == [0, SECOND, 4 * SECOND]
    assert [event.last_id for event in book] == [1, 2, 3]
    assert levels(book[0]) == [[("99.9", "50"), ("99.8", "100")], [("100.1", "25"), ("100.2", "200")]]
    assert levels(book[1]) == [[("99.9", "75")], []]
    assert levels(book[2]) == [[], [("100.1", "0")]]
    [trade] = trades
    assert (trade.side, trade.price, trade.ts_event) == (Side.BUY, Decimal("100.1"), toy.start + 2 * SECOND)
    assert trade.quantity == Decimal("0.12")  # whole contracts
    assert made.exchange.book("ABC-USDT-PERP").levels()[1] == [(Decimal("100.2"), Decimal(2))]


def test_there_is_a_book_from_the_first_moment_on(stage, toy):
    made = stage()
    found = []
    made.clock.call_at(toy.start, lambda: found.append(made.exchange.book("ABC-USDT-PERP").best_bid))
    run_to(made, toy, 0)
    assert found == [Decimal("99.9")]


def test_a_tape_starts_over_with_a_snapshot_and_the_ids_count_on(stage, toy):
    made = stage()
    book, trades = heard(made), heard(made, Channel.TRADES)
    run_to(made, toy, 2 * ROUND / SECOND + 4.5)
    assert [type(event) for event in book] == [BookSnapshot, BookDelta, BookDelta] * 3
    assert [event.last_id for event in book] == list(range(1, 10))
    assert [event.ts_event - toy.start for event in book[3:5]] == [ROUND, ROUND + SECOND]
    assert [levels(event) for event in book[:3]] == [levels(event) for event in book[3:6]]
    assert [trade.trade_id for trade in trades] == ["1", "2", "3"]
    assert made.market.ticker("ABC-USDT-PERP").mark_price == (Decimal("99.9") + Decimal("100.2")) / 2
    assert not made.market.is_finished


def test_a_tape_that_begins_with_changes_begins_each_round_with_a_whole_book(stage, toy):
    made = stage([[RECORDED, "d", [["99", "1"]], [["101", "1"]]], [RECORDED + SECOND, "d", [["98", "1"]], []]])
    book = heard(made)
    run_to(made, toy, 2.5)
    assert [type(event) for event in book] == [BookSnapshot, BookDelta, BookSnapshot]
    assert len(book[2].bids) == 1


def test_speed_compresses_the_time_of_the_tape(stage, toy):
    made = stage(settings={"speed": 4})
    book = heard(made)
    run_to(made, toy, 1.5)
    assert [event.ts_event - toy.start for event in book] == [0, SECOND // 4, SECOND]


def test_prices_that_the_instrument_does_not_know_are_bundled_away_from_the_middle(stage, toy):
    made = stage(price_rule=Tick(1), depth_unit=1)
    book = heard(made)
    run_to(made, toy, 4.5)
    # 0.5 + 1 BTC at 99, 0.25 + 2 at 101; then 0.75 + 1, then 2.
    assert levels(book[0]) == [[("99", "1.5")], [("101", "2.25")]]
    assert levels(book[1]) == [[("99", "1.75")], []]
    assert levels(book[2]) == [[], [("101", "2")]]


def test_an_inverse_instrument_has_its_sizes_in_quote_money(stage, toy):
    terms = dict.fromkeys(("quantity_step", "min_quantity", "contract_size", "depth_unit"), "1")
    made = stage(symbol="ABC-USD-PERP", kind=ContractKind.INVERSE, settle="ABC", **terms)
    book = heard(made)
    run_to(made, toy, 0.5)
    # 99.9 x 0.5 is 49.95 dollars, 100.1 x 0.25 is 25.025: whole contracts of one dollar.
    assert levels(book[0]) == [[("99.9", "49"), ("99.8", "99")], [("100.1", "25"), ("100.2", "200")]]


def test_a_size_below_one_step_is_one_step(stage, toy):
    made = stage(quantity_step="1", min_quantity="1", contract_size="1", depth_unit="1")
    book = heard(made)
    run_to(made, toy, 0.5)
    assert levels(book[0]) == [[("99.9", "1"), ("99.8", "1")], [("100.1", "1"), ("100.2", "2")]]


def test_the_tape_meets_our_resting_order_and_the_book_is_never_crossed(stage, toy):
    made = stage([*FRAMES, [RECORDED + 5 * SECOND, "d", [], [["99.95", "1"]]]], price_rule=Tick("0.01"))
    made.open_account("me")
    run_to(made, toy, 0.5)
    news, book = [], heard(made)
    made.watch("me", news.append)
    place(made, Side.BUY, "0.5", "100")
    run_to(made, toy, 5.5)
    [fill] = [event.fill for event in news if isinstance(event, OrderFilled)]
    assert (fill.price, fill.quantity) == (Decimal(100), Decimal("0.5"))
    # 0.5 of the 1 that was offered is left; our bid is gone. Both in one message.
    assert levels(book[-1])[0][-1] == ("100", "0")
    assert levels(book[-1])[1][-1] == ("99.95", "5000")


def place(stage, side, quantity, price=None, account="me"):
    spec = OrderSpec(
        client_order_id=f"{account} {len(stage.exchange.order_history(account))} {side.value}",
        instrument=stage.instruments[0],
        side=side,
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        order_type=OrderType.LIMIT if price else OrderType.MARKET,
    )
    events = []
    stage.market.do(lambda: events.extend(stage.exchange.place(account, spec)))
    return events


# Background traders

ODD = {
    "inverse": {
        "symbol": "BTC-USD-PERP",
        "kind": ContractKind.INVERSE,
        "settle": "BTC",
        "price_rule": Tick("0.5"),
        **dict.fromkeys(("quantity_step", "min_quantity", "contract_size", "depth_unit"), "100"),
    },
    "significant figures": {"symbol": "ETH-USDC-PERP", "price_rule": SignificantFigures(5, 2)},
    "fine tick": {"price_rule": Tick("0.0000001")},
    "coarse tick": {"symbol": "XRP-USDT-PERP", "price_rule": Tick("0.01")},
    "coarse step": dict.fromkeys(("quantity_step", "min_quantity", "contract_size", "depth_unit"), "10"),
    "cheap": {
        "symbol": "PEPE-USDT-PERP",
        "price_rule": Tick("0.0000000001"),
        **dict.fromkeys(("quantity_step", "min_quantity", "contract_size", "depth_unit"), "1000"),
    },
    "unknown base": {"symbol": "NEVERHEARD-USDT-PERP"},
    "small limits": {"max_quantity": "0.05", "max_market_quantity": "0.02", "min_notional": 1000},
    "thousandth": {"symbol": "BTC-USDT-PERP", "price_rule": Tick("0.1"), "min_quantity": "0.01"},
}


@pytest.mark.parametrize("terms", ODD.values(), ids=ODD)
def test_traders_make_a_market_in_any_instrument(stage, toy, terms):
    made = stage(None, **({"symbol": "BTC-USDT-PERP"} | terms))
    book, trades = heard(made), heard(made, Channel.TRADES)
    run_to(made, toy, 20)
    instrument = made.instruments[0]
    depth = made.exchange.book(instrument.symbol)
    assert min(len(depth.bids()), len(depth.asks())) >= 8
    assert depth.best_bid < depth.best_ask < depth.best_bid * Decimal("1.05")
    assert len({trade.price for trade in trades}) > 3
    for trade in trades:
        instrument.check_price(trade.price)
    assert isinstance(book[0], BookSnapshot)
    assert [event.last_id for event in book] == list(range(book[0].last_id, book[0].last_id + len(book)))
    units = {Decimal(size) % (instrument.quantity_step / instrument.depth_unit) for _, size in book[0].bids}
    assert units == {0}


def test_what_the_tape_does_not_hold_is_moved_by_traders(toy, tmp_path):
    class Dialect(toy.dialect):
        @classmethod
        def instruments(cls, tapes, settings):
            return [toy.listed("ABC-USDT-PERP"), toy.listed("BTC-USDT-PERP")]

    settings = toy.settings(market=toy.tape(tmp_path / "x.tape", FRAMES))
    made = Stage.of(Dialect, DrivenClock(toy.start), settings)
    told = {instrument.base: [] for instrument in made.instruments}
    for instrument in made.instruments:
        made.listen(instrument, Channel.BOOK, told[instrument.base].append)
    run_to(made, toy, 3)
    assert len(told["ABC"]) == 2
    assert len(told["BTC"]) > 100


def test_traders_begin_at_the_price_of_a_tape_of_the_same_base(toy, tmp_path):
    terms = dict.fromkeys(("quantity_step", "min_quantity", "contract_size", "depth_unit"), "1")

    class Dialect(toy.dialect):
        @classmethod
        def instruments(cls, tapes, settings):
            return [
                toy.listed("ABC-USDT-PERP"),
                toy.listed("ABC-USD-PERP", kind=ContractKind.INVERSE, settle="ABC", price_rule=Tick("0.01"), **terms),
            ]

    frames = [[RECORDED, "s", [["799.9", "1"], ["799.8", "1"]], [["800.1", "1"], ["800.2", "1"]]]]
    settings = toy.settings(market=toy.tape(tmp_path / "x.tape", frames), balance="1600")
    made = Stage.of(Dialect, DrivenClock(toy.start), settings)
    made.open_account("me")
    assert {balance.currency: balance.total for balance in made.exchange.balances("me")} == {"USDT": 1600, "ABC": 2}
    run_to(made, toy, 0.1)
    assert abs(made.exchange.book("ABC-USD-PERP").best_bid - 800) < 1


def test_the_market_ends_after_its_duration(stage, toy):
    made = stage(None, symbol="BTC-USDT-PERP", settings={"duration_s": 2})
    run_to(made, toy, 3)
    assert made.market.is_finished
    told = heard(made)
    run_to(made, toy, 10)
    assert len(told) == 1


# What is listed


def test_symbols_choose_what_is_listed(toy):
    class Dialect(toy.dialect):
        @classmethod
        def instruments(cls, tapes, settings):
            return [toy.listed("ABC-USDT-PERP"), toy.listed("BTC-USDT-PERP")]

    def symbols(*wanted):
        made = Stage.of(Dialect, DrivenClock(toy.start), toy.settings(symbols=wanted))
        return [instrument.symbol for instrument in made.instruments]

    assert symbols() == ["ABC-USDT-PERP", "BTC-USDT-PERP"]
    assert symbols("BTC-USDT-PERP") == ["BTC-USDT-PERP"]
    with pytest.raises(UnknownInstrument, match="simulator lists ABC-USDT-PERP, BTC-USDT-PERP"):
        symbols("XYZ-USDT-PERP")


def test_fees_of_the_settings_take_the_place_of_the_venues(stage):
    made = stage(maker_fee="0.1", taker_fee="0.2", settings={"maker_fee": "-0.0001"})
    assert made.instruments[0].maker_fee == Decimal("-0.0001")
    assert made.instruments[0].taker_fee == Decimal("0.2")


# Accounts


def test_an_account_has_the_balance_in_dollars_and_its_worth_in_other_currencies(toy):
    terms = dict.fromkeys(("quantity_step", "min_quantity", "contract_size", "depth_unit"), "1")
    instruments = [
        toy.listed("BTC-USDT-PERP"),
        toy.listed("BTC-USD-PERP", kind=ContractKind.INVERSE, settle="BTC", **terms),
        toy.listed("ETH-USDC-PERP"),
    ]
    made = Stage(DrivenClock(toy.start), toy.settings(balance="90000"), instruments)
    made.open_account("me")
    balances = {balance.currency: balance.total for balance in made.exchange.balances("me")}
    # Before anything has traded a bitcoin is worth 60000.
    assert balances == {"USDT": 90_000, "BTC": Decimal("1.5"), "USDC": 90_000}
    made.open_account("other", balances={"USDT": Decimal(7)})
    assert [balance.total for balance in made.exchange.balances("other")] == [7]
    with pytest.raises(ValueError, match="open already"):
        made.open_account("me")
    assert made.accounts == ["me", "other"]


def test_keys_are_the_same_for_a_seed_and_a_name_and_open_their_account(stage):
    made, again, other = stage(), stage(), stage(settings={"seed": 2})
    key = made.open_account("me")
    assert key == again.open_account("me")
    assert key.key not in (other.open_account("me").key, made.open_account("you").key)
    assert made.keys.find(key.key) is key
    assert key.may_trade
    assert key.account == "me"
    assert key.secret.reveal() not in repr(key)


def test_news_of_an_account_come_behind_the_job_that_brought_them_about(stage, toy):
    made = stage()
    made.open_account("me")
    run_to(made, toy, 0.5)
    log = []
    made.watch("me", lambda event: log.append(type(event)))

    def job():
        spec = OrderSpec(
            client_order_id="x", instrument=made.instruments[0], side=Side.BUY, quantity="0.1", price="101"
        )
        log.extend(type(event) for event in made.exchange.place("me", spec))
        log.append("answered")

    made.market.do(job)
    assert log[:2] == [OrderAccepted, "answered"]
    assert OrderFilled in log[2:]


# Listening


def test_every_listener_of_a_book_gets_a_snapshot_first_and_none_after_it_left(stage, toy):
    made = stage()
    first, second = [], []
    leave = made.listen(made.instruments[0], Channel.BOOK, first.append)
    run_to(made, toy, 1.5)
    made.listen(made.instruments[0], Channel.BOOK, second.append)
    assert [event.last_id for event in second] == [2]
    assert isinstance(second[0], BookSnapshot)
    assert levels(second[0])[0] == [("99.9", "7500"), ("99.8", "10000")]
    leave()
    leave()
    run_to(made, toy, 4.5)
    assert [event.last_id for event in first] == [1, 2]
    assert [event.last_id for event in second] == [2, 3]
    assert all(earlier.last_id + 1 == later.previous_id + 1 for earlier, later in pairwise(second))


def test_ticker_and_funding_are_told_and_candles_refused(stage, toy):
    made = stage()
    tickers, funding = heard(made, Channel.TICKER), heard(made, Channel.FUNDING)
    run_to(made, toy, 3.5)
    assert isinstance(tickers[0], Ticker)
    assert tickers[-1].mark_price == Decimal(100)
    made.market.do(made.steering("ABC-USDT-PERP").settle_now)
    assert isinstance(funding[0], FundingRate)
    with pytest.raises(ValueError, match="allowed are book, trades, ticker, funding"):
        heard(made, Channel.CANDLES)


def test_our_own_trade_is_public(stage, toy):
    made = stage()
    made.open_account("me")
    run_to(made, toy, 0.5)
    trades = heard(made, Channel.TRADES)
    place(made, Side.BUY, "0.1", "101")
    assert [(type(trade), trade.quantity) for trade in trades] == [(Trade, Decimal("0.1"))]
    assert isinstance(trades[0].instrument, Instrument)


# By hand


def test_a_mark_set_by_hand_stays_until_it_is_let_go(stage, toy):
    made = stage()
    run_to(made, toy, 0.5)
    steering = made.steering("ABC-USDT-PERP")
    made.market.do(lambda: steering.hold(Decimal(80), None))
    run_to(made, toy, 3.5)
    ticker = made.market.ticker("ABC-USDT-PERP")
    assert (ticker.mark_price, ticker.index_price) == (80, 100)
    made.market.do(lambda: steering.hold(None, None))
    assert made.market.ticker("ABC-USDT-PERP").mark_price == 100


def test_the_venues_own_time_may_be_off(stage, toy):
    made = stage()
    made.skew_ns = -5
    assert made.time_ns() == toy.start - 5
    assert made.clock.time_ns() == toy.start
