"""What a run is remembered by: drawdown, shares, and samples that stay bounded."""

from decimal import Decimal

from anyvenue.engine.portfolio import Portfolio
from anyvenue.engine.recorder import SAMPLES_KEPT, Recorder
from anyvenue.model.balance import Balance
from anyvenue.model.enums import ContractKind, Liquidity, Side
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.position import Position
from anyvenue.model.pricing import Tick

COMMON = {
    "venue": "fake",
    "venue_symbol": "x",
    "base": "BTC",
    "price_rule": Tick("0.1"),
    "quantity_step": "0.001",
    "min_quantity": "0.001",
}
LINEAR = Instrument(symbol="BTC-USDT-PERP", quote="USDT", settle="USDT", **COMMON)
INVERSE = Instrument(
    symbol="BTC-USD-PERP",
    quote="USD",
    settle="BTC",
    kind=ContractKind.INVERSE,
    **(COMMON | {"quantity_step": "1", "min_quantity": "1"}),
)


def fill(instrument, side, quantity, price, number, liquidity=Liquidity.TAKER):
    return Fill(
        instrument=instrument,
        trade_id=str(number),
        client_order_id=None,
        venue_order_id=None,
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        liquidity=liquidity,
    )


def test_drawdown_is_the_largest_fall_from_an_earlier_high():
    marks = {LINEAR.key: Decimal(100)}
    portfolio = Portfolio(lambda instrument: marks[instrument.key])
    recorder = Recorder(portfolio)
    recorder.begin(Decimal(1000))
    bought = fill(LINEAR, Side.BUY, "1", "100", 1)
    portfolio.book(bought)
    recorder.filled(bought, 0)
    for price in (110, 104, 107, 95, 109, 112, 103):  # equity 1010, 1004, 1007, 995, 1009, 1012, 1003
        marks[LINEAR.key] = Decimal(price)
        recorder.sample(0, {})
    result = recorder.result(strategy="x", stopped="finished", failure="", ts_start=0, ts_end=1, events=0, marks=marks)
    assert result.max_drawdown == 15  # from 1010 to 995
    assert [point.equity for point in result.equity] == [1010, 1004, 1007, 995, 1009, 1012, 1003]


def test_samples_are_thinned_and_never_more_than_kept():
    recorder = Recorder(Portfolio(lambda instrument: None))
    for ts in range(5 * SAMPLES_KEPT):
        recorder.sample(ts, {LINEAR.key: (LINEAR, Decimal(ts + 1))})
    result = recorder.result(strategy="x", stopped="finished", failure="", ts_start=0, ts_end=1, events=0, marks={})
    times = [point.ts for point in result.equity]
    assert SAMPLES_KEPT // 2 <= len(times) <= SAMPLES_KEPT
    assert times == sorted(times)
    assert times[-1] > 4.9 * SAMPLES_KEPT
    (row,) = result.instruments
    assert [ts for ts, _ in row.prices] == times


def test_maker_share_is_of_turnover():
    portfolio = Portfolio(lambda instrument: Decimal(100))
    recorder = Recorder(portfolio)
    for number, (quantity, liquidity) in enumerate([("3", Liquidity.MAKER), ("1", Liquidity.TAKER)]):
        one = fill(LINEAR, Side.SELL, quantity, "100", number, liquidity)
        portfolio.book(one)
        recorder.filled(one, number)
    result = recorder.result(strategy="x", stopped="finished", failure="", ts_start=0, ts_end=1, events=0, marks={})
    (row,) = result.instruments
    assert (row.turnover, row.maker_share) == (400, Decimal("0.75"))
    assert (row.inventory_min, row.inventory_max, row.volume) == (-4, 0, 4)


def test_coin_settled_profit_counts_in_quote_money():
    portfolio = Portfolio(lambda instrument: Decimal(50000))
    portfolio.book(fill(INVERSE, Side.BUY, "20000", "40000", 1))
    # 20000 USD bought at 40000 is 0.5 BTC, worth 0.4 BTC at 50000: a profit of 0.1 BTC, 5000 USD.
    assert portfolio.net_pnl() == 5000


def test_older_reports_never_win():
    portfolio = Portfolio(lambda instrument: None)
    for sequence, total in ((5, 100), (4, 90), (None, 80), (6, 70)):
        balance = Balance(currency="USDT", total=Decimal(total), available=Decimal(total), sequence=sequence)
        portfolio.set_balance("main", balance)
        portfolio.report(Position(instrument=LINEAR, quantity=Decimal(total), sequence=sequence))
        if sequence == 4:
            assert portfolio.balance("main", "USDT").total == 100
            assert portfolio.reported(LINEAR).quantity == 100
    assert portfolio.balance("main", "USDT").total == 70
    assert portfolio.reported(LINEAR).quantity == 70


def test_funding_goes_to_the_position_that_is_held():
    portfolio = Portfolio(lambda instrument: Decimal(100))
    portfolio.book(fill(LINEAR, Side.BUY, "1", "100", 1))
    assert portfolio.pay_funding(FundingPayment(instrument=LINEAR, amount=Decimal("-0.3"))).funding == Decimal("-0.3")
    assert portfolio.net_pnl() == Decimal("-0.3")
