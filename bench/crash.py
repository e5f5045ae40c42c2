"""Kill -9 at random instants: `anyvenue run` against a venue's simulator, each a process of its own, over and over.

The quoter trades as hard as it can over a wire that loses requests and replies, and is killed at seeded random
instants, some of them during start-up. All runs share one journal. After a last run that ends in order, what the
simulator booked is held against what the journal says: nothing sent twice, nothing at the venue that the journal does
not know, nothing forgotten, nothing left open, the same fills, the same position.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
from attrs import Factory, define, frozen

from anyvenue.engine import journal_store as store
from anyvenue.engine.codec import Codec, InstrumentTable
from anyvenue.engine.commands import Place
from anyvenue.engine.journal_recovery import recover
from anyvenue.model.errors import Contradiction
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderEvent, OrderFilled
from anyvenue_gaiaex.rest import client_id as gaiaex_id
from anyvenue_gateio.order_text import to_text as gateio_id

ANYVENUE: Final = (sys.executable, "-c", "from anyvenue.app.cli import main; main(prog_name='anyvenue')")
LOOK_S: Final = 0.02
PATIENCE_S: Final = 100.0
"""A run that has not begun to trade by then, or does not end when it is told to, has failed."""
LAST_RUN_S: Final = 8.0
"""So long the last run trades: what is left to find out is found out meanwhile."""
TRADING_S: Final = (0.3, 3.0)
"""The other kills fall between so long after the first order was written down."""
START_UP_S: Final = 2.5
"""Kills during start-up fall within so long after the process was started."""
DURING_START_UP: Final = 0.2
"""So many of the kills do."""

CONFIG: Final = """
[strategy]
class = "quoter"

[strategy.parameters]
instrument = "{symbol}"
quantity = "0.01"
half_spread_bp = "0.05"
max_position = "0.4"
skew_bp = "0.5"
requote_bp = "0"

[connections.main]
adapter = "{adapter}"
environment = "{environment}"
{more}credentials = {{ {credentials} }}

[connections.main.options.{adapter}]
rest_url = "{rest_url}"
ws_url = "{ws_url}"
{options}
[journal]
enabled = true
path = "journal.db"

