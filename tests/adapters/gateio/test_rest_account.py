"""The account: what is asked, character for character, and what is made of the answers."""

from decimal import Decimal

import pytest
from listed import inverse, linear

from anyvenue.model.balance import Balance
from anyvenue.model.enums import MarginMode, PositionMode, PositionSide
from anyvenue.model.errors import TradingEnded
from anyvenue.model.market import FundingPayment
from anyvenue.model.position import Position
from anyvenue.wire.exact_json import decode
from anyvenue.wire.request import Charge, Effect
from anyvenue_gateio.rest import account

NS = 1_000_000_000
NOW = 1_700_000_400 * NS
ONE_WAY, HEDGE = PositionMode.ONE_WAY, PositionMode.HEDGE
LINEAR = linear(
    venue="gateio",
    contract_size="0.0001",
    depth_unit="0.0001",
    quantity_step="0.0001",
    min_quantity="0.0001",
    max_leverage=125,
)
INVERSE = inverse(venue="gateio", quantity_step=1, min_quantity=1, max_leverage=100)
ACCOUNT = {"user": 1666, "currency": "USDT", "total": "9707.803567115145", "available": "7", "unrealised_pnl": "3"}
INSTRUMENTS = {"BTC_USDT": LINEAR, "BTC_USD": INVERSE}


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        (account.account_request("usdt"), "/futures/usdt/accounts"),
        (account.positions_request("btc"), "/futures/btc/positions?holding=true"),
        (account.position_request(LINEAR, ONE_WAY), "/futures/usdt/positions/BTC_USDT"),
        (account.position_request(LINEAR, HEDGE), "/futures/usdt/dual_comp/positions/BTC_USDT"),
        (
            account.funding_payments_request(LINEAR, start_ns=NOW + 1, end_ns=NOW + NS + 1, offset=200),
            "/futures/usdt/account_book?contract=BTC_USDT&limit=100&offset=200&from=1700000400&to=1700000402&type=fund",
        ),
    ],
)
def test_what_is_asked(request_, target):
    assert (request_.method, request_.target, request_.body) == ("GET", target, b"")
    assert (request_.signed, request_.effect) == (True, Effect.READ)


@pytest.mark.parametrize(
    ("request_", "target", "body"),
    [
        (
            account.leverage_request(LINEAR, Decimal(10), MarginMode.ISOLATED, ONE_WAY),
            "/futures/usdt/positions/BTC_USDT/leverage?leverage=10",
            b"",
        ),
        (
            account.leverage_request(LINEAR, Decimal("2E+1"), MarginMode.CROSS, ONE_WAY),
            "/futures/usdt/positions/BTC_USDT/leverage?leverage=0&cross_leverage_limit=20",
            b"",
        ),
        (
            account.leverage_request(INVERSE, Decimal("5.0"), MarginMode.ISOLATED, HEDGE),
            "/futures/btc/dual_comp/positions/BTC_USD/leverage?leverage=5",
            b"",
        ),
        (
            account.leverage_request(LINEAR, Decimal(5), MarginMode.CROSS, HEDGE),
            "/futures/usdt/dual_comp/positions/BTC_USDT/leverage?leverage=0&cross_leverage_limit=5",
            b"",
        ),
        (
            account.position_mode_request("usdt", ONE_WAY),
            "/futures/usdt/set_position_mode?position_mode=single",
            b"",
        ),
        (account.position_mode_request("btc", HEDGE), "/futures/btc/set_position_mode?position_mode=dual", b""),
        (account.countdown_request("usdt", 5), "/futures/usdt/countdown_cancel_all", b'{"timeout":5}'),
        (account.countdown_request("usdt", 0), "/futures/usdt/countdown_cancel_all", b'{"timeout":0}'),
    ],
)
def test_what_is_changed(request_, target, body):
    assert (request_.method, request_.target, request_.body) == ("POST", target, body)
    assert (request_.signed, request_.effect) == (True, Effect.COMMAND)


