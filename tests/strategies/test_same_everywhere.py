"""One strategy, any venue: each shipped strategy does the same on all of them, but for what a venue cannot do.

The market is made so that how often a venue tells its book makes no difference: its mid price goes up and down by two
dollars every three seconds, and between two changes of the book somebody trades, deep enough to reach what rests near.
Prices are in whole dollars, which every venue allows; fees and latencies are the same. Everything runs on a driven
clock, each venue behind its own protocol.
"""

import asyncio
import gzip
import tomllib
from pathlib import Path

import orjson
import pytest
from attrs import evolve

from anyvenue.app.signal_sources import SignalSettings, schedule_file
from anyvenue.app.structure import Structurer
from anyvenue.engine.engine import Engine
from anyvenue.engine.live import run_live
from anyvenue.engine.risk import RiskLimits
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.opening import open_venue
from anyvenue.venue import registry
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue_strategies.quoter import Quoter
from anyvenue_strategies.signal_follower import SignalFollower
from anyvenue_strategies.trend import Trend

FOLDER = Path(__file__).parents[2] / "strategies"
SECOND = 1_000_000_000
START = 1_723_161_255 * SECOND  # 2024-08-08 23:54:15 UTC, shortly before the first shipped signal
STEP_S = 3
STEPS = 90
VENUES = ("simulated", "gateio", "gaiaex", "hyperliquid")


def mid_at(step):
    """A triangle wave: 2 dollars a step, 20 steps up, 20 steps down."""
    phase = step % 40
    return 61_800 + 2 * (phase if phase < 20 else 40 - phase)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """The path of a tape of that market."""
    frames, before = [], ({}, {})
    for number in range(STEPS + 1):
        mid, ts = mid_at(number), START + number * STEP_S * SECOND
        book = [{mid + side * distance: "5" for distance in range(1, 16)} for side in (-1, 1)]
        changes = [
            [[str(price), size] for price, size in (dict.fromkeys(set(old) - set(new), "0") | new).items()]
            for old, new in zip(before, book, strict=True)
        ]
        frames.append([ts, "d" if number else "s", *changes])
        before = book
        side, reach = ("buy", 8) if number // 3 % 2 else ("sell", -8)
        frames.append([ts + SECOND, "t", side, str(mid + reach), "0.5", f"t{number}"])
    header = {
        "tape": 1,
        "symbol": "BTC-USDT-PERP",
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "price_tick": "1",
        "quantity_step": "0.0001",
        "source": "made by hand",
        "start_ns": frames[0][0],
        "end_ns": frames[-1][0],
        "frames": len(frames),
    }
    path = tmp_path_factory.mktemp("market") / "wave.tape.gz"
    path.write_bytes(gzip.compress(b"\n".join(orjson.dumps(line) for line in (header, *frames)) + b"\n"))
    return str(path)


def noting(strategy):
    """Return the strategy's class, with a diary of what became of its orders."""

    class Noted(strategy):
        def on_start(self):
            self.diary = {"orders": {}, "fills": [], "positions": []}
            super().on_start()

        def on_order(self, order):
            if order.is_terminal:
                line = (order.side.value, order.spec.order_type.value, order.quantity, order.filled_quantity)
                self.diary["orders"].setdefault(order.client_order_id, (*line, order.state.value))
            super().on_order(order)

        def on_fill(self, fill):
            self.diary["fills"].append((fill.side.value, fill.price, fill.quantity))
            super().on_fill(fill)

        def on_position(self, position):
            self.diary["positions"].append(position.quantity)
            super().on_position(position)

    return Noted


def structured(table, cls):
    made = Structurer(FOLDER).structure(table, cls)
    assert not isinstance(made, list), made
    return made


def run(adapter, strategy, name, market, changes):
    """Run a shipped configuration on a venue; return the diary and the result."""
    tables = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    settings = evolve(
        structured(tables["simulation"], SimulationSettings),
        market=market,
        maker_fee="0.0002",
        taker_fee="0.0005",
    )
    clock = DrivenClock(START)
    made = noting(strategy)(structured(tables["strategy"]["parameters"] | changes, strategy.Parameters))
    engine = Engine(made, connections=("main",), clock=clock, session="t", risk=structured(tables["risk"], RiskLimits))
    descriptor = registry.venue(adapter)
    context = VenueContext(
        connection="main",
        environment=Environment.SIMULATOR,
        clock=clock,
        session="t",
        options=descriptor.options(),
        simulation=settings,
    )
    signals = structured(tables.get("signals", {}), SignalSettings)
    if signals.file is not None:
        schedule_file(engine, signals.path(FOLDER))

    async def play():
        venues = {"main": open_venue(descriptor, context)}
        return await run_live(engine, venues, clock=clock, stop=asyncio.Event(), duration_s=STEP_S * (STEPS - 3))

    result = asyncio.run(play())
    return made.diary, result


def test_the_quoter_is_filled_alike_everywhere(market):
    changes = {"half_spread_bp": "0.5", "requote_bp": "0.3"}
    diaries, results = zip(*(run(venue, Quoter, "quoter", market, changes) for venue in VENUES), strict=True)
    assert [result.failure for result in results] == [""] * len(VENUES)
    assert all(result.fills > 10 for result in results)
    simulated, gateio, gaiaex, hyperliquid = diaries
    assert gateio["fills"] == simulated["fills"]
    assert gateio["orders"] == simulated["orders"]
    assert gateio["positions"] == simulated["positions"]
    assert hyperliquid["fills"] == simulated["fills"]
    assert hyperliquid["positions"] == simulated["positions"]
    # GaiaEx tells no fills: they are derived from changes of the position, at estimated prices.
    assert [fill[::2] for fill in gaiaex["fills"]] == [fill[::2] for fill in simulated["fills"]]
    assert gaiaex["positions"] == simulated["positions"]


def test_the_trend_is_followed_alike_everywhere(market):
    diaries, results = zip(*(run(venue, Trend, "trend", market, {}) for venue in VENUES), strict=True)
    simulated, gateio, gaiaex, hyperliquid = diaries
    assert all(result.failure == "" and result.fills > 2 for result in results)
    assert gateio["positions"] == simulated["positions"]
    assert gateio["fills"] == simulated["fills"]
    # Hyperliquid has no trailing stops: the engine follows the book in its place, and the last one fires past the end.
    assert len(hyperliquid["positions"]) >= len(simulated["positions"]) - 1
    assert hyperliquid["positions"] == simulated["positions"][: len(hyperliquid["positions"])]
    # GaiaEx has neither trailing stops nor a stream of candles: the engine makes both, and may act a candle sooner.
    assert gaiaex["positions"][: len(simulated["positions"])] == simulated["positions"]


def test_signals_are_followed_alike_everywhere(market):
    runs = [run(venue, SignalFollower, "signal_follower", market, {}) for venue in VENUES]
    diaries, results = zip(*runs, strict=True)
    assert [result.failure for result in results] == [""] * len(VENUES)
    simulated, gateio, gaiaex, hyperliquid = diaries
    assert len(simulated["fills"]) >= 2
    assert gateio["fills"] == simulated["fills"]
    assert gateio["positions"] == simulated["positions"]
    # Sizes have another step there.
    assert [fill[:2] for fill in hyperliquid["fills"]] == [fill[:2] for fill in simulated["fills"]]
    assert [round(fill[2], 3) for fill in hyperliquid["fills"]] == [round(fill[2], 3) for fill in simulated["fills"]]
    assert [(side, round(quantity, 3)) for side, _, quantity in gaiaex["fills"]] == [
        (side, round(quantity, 3)) for side, _, quantity in simulated["fills"]
    ]
