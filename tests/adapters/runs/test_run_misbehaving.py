"""A strategy that raises, hangs, floods or talks nonsense while it holds a position, and what its owner sees of it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BTC = "BTC-USDT-PERP"
MINE = '''
import math
import time

from anyvenue import Strategy


class Holding(Strategy):
    """Buys, rests an order far away, and misbehaves when both are there and the market moves."""

    def on_start(self):
        self.subscribe("BTC-USDT-PERP", "book")
        self.bought = self.rested = self.done = False

    def on_book(self, book):
        if not book.is_synced:
            return
        if not self.bought:
            self.bought = True
            self.buy("BTC-USDT-PERP", "0.02")
            self.far = book.instrument.round_price(book.mid * 9 / 10)
            self.buy("BTC-USDT-PERP", "0.01", self.far)
        elif self.rested and self.position("BTC-USDT-PERP").quantity and not self.done:
            self.done = True
            self.misbehave()

    def on_order(self, order):
        self.rested = self.rested or order.is_resting


class Raising(Holding):
    def misbehave(self):
        raise RuntimeError("out of my depth")


class Hanging(Holding):
    def misbehave(self):
        while True:
            time.sleep(0.01)


class Flooding(Holding):
    def misbehave(self):
        while True:
            self.buy("BTC-USDT-PERP", "0.01", self.far)


class TooLarge(Holding):
    """Asks for more than it may have, again and again, at one moment."""

    def misbehave(self):
        while True:
            self.buy("BTC-USDT-PERP", "10")


class Nonsense(Holding):
    """Each of these is refused where it is asked for; the last one is not caught."""

    def misbehave(self):
        for quantity, price in ((0.01, None), ("NaN", None), ("-1", None), ("0", None), ("0.01", 59000.5),
                                ("1e999999999", None), (math.inf, None), (None, None), ("0.01", "-5")):
            try:
                self.buy("BTC-USDT-PERP", quantity, price)
            except (TypeError, ValueError) as error:
                print("refused:", type(error).__name__)
        self.buy("NO-SUCH-PERP", "1")
'''


@pytest.fixture
def trade(simulator: Any, start: Callable[..., Any], tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """Return what starts one of the strategies on an account of its own; it returns the run and the account's name."""

    def trade(strategy: str, on_failure: str) -> tuple[Any, str]:
        name = f"{strategy}-{on_failure}"
        keys = simulator.account(name)
        (tmp_path / "mine.py").write_text(MINE)
        how = {"credentials": 'key = "env:MY_KEY", secret = "env:MY_SECRET"', "on_failure": on_failure}
        return start(strategy, **how, MY_KEY=keys["key"], MY_SECRET=keys["secret"]), name

    return trade


@pytest.mark.parametrize(
    ("strategy", "on_failure", "told"),
    [
        ("Raising", "flatten", "the run failed: on_book: RuntimeError: out of my depth"),
        ("Raising", "keep", "the run failed: on_book: RuntimeError: out of my depth"),
        ("Flooding", "flatten", "refused 100 times at one moment"),
        ("TooLarge", "flatten", "refused 100 times at one moment"),
        ("Nonsense", "flatten", "the run failed: on_book: UnknownInstrument"),
    ],
)
def test_it_is_stopped_and_said_why_and_positions_end_as_configured(
    trade: Any, simulator: Any, strategy: str, on_failure: str, told: str
) -> None:
    run, name = trade(strategy, on_failure)
    assert run.ended() == 1
    said = run.said()
    assert told in said
    assert "Holding" not in said or "the strategy is stopped" in said
    assert simulator.resting(name) == []
    assert simulator.held(name) == ({} if on_failure == "flatten" else {BTC: "0.02"})
    orders = simulator.booked(name)["orders"]
    assert len(orders) <= 2 + 20 + 1  # its two, what one second allows, and the close
    assert max(float(order["quantity"]) for order in orders) <= 0.02
    if strategy == "Nonsense":
        assert said.count("refused: ") == 9
        assert len(orders) == 3


@pytest.mark.parametrize("on_failure", ["flatten", "keep"])
def test_one_that_hangs_loses_its_orders_while_it_hangs(trade: Any, simulator: Any, on_failure: str) -> None:
    run, name = trade("Hanging", on_failure)
    run.until(lambda: "the strategy is given up" in run.said(), what="its end")
    run.until(lambda: not simulator.resting(name) and (on_failure == "keep" or not simulator.held(name)))
    assert simulator.held(name) == ({} if on_failure == "flatten" else {BTC: "0.02"})
    said = run.said()
    assert "mine.py" in said  # where it hangs
    assert run.process.poll() is None  # a callback cannot be ended from outside; its owner can
    run.signal(signal.SIGINT)
    run.until(lambda: run.said() != said, what="an answer to Ctrl-C")
    run.signal(signal.SIGINT)
    assert run.ended() != 0
