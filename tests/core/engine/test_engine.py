"""The engine: orders from intent to end, commands that wait their turn, safe stops."""

from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.engine.commands import Amend, Cancel, CommandFailed, Place, Protect, Resync, Subscribe, Unsubscribe
from anyvenue.engine.risk import InstrumentLimits, RiskLimits, WholeBookLimits
from anyvenue.engine.signal import Signal
from anyvenue.engine.strategy import Strategy
from anyvenue.model.balance import Balance
from anyvenue.model.enums import Fate, OrderState, Side, TradingStatus
from anyvenue.model.errors import (
    AuthenticationFailed,
    InvalidPrice,
    NotSupported,
    QuantityTooSmall,
    RejectReason,
    UnknownInstrument,
)
from anyvenue.model.market import BookSnapshot, CandleSource, FundingPayment, Ticker, Trade
from anyvenue.model.order_events import (
    AmendRejected,
    AmendUnknown,
    CancelRejected,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderRejected,
    OrderReported,
    OrderUnknown,
)
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import Channel, Disconnected, InstrumentChanged

BTC = "BTC-USDT-PERP"
SECOND = 1_000_000_000


def kinds(commands):
    return [type(command) for command in commands]


class TestPlacing:
    def test_an_order_leaves_at_once_and_is_known_by_its_client_id(self, desk):
        order = desk.strategy.buy(BTC, "0.010", "100.0", post_only=True)
        assert order.state is OrderState.SENT
        assert order.client_order_id == "avtest-1"
        assert desk.taken() == [Place(order)]
        desk.accept(order, "v1")
        assert desk.strategy.heard == [("order", "avtest-1", OrderState.OPEN)]
        assert desk.now(order).venue_order_id == "v1"

    def test_misuse_raises_and_sends_nothing(self, desk):
        with pytest.raises(TypeError, match=r"write Decimal\('0.01'\)"):
            desk.strategy.buy(BTC, 0.01, "100.0")
        with pytest.raises(InvalidPrice, match=r"main:BTC-USDT-PERP: price: found 100.05"):
            desk.strategy.buy(BTC, "0.010", "100.05")
        with pytest.raises(QuantityTooSmall, match=r"smallest order is 0\.001 BTC"):
            desk.strategy.buy(BTC, "0.0001", "100.0")
        with pytest.raises(UnknownInstrument, match="BTX-USDT-PERP"):
            desk.strategy.buy("BTX-USDT-PERP", "0.010", "100.0")
        with pytest.raises(ValueError, match="none of this run's orders"):
            desk.strategy.cancel("somebody-elses")
        assert desk.taken() == []

    def test_what_the_venue_cannot_do_is_refused_before_sending(self, make_desk):
        desk = make_desk(features=[Feature.BOOK, Feature.LIMIT])
        with pytest.raises(NotSupported, match="post_only is absent"):
            desk.strategy.buy(BTC, "0.010", "100.0", post_only=True)
        with pytest.raises(NotSupported, match="market is absent"):
            desk.strategy.buy(BTC, "0.010")
        assert desk.taken() == []

    def test_a_fill_before_the_reply_is_booked_once_however_often_it_is_told(self, desk, buy):
        desk.fill(buy, "0.004", fee="0.01")
        desk.fill(buy, "0.004", fee="0.01")
        desk.accept(buy)
        desk.fill(buy, "0.004", fee="0.01", named=False)
        assert desk.strategy.heard == [
            ("order", buy.client_order_id, OrderState.PARTIALLY_FILLED),
            ("fill", "t1", Decimal("0.004")),
            ("position", Decimal("0.004")),
        ]
        assert desk.strategy.position(BTC).fees == Decimal("0.01")

    def test_a_fill_of_an_order_that_is_not_ours_moves_the_position(self, desk, buy):
        stranger = desk.now(buy).spec
        desk.fill(type(buy)(spec=type(stranger)(**_fields(stranger, client_order_id="web-1"))), "0.002")
        assert desk.strategy.heard == [("fill", "t1", Decimal("0.002")), ("position", Decimal("0.002"))]

    def test_an_instrument_that_changed_is_told_and_the_run_keeps_the_one_it_began_with(self, desk):
        changed = evolve(desk.instrument, status=TradingStatus.REDUCE_ONLY, price_band=Decimal("0.05"))
        desk.receive(InstrumentChanged(instrument=changed, before=desk.instrument))
        assert desk.strategy.heard == [("instrument", "main:BTC-USDT-PERP", TradingStatus.REDUCE_ONLY)]
        assert desk.engine.messages[-1] == (
            "main:BTC-USDT-PERP has changed: price_band was None and is 0.05, status was trading and is reduce_only"
        )
        assert desk.strategy.instrument(BTC) is desk.instrument

    def test_an_unknown_create_keeps_its_place_and_its_risk(self, make_desk):
        desk = make_desk(risk=RiskLimits(max_position=Decimal("0.015")))
        order = desk.strategy.buy(BTC, "0.010", "100.0")
        desk.receive(OrderUnknown(client_order_id=order.client_order_id, text="timed out"))
        assert desk.now(order).create is Fate.UNKNOWN
        second = desk.strategy.buy(BTC, "0.010", "100.0")
        assert desk.now(second).reason is RejectReason.LOCAL_LIMIT
        assert "max_position 0.015" in desk.now(second).text
        assert kinds(desk.taken()) == [Place]
        assert desk.engine.result().unknown == 1


