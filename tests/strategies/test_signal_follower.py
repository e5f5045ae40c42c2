"""The signal follower: what it trades, how much, and how it is protected.

Hand-worked: of a balance of 10000 USDT (5000 of it available), 0.5 % is 50 USDT; from 61800 to 61700 a BTC loses 100
USDT, so 0.5 BTC loses 50. With contracts of 0.0001 BTC that is 5000 contracts, each of which loses 0.01 USDT.
"""

from decimal import Decimal

import pytest

from anyvenue.engine.commands import CommandFailed, Protect
from anyvenue.engine.risk import RiskLimits
from anyvenue.model import Fate, NotSent, OrderState, RejectReason, Side
from anyvenue.venue.capabilities import Feature
from anyvenue_strategies.signal_follower import SignalFollower, SignalFollowerParameters

LONG = {
    "contract": "BTC-USDT-PERP",
    "direction": "long",
    "entry_price": "61800",
    "stop_loss": "61700",
    "risk_pct": "0.5",
}
SHORT = LONG | {"direction": "short", "stop_loss": "61900"}
ALL = set(Feature)
NO_ATTACHED = ALL - {Feature.ATTACHED_PROTECTION}


def parameters(**changes):
    return SignalFollowerParameters(**changes)


@pytest.fixture(scope="session")
def small_contracts(instrument_with):
    return instrument_with(contract_size="0.0001", quantity_step="0.0001", min_quantity="0.0001")


@pytest.fixture
def open_stage(make_stage, small_contracts):
    """Makes a stage with small contracts; `book=False` leaves it without a book."""

    def make(changes=None, *, book=True, **stage):
        stage = make_stage(
            SignalFollower(parameters(**{"instruments": ("BTC-USDT-PERP",)} | (changes or {}))),
            **({"instruments": [small_contracts]} | stage),
        )
        if book:
            stage.book(["61799.9"], ["61800.1"])
        return stage

    return make


@pytest.fixture
def stage(open_stage):
    return open_stage()