[log]
session = false
"""


@frozen(kw_only=True)
class Target:
    """What differs between venues.

    Attributes:
        environment: one whose URLs can be others: they are those of the simulator, on this machine.
        orders: the path of requests that place, amend and cancel, for the faults.
        has_fills: whether the venue tells its fills, and orders can be looked up.
        named: what the venue has in place of a client id of ours.
    """

    symbol: str
    environment: str
    more: str
    options: str
    ws: str
    orders: str
    news: tuple[str, ...]
    has_fills: bool
    named: Callable[[str], str]


TARGETS: Final = {
    "gateio": Target(
        symbol="BTC-USDT-PERP",
        environment="testnet",
        more="",
        options="order_expiry_s = 1.0\n",  # a start waits so long for what may still be on its way
        ws="ws_usdt",
        orders="*/orders*",
        news=("futures.orders", "futures.usertrades", "futures.positions"),
        has_fills=True,
        named=gateio_id,
    ),
    "gaiaex": Target(
        symbol="BTC-USDC-PERP",
        environment="live",  # there is no other whose URLs can be told; they lead to this machine
        more="allow_live = true\n",
        options="time_in_force = true\nwrites_per_s = 8\n",
        ws="ws",
        orders="*/order*",
        news=("positions",),
        has_fills=False,
        named=gaiaex_id,
    ),
}


def faults(target: Target) -> list[dict[str, Any]]:
    """Return what goes wrong on the wire, all the time."""
    writes = (
        {"lose_reply": True, "probability": 0.01},
        {"reset": "after", "probability": 0.01},
        {"reset": "before", "probability": 0.01},
        {"lose_request": True, "probability": 0.005},
        {"status": 502, "probability": 0.005},
        {"delay_s": 0.3, "probability": 0.03},
    )
    return [
        *({"on": "http", "method": method, "path": target.orders, **rule} for method in _WRITING for rule in writes),
        {"on": "http", "method": "GET", "status": 502, "probability": 0.01},
        {"on": "http", "method": "GET", "lose_reply": True, "probability": 0.003},
        *({"on": "ws_out", "match": match, "drop": True, "probability": 0.02} for match in target.news),
        *({"on": "ws_out", "match": match, "duplicate": True, "probability": 0.02} for match in target.news),
        {"on": "ws_out", "disconnect": True, "probability": 0.0005},
    ]


_WRITING: Final = ("POST", "PUT", "DELETE")


@define
class Figures:
    """What was seen. `wrong` says what should not be, `unknown` what the venue gives no means to find out."""

    counts: Counter[str] = Factory(Counter)
    wrong: list[str] = Factory(list)
    unknown: list[str] = Factory(list)

    def __str__(self) -> str:
        counted = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        return f"{counted}; {len(self.unknown)} unknown, {len(self.wrong)} wrong"


@define
class Booked:
    """What a venue has booked for the account since it began: orders by its own ids, fills, positions."""

    orders: dict[str, dict[str, Any]] = Factory(dict)
    fills: dict[tuple[str, str], dict[str, Any]] = Factory(dict)
    positions: dict[str, Decimal] = Factory(dict)

    def take(self, ledger: Mapping[str, Any]) -> None:
        """Take in a piece of the account's ledger."""
        self.orders |= {order["id"]: order for order in ledger["orders"]}
        self.fills |= {(fill["trade_id"], fill["id"]): fill for fill in ledger["fills"]}
        self.positions = {held["symbol"]: Decimal(held["quantity"]) for held in ledger["positions"]}


class Simulator:
    """A venue's simulator, a process of its own, by its control address."""

    def __init__(self, told: Mapping[str, Any], control: httpx.Client) -> None:
        self.told = told
        self._control = control
        self._since_ns = 0

    def set_faults(self, rules: list[dict[str, Any]]) -> list[int]:
        """Set the faults; return how often each of those before has struck."""
        struck: list[int] = self._control.get("/faults").json()["counts"]
        self._control.put("/faults", json=rules).raise_for_status()
        return struck

    def about(self) -> Mapping[str, Any]:
        """Return what only this venue's simulator tells."""
        told: Mapping[str, Any] = self._control.get("/venue").json()
        return told

    def collect(self, booked: Booked) -> None:
        """Take in what was booked since the last time: the simulator itself forgets the oldest."""
        answer = self._control.request("GET", "/ledger", json={"since_ns": self._since_ns})
        ledger = answer.raise_for_status().json()
        self._since_ns = ledger["time_ns"]
        booked.take(ledger["accounts"][self.told["accounts"][0]["name"]])