def _fields(value, **changes):
    import attrs

    return {a.name: getattr(value, a.name) for a in attrs.fields(type(value)) if a.init} | changes


class TestWaiting:
    """Commands that cannot be sent yet."""

    def test_a_cancel_during_the_create_waits_for_the_reply(self, desk, buy):
        desk.strategy.cancel(buy)
        assert desk.taken() == []
        desk.accept(buy)
        assert desk.taken() == [Cancel(desk.now(buy))]
        assert desk.now(buy).cancel is Fate.IN_FLIGHT

    def test_a_cancel_that_waited_is_forgotten_when_the_create_is_refused(self, desk, buy):
        desk.strategy.cancel(buy)
        desk.receive(OrderRejected(client_order_id=buy.client_order_id, reason=RejectReason.INSUFFICIENT_FUNDS))
        assert desk.taken() == []
        assert desk.now(buy).state is OrderState.REJECTED

    def test_of_several_amends_during_the_create_the_last_is_sent(self, desk, buy):
        desk.strategy.amend(buy, price="99.9")
        desk.strategy.amend(buy, price="99.8")
        assert desk.taken() == []
        desk.accept(buy)
        assert [(c.price, c.quantity) for c in desk.taken()] == [(Decimal("99.8"), None)]

    def test_an_amend_back_to_where_it_is_takes_the_waiting_one_back(self, desk, buy):
        desk.strategy.amend(buy, price="99.9")
        desk.strategy.amend(buy, price="100.0")
        desk.accept(buy)
        assert desk.taken() == []

    def test_amends_queue_behind_an_amend_and_a_cancel_beats_them(self, desk, buy):
        desk.accept(buy)
        desk.strategy.amend(buy, price="99.9")
        desk.strategy.amend(buy, price="99.8")
        assert kinds(desk.taken()) == [Amend]
        desk.strategy.cancel(buy)
        desk.strategy.amend(buy, price="99.7")
        desk.receive(OrderAmended(client_order_id=buy.client_order_id, venue_order_id="v2"))
        assert kinds(desk.taken()) == [Cancel]
        assert desk.now(buy).price == Decimal("99.9")
        assert (desk.now(buy).venue_order_id, desk.now(buy).former_ids) == ("v2", ("v1",))

    def test_an_amend_of_unknown_fate_holds_back_amends_but_no_cancel(self, desk, buy):
        desk.accept(buy)
        desk.strategy.amend(buy, price="99.9")
        desk.receive(AmendUnknown(client_order_id=buy.client_order_id))
        desk.taken()
        desk.strategy.amend(buy, price="99.8")
        assert desk.taken() == []
        desk.strategy.cancel(buy)
        assert kinds(desk.taken()) == [Cancel]

    def test_a_refused_amend_leaves_the_order_and_is_told(self, desk, buy):
        desk.accept(buy)
        desk.strategy.amend(buy, price="99.9")
        desk.receive(AmendRejected(client_order_id=buy.client_order_id, reason=RejectReason.WOULD_TAKE_LIQUIDITY))
        assert desk.now(buy).amend is None
        assert desk.now(buy).price == Decimal("100.0")

    def test_cancel_twice_sends_once_and_again_after_a_refusal(self, desk, buy):
        desk.accept(buy)
        desk.strategy.cancel(buy)
        desk.strategy.cancel(buy)
        assert kinds(desk.taken()) == [Cancel]
        desk.receive(CancelRejected(client_order_id=buy.client_order_id, reason=RejectReason.OTHER))
        desk.strategy.cancel(buy)
        assert kinds(desk.taken()) == [Cancel]

    def test_events_by_the_former_venue_id_still_find_the_order(self, desk, buy):
        desk.accept(buy, "v1")
        desk.strategy.amend(buy, price="99.9")
        desk.receive(OrderAmended(client_order_id=buy.client_order_id, venue_order_id="v2"))
        desk.receive(OrderCanceled(venue_order_id="v1"))
        assert desk.now(buy).state is OrderState.CANCELED