class TestSizing:
    def test_the_quantity_loses_the_risk_between_entry_and_stop(self, stage, small_contracts):
        stage.signal(**LONG)
        (order,) = stage.placed()
        assert (order.side, order.quantity, order.price) == (Side.BUY, Decimal("0.5"), Decimal("61800"))
        assert small_contracts.to_contracts(order.quantity) == 5000

    def test_a_short_is_sized_alike(self, stage):
        stage.signal(**SHORT)
        assert stage.told() == [("place", "sell", "0.5000", "61800")]

    @pytest.mark.parametrize(
        ("changes", "quantity"),
        [
            ({"stop_loss": "61770"}, "1.6666"),  # 50 / 30 = 1.66666...
            ({"risk_pct": "0.33"}, "0.3300"),  # 33 / 100
            ({"risk_pct": "2", "stop_loss": "61500"}, "0.6666"),  # 200 / 300
            ({"stop_loss": "31800"}, "0.0016"),  # 50 / 30000 = 0.00166...
        ],
    )
    def test_it_is_rounded_down(self, stage, changes, quantity):
        stage.signal(**LONG | changes)
        assert stage.told() == [("place", "buy", quantity, "61800")]

    def test_the_risk_is_of_the_balance_as_it_is_now(self, open_stage):
        stage = open_stage(balance="9950")
        stage.signal(**LONG)
        assert stage.told() == [("place", "buy", "0.4975", "61800")]

    def test_below_the_smallest_order_nothing_is_traded(self, open_stage, caplog):
        stage = open_stage(balance="1")
        stage.signal(**LONG)  # 0.005 USDT of risk is 0.00005 BTC
        assert stage.told() == []
        assert "the smallest order is 0.0001 BTC" in caplog.text

    def test_nor_below_the_smallest_notional(self, open_stage, instrument_with, caplog):
        stage = open_stage(instruments=[instrument_with(min_notional="31000")])
        stage.signal(**LONG)
        assert stage.told() == []
        assert "the smallest order is 0.502 BTC" in caplog.text

    def test_it_is_never_more_than_the_largest_order(self, open_stage, instrument_with):
        stage = open_stage(instruments=[instrument_with(max_quantity="0.4")])
        stage.signal(**LONG)
        (order,) = stage.placed()
        assert order.quantity == Decimal("0.4")

    def test_without_a_balance_nothing_is_traded(self, open_stage, caplog):
        stage = open_stage(balance=None)
        stage.signal(**LONG)
        assert stage.told() == []
        assert "the balance in USDT is not known" in caplog.text


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"stop_loss": "61900"}, "stop_loss: found 61900; for a long at 61800 it must lie below"),
            ({"stop_loss": "61800"}, "stop_loss: found 61800; for a long at 61800 it must lie below"),
            ({"take_profit": "61750"}, "take_profit: found 61750; for a long at 61800 it must lie above"),
            ({"direction": "short"}, "stop_loss: found 61700; for a short at 61800 it must lie above"),
            ({"entry_price": "61800.05"}, "price: found 61800.05; allowed is a multiple of 0.1"),
            ({"stop_loss": "61700.05"}, "price: found 61700.05; allowed is a multiple of 0.1"),
            ({"entry_price": "-5"}, "allowed are prices above 0"),
            ({"risk_pct": "2.1"}, "risk_pct: found 2.1; allowed is above 0 and at most 2"),
            ({"risk_pct": "0"}, "risk_pct: found 0; allowed is above 0"),
            ({"contract": "ETH-USDT-PERP"}, "found 'ETH-USDT-PERP'"),
            ({"entry_price": "1e999999", "stop_loss": "1e999998"}, "not traded"),
            ({"colour": "red"}, "unknown are ['colour']"),
            (
                {"entry_price": "62100", "stop_loss": "62000"},
                "stop_loss: found 62000, which the price 61800.00 has passed",
            ),
        ],
    )
    def test_it_says_why_and_goes_on(self, stage, caplog, changes, said):
        stage.signal(**LONG | changes)
        assert stage.told() == []
        assert "signal from test not traded" in caplog.text
        assert said in caplog.text
        stage.signal(**LONG | {"id": "next"})
        assert stage.told() == [("place", "buy", "0.5000", "61800")]

    def test_only_what_may_be_traded_is(self, make_stage, instrument_with, caplog):
        btc, eth = instrument_with(), instrument_with(symbol="ETH-USDT-PERP", venue_symbol="ETH_USDT", base="ETH")
        stage = make_stage(SignalFollower(parameters(instruments=("ETH-USDT-PERP",))), instruments=[btc, eth])
        stage.book(["61799.9"], ["61800.1"])
        stage.signal(**LONG)
        assert stage.told() == []
        assert "contract: found main:BTC-USDT-PERP; allowed are main:ETH-USDT-PERP" in caplog.text

    def test_what_the_limits_or_the_venue_refuse_is_said(self, open_stage, caplog):
        stage = open_stage(risk=RiskLimits(max_order_notional=Decimal(30_000)))
        stage.signal(**LONG)
        assert stage.told() == []
        assert "nothing filled: rejected main:BTC-USDT-PERP: notional 30900.0" in caplog.text


class TestContract:
    @pytest.mark.parametrize("name", ["BTC-USDT-PERP", "BTC-PERP", "BTC_USDT", "main:BTC-USDT-PERP"])
    def test_neutral_and_venue_symbols_mean_the_same(self, stage, name):
        stage.signal(**LONG | {"contract": name})
        assert stage.told() == [("place", "buy", "0.5000", "61800")]


class TestOnce:
    def test_a_repeated_id_does_nothing(self, stage, caplog):
        stage.signal(**LONG, id="a")
        stage.canceled(*stage.placed())
        stage.signal(**LONG | {"entry_price": "61700", "stop_loss": "61600"}, id="a")
        assert stage.told() == []
        assert "signal a was seen before" in caplog.text

    def test_nor_does_repeated_content_without_an_id(self, stage):
        stage.signal(**LONG)
        stage.canceled(*stage.placed())
        stage.signal(**LONG | {"risk_pct": Decimal("0.5")})
        assert stage.told() == []
        stage.signal(**LONG, ts=1723161300)
        assert stage.told() == [("place", "buy", "0.5000", "61800")]

    def test_a_refused_signal_counts_as_seen(self, stage):
        stage.signal(**LONG | {"risk_pct": "50"}, id="a")
        stage.signal(**LONG, id="a")
        assert stage.told() == []

    def test_an_expired_signal_does_nothing(self, stage, caplog):
        stage.signal(**LONG, expiry="2024-08-08T23:54:16Z")  # now
        assert stage.told() == []
        assert "has expired" in caplog.text
        stage.signal(**LONG, expiry="2024-08-08T23:54:17Z")
        assert stage.told() == [("place", "buy", "0.5000", "61800")]


