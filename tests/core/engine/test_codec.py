"""Encoding: what comes back is what went in, to the last digit, and what cannot be known is refused."""

import string
from decimal import Decimal

import attrs
import orjson
import pytest
from cattrs.gen import make_dict_unstructure_fn, override
from hypothesis import given
from hypothesis import strategies as st
from listed import linear

from anyvenue.engine import codec as codec_module
from anyvenue.engine.codec import TYPES, Codec, InstrumentTable, check_version, instrument_fields, instrument_of
from anyvenue.engine.commands import (
    Amend,
    Cancel,
    CommandFailed,
    Place,
    Protect,
    Resync,
    SetLeverage,
    Subscribe,
    Unsubscribe,
)
from anyvenue.engine.inputs import Begin, NoPriceCame, Stop, TimerFired
from anyvenue.engine.journal import JournalFailed, JournalUnreadable
from anyvenue.engine.reconcile_events import (
    AccountHeld,
    CancelLeftOver,
    KeepLeftOver,
    OrderFound,
    PositionDiffers,
    StillUnknown,
)
from anyvenue.engine.signal import Signal
from anyvenue.model import order_events as ev
from anyvenue.model.balance import Balance
from anyvenue.model.decoded_delta import DecodedDelta
from anyvenue.model.enums import (
    Fate,
    Liquidity,
    MarginMode,
    OrderState,
    OrderType,
    PositionSide,
    PriceSource,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerKind,
)
from anyvenue.model.errors import (
    AuthenticationFailed,
    InvalidPrice,
    RateLimited,
    Rejected,
    RejectReason,
    TradingEnded,
    UnknownInstrument,
)
from anyvenue.model.fill import Fill
from anyvenue.model.market import (
    BookDelta,
    BookSnapshot,
    Candle,
    CandleSource,
    FundingPayment,
    FundingRate,
    Liquidation,
    Quote,
    Ticker,
    Trade,
)
from anyvenue.model.order import Amendment, Order
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.model.position import Position
from anyvenue.model.pricing import SignificantFigures, Tick
from anyvenue.venue.events import Channel, Disconnected, InstrumentChanged, Reconnected, StreamStale, Subscription
from anyvenue.venue.secrets import Secret


def instrument(**changes):
    return linear(**{"venue": "fake", "connection": "main"} | changes)


BTC = instrument()
ETH = instrument(symbol="ETH-USDT-PERP", base="ETH", price_rule=SignificantFigures(5, 2), max_quantity="1000")

texts = st.text(max_size=12)
# -0, 1E+3 and 1.00 are numbers of their own: equal to others, and yet written otherwise.
numbers = st.decimals(allow_nan=False, allow_infinity=False)
maybe = st.none() | numbers
times = st.integers(min_value=0, max_value=2**63 - 1)
levels = st.lists(st.lists(st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,9})?", fullmatch=True), min_size=2, max_size=2))
instruments = st.sampled_from([BTC, ETH])
steps = st.integers(min_value=1, max_value=10**6)
prices = steps.map(lambda n: Decimal(n).scaleb(-1))
quantities = steps.map(lambda n: Decimal(n).scaleb(-3))
one_of = st.sampled_from
stamps = {"ts_event": times, "ts_recv": times}
event_fields = {"client_order_id": st.none() | texts, "venue_order_id": st.none() | texts, **stamps}
reasons = one_of(list(RejectReason))