class TestContradictions:
    def test_the_order_stands_and_the_position_is_booked(self, desk, buy, caplog):
        desk.accept(buy)
        desk.fill(buy, "0.010")
        desk.fill(buy, "0.001", trade_id="t2")
        assert desk.now(buy).filled_quantity == Decimal("0.010")
        assert desk.strategy.position(BTC).quantity == Decimal("0.011")
        assert "Look the order up at the venue" in caplog.text

    def test_a_look_up_settles_an_unknown_create(self, desk, buy):
        desk.receive(OrderUnknown(client_order_id=buy.client_order_id))
        desk.receive(
            OrderReported(
                client_order_id=buy.client_order_id,
                venue_order_id="v1",
                state=OrderState.OPEN,
                filled_quantity=Decimal(0),
            )
        )
        assert (desk.now(buy).state, desk.now(buy).create) == (OrderState.OPEN, Fate.DONE)


class TestRisk:
    @pytest.mark.parametrize(
        ("limits", "order", "said"),
        [
            ({"max_position": "0.005"}, ("0.010", "100.0"), "above max_position 0.005"),
            # 0.010 x 100.1 (the mid) = 1.001
            ({"max_order_notional": "1"}, ("0.010", "100.0"), "notional 1.00100 USDT is above max_order_notional 1"),
            ({"price_band": "0.01"}, ("0.010", "99.0"), "further than price_band 0.01 from 100.1"),
        ],
    )
    def test_limits_refuse_with_the_reason_and_send_nothing(self, make_desk, limits, order, said):
        desk = make_desk(risk=RiskLimits(**{name: Decimal(value) for name, value in limits.items()}))
        desk.show_book()
        refused = desk.strategy.buy(BTC, *order)
        assert desk.taken() == []
        assert desk.now(refused).state is OrderState.REJECTED
        assert said in desk.now(refused).text
        assert desk.strategy.heard == [("order", refused.client_order_id, OrderState.REJECTED)]

    def test_without_a_reference_price_a_band_refuses(self, make_desk):
        desk = make_desk(risk=RiskLimits(price_band=Decimal("0.01")))
        refused = desk.strategy.buy(BTC, "0.010", "100.0")
        assert "there is none yet" in desk.now(refused).text

    @pytest.mark.parametrize(
        "limits", [{"max_order_notional": 5000}, {"book": WholeBookLimits(max_gross_notional=5000)}]
    )
    def test_a_market_order_where_a_limit_needs_a_price_and_there_is_none_is_refused_at_once(self, make_desk, limits):
        desk = make_desk(risk=RiskLimits(**limits))
        refused = desk.strategy.buy(BTC, "0.010")
        assert desk.taken() == []
        assert desk.now(refused).state is OrderState.REJECTED
        assert "mark or mid price" in desk.now(refused).text
        assert desk.strategy.heard == [("order", refused.client_order_id, OrderState.REJECTED)]

    def test_the_rate_counts_creates_and_amends_but_not_cancels(self, make_desk):
        desk = make_desk(risk=RiskLimits(order_rate=2))
        first = desk.strategy.buy(BTC, "0.001", "100.0")
        desk.accept(first)
        desk.strategy.amend(first, price="99.9")
        third = desk.strategy.buy(BTC, "0.001", "100.0")
        assert "allowed are 2" in desk.now(third).text
        desk.receive(OrderAmended(client_order_id=first.client_order_id))
        desk.strategy.cancel(first)
        assert kinds(desk.taken()) == [Place, Amend, Cancel]
        desk.clock.run_until(desk.clock.time_ns() + SECOND)
        desk.receive(OrderCanceled(client_order_id=first.client_order_id))
        assert desk.strategy.buy(BTC, "0.001", "100.0").state is OrderState.SENT

    def test_both_sides_count_their_own_open_orders(self, make_desk):
        desk = make_desk(risk=RiskLimits(max_position=Decimal("0.010")))
        assert desk.strategy.buy(BTC, "0.010", "100.0").state is OrderState.SENT
        assert desk.strategy.sell(BTC, "0.010", "100.2").state is OrderState.SENT
        assert desk.now(desk.strategy.sell(BTC, "0.001", "100.2")).state is OrderState.REJECTED

    def test_reduce_only_passes_the_position_limit(self, make_desk):
        desk = make_desk(risk=RiskLimits(max_position=Decimal("0.001")))
        assert desk.strategy.sell(BTC, "0.010", reduce_only=True).state is OrderState.SENT

    def test_growing_by_amend_passes_the_limits_again(self, make_desk):
        desk = make_desk(risk=RiskLimits(max_position=Decimal("0.010")))
        order = desk.strategy.buy(BTC, "0.010", "100.0")
        desk.accept(order)
        desk.taken()
        desk.strategy.amend(order, quantity="0.011")
        assert desk.taken() == []
        assert desk.strategy.heard[-1] == ("order", order.client_order_id, OrderState.OPEN)

    def test_what_is_refused_is_not_open_and_reserves_nothing(self, make_desk):
        desk = make_desk(risk=RiskLimits(max_position=Decimal("0.010")))

        def both():
            desk.strategy.buy(BTC, "5", "100.0")
            assert desk.strategy.open_orders() == []
            desk.strategy.buy(BTC, "0.010", "100.0")

        desk.strategy.on_timer = lambda name: both()
        desk.strategy.set_timer("go", after_s=1)
        desk.clock.run_until(desk.clock.time_ns() + SECOND)
        assert [command.order.quantity for command in desk.taken()] == [Decimal("0.010")]

    def test_limits_of_one_instrument_leave_the_general_ones_in_force(self, make_desk):
        own = {BTC: InstrumentLimits(max_position=Decimal(1))}
        desk = make_desk(risk=RiskLimits(price_band=Decimal("0.02"), instruments=own))
        desk.show_book()
        assert "price_band 0.02" in desk.now(desk.strategy.buy(BTC, "0.010", "50.0")).text
        assert "max_position 1" in desk.now(desk.strategy.buy(BTC, "2", "100.0")).text

    def test_limits_of_an_instrument_that_is_nowhere_are_refused(self, make_desk):
        with pytest.raises(UnknownInstrument, match="found 'NOPE-USDT-PERP'; listed are BTC-USDT-PERP, ETH-USDT-PERP"):
            make_desk(risk=RiskLimits(instruments={"NOPE-USDT-PERP": InstrumentLimits(max_position=Decimal(1))}))

    def test_nothing_keeps_anybody_in_a_position(self, make_desk):
        desk = make_desk(risk=RiskLimits(max_order_notional=Decimal(1), order_rate=1))
        desk.show_book()
        order = desk.strategy.buy(BTC, "0.009", "100.0")
        desk.fill(order, "0.009")
        desk.fill(order, "0.011", trade_id="stranger's")
        desk.taken()
        desk.strategy.close(BTC)  # 0.020 x 100.1 is above the notional, and it is the second order of this second
        assert [command.order.quantity for command in desk.taken()] == [Decimal("0.020")]

    @pytest.mark.parametrize(
        "limits",
        [{"max_position": "0"}, {"max_order_notional": "-1"}, {"price_band": "1"}, {"price_band": "-0.1"}],
    )
    def test_limits_that_make_no_sense_are_refused(self, limits):
        ((name, value),) = limits.items()
        with pytest.raises(ValueError, match=f"{name}: found {value}; allowed are"):
            RiskLimits(**{name: Decimal(value)})
        with pytest.raises(ValueError, match="order_rate: found 0; allowed are whole numbers from 1"):
            RiskLimits(order_rate=0)

    def test_a_strategy_that_asks_again_and_again_for_what_is_refused_is_stopped(self, make_desk):
        class Stubborn(Strategy):
            def on_order(self, order):
                self.buy(BTC, "1", "100.0")

        desk = make_desk(Stubborn(), risk=RiskLimits(max_position=Decimal("0.5")))
        desk.strategy.buy(BTC, "1", "100.0")
        assert "refused 100 times at one moment, the last time because" in desk.engine.failure
        assert desk.engine.is_stopping