class TestNeverAveragingIn:
    def test_not_while_the_entry_is_on_its_way_or_rests(self, stage, caplog):
        stage.signal(**LONG, id="a")
        (entry,) = stage.placed()
        stage.signal(**LONG, id="b")
        stage.accept(entry)
        stage.signal(**SHORT, id="c")
        assert stage.told() == []
        assert "an order is open already" in caplog.text

    def test_not_while_something_is_held(self, stage, caplog):
        stage.signal(**LONG, id="a")
        stage.fill(*stage.placed(), price="61800")
        stage.signal(**LONG, id="b")
        assert stage.told() == []
        assert "0.5000 is held already, and positions are not added to" in caplog.text

    def test_not_while_another_signal_waits_for_the_book(self, open_stage, caplog):
        stage = open_stage(book=False)
        stage.signal(**LONG, id="a")
        stage.signal(**LONG, id="b")
        stage.book(["61799.9"], ["61800.1"])
        assert stage.told() == [("place", "buy", "0.5000", "61800")]
        assert "another signal waits for its book" in caplog.text

    def test_but_after_the_trade_is_over(self, stage):
        stage.signal(**LONG, id="a")
        stage.fill(*stage.placed(), price="61800")
        stage.fill(Side.SELL, "0.5", price="61700")  # the venue's own order, from the stop
        stage.signal(**LONG, id="b")
        assert stage.told() == [("place", "buy", "0.5000", "61800")]


class TestBook:
    def test_a_signal_waits_for_its_first_book(self, open_stage):
        stage = open_stage({"instruments": ()}, book=False)
        stage.signal(**LONG)
        assert stage.told() == []
        stage.book(["61799.9"], ["61800.1"])
        assert stage.told() == [("place", "buy", "0.5000", "61800")]
        stage.book(["61799.9"], ["61800.1"])
        assert stage.told() == []

    def test_but_not_for_ever(self, open_stage, caplog):
        stage = open_stage(book=False)
        stage.signal(**LONG)
        stage.wait(10)
        assert "main:BTC-USDT-PERP has no book" in caplog.text
        stage.book(["61799.9"], ["61800.1"])
        assert stage.told() == []

    def test_and_not_beyond_its_expiry(self, open_stage, caplog):
        stage = open_stage(book=False)
        stage.signal(**LONG, expiry="2024-08-08T23:54:18Z")
        stage.wait(3)
        stage.book(["61799.9"], ["61800.1"])
        assert stage.told() == []
        assert "has expired" in caplog.text


class TestTime:
    def test_what_has_not_filled_by_the_timeout_is_canceled(self, open_stage):
        stage = open_stage({"entry_timeout_s": 30})
        stage.signal(**LONG)
        (entry,) = stage.placed()
        stage.accept(entry)
        stage.fill(entry, "0.2", price="61800")
        stage.wait("29.9")
        assert stage.told() == []
        stage.wait("0.1")
        assert stage.told() == [("cancel", "buy")]

    def test_and_what_has_not_by_the_signals_expiry(self, open_stage):
        stage = open_stage({"entry_timeout_s": 30})
        stage.signal(**LONG, expiry="2024-08-08T23:54:26Z")
        stage.accept(*stage.placed())
        stage.wait(10)
        assert stage.told() == [("cancel", "buy")]

    def test_an_entry_on_its_way_is_canceled_as_soon_as_it_is_there(self, open_stage):
        stage = open_stage({"entry_timeout_s": 30})
        stage.signal(**LONG)
        (entry,) = stage.placed()
        stage.wait(30)
        assert stage.told() == []
        stage.accept(entry)
        assert stage.told() == [("cancel", "buy")]

    def test_a_filled_entry_is_left_alone(self, open_stage):
        stage = open_stage({"entry_timeout_s": 30})
        stage.signal(**LONG)
        stage.fill(*stage.placed(), price="61800")
        assert stage.clock.next_time is None
        stage.wait(30)
        assert stage.told() == []