fills = st.builds(
    Fill,
    instrument=instruments,
    trade_id=texts,
    client_order_id=st.none() | texts,
    venue_order_id=st.none() | texts,
    side=one_of(Side),
    price=prices,
    quantity=quantities,
    fee=numbers,
    liquidity=one_of(Liquidity),
    position_side=one_of(PositionSide),
    estimated=st.booleans(),
    **stamps,
)
triggers = st.builds(Trigger, kind=st.just(TriggerKind.STOP), price=prices, source=one_of(PriceSource)) | st.builds(
    Trigger, kind=st.just(TriggerKind.TRAILING), trail=prices, source=one_of(PriceSource)
)
specs = st.builds(
    OrderSpec,
    client_order_id=texts,
    instrument=st.just(BTC),
    side=one_of(Side),
    quantity=quantities,
    price=prices,
    time_in_force=one_of(TimeInForce),
    reduce_only=st.booleans(),
    position_side=one_of(PositionSide),
    trigger=st.none() | triggers,
    self_trade_prevention=st.none() | one_of(SelfTradePrevention),
    ts_created=times,
) | st.builds(
    OrderSpec,
    client_order_id=texts,
    instrument=st.just(BTC),
    side=one_of(Side),
    quantity=quantities,
    order_type=st.just(OrderType.MARKET),
    protection=st.none() | st.builds(Protection, stop_loss=prices),
    ts_created=times,
)
amendments = st.builds(Amendment, price=maybe, quantity=maybe, fate=one_of(Fate))
orders = st.builds(
    Order,
    spec=specs,
    price=maybe,
    quantity=numbers,
    state=one_of(OrderState),
    create=st.none() | one_of(Fate),
    amend=st.none() | amendments,
    cancel=st.none() | one_of(Fate),
    lost_amend=st.none() | amendments,
    venue_order_id=st.none() | texts,
    former_ids=st.lists(texts, max_size=2).map(tuple),
    triggered=st.booleans(),
    booked_quantity=numbers,
    booked_value=numbers,
    fees=numbers,
    trade_ids=st.frozensets(texts, max_size=3),
    reported_quantity=numbers,
    reported_average=maybe,
    reason=st.none() | reasons,
    text=texts,
    sequence=st.none() | times,
    ts_terms=times,
    **stamps,
)
order_events = st.one_of(
    *(
        st.builds(cls, **event_fields)
        for cls in (ev.OrderSent, ev.OrderAccepted, ev.OrderTriggered, ev.CancelSent, ev.CancelUnknown)
    ),
    *(
        st.builds(cls, reason=reasons, text=texts, **event_fields)
        for cls in (ev.OrderRejected, ev.OrderCanceled, ev.AmendRejected, ev.CancelRejected)
    ),
    *(st.builds(cls, price=maybe, quantity=maybe, **event_fields) for cls in (ev.AmendSent, ev.OrderAmended)),
    *(st.builds(cls, text=texts, **event_fields) for cls in (ev.OrderUnknown, ev.OrderExpired, ev.AmendUnknown)),
    st.builds(ev.OrderFilled, fill=fills, **event_fields),
    st.builds(
        ev.OrderReported,
        state=one_of([state for state in OrderState if state not in (OrderState.NEW, OrderState.SENT)]),
        filled_quantity=quantities,
        average_price=maybe,
        price=maybe,
        quantity=maybe,
        sequence=st.none() | times,
        reason=st.none() | reasons,
        text=texts,
        **event_fields,
    ),
)
positions = st.builds(
    Position,
    instrument=instruments,
    side=one_of(PositionSide),
    quantity=numbers,
    cost=numbers,
    realized_pnl=numbers,
    fees=numbers,
    funding=numbers,
    leverage=numbers,
    margin_mode=one_of(MarginMode),
    margin=numbers,
    liquidation_price=maybe,
    sequence=st.none() | times,
    **stamps,
)
subscriptions = st.builds(
    Subscription, channel=one_of(Channel), instrument=instruments, interval_s=st.none() | steps, depth=st.none() | steps
)
market_events = st.one_of(
    st.builds(BookSnapshot, instrument=instruments, bids=levels, asks=levels, last_id=times, **stamps),
    st.builds(
        BookDelta,
        instrument=instruments,
        bids=levels,
        asks=levels,
        first_id=times,
        last_id=times,
        previous_id=st.none() | times,
        **stamps,
    ),
    st.builds(
        Trade, instrument=instruments, trade_id=texts, side=one_of(Side), price=numbers, quantity=numbers, **stamps
    ),
    st.builds(
        Ticker,
        instrument=instruments,
        last_price=maybe,
        mark_price=maybe,
        index_price=maybe,
        funding_rate=maybe,
        next_funding_ts=st.none() | times,
        **stamps,
    ),
    st.builds(
        Quote,
        instrument=instruments,
        bid=maybe,
        bid_quantity=numbers,
        ask=maybe,
        ask_quantity=numbers,
        last_id=times,
        **stamps,
    ),
    st.builds(Liquidation, instrument=instruments, side=one_of(Side), price=numbers, quantity=numbers, **stamps),
    st.builds(
        Candle,
        instrument=instruments,
        interval_s=steps,
        ts_open=times,
        open=numbers,
        high=numbers,
        low=numbers,
        close=numbers,
        volume=numbers,
        source=one_of(CandleSource),
        closed=st.booleans(),
        **stamps,
    ),
    st.builds(FundingRate, instrument=instruments, rate=numbers, ts_settle=times, settled=st.booleans(), **stamps),
    st.builds(FundingPayment, instrument=instruments, amount=numbers, rate=maybe, **stamps),
)
payloads = st.recursive(
    st.none() | st.booleans() | st.integers() | texts | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
signals = st.builds(
    Signal, source=texts, payload=st.dictionaries(st.text(string.ascii_letters), payloads, max_size=3), ts_recv=times
)
others = st.one_of(
    st.builds(
        Balance,
        currency=texts,
        total=numbers,
        available=numbers,
        sequence=st.none() | times,
        **stamps,
    ),
    st.builds(Disconnected, connection=texts, reason=texts, private=st.booleans(), ts_recv=times),
    st.builds(Reconnected, connection=texts, private=st.booleans(), ts_recv=times),
    st.builds(StreamStale, instrument=instruments, channel=one_of(Channel), reason=texts, ts_recv=times),
    st.builds(InstrumentChanged, instrument=instruments, before=instruments, ts_recv=times),
    st.builds(Subscribe, subscriptions),
    st.builds(Unsubscribe, subscriptions),
    st.builds(Resync, subscriptions),
    st.builds(OrderFound, order=orders, ts_recv=times),
    st.builds(
        AccountHeld,
        connection=texts,
        positions=st.lists(positions, max_size=2).map(tuple),
        ts_baseline=times,
        ts_recv=times,
    ),
    st.builds(PositionDiffers, ours=positions, venues=positions, ts_recv=times),
    st.builds(StillUnknown, client_order_id=texts, why=texts, times_asked=steps, ts_recv=times),
    st.builds(CancelLeftOver, ts_recv=times),
    st.builds(KeepLeftOver, ts_recv=times),
    st.builds(Place, orders),
    st.builds(Cancel, orders),
    st.builds(Amend, orders, maybe, maybe),
    st.builds(Protect, instruments, st.builds(Protection, take_profit=prices), one_of(PositionSide)),
    st.builds(SetLeverage, instruments, numbers, one_of(MarginMode)),
    st.builds(Stop, texts, st.booleans()),
    st.builds(TimerFired, texts),
    st.builds(NoPriceCame, texts),
    st.just(Begin()),
)
values = st.one_of(order_events, market_events, positions, fills, orders, specs, signals, others)


def written(value):
    """A value with all its digits: equal numbers that are written otherwise differ."""
    match value:
        case Decimal():
            return ("Decimal", str(value))
        case list() | tuple():
            return [written(item) for item in value]
        case dict():
            return {key: written(item) for key, item in value.items()}
        case _ if attrs.has(type(value)):
            return (type(value), {a.name: written(getattr(value, a.name)) for a in attrs.fields(type(value))})
        case _:
            return (type(value), value)


READER_TABLE = InstrumentTable()
WRITER = Codec(
    InstrumentTable(
        lambda ref, found: READER_TABLE.put(ref, instrument_of(orjson.loads(orjson.dumps(instrument_fields(found)))))
    )
)
READER = Codec(READER_TABLE)
"""Another program: all it has is what was written."""


@given(values)
def test_what_is_decoded_is_what_was_encoded_digit_for_digit(value):
    assert written(READER.decode(WRITER.encode(value))) == written(value)


def as_cattrs_would(cls, hook_of):
    numbers = {a.name: override(omit_if_default=False) for a in attrs.fields(cls) if isinstance(a.default, NUMBERS)}
    return make_dict_unstructure_fn(cls, hook_of.__self__, _cattrs_omit_if_default=True, **numbers)


NUMBERS = (Decimal, attrs.Factory)
with pytest.MonkeyPatch.context() as patch:
    patch.setattr(codec_module, "fields_writer", as_cattrs_would)
    OF_CATTRS = Codec(InstrumentTable())


@given(values)
def test_what_is_encoded_is_what_cattrs_makes_of_it_byte_for_byte(value):
    assert WRITER.encode(value) == OF_CATTRS.encode(value)


@given(values)
def test_what_is_encoded_is_the_same_text_when_it_has_been_read_and_written_as_json(value):
    encoded = WRITER.encode(value)
    assert orjson.dumps(orjson.loads(encoded)) == encoded


@pytest.mark.parametrize("zero", ["0", "0.00", "-0", "0E+3"])
def test_a_number_that_equals_its_default_keeps_its_digits(zero):
    codec = Codec(InstrumentTable())
    position = codec.decode(codec.encode(Position(instrument=BTC, quantity=Decimal(zero))))
    assert str(position.quantity) == zero


def test_a_text_that_stands_for_a_number_is_written_as_it_was_told():
    fill = Fill(
        instrument=BTC,
        trade_id="t",
        client_order_id="c",
        venue_order_id=None,
        side=Side.BUY,
        price=Decimal("100.10"),
        quantity=Decimal("0.010"),
    )
    found = orjson.loads(Codec(InstrumentTable()).encode(fill))
    assert found == [
        "fill",
        {
            "instrument": "main:BTC-USDT-PERP",
            "trade_id": "t",
            "client_order_id": "c",
            "venue_order_id": None,
            "side": "buy",
            "price": "100.10",
            "quantity": "0.010",
            "fee": "0",
        },
    ]


def test_a_decoders_own_delta_comes_back_as_one():
    class OfSomeVenue(DecodedDelta):
        """Adapters give the fields their venue's names in a subclass."""

    delta = OfSomeVenue(instrument=BTC, bids=[("60000.1", "2")], asks=[("60000.2", "0")], last_id=7, previous_id=5)
    read = READER.decode(WRITER.encode(delta))
    assert type(read) is DecodedDelta
    assert (read.bids, read.asks, read.last_id) == ([("60000.1", "2")], [("60000.2", "0")], 7)
    assert read == delta


@pytest.mark.parametrize("levels", [[["1"]], [[1.5, "1"]], [["1", 2]], ["12"], 7])
def test_a_decoders_delta_with_other_levels_than_pairs_of_texts_cannot_be_read(levels):
    tag, content = WRITER.pack(DecodedDelta(instrument=BTC, bids=[("1", "2")]))
    with pytest.raises(JournalUnreadable, match="decoded_delta"):
        READER.unpack([tag, content | {"bids": levels}])


def test_an_instrument_whose_specification_changed_has_a_reference_of_its_own():
    added = []
    table = InstrumentTable(lambda ref, found: added.append((ref, found)))
    finer = instrument(price_rule=Tick("0.01"))
    assert [table.refer(found) for found in (BTC, finer, BTC)] == [
        "main:BTC-USDT-PERP",
        "main:BTC-USDT-PERP#2",
        "main:BTC-USDT-PERP",
    ]
    assert added == [("main:BTC-USDT-PERP", BTC), ("main:BTC-USDT-PERP#2", finer)]
    assert table.find("main:BTC-USDT-PERP#2") == finer


@pytest.mark.parametrize(
    "error",
    [
        Rejected(
            "too far", reason=RejectReason.PRICE_OUT_OF_BAND, code="X1", venue="fake", request="place", detail="d"
        ),
        RateLimited("slow down", retry_after_s=1.5, venue="fake"),
        AuthenticationFailed("the key is wrong", venue="fake"),
        InvalidPrice("0.05 is off the tick"),
        TimeoutError("late"),
        UnknownInstrument("no such symbol"),
    ],
)
def test_an_error_comes_back_of_the_same_class_with_the_same_text(error):
    codec = Codec(InstrumentTable())
    command = Subscribe(Subscription(channel=Channel.BOOK, instrument=BTC))
    failed = codec.decode(codec.encode(CommandFailed(command, error)))
    assert failed.command == command
    assert type(failed.error) is type(error)
    assert str(failed.error) == str(error)
    assert {name: value for name, value in vars(failed.error).items() if value} == {
        name: value for name, value in vars(error).items() if value
    }


@pytest.mark.parametrize("error", [KeyError("x"), UnicodeDecodeError("utf-8", b"x", 0, 1, "odd")])
def test_an_error_that_is_not_made_of_its_text_keeps_the_text(error):
    codec = Codec(InstrumentTable())
    command = Subscribe(Subscription(channel=Channel.BOOK, instrument=BTC))
    assert str(codec.decode(codec.encode(CommandFailed(command, error))).error) == str(error)


def test_a_journal_that_failed_ends_trading_in_a_replay_too():
    codec = Codec(InstrumentTable())
    command = Subscribe(Subscription(channel=Channel.BOOK, instrument=BTC))
    failed = codec.decode(codec.encode(CommandFailed(command, JournalFailed("the journal cannot be written: full"))))
    assert type(failed.error) is TradingEnded
    assert str(failed.error) == "the journal cannot be written: full"


def test_an_adapters_own_error_comes_back_as_the_nearest_that_is_known():
    class Odd(Rejected):
        """A class of one adapter."""

    codec = Codec(InstrumentTable())
    command = Subscribe(Subscription(channel=Channel.BOOK, instrument=BTC))
    failed = codec.decode(codec.encode(CommandFailed(command, Odd("no", reason=RejectReason.OTHER))))
    assert type(failed.error) is Rejected
    assert failed.error.reason is RejectReason.OTHER


@pytest.mark.parametrize("data", [b'["warp",{}]', b'{"fill":1}', b'["fill"]', b"[]", b'["fill",{}]', b"{"])
def test_what_is_no_record_is_refused(data):
    with pytest.raises(JournalUnreadable, match="found a record"):
        Codec(InstrumentTable()).decode(data)


def test_an_instrument_that_is_not_in_the_table_is_refused_by_its_name():
    trade = Trade(instrument=BTC, trade_id="1", side=Side.BUY, price=Decimal(1), quantity=Decimal(1))
    data = Codec(InstrumentTable()).encode(trade)
    with pytest.raises(JournalUnreadable, match="main:BTC-USDT-PERP"):
        Codec(InstrumentTable()).decode(data)


def test_another_version_is_refused_by_its_number():
    check_version(1, "the journal x")
    with pytest.raises(JournalUnreadable, match="the journal x is written in version 2"):
        check_version(2, "the journal x")


def test_a_secret_is_no_part_of_any_record():
    codec = Codec(InstrumentTable())
    for holder in (Secret("k" * 20), {"key": Secret("k" * 20)}):
        with pytest.raises(TypeError) as caught:
            codec.encode(holder)
        assert "kkk" not in str(caught.value)
    with pytest.raises(TypeError) as caught:
        codec.encode(Signal(source="x", payload={"key": Secret("k" * 20)}, ts_recv=1))
    assert "kkk" not in str(caught.value)
    for cls in TYPES:
        attrs.resolve_types(cls)
        assert not any("Secret" in str(attribute.type) for attribute in attrs.fields(cls)), cls


def test_the_tags_differ_and_stay_what_they_are():
    tags = [codec_module._tag(cls) for cls in TYPES]
    assert len(set(tags)) == len(tags)
    assert {"place", "order_filled", "book_delta", "set_leverage", "timer_fired", "command_failed"} <= set(tags)