class Crash:
    """One venue, its simulator, one journal, and the runs that are killed."""

    def __init__(self, venue: str, folder: Path, seed: int) -> None:
        self.figures = Figures()
        self.booked = Booked()
        self._venue = venue
        self._target = TARGETS[venue]
        self._folder = folder
        self.journal = folder / "journal.db"
        self._chance = random.Random(f"crash {venue} {seed}")
        self._seed = seed

    def run(
        self,
        restarts: int,
        report: Callable[[Figures], None] = lambda figures: None,
        *,
        seconds: float = float("inf"),
        enough: int = 20,
    ) -> None:
        """Start and kill so many runs, or for so long, or until so much is wrong; let one end in order; compare."""
        counts, began = self.figures.counts, time.monotonic()
        end = began + seconds
        with self._simulator() as simulator:
            environment = self._configure(simulator)
            simulator.set_faults(faults(self._target))
            for number in range(1, restarts + 1):
                self._one(environment, number)
                counts["kills"] += 1
                simulator.collect(self.booked)
                counts["orders"], counts["fills"] = len(self.booked.orders), len(self.booked.fills)
                if len(self.figures.wrong) >= enough or time.monotonic() >= end:
                    break
                if time.monotonic() - began > 10:
                    began = time.monotonic()
                    report(self.figures)
            counts["faults"] = sum(simulator.set_faults([]))
            self._last(environment)
            simulator.collect(self.booked)
            compare(self.journal, self.booked, self._target, self.figures)

    @contextmanager
    def _simulator(self) -> Iterator[Simulator]:
        """Start a simulator that books an order each time it is sent, whatever else its seed makes of the venue."""
        for seed in range(self._seed, self._seed + 1_000):
            with self._simulator_of(seed) as simulator:
                if simulator.about().get("drawn", {}).get("duplicate", "second") == "second":
                    yield simulator
                    return

    @contextmanager
    def _simulator_of(self, seed: int) -> Iterator[Simulator]:
        symbols = f'simulation.symbols=["{self._target.symbol}"]'
        settings = (f"simulation.seed={seed}", 'simulation.balance="10000000"', "simulation.speed=3", symbols)
        options = [word for setting in settings for word in ("--set", setting)]
        command = (*ANYVENUE, "sim", self._venue, "--port", "0", "--accounts", "1", "--json", *options)
        with (self._folder / "simulator.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise SystemExit((self._folder / "simulator.log").read_text())
            told = orjson.loads(line)
            with httpx.Client(base_url=told["control"], trust_env=False, timeout=PATIENCE_S) as control:
                yield Simulator(told, control)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)

    def _configure(self, simulator: Simulator) -> dict[str, str]:
        """Write the configuration of all runs; return the environment that has their keys."""
        target, told = self._target, simulator.told
        account = told["accounts"][0]
        secrets = {"key": account["key"], "secret": account["secret"]}
        named = simulator.about().get("accounts", {}).get(account["name"], {})
        secrets |= {"address": named["address"]} if "address" in named else {}
        config = CONFIG.format(
            symbol=target.symbol,
            adapter=self._venue,
            environment=target.environment,
            more=target.more,
            credentials=", ".join(f'{name} = "env:CRASH_{name.upper()}"' for name in secrets),
            rest_url=told["urls"]["rest"],
            ws_url=told["urls"][target.ws],
            options=target.options,
        )
        (self._folder / "crash.toml").write_text(config)
        keys = {f"CRASH_{name.upper()}": value for name, value in secrets.items()}
        return {**os.environ, **keys, "XDG_STATE_HOME": str(self._folder / "state")}

    def _one(self, environment: dict[str, str], number: int) -> None:
        """Start a run and kill it."""
        chance, counts = self._chance, self.figures.counts
        in_start_up, early_s, late_s = chance.random() < DURING_START_UP, chance.random(), chance.uniform(*TRADING_S)
        before = self._last_record()
        with self._started(environment) as process:
            if in_start_up:
                time.sleep(early_s * START_UP_S)
                counts["during start-up"] += 1
            elif self._trades(process, before, number):
                time.sleep(late_s)
            if process.poll() is not None:
                self._ended_by_itself(number, process.returncode, before)
            process.kill()

    def _last(self, environment: dict[str, str]) -> None:
        """Let a run trade for a while and end in order."""
        before = self._last_record()
        with self._started(environment) as process:
            self._trades(process, before, 0)
            time.sleep(LAST_RUN_S)
            process.send_signal(signal.SIGINT)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._failed(0, "the last run does not end")
                process.kill()
        if process.returncode not in (0, 130):
            self._failed(0, f"the last run ended with {process.returncode}")

    @contextmanager
    def _started(self, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        command = (*ANYVENUE, "run", str(self._folder / "crash.toml"))
        with (self._folder / "run.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            yield process
        finally:
            if process.poll() is None and sys.exc_info()[0] is not None:
                process.kill()
            process.wait(PATIENCE_S)

    def _trades(self, process: subprocess.Popen[bytes], after: int, number: int) -> bool:
        """Wait until a run has written down its first order, or has ended."""
        end = time.monotonic() + PATIENCE_S
        query = (
            "SELECT 1 FROM records WHERE id > ? AND kind = 'intent' AND CAST(data AS TEXT) LIKE '[\"place\"%' LIMIT 1"
        )
        while process.poll() is None:
            if self._asked(query, after):
                return True
            if time.monotonic() > end:
                self._failed(number, f"run {number} has not begun to trade")
                return False
            time.sleep(LOOK_S)
        return False

    def _last_record(self) -> int:
        return int(self._asked("SELECT coalesce(max(id), 0) FROM records") or 0)

    def _asked(self, query: str, *parameters: Any) -> Any:
        if not self.journal.is_file():
            return None
        try:
            with closing(sqlite3.connect(f"{self.journal.as_uri()}?mode=ro", uri=True)) as database:
                row = database.execute(query, parameters).fetchone()
        except sqlite3.OperationalError:  # it is being made
            return None
        return row and row[0]

    def _ended_by_itself(self, number: int, code: int, before: int) -> None:
        """Judge the end of a run that was not killed yet. It may give up its start where the wire keeps it from it."""
        log = (self._folder / "run.log").read_text(errors="replace")
        sent = self._asked("SELECT 1 FROM records WHERE id > ? AND kind = 'intent' LIMIT 1", before)
        if code == 1 and not sent and "no connection to" in log and "Traceback" not in log:
            self.figures.counts["starts given up"] += 1
        else:
            self._failed(number, f"run {number} ended by itself with {code}")

    def _failed(self, number: int, what: str) -> None:
        """Note what a run, 0 for the last, did that it should not have, and keep its log."""
        log = self._folder / f"run {number}.log"
        log.write_bytes((self._folder / "run.log").read_bytes())
        self.figures.wrong.append(f"{what}: {' / '.join(log.read_text(errors='replace').splitlines()[-4:])}")


@define
class Written:
    """What a journal says, read record by record and not as a start does."""

    orders: dict[str, Order] = Factory(dict)
    fills: dict[str, Decimal] = Factory(dict)
    twice: list[str] = Factory(list)

    @classmethod
    def read(cls, path: Path) -> Written:
        """Go through all records."""
        told, names = cls(), dict[str, str]()
        with closing(store.open_to_read(path)) as database:
            table = InstrumentTable()
            store.instruments(database, table)
            codec = Codec(table)
            for record in store.records(database):
                if record.kind in ("intent", "event"):
                    told._take(codec.decode(record.data), names)
        return told

    def _take(self, value: Any, names: dict[str, str]) -> None:
        if isinstance(value, Place):
            name = value.order.client_order_id
            if name in self.orders:
                self.twice.append(name)
            self.orders[name] = value.order
            return
        if isinstance(value, OrderFilled):
            if value.fill.trade_id in self.fills:
                self.twice.append(f"fill {value.fill.trade_id}")
            self.fills[value.fill.trade_id] = value.fill.quantity * value.fill.side.sign
        if isinstance(value, OrderEvent):
            name = value.client_order_id or names.get(value.venue_order_id or "", "")
            if name in self.orders:
                try:
                    order = self.orders[name] = self.orders[name].apply(value)
                except Contradiction:
                    return  # it was refused when it came, too
                if order.venue_order_id is not None:
                    names[order.venue_order_id] = name


def compare(journal: Path, booked: Booked, target: Target, figures: Figures) -> None:
    """Hold what the venue has booked against what the journal says."""
    wrong, counts, written = figures.wrong, figures.counts, Written.read(journal)
    ours = {target.named(name): order for name, order in written.orders.items()}
    venues = list(booked.orders.values())
    counts["intents"], counts["orders"], counts["fills"] = len(ours), len(venues), len(booked.fills)
    counts["amended orders"] = sum(order.price != order.spec.price for order in written.orders.values())
    wrong += [f"{name}: written down twice" for name in written.twice]
    sent = Counter(order["client_id"] for order in venues)
    wrong += [f"{name}: at the venue {count} times" for name, count in sent.items() if count > 1]
    wrong += [f"{name}: at the venue, not in the journal" for name in sent if name not in ours]
    for order in venues:
        if order["state"] in ("open", "partially_filled"):
            wrong.append(f"{order['client_id']}: left open at the venue")
        known = ours.get(order["client_id"])
        if known is not None:
            _compare_order(known, order, target, figures)
    lost = [name for name, order in ours.items() if name not in sent and not order.is_terminal]
    (wrong if target.has_fills else figures.unknown).extend(f"{name}: never came, and has no end" for name in lost)
    counts["intents that never came or were refused"] = sum(name not in sent for name in ours)
    _compare_fills(written, booked, target, figures)
    _compare_positions(journal, booked, target, figures)


def _compare_order(known: Order, order: Mapping[str, Any], target: Target, figures: Figures) -> None:
    name, filled = known.client_order_id, Decimal(order["filled"])
    into = figures.wrong if target.has_fills else figures.unknown
    if not known.is_terminal:
        into.append(f"{name}: {order['state']} at the venue, {known.state.value} in the journal")
    elif known.filled_quantity != filled or known.missing_fills:
        into.append(f"{name}: {filled} filled at the venue, {known.filled_quantity} in the journal")


def _compare_fills(written: Written, booked: Booked, target: Target, figures: Figures) -> None:
    venues = Counter[str]()
    for (trade_id, _), fill in booked.fills.items():
        sign = 1 if fill["side"] == "buy" else -1
        venues[trade_id] += Decimal(fill["quantity"]) * sign  # type: ignore[assignment]
    if not target.has_fills:
        figures.counts["fills in the journal (estimated)"] = len(written.fills)
        return
    for trade_id in venues.keys() | written.fills.keys():
        if venues.get(trade_id) != written.fills.get(trade_id):
            found = f"{venues.get(trade_id)} at the venue, {written.fills.get(trade_id)} in the journal"
            figures.wrong.append(f"fill {trade_id}: {found}")


def _compare_positions(journal: Path, booked: Booked, target: Target, figures: Figures) -> None:
    with closing(store.open_to_read(journal)) as database:
        table = InstrumentTable()
        store.instruments(database, table)
        recovered = recover(database, Codec(table))
    if not recovered.clean:
        into = figures.wrong if target.has_fills else figures.unknown
        into.append("the journal does not say that the last run ended in order, with no order in doubt")
    held = {position.instrument.symbol: position.quantity for position in recovered.positions}
    if held != booked.positions:
        figures.wrong.append(f"positions: {_texts(booked.positions)} at the venue, {_texts(held)} in the journal")


def _texts(positions: Mapping[str, Decimal]) -> dict[str, str]:
    return {symbol: f"{quantity:f}" for symbol, quantity in positions.items()}


def main() -> None:
    """Run it from the command line; exit with 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venue", choices=tuple(TARGETS), default="gateio")
    parser.add_argument("--restarts", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no run is started after that")
    parser.add_argument("--folder", type=Path, help="where the journal and the logs stay; else they are taken away")
    given = parser.parse_args()
    started, told = time.monotonic(), list[str]()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background it would be deaf
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))

    def tell(figures: Figures) -> None:
        for line in figures.wrong[len(told) :]:
            print(f"wrong: {line}")
        told.extend(figures.wrong[len(told) :])
        print(f"{time.monotonic() - started:7.0f} s  {figures}", flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        crash = Crash(given.venue, folder.resolve(), given.seed)
        crash.run(given.restarts, tell, seconds=given.seconds)
    for line in crash.figures.unknown:
        print(f"unknown: {line}")
    tell(crash.figures)
    sys.exit(bool(crash.figures.wrong))


if __name__ == "__main__":
    main()