class TestAttachedProtection:
    def test_stop_and_target_go_with_the_entry(self, stage):
        stage.signal(**LONG, take_profit="62000")
        (entry,) = stage.placed()
        assert entry.spec.protection.stop_loss == Decimal(61700)
        assert entry.spec.protection.take_profit == Decimal(62000)
        stage.fill(entry, price="61800")
        assert stage.told() == []

    def test_when_the_trade_is_over_the_rest_of_its_entry_is_canceled(self, stage):
        stage.signal(**LONG, take_profit="62000")
        (entry,) = stage.placed()
        stage.accept(entry)
        stage.fill(entry, "0.2", price="61800")
        stage.fill(Side.SELL, "0.2", price="62000")
        assert stage.told() == [("cancel", "buy")]
        assert stage.now(entry).cancel is Fate.IN_FLIGHT


class TestProtectionOfThePosition:
    """Where the venue cannot attach a stop to an order, but can set one on a position."""

    @pytest.fixture
    def stage(self, open_stage):
        return open_stage(features=NO_ATTACHED)

    @pytest.fixture
    def entry(self, stage):
        stage.signal(**LONG, take_profit="62000")
        (order,) = stage.placed()
        assert order.spec.protection is None
        stage.accept(order)
        return order

    def test_it_is_set_with_each_fill_of_the_entry(self, stage, entry):
        stage.fill(entry, "0.2", price="61800")
        assert stage.told() == [("protect", "62000", "61700")]
        stage.fill(entry, "0.3", price="61800")
        assert stage.told() == [("protect", "62000", "61700")]

    def test_and_not_with_other_fills(self, stage, entry):
        stage.fill(entry, price="61800")
        stage.sent()
        stage.fill(Side.SELL, "0.2", price="62000")
        assert stage.told() == []

    def test_where_it_is_refused_the_position_is_closed(self, stage, entry, caplog):
        stage.fill(entry, "0.2", price="61800")
        (command,) = stage.sent()
        assert isinstance(command, Protect)
        stage.receive(CommandFailed(command, NotSent("no connection")))
        assert stage.told() == [("cancel", "buy"), ("place", "sell", "0.2", "market")]
        assert "the position is closed, because it cannot be protected: no connection" in caplog.text

    def test_and_where_the_price_has_passed_the_stop_before_it_could_be_set(self, stage, entry):
        stage.book(["61690.0"], ["61690.2"])
        stage.fill(entry, price="61700")
        assert stage.told() == [("place", "sell", "0.5000", "market")]

    def test_a_close_that_is_refused_is_tried_again(self, stage, entry):
        stage.book(["61690.0"], ["61690.2"])
        stage.fill(entry, price="61700")
        for _ in range(2):
            (close,) = stage.placed()
            assert close.spec.reduce_only
            stage.reject(close, RejectReason.RATE_LIMITED)
            assert stage.told() == []
            stage.wait(1)
        assert stage.told() == [("place", "sell", "0.5000", "market")]

    def test_a_venue_that_can_do_neither_is_not_traded_on(self, open_stage, caplog):
        stage = open_stage(features=NO_ATTACHED - {Feature.PROTECTION, Feature.REDUCE_ONLY})
        stage.signal(**LONG)
        assert stage.told() == []
        assert "fake can neither attach a stop to an order nor set one on a position" in caplog.text


class TestParameters:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"max_risk_pct": Decimal(101)}, "max_risk_pct: found 101; allowed is above 0 and at most 100"),
            ({"entry_timeout_s": -1}, "entry_timeout_s: found -1; allowed are 0 and above"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, changes, said):
        with pytest.raises(ValueError, match=said):
            parameters(**changes)


def test_at_the_end_the_entry_goes_and_what_is_held_stays_protected(stage):
    stage.signal(**LONG)
    (entry,) = stage.placed()
    stage.accept(entry)
    stage.fill(entry, "0.2", price="61800")
    stage.engine.stop("finished")
    assert stage.told() == [("cancel", "buy")]
    stage.canceled(entry)
    assert stage.now(entry).state is OrderState.CANCELED
    assert stage.engine.is_idle