class TestMarketData:
    def test_a_stream_is_asked_for_once(self, desk):
        desk.strategy.subscribe(BTC)
        desk.strategy.subscribe(BTC, "book")
        assert kinds(desk.taken()) == [Subscribe]
        desk.strategy.unsubscribe(BTC)
        assert kinds(desk.taken()) == [Unsubscribe]

    def test_a_crossed_snapshot_is_asked_for_anew_and_the_book_is_stale(self, desk):
        desk.show_book()
        desk.receive(BookSnapshot(instrument=desk.instrument, bids=[["101.0", "1"]], asks=[["100.0", "1"]]))
        assert kinds(desk.taken()) == [Resync]
        assert not desk.strategy.book(BTC).is_synced
        desk.show_book()
        assert desk.strategy.book(BTC).is_synced

    def test_books_are_stale_while_the_connection_is_lost(self, desk):
        desk.show_book()
        desk.receive(Disconnected(connection="main", reason="reset by peer"))
        assert not desk.strategy.book(BTC).is_synced
        assert desk.strategy.heard == [("disconnect", "main")]

    def test_the_mark_is_the_tickers_else_the_mid_and_never_the_last_trade(self, desk):
        assert desk.strategy.mark_price(BTC) is None
        desk.show_book("100.0", "100.2")
        assert desk.strategy.mark_price(BTC) == Decimal("100.1")
        desk.receive(Ticker(instrument=desk.instrument, last_price=Decimal(90)))
        assert desk.strategy.mark_price(BTC) == Decimal("100.1")
        desk.receive(Ticker(instrument=desk.instrument, mark_price=Decimal("100.15")))
        assert desk.strategy.mark_price(BTC) == Decimal("100.15")

    def test_candles_are_built_from_trades_where_the_venue_has_none(self, make_desk):
        desk = make_desk(features=[Feature.BOOK, Feature.TRADES])
        desk.strategy.subscribe(BTC, "candles", interval_s=60)
        (subscribe,) = desk.taken()
        assert subscribe.subscription.channel is Channel.TRADES
        # The start, 1 700 000 000, lies 20 s into a minute: the first whole candle opens 40 s later.
        opened = (1_700_000_040) * SECOND
        for seconds, price, quantity in ((10, "99", "1"), (41, "100", "1"), (50, "103", "2"), (99, "102", "1")):
            desk.clock.run_until((1_700_000_000 + seconds) * SECOND)
            trade = {"trade_id": str(seconds), "side": Side.BUY, "price": Decimal(price), "quantity": Decimal(quantity)}
            desk.receive(Trade(instrument=desk.instrument, **trade))
        desk.clock.run_until(opened + 60 * SECOND)
        ((_, candle),) = desk.strategy.heard
        assert (candle.open, candle.high, candle.low, candle.close) == (100, 103, 100, 102)
        assert (candle.volume, candle.ts_open, candle.source) == (4, opened, CandleSource.TRADES)
        desk.clock.run_until(opened + 120 * SECOND)
        flat = desk.strategy.heard[-1][1]
        assert (flat.open, flat.close, flat.volume) == (102, 102, 0)
        desk.strategy.unsubscribe(BTC, "candles", interval_s=60)
        assert kinds(desk.taken()) == [Unsubscribe]

    def test_candles_from_mids_where_there_are_no_trades_either(self, make_desk):
        desk = make_desk(features=[Feature.BOOK])
        desk.strategy.subscribe(BTC, "candles", interval_s=60)
        desk.clock.run_until(1_700_000_050 * SECOND)
        desk.receive(BookSnapshot(instrument=desk.instrument, bids=[["100.0", "1"]], asks=[["100.2", "1"]]))
        desk.clock.run_until(1_700_000_100 * SECOND)
        ((_, candle),) = desk.strategy.heard
        assert (candle.close, candle.volume, candle.source) == (Decimal("100.1"), 0, CandleSource.MID)

    def test_trades_for_candles_do_not_reach_on_trade(self, make_desk):
        desk = make_desk(features=[Feature.TRADES])
        desk.strategy.subscribe(BTC, "candles", interval_s=60)
        trade = {"trade_id": "1", "side": Side.BUY, "price": Decimal(1), "quantity": Decimal(1)}
        desk.receive(Trade(instrument=desk.instrument, **trade))
        assert desk.strategy.heard == []
        desk.strategy.subscribe(BTC, "trades")
        desk.receive(Trade(instrument=desk.instrument, **trade))
        assert desk.strategy.heard == [("trade", 1)]


