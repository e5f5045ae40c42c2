"""What must hold whatever happens: random commands of several accounts, on several instruments, in a moving market.

After every step: no money is made or lost, positions sum to zero, no order is filled beyond its quantity, no book is
crossed, what is reserved is what is open, no order that may only reduce exceeds its position, nobody is past
liquidation; and a client that applies what it is told has the exchange's own view of its orders and positions.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from random import Random

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from anyvenue.model.enums import (
    MarginMode,
    OrderState,
    OrderType,
    PositionMode,
    PositionSide,
    PriceSource,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerKind,
)
from anyvenue.model.errors import InvalidOrder, Rejected
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderSent
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.model.position import Position
from anyvenue.simulation import margin
from anyvenue.simulation.exchange import EXTERNAL, INSURANCE

BTC, ETH, USD = "BTC-USDT-PERP", "ETH-USDT-PERP", "BTC-USD-PERP"
NAMES = ("ann", "bob", "cid", "dan")
PRICES = [str(price) for price in range(90, 111)]

symbols = st.sampled_from([BTC, ETH, USD])
names = st.sampled_from(NAMES)
sides = st.sampled_from(Side)
prices = st.sampled_from(PRICES)
sizes = st.integers(1, 30)
picks = st.integers(0, 40)
legs = st.sampled_from([PositionSide.LONG, PositionSide.SHORT])


def maybe(strategy):
    return st.one_of(st.none(), st.none(), strategy)


triggers = st.one_of(
    st.builds(
        Trigger,
        kind=st.sampled_from([TriggerKind.STOP, TriggerKind.TAKE_PROFIT]),
        price=prices,
        source=st.sampled_from(PriceSource),
    ),
    st.builds(Trigger, kind=st.just(TriggerKind.TRAILING), trail=st.sampled_from(["2", "5"]), price=maybe(prices)),
    st.builds(Trigger, kind=st.just(TriggerKind.TRAILING), trail_ratio=st.just("0.03")),
)
protections = st.builds(
    Protection, stop_loss=st.sampled_from(PRICES), take_profit=maybe(prices), source=st.sampled_from(PriceSource)
)
orders = st.fixed_dictionaries(
    {
        "side": sides,
        "quantity": sizes,
        "price": maybe(prices) | prices,
        "post_only": st.sampled_from([False, False, True]),
        "reduce_only": st.sampled_from([False, False, True]),
        "time_in_force": st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, *TimeInForce]),
        "trigger": maybe(triggers),
        "protection": maybe(protections),
        "display_quantity": maybe(st.integers(1, 5)),
        "self_trade_prevention": maybe(st.sampled_from(SelfTradePrevention)),
        "leg": legs,
    }
)
quotes = st.one_of(  # the tape's own book stays uncrossed
    st.tuples(st.just(Side.BUY), st.sampled_from(PRICES[:10]), st.integers(0, 20)),
    st.tuples(st.just(Side.SELL), st.sampled_from(PRICES[10:]), st.integers(0, 20)),
)
actions = st.one_of(
    st.tuples(st.just("place"), names, symbols, orders),
    st.tuples(st.just("place"), names, symbols, orders),
    st.tuples(st.just("cancel"), picks),
    st.tuples(st.just("cancel_all"), names, symbols),
    st.tuples(st.just("amend"), picks, maybe(prices), maybe(sizes)),
    st.tuples(st.just("close"), names, symbols, legs, maybe(sizes)),
    st.tuples(st.just("protect"), names, symbols, legs, maybe(protections)),
    st.tuples(st.just("leverage"), names, symbols, st.integers(1, 100), st.sampled_from(MarginMode)),
    st.tuples(st.just("margin"), names, symbols, legs, st.integers(-3, 3)),
    st.tuples(st.just("mode"), names, st.sampled_from(PositionMode)),
    st.tuples(st.just("mark"), symbols, prices, maybe(prices)),
    st.tuples(st.just("funding"), symbols, st.sampled_from(["0.001", "-0.02", "0.0000137"])),
    st.tuples(st.just("trade"), symbols, sides, prices, sizes),
    st.tuples(st.just("depth"), symbols, st.lists(quotes, max_size=6)),
)


@define
class Bench:
    """The desk, and a client for each account that believes what it is told."""

    desk: object
    deposits: dict = field(factory=dict)
    mine: dict = field(factory=dict)
    read: int = 0

    @property
    def exchange(self):
        return self.desk.exchange

    def send(self, account, spec):
        key = account, spec.client_order_id
        self.mine[key] = Order(spec=spec).apply(OrderSent(client_order_id=spec.client_order_id))
        try:
            reply = self.exchange.place(account, spec)
        except Rejected:
            assert self.mine.pop(key).state is OrderState.SENT
            assert self.read == len(self.desk.told)
            return
        self.listen()
        self.take(account, reply)

    def command(self, account, call, *args, **kwargs):
        try:
            reply = call(account, *args, **kwargs)
        except Rejected:
            assert self.read == len(self.desk.told)
            return
        self.listen()
        self.take(account, reply if isinstance(reply, list) else [])

    def listen(self):
        for account, event in self.desk.told[self.read :]:
            self.take(account, [event])
        self.read = len(self.desk.told)

    def take(self, account, events):
        for event in events:
            if isinstance(event, Position):
                self.mine[account, event.instrument.symbol, event.side] = event
            elif hasattr(event, "client_order_id"):
                order = self.mine.get((account, event.client_order_id))
                if order is not None:
                    self.mine[account, event.client_order_id] = order.apply(event)


def make_bench(make_desk, make_linear, make_inverse):
    risky = {"maintenance_margin_rate": "0.02", "maker_fee": "-0.0001", "price_band": None}
    desk = make_desk(
        make_linear(**risky), make_linear(ETH, price_band="0.08"), make_inverse(quantity_step="0.1", min_quantity="0.1")
    )
    bench = Bench(desk)
    for name, mode, leverage in zip(
        NAMES, (*PositionMode, PositionMode.ONE_WAY, PositionMode.ONE_WAY), (10, 20, 5, 50), strict=True
    ):
        money = {"USDT": Decimal(400), "BTC": Decimal("0.05")}
        desk.exchange.open_account(name, balances=money, position_mode=mode, leverage=Decimal(leverage))
        for currency, amount in money.items():
            bench.deposits[currency] = bench.deposits.get(currency, 0) + amount
    for symbol in (BTC, ETH, USD):
        desk.depth({"99": "20", "97": "30"}, {"101": "20", "103": "30"}, snapshot=True, symbol=symbol)
    desk.mark("100", index="100")
    return bench


def make_spec(bench, account, symbol, wanted, name):
    values = dict(wanted)
    leg = values.pop("leg")
    hedge = bench.exchange._ledger.accounts[account].position_mode is PositionMode.HEDGE
    quantity, price, display = (values.pop(key) for key in ("quantity", "price", "display_quantity"))
    return OrderSpec(
        client_order_id=name,
        instrument=bench.desk.instruments[symbol],
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        display_quantity=None if display is None else Decimal(display),
        position_side=leg if hedge else PositionSide.NET,
        **values,
    )


def act(bench, number, action):
    exchange, desk = bench.exchange, bench.desk
    ours = [key for key in bench.mine if len(key) == 2]
    match action:
        case "place", account, symbol, wanted:
            try:
                spec = make_spec(bench, account, symbol, wanted, f"n{number}")
            except InvalidOrder:
                return
            bench.send(account, spec)
        case "cancel", pick if ours:
            account, name = ours[pick % len(ours)]
            bench.command(account, exchange.cancel, client_order_id=name)
        case "cancel_all", account, symbol:
            bench.command(account, exchange.cancel_all, symbol)
        case "amend", pick, price, quantity if ours:
            account, name = ours[pick % len(ours)]
            bench.command(account, exchange.amend, client_order_id=name, price=price, quantity=quantity)
        case "close", account, symbol, leg, quantity:
            bench.command(account, exchange.close_position, symbol, side_of(bench, account, leg), quantity)
        case "protect", account, symbol, leg, protection:
            bench.command(account, exchange.protect, symbol, protection, side_of(bench, account, leg))
        case "leverage", account, symbol, leverage, mode:
            bench.command(account, exchange.set_leverage, symbol, leverage, mode)
        case "margin", account, symbol, leg, amount:
            bench.command(account, exchange.adjust_margin, symbol, amount, side_of(bench, account, leg))
        case "mode", account, mode:
            bench.command(account, exchange.set_position_mode, mode)
        case "mark", symbol, price, index:
            desk.mark(price, index, symbol=symbol)
        case "funding", symbol, rate:
            exchange.settle_funding(symbol, rate)
        case "trade", symbol, side, price, quantity:
            desk.trade(side, price, str(quantity), symbol=symbol)
        case "depth", symbol, levels:
            bids, asks = (
                {price: str(size) for way, price, size in levels if way is side} for side in (Side.BUY, Side.SELL)
            )
            desk.depth(bids, asks, symbol=symbol)
    bench.listen()


def side_of(bench, account, leg):
    hedge = bench.exchange._ledger.accounts[account].position_mode is PositionMode.HEDGE
    return leg if hedge else PositionSide.NET


# The laws


def no_money_is_made_or_lost(bench):
    ledger = bench.exchange._ledger
    for currency, deposit in bench.deposits.items():
        wallets = sum(account.wallets.get(currency, 0) for account in ledger.accounts.values())
        holdings = [h for account in ledger.accounts.values() for h in account.holdings_in(currency)]
        fees = ledger.fees.get(currency, 0)
        # Profit is settled at cost, so the costs that are open stand for what is not realised yet, exactly.
        open_costs = sum(h.market.instrument.pnl_sign * h.position.cost for h in holdings)
        assert wallets + fees - open_costs == deposit
        unrealized = sum(margin.unrealized(holding) for holding in holdings)
        error = 0 if currency == "USDT" else Decimal("1e-14")  # inverse values are cut at 16 decimals, each
        assert abs(wallets + fees + unrealized - deposit) <= error


def positions_sum_to_zero(bench):
    for symbol in (BTC, ETH, USD):
        names = (*NAMES, EXTERNAL, INSURANCE)
        held = [p.quantity for name in names for p in bench.exchange.positions(name) if p.instrument.symbol == symbol]
        assert sum(held) == 0


def orders_are_sound(bench):
    for name in NAMES:
        for order in bench.exchange.open_orders(name) + bench.exchange.order_history(name):
            assert order.filled_quantity <= order.quantity
            assert (order.filled_quantity == order.quantity) is (order.state is OrderState.FILLED)
            assert order.is_terminal is (order not in bench.exchange.open_orders(name))
        for order in bench.exchange._ledger.accounts[name].open_orders.values():
            assert order.waiting is not order.resting
            if order.resting and order.reducing:
                assert order.leaves <= -order.side.sign * order.holding.position.quantity


def no_book_is_crossed(bench):
    for symbol, market in bench.exchange._markets.items():
        book = bench.exchange.book(symbol)
        if book.best_bid is not None and book.best_ask is not None:
            assert book.best_bid < book.best_ask
        for own in (market.bids, market.asks):
            for level in own.from_best():
                external = market.external.quantity_at(own.side, level.price)
                aheads = [order.ahead for order in level.orders]
                assert aheads == sorted(aheads)
                assert all(0 <= ahead <= external for ahead in aheads)
                assert all(0 < order.visible <= order.leaves for order in level.orders)


def what_is_reserved_is_what_is_open(bench):
    for account in bench.exchange._ledger.accounts.values():
        for holding in account.holdings.values():
            instrument = holding.market.instrument
            mine = [o for o in account.open_orders.values() if o.holding is holding and o.resting]
            for side, quantity, value in (
                (Side.BUY, holding.buys_quantity, holding.buys_value),
                (Side.SELL, holding.sells_quantity, holding.sells_value),
            ):
                opening = [o for o in mine if o.side is side and not o.reducing]
                assert quantity == sum(o.leaves for o in opening)
                assert value == sum(instrument.value(o.leaves, o.price) for o in opening)
            assert set(holding.reducing) == {o for o in mine if o.reducing}
            assert (holding in holding.market.holders) is (bool(holding.position.quantity) and account.name != EXTERNAL)
            assert holding.position.quantity or holding.protection is None
            assert holding.position.quantity or not holding.position.margin


def nobody_is_past_liquidation(bench):
    for name in NAMES:
        account = bench.exchange._ledger.accounts[name]
        for currency in bench.deposits:
            crossed = [
                h
                for h in account.holdings_in(currency)
                if h.position.quantity and h.position.margin_mode is MarginMode.CROSS
            ]
            if crossed and all(h.market.given_mark is not None for h in crossed):
                assert margin.cross_equity(account, currency) > margin.cross_maintenance(account, currency)
            for holding in account.holdings_in(currency):
                if holding.position.quantity and holding.position.margin_mode is MarginMode.ISOLATED:
                    assert margin.isolated_equity(holding) > margin.maintenance_margin(holding)


def clients_know_the_truth(bench):
    for key, mine in bench.mine.items():
        if isinstance(mine, Order):
            its = bench.exchange.order(key[0], client_order_id=key[1])
            assert (mine.state, mine.price, mine.quantity, mine.booked_quantity, mine.fees, mine.trade_ids) == (
                its.state,
                its.price,
                its.quantity,
                its.booked_quantity,
                its.fees,
                its.trade_ids,
            )
            assert (mine.venue_order_id, mine.reason, mine.triggered) == (its.venue_order_id, its.reason, its.triggered)
        else:
            account, symbol, side = key
            its = bench.exchange.position(account, symbol, side)
            for name in ("quantity", "cost", "realized_pnl", "fees", "funding", "margin"):
                assert getattr(mine, name) == getattr(its, name)


def all_laws_hold(bench):
    no_money_is_made_or_lost(bench)
    positions_sum_to_zero(bench)
    orders_are_sound(bench)
    no_book_is_crossed(bench)
    what_is_reserved_is_what_is_open(bench)
    nobody_is_past_liquidation(bench)
    clients_know_the_truth(bench)


@settings(max_examples=100)
@given(st.lists(actions, max_size=30))
def test_the_laws_hold(make_desk, make_linear, make_inverse, script):
    bench = make_bench(make_desk, make_linear, make_inverse)
    for number, action in enumerate(script):
        act(bench, number, action)
        all_laws_hold(bench)


# Hypothesis prefers short scripts and small numbers. A long busy day needs dice.


def busy_day(random):
    """Draw commands without end, in a market that wanders."""
    middle = dict.fromkeys((BTC, ETH, USD), 100)

    def near(symbol, width):
        return str(min(110, max(90, middle[symbol] + random.randint(-width, width))))

    def protection(symbol, side):
        gap = side.sign * random.randint(2, 6)
        return Protection(
            stop_loss=str(middle[symbol] - gap),
            take_profit=random.choice([None, str(middle[symbol] + gap)]),
            source=random.choice(list(PriceSource)),
        )

    def trigger(symbol):
        if random.random() < 0.3:
            return Trigger(kind=TriggerKind.TRAILING, trail=str(random.randint(1, 4)))
        kind = random.choice([TriggerKind.STOP, TriggerKind.TAKE_PROFIT])
        return Trigger(kind=kind, price=near(symbol, 5), source=random.choice(list(PriceSource)))

    while True:
        account, symbol, side = random.choice(NAMES), random.choice(list(middle)), random.choice(list(Side))
        leg, size, pick = random.choice([PositionSide.LONG, PositionSide.SHORT]), random.randint(1, 12), random.random()
        if pick < 0.4:
            limit = random.random() < 0.7
            wanted = {
                "side": side,
                "quantity": size,
                "price": near(symbol, 4) if limit else None,
                "post_only": limit and random.random() < 0.2,
                "reduce_only": random.random() < 0.25,
                "time_in_force": TimeInForce.GTC if random.random() < 0.8 else random.choice(list(TimeInForce)),
                "trigger": trigger(symbol) if random.random() < 0.15 else None,
                "protection": protection(symbol, side) if random.random() < 0.15 else None,
                "display_quantity": random.randint(1, size) if random.random() < 0.1 else None,
                "self_trade_prevention": random.choice([None, *SelfTradePrevention]),
                "leg": leg,
            }
            yield "place", account, symbol, wanted
        elif pick < 0.5:
            yield "cancel", random.randrange(1000)
        elif pick < 0.6:
            yield "amend", random.randrange(1000), random.choice([None, near(symbol, 3)]), random.choice([None, size])
        elif pick < 0.62:
            yield "close", account, symbol, leg, random.choice([None, 1])
        elif pick < 0.66:
            yield "protect", account, symbol, leg, random.choice([None, protection(symbol, side)])
        elif pick < 0.69:
            yield "leverage", account, symbol, random.randint(1, 60), random.choice(list(MarginMode))
        elif pick < 0.7:
            yield "margin", account, symbol, leg, random.randint(-3, 3)
        elif pick < 0.71:
            yield "mode", account, random.choice(list(PositionMode))
        elif pick < 0.76:
            middle[symbol] += random.choice([-3, -2, -1, 1, 2, 3]) - (middle[symbol] - 100) // 5
            yield "mark", symbol, near(symbol, 1), random.choice([None, near(symbol, 1)])
        elif pick < 0.78:
            yield "funding", symbol, random.choice(["0.001", "-0.02", "0.0000137"])
        elif pick < 0.9:
            yield "trade", symbol, side, near(symbol, 2), size
        else:
            levels = [(Side.BUY if price < middle[symbol] else Side.SELL, str(price)) for price in range(90, 111)]
            far = [(side.opposite, price, 0) for side, price in levels]  # the tape's own book stays uncrossed
            changed = [(side, price, random.randint(0, 9)) for side, price in random.sample(levels, 8)]
            yield "depth", symbol, far + changed


@pytest.mark.parametrize("seed", range(12))
def test_the_laws_hold_on_a_busy_day(make_desk, make_linear, make_inverse, seed):
    bench = make_bench(make_desk, make_linear, make_inverse)
    for number, action in enumerate(islice(busy_day(Random(seed)), 250)):
        act(bench, number, action)
        all_laws_hold(bench)