def test_one_endpoint_has_one_budget_for_all_contracts():
    request = account.leverage_request(LINEAR, Decimal(10), MarginMode.ISOLATED, ONE_WAY)
    assert request.charges == (Charge("private", "futures/usdt/positions/*/leverage"),)


@pytest.mark.parametrize("timeout_s", [-1, 1, 4])
def test_a_dead_man_switch_takes_five_seconds_at_least(timeout_s):
    with pytest.raises(ValueError, match=rf"timeout_s: found {timeout_s}; allowed are 0 \(disarm\) and 5 or more"):
        account.countdown_request("usdt", timeout_s)


@pytest.mark.parametrize(
    ("fields", "mode"),
    [
        ({}, ONE_WAY),
        ({"in_dual_mode": True}, HEDGE),
        ({"in_dual_mode": False, "position_mode": "single", "margin_mode": 0}, ONE_WAY),
        ({"in_dual_mode": True, "position_mode": "dual"}, HEDGE),
    ],
    ids=str,
)
def test_the_mode_is_read_from_either_field(fields, mode):
    found = account.read_account(ACCOUNT | fields, NOW)
    assert (found.user, found.position_mode) == ("1666", mode)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"position_mode": "dual_plus"}, "found position mode dual_plus; this adapter trades in single or dual mode"),
        ({"margin_mode": 1}, r"margin_mode 1, multi-currency\); this adapter trades in classic mode"),
        ({"margin_mode": 2}, "margin_mode 2, portfolio"),
        ({"margin_mode": 3}, "margin_mode 3, single-currency"),
        ({"margin_mode": 9}, "margin_mode 9, unknown"),
    ],
    ids=str,
)
def test_a_mode_that_is_not_built_for_ends_trading_in_words(fields, said):
    with pytest.raises(TradingEnded, match=said):
        account.read_account(ACCOUNT | fields, NOW)


def test_a_balance_reads():
    assert account.read_account(ACCOUNT, NOW).balance == Balance(
        currency="USDT", total=Decimal("9707.803567115145"), available=Decimal(7), ts_recv=NOW
    )
    dated = account.read_account(ACCOUNT | {"update_id": 12, "update_time": 1_700_000_000}, NOW).balance
    assert (dated.sequence, dated.ts_event) == (12, 1_700_000_000 * NS)


def row(**changes):
    return {
        "contract": "BTC_USDT",
        "size": "-9440",
        "leverage": "0",
        "cross_leverage_limit": "10",
        "margin": "0",
        "entry_price": "60000.5",
        "liq_price": "99999.1",
        "mode": "single",
        "realised_pnl": "-1.5",
        "pnl_pnl": "2",
        "pnl_fund": "-3",
        "pnl_fee": "-0.5",
        "update_time": 1_700_000_000,
        "update_id": 7,
    } | changes


def test_a_cross_position_reads_with_its_profit_taken_apart():
    assert account.read_position(row(), LINEAR, NOW) == Position(
        instrument=LINEAR,
        quantity=Decimal("-0.944"),
        cost=Decimal("-56640.4720"),  # 0.944 x 60000.5
        realized_pnl=Decimal(2),
        fees=Decimal("0.5"),
        funding=Decimal(-3),
        leverage=Decimal(10),
        margin_mode=MarginMode.CROSS,
        liquidation_price=Decimal("99999.1"),
        sequence=7,
        ts_event=1_700_000_000 * NS,
        ts_recv=NOW,
    )
    assert account.read_position(row(), LINEAR, NOW).entry_price == Decimal("60000.5")