class TestTimers:
    def test_once_and_again_and_again(self, desk):
        start = desk.clock.time_ns()
        desk.strategy.set_timer("once", after_s="1.5")
        desk.strategy.set_timer("tick", every_s=1)
        desk.clock.run_until(start + 3 * SECOND)
        assert [(name, ts - start) for _, name, ts in desk.strategy.heard] == [
            ("tick", SECOND),
            ("once", SECOND * 3 // 2),
            ("tick", 2 * SECOND),
            ("tick", 3 * SECOND),
        ]
        desk.strategy.cancel_timer("tick")
        assert desk.clock.next_time is None


class TestSignals:
    def test_one_that_comes_before_the_start_is_heard_after_it(self, make_desk):
        class Hearing(Strategy):
            def on_start(self):
                self.heard = ["start"]

            def on_signal(self, signal):
                self.heard.append(signal.payload)

        desk = make_desk(Hearing(), before_start=[Signal(source="file", payload={"id": 1}, ts_recv=0)])
        desk.receive(Signal(source="file", payload={"id": 2}, ts_recv=0))
        assert desk.strategy.heard == ["start", {"id": 1}, {"id": 2}]


class TestMoney:
    def test_positions_fees_funding_and_drawdown(self, desk):
        desk.show_book("100.0", "100.2")
        order = desk.strategy.buy(BTC, "2", "100.0")
        desk.fill(order, "2", price="100", fee="0.2")
        desk.receive(FundingPayment(instrument=desk.instrument, amount=Decimal("-0.5")))
        sale = desk.strategy.sell(BTC, "1", "100.2")
        desk.fill(sale, "1", price="110", fee="0.1", trade_id="t2")
        result = desk.engine.result()
        (row,) = result.instruments
        # Bought 2 at 100, sold 1 at 110: 10 realised; 1 left, marked at 100.1: 0.1. Fees 0.3, funding -0.5.
        assert (row.realized_pnl, row.unrealized_pnl) == (10, Decimal("0.1"))
        assert (row.fees, row.funding, row.inventory) == (Decimal("0.3"), Decimal("-0.5"), 1)
        assert row.net_pnl == Decimal("9.3")
        # Mid 100.1 at both decisions: the buy was 2 x 0.1 better, the sale 9.9 better.
        assert row.slippage == Decimal("-10.1")
        assert (result.orders, result.fills, row.maker_share) == (2, 2, 1)
        # Equity at the fills: -0.2 + 0.2 = 0 (the mark is 0.1 above the price, on 2), and 9.3 at the end.
        assert result.max_drawdown == 0

    def test_equity_begins_with_the_balance(self, make_desk):
        balance = Balance(currency="USDT", total=Decimal(500), available=Decimal(500))
        desk = make_desk(before_start=[balance])
        desk.clock.run_until(desk.clock.time_ns() + 2 * SECOND)
        desk.receive(Ticker(instrument=desk.instrument))
        assert {point.equity for point in desk.engine.result().equity} == {500}


class TestClosing:
    @pytest.mark.parametrize(("held", "sent"), [("0.004", ["0.004"]), ("0.025", ["0.010", "0.010", "0.005"])])
    def test_in_as_many_orders_as_the_largest_makes_necessary(self, make_desk, held, sent):
        desk = make_desk(max_market_quantity="0.010")
        order = desk.strategy.buy(BTC, held, "100.0")
        desk.fill(order, held)
        desk.taken()
        desk.strategy.close(BTC)
        specs = [command.order.spec for command in desk.taken()]
        assert [str(spec.quantity) for spec in specs] == sent
        assert {(spec.side, spec.reduce_only) for spec in specs} == {(Side.SELL, True)}

    def test_nothing_held_or_less_than_the_smallest_order_is_no_order(self, make_desk):
        desk = make_desk(min_quantity="0.005")
        assert desk.strategy.close(BTC) is None
        desk.fill(desk.strategy.buy(BTC, "0.005", "100.0"), "0.003")
        desk.taken()
        assert desk.strategy.close(BTC) is None
        assert desk.taken() == []
        assert "0.003 is left" in desk.engine.view().messages[-1]


class TestStopping:
    def test_every_order_is_canceled_and_then_it_is_idle(self, desk, buy):
        desk.accept(buy)
        desk.engine.stop("interrupted")
        assert desk.taken() == [Cancel(desk.now(buy))]
        assert not desk.engine.is_idle
        desk.receive(OrderCanceled(client_order_id=buy.client_order_id))
        assert desk.engine.is_idle
        assert desk.strategy.heard[0:2] == [("order", buy.client_order_id, OrderState.OPEN), ("stop",)]
        assert desk.engine.result().stopped == "interrupted"

    def test_news_of_the_market_is_kept_from_a_strategy_that_is_ending_but_not_news_of_its_orders(self, desk, buy):
        desk.accept(buy)
        desk.strategy.subscribe(BTC, "trades")
        desk.engine.stop("interrupted")
        trade = {"trade_id": "1", "side": Side.BUY, "price": Decimal(1), "quantity": Decimal(1)}
        desk.receive(Trade(instrument=desk.instrument, **trade))
        desk.fill(buy, "0.010")
        assert [page[0] for page in desk.strategy.heard] == ["order", "stop", "order", "fill", "position"]

    def test_an_order_still_in_flight_is_canceled_when_its_reply_comes(self, desk, buy):
        desk.engine.stop("interrupted")
        assert desk.taken() == []
        desk.accept(buy)
        assert kinds(desk.taken()) == [Cancel]

    def test_a_strategy_that_raises_is_stopped_and_its_orders_canceled(self, make_desk):
        class Broken(Strategy):
            def on_order(self, order):
                raise ZeroDivisionError("oops")

        desk = make_desk(Broken(), on_failure="flatten")
        order = desk.strategy.buy(BTC, "0.010", "100.0")
        desk.accept(order)
        assert desk.engine.failure == "on_order: ZeroDivisionError: oops"
        assert kinds(desk.taken()) == [Place, Cancel]
        assert desk.now(desk.strategy.buy(BTC, "0.010", "100.0")).reason is RejectReason.LOCAL_LIMIT
        # A fill that overtakes the cancel is closed too, as soon as nothing else can change the position.
        desk.fill(order, "0.004")
        assert desk.taken() == []
        desk.receive(OrderCanceled(client_order_id=order.client_order_id))
        (flatten,) = desk.taken()
        spec = flatten.order.spec
        assert (spec.side, spec.quantity, spec.reduce_only) == (Side.SELL, Decimal("0.004"), True)
        desk.fill(flatten.order, "0.004", trade_id="t2")
        assert desk.engine.is_idle
        assert desk.engine.result().stopped == "strategy_failed"

    def test_an_ending_strategy_that_places_again_does_not_go_on_for_ever(self, make_desk):
        class Again(Strategy):
            def on_order(self, order):
                if order.is_terminal:
                    self.again = self.buy(BTC, "0.010", "100.0")

        desk = make_desk(Again())
        order = desk.strategy.buy(BTC, "0.010", "100.0")
        desk.accept(order)
        desk.engine.stop("duration")
        desk.receive(OrderCanceled(client_order_id=order.client_order_id))
        assert (desk.strategy.again.state, desk.engine.is_idle, desk.engine.failure) == (OrderState.REJECTED, True, "")

    def test_one_that_leaves_by_sys_exit_is_stopped_like_any_other(self, make_desk):
        class Leaving(Strategy):
            def on_order(self, order):
                raise SystemExit(3)

        desk = make_desk(Leaving())
        order = desk.strategy.buy(BTC, "0.010", "100.0")
        desk.accept(order)
        assert kinds(desk.taken()) == [Place, Cancel]
        assert desk.engine.failure == "on_order: SystemExit: 3"

    def test_one_that_fails_in_on_stop_has_failed(self, make_desk):
        class Late(Strategy):
            def on_stop(self):
                raise ValueError("too late")

        desk = make_desk(Late())
        desk.engine.stop("finished")
        result = desk.engine.result()
        assert (result.stopped, result.failure) == ("strategy_failed", "on_stop: ValueError: too late")

    def test_a_bad_key_ends_the_run(self, desk):
        desk.strategy.subscribe(BTC)
        (command,) = desk.taken()
        desk.receive(CommandFailed(command, AuthenticationFailed("the venue does not know this key")))
        assert desk.engine.is_stopping
        assert "does not know this key" in desk.engine.failure

    def test_other_failures_are_told(self, desk):
        desk.receive(CommandFailed(Protect(desk.instrument, None, None), NotSupported("no such thing")))
        assert desk.strategy.heard == [("refused", "Protect", "no such thing")]


class TestManyConnections:
    def test_one_strategy_holds_both_and_ids_do_not_mix(self, make_desk):
        desk = make_desk(connections=("main", "hedge"))
        here = desk.strategy.instrument(BTC)
        there = desk.strategy.instrument(BTC, on="hedge")
        bid, ask = desk.strategy.buy(here, "0.010", "100.0"), desk.strategy.sell(there, "0.010", "100.2")
        desk.receive(OrderAccepted(client_order_id=bid.client_order_id, venue_order_id="7"), connection="main")
        desk.receive(OrderAccepted(client_order_id=ask.client_order_id, venue_order_id="7"), connection="hedge")
        desk.receive(OrderCanceled(venue_order_id="7"), connection="hedge")
        assert (desk.now(bid).state, desk.now(ask).state) == (OrderState.OPEN, OrderState.CANCELED)
        with pytest.raises(ValueError, match="found 'elsewhere'; this strategy has main, hedge"):
            desk.strategy.instrument(BTC, on="elsewhere")