@pytest.mark.parametrize(
    ("fields", "mode", "leverage"),
    [
        ({"leverage": "5", "cross_leverage_limit": "10"}, MarginMode.ISOLATED, 5),
        ({"leverage": "0", "cross_leverage_limit": "10"}, MarginMode.CROSS, 10),
        ({"leverage": "0", "cross_leverage_limit": "0"}, MarginMode.CROSS, 125),
        ({"leverage": "0", "lever": "7"}, MarginMode.CROSS, 7),
        ({"leverage": "5", "lever": "7", "pos_margin_mode": "isolated"}, MarginMode.ISOLATED, 7),
        ({"leverage": "5", "pos_margin_mode": "cross"}, MarginMode.CROSS, 10),
        ({"leverage": 0, "lever": ""}, MarginMode.CROSS, 10),
    ],
    ids=str,
)
def test_leverage_is_that_in_force(fields, mode, leverage):
    position = account.read_position(row(**fields), LINEAR, NOW)
    assert (position.margin_mode, position.leverage) == (mode, leverage)


def test_only_an_isolated_position_has_margin_of_its_own():
    assert account.read_position(row(leverage="5", margin="12.5"), LINEAR, NOW).margin == Decimal("12.5")
    assert account.read_position(row(margin="12.5"), LINEAR, NOW).margin == 0


@pytest.mark.parametrize(
    ("mode", "size", "side", "quantity"),
    [
        ("single", "-1", PositionSide.NET, "-0.0001"),
        ("single", "0.5", PositionSide.NET, "0.00005"),
        ("dual_long", 3, PositionSide.LONG, "0.0003"),
        ("dual_short", "-3", PositionSide.SHORT, "-0.0003"),
        ("dual_short", Decimal("3.0"), PositionSide.SHORT, "-0.0003"),
    ],
    ids=repr,
)
def test_the_mode_says_the_side_and_the_size_how_much(mode, size, side, quantity):
    position = account.read_position(row(mode=mode, size=size), LINEAR, NOW)
    assert (position.side, position.quantity) == (side, Decimal(quantity))


def test_a_flat_position_has_no_cost_and_no_liquidation_price():
    position = account.read_position(row(size="0", entry_price="0", liq_price="0"), LINEAR, NOW)
    assert (position.quantity, position.cost, position.liquidation_price) == (0, 0, None)


def test_an_inverse_position_costs_base_money():
    position = account.read_position(row(contract="BTC_USD", size=1000, entry_price="50000"), INVERSE, NOW)
    assert (position.quantity, position.cost) == (1000, Decimal("0.02"))  # 1000 / 50000


def test_a_push_has_numbers_and_reads_the_same():
    raw = """{"contract": "BTC_USDT", "size": "-2", "entry_price": 60000.5, "leverage": 0, "cross_leverage_limit": 10,
        "margin": 1.25, "mode": "single", "realised_pnl": -1.5, "liq_price": 0, "time": 1700000000,
        "time_ms": 1700000000123, "update_id": 8}"""
    position = account.read_position(decode(raw), LINEAR, NOW)
    assert (position.cost, position.realized_pnl) == (Decimal("-12.0001"), Decimal("-1.5"))
    assert (position.sequence, position.ts_event) == (8, 1_700_000_000_123_000_000)


def test_an_answer_may_be_one_position_or_a_list_and_unknown_contracts_are_left_out():
    long, short = row(mode="dual_long", size=1), row(mode="dual_short", size=-1)
    strange = row(contract="币安人生_USDT")
    assert [position.side for position in account.read_positions(row(), INSTRUMENTS, NOW)] == [PositionSide.NET]
    found = account.read_positions([long, strange, short], INSTRUMENTS, NOW)
    assert [position.side for position in found] == [PositionSide.LONG, PositionSide.SHORT]


def test_a_split_position_is_not_taken_for_something_else():
    with pytest.raises(LookupError):
        account.read_position(row(mode="dual_plus"), LINEAR, NOW)


def test_funding_is_positive_where_it_was_received():
    data = decode('[{"time": 1700000000.5, "change": "-0.000010152188", "balance": "4.59", "type": "fund"}]')
    assert account.read_funding_payments(data, LINEAR, NOW) == [
        FundingPayment(
            instrument=LINEAR, amount=Decimal("-0.000010152188"), ts_event=1_700_000_000_500_000_000, ts_recv=NOW
        )
    ]
