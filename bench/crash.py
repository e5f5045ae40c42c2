"""Kill -9 at random instants: `anyvenue run` against a venue's simulator, each a process of its own, over and over.

The quoter trades as hard as it can over a wire that loses requests and replies, and is killed at seeded random
instants, some of them during start-up. All runs of a piece share one journal. After a last run that ends in order, what
the simulator booked is held against what the journal says: nothing sent twice, nothing at the venue that the journal
does not know, nothing forgotten, nothing left open, the same fills, the same position. Where a venue gives no means to
find something out, the journal must say so, and a next run must reserve the risk of it.
"""

from __future__ import annotations

import argparse
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import httpx
import orjson
from attrs import Factory, define, frozen

from anyvenue.engine import journal_store as store
from anyvenue.engine.codec import Codec, InstrumentTable
from anyvenue.engine.commands import Place
from anyvenue.engine.journal_recovery import recover
from anyvenue.model.errors import Contradiction
from anyvenue.model.order import Order
from anyvenue.model.order_events import AmendSent, OrderEvent, OrderFilled
from anyvenue_gaiaex.rest import client_id as gaiaex_id
from anyvenue_gateio.order_text import to_text as gateio_id
from anyvenue_hyperliquid.rest import cloid_of
from anyvenue_hyperliquid.simulator.shapes import trade_id as hyperliquid_trade

ANYVENUE: Final = (sys.executable, "-c", "from anyvenue.app.cli import main; main(prog_name='anyvenue')")
NURSERY: Final = (sys.executable, str(Path(__file__).with_name("nursery.py")))
LOOK_S: Final = 0.02
PATIENCE_S: Final = 100.0
"""A run that has not begun to trade by then, or does not end when it is told to, has failed."""
REPORT_S: Final = 10.0
LAST_RUN_S: Final = 8.0
"""So long the last run trades: what is left to find out is found out meanwhile."""
TRADING_S: Final = (0.05, 1.5)
"""The other kills fall between so long after the first order was sent."""
START_UP_S: Final = 0.8
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
        reads: method and path of the requests that only read.
        has_fills: whether the venue tells its fills, and orders can be looked up.
        named: what the venue has in place of a client id of ours.
        trade_id: what the venue calls a trade, of the symbol and the exchange's own name for it.
        trade_of: what the venue calls the trade of a fill, of the fill's id.
        amends_anew: whether an amended order is another one at the venue, of the same client id.
        settles_s: so much longer the last run trades, where what is in doubt needs that long.
        rests_s: so long no run is started after a kill, where the venue's limits do not let one start after the other.
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
    reads: tuple[str, str] = ("GET", "*")
    trade_id: Callable[[str, str], str] = lambda symbol, trade_id: trade_id
    trade_of: Callable[[str], str] = str
    amends_anew: bool = False
    settles_s: float = 0.0
    rests_s: float = 0.0


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
        options="time_in_force = true\nwrites_per_s = 8\nin_doubt_s = 2.0\n",  # nothing is on its way for longer here
        ws="ws",
        orders="*/order*",
        news=("positions",),
        has_fills=False,
        named=gaiaex_id,
    ),
    "hyperliquid": Target(
        symbol="BTC-USDC-PERP",
        environment="testnet",
        more="",
        options="",
        ws="ws",
        orders="*/exchange",
        news=("orderUpdates", "userFills", "clearinghouseState"),
        has_fills=True,
        named=cloid_of,
        reads=("POST", "*/info"),
        trade_id=lambda symbol, trade_id: str(hyperliquid_trade(symbol.partition("-")[0], trade_id)),
        trade_of=lambda trade_id: trade_id.partition("-")[0],
        amends_anew=True,
        settles_s=20.0,  # a create may arrive for 15 s
        rests_s=12.0,  # a start weighs some 250 of 1,200 a minute
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
    reads = {"on": "http", "method": target.reads[0], "path": target.reads[1]}
    return [
        *({"on": "http", "method": method, "path": target.orders, **rule} for method in _WRITING for rule in writes),
        {**reads, "status": 502, "probability": 0.01},
        {**reads, "lose_reply": True, "probability": 0.003},
        *({"on": "ws_out", "match": match, "drop": True, "probability": 0.02} for match in target.news),
        *({"on": "ws_out", "match": match, "duplicate": True, "probability": 0.02} for match in target.news),
        {"on": "ws_out", "disconnect": True, "probability": 0.0005},
    ]


_WRITING: Final = ("POST", "PUT", "DELETE")


class Fault(Enum):
    """What should not be."""

    TWICE = "sent or booked twice"
    FORGOTTEN = "forgotten"
    PHANTOM = "phantom"
    FILLS = "fills differing"
    POSITIONS = "positions differing"
    RUN = "runs that failed"


@define
class Figures:
    """What was seen. `wrong` says what should not be.

    `unknown` says of which orders the journal knows that they are in doubt still, and `estimated` of which it says
    something else than the venue has booked, where the venue gives no means to find it out. `starts_s` is how long runs
    took to their first order.
    """

    counts: Counter[str] = Factory(Counter)
    faults: Counter[Fault] = Factory(Counter)
    wrong: list[str] = Factory(list)
    unknown: list[str] = Factory(list)
    estimated: list[str] = Factory(list)
    starts_s: list[float] = Factory(list)

    def blame(self, fault: Fault, text: str) -> None:
        """Note something that should not be."""
        self.faults[fault] += 1
        self.wrong.append(text)

    def add(self, other: Figures) -> None:
        """Add those of another piece."""
        self.counts += other.counts
        self.faults += other.faults
        self.wrong += other.wrong
        self.unknown += other.unknown
        self.estimated += other.estimated
        self.starts_s += other.starts_s

    def __str__(self) -> str:
        counted = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        wrong = ", ".join(f"{self.faults[fault]} {fault.value}" for fault in Fault)
        told = f"{counted}; {wrong}; {len(self.unknown)} unknown, {len(self.estimated)} estimated otherwise"
        starts_s = sorted(self.starts_s) or [0.0]
        middle, late = starts_s[len(starts_s) // 2], starts_s[len(starts_s) * 9 // 10]
        return f"{told}; an order after {middle:.1f} s, in a tenth of the runs after {late:.1f} s or more"


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
            with Nursery.opened(environment) as nursery:
                for number in range(1, restarts + 1):
                    self._one(nursery, number)
                    counts["kills"] += 1
                    time.sleep(self._target.rests_s)
                    simulator.collect(self.booked)
                    counts["orders"], counts["fills"] = len(self.booked.orders), len(self.booked.fills)
                    if len(self.figures.wrong) >= enough or time.monotonic() >= end:
                        break
                    if time.monotonic() - began > REPORT_S:
                        began = time.monotonic()
                        report(self.figures)
                counts["faults"] = sum(simulator.set_faults([]))
                self._last(nursery)
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
        secrets = account["credentials"]
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

    def _one(self, nursery: Nursery, number: int) -> None:
        """Start a run and kill it."""
        chance, counts = self._chance, self.figures.counts
        in_start_up, early_s, late_s = chance.random() < DURING_START_UP, chance.random(), chance.uniform(*TRADING_S)
        before = self._last_record()
        with self._started(nursery) as process:
            if in_start_up:
                time.sleep(early_s * START_UP_S)
                counts["during start-up"] += 1
            elif self._trades(process, number):
                time.sleep(late_s)
            code = process.ended(0)
            if code is not None:
                self._ended_by_itself(number, code, before)

    def _last(self, nursery: Nursery) -> None:
        """Let a run trade for a while and end in order."""
        with self._started(nursery) as process:
            self._trades(process, 0)
            time.sleep(LAST_RUN_S + self._target.settles_s)
            process.signal(signal.SIGINT)
            code = process.ended(PATIENCE_S)
            if code is None:
                self._failed(0, "the last run does not end")
            elif code not in (0, 130):
                self._failed(0, f"the last run ended with {code}")

    @contextmanager
    def _started(self, nursery: Nursery) -> Iterator[Process]:
        """Start a run; kill it at the end."""
        (self._folder / "run.log").write_bytes(b"")
        process = nursery.start(("run", str(self._folder / "crash.toml")), self._folder / "run.log")
        try:
            yield process
        finally:
            process.signal(signal.SIGKILL)
            process.ended(PATIENCE_S)

    def _trades(self, process: Process, number: int) -> bool:
        """Wait until a run has sent its first order, by its log, or has ended."""
        began = time.monotonic()
        with (self._folder / "run.log").open("rb") as log:
            while process.ended(LOOK_S) is None:
                took_s = time.monotonic() - began
                if any(b" order sent " in line for line in log):
                    self.figures.starts_s.append(took_s)
                    return True
                if took_s > PATIENCE_S:
                    self._failed(number, f"run {number} has not begun to trade")
                    return False
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
        self.figures.blame(Fault.RUN, f"{what}: {' / '.join(log.read_text(errors='replace').splitlines()[-4:])}")


class Process:
    """A process that a nursery has made."""

    def __init__(self, number: int, answers: int) -> None:
        self._number = number
        self._answers = answers
        self._code: int | None = None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.ended(0) is None:
            os.kill(self._number, number)  # until its end is told it is not reaped, so the number is its own

    def ended(self, patience_s: float) -> int | None:
        """Return how it has ended, after so long at most; None where it has not."""
        if self._code is None and select.select([self._answers], [], [], patience_s)[0]:
            self._code = int(_line(self._answers))
        return self._code


class Nursery:
    """Makes processes that have their imports done."""

    def __init__(self, told: IO[bytes], answers: int) -> None:
        self._told = told
        self._answers = answers

    @classmethod
    @contextmanager
    def opened(cls, environment: Mapping[str, str]) -> Iterator[Nursery]:
        """Have one whose processes have this environment."""
        reading, writing = os.pipe()
        with subprocess.Popen(NURSERY, stdin=subprocess.PIPE, stdout=writing, env=environment) as process:
            os.close(writing)
            try:
                assert process.stdin is not None
                _line(reading)
                yield cls(process.stdin, reading)
            finally:
                process.terminate()
                os.close(reading)

    def start(self, arguments: Sequence[str], log: Path) -> Process:
        """Start a command of anyvenue."""
        self._told.write(orjson.dumps({"arguments": arguments, "log": str(log)}) + b"\n")
        self._told.flush()
        return Process(int(_line(self._answers)), self._answers)


def _line(answers: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        if not (part := os.read(answers, 1)):
            raise SystemExit("the nursery has ended")
        line += part
    return line


@define
class Written:
    """What a journal says, read record by record and not as a start does."""

    orders: dict[str, Order] = Factory(dict)
    fills: dict[str, Decimal] = Factory(dict)
    amends: Counter[str] = Factory(Counter)
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
        if isinstance(value, AmendSent):
            self.amends[value.client_order_id or ""] += 1
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
    counts, blame, written = figures.counts, figures.blame, Written.read(journal)
    ours = {target.named(name): order for name, order in written.orders.items()}
    venues = list(booked.orders.values())
    sent: dict[str, list[dict[str, Any]]] = {}
    for order in venues:
        sent.setdefault(order["client_id"], []).append(order)
    counts["intents"], counts["orders"], counts["fills"] = len(ours), len(venues), len(booked.fills)
    counts["amended orders"] = sum(order.price != order.spec.price for order in written.orders.values())
    for name in written.twice:
        blame(Fault.TWICE, f"{name}: written down twice")
    for name, same in sent.items():
        known = ours.get(name)
        amended = written.amends[known.client_order_id] if target.amends_anew and known is not None else 0
        if len(same) > 1 + amended:
            blame(Fault.TWICE, f"{name}: at the venue {len(same)} times")
        if any(order["state"] in ("open", "partially_filled") for order in same):
            blame(Fault.FORGOTTEN, f"{name}: left open at the venue")
        if known is None:
            blame(Fault.PHANTOM, f"{name}: at the venue, not in the journal")
        else:
            _compare_order(known, same, target, figures)
    for known in (order for name, order in ours.items() if name not in sent):
        if not known.is_terminal:
            _doubtful(f"{known.client_order_id}: never came, and has no end", target, figures)
        if known.filled_quantity:
            _misbooked(
                f"{known.client_order_id}: never came, {known.filled_quantity} filled in the journal", target, figures
            )
    counts["intents that never came or were refused"] = sum(name not in sent for name in ours)
    _compare_fills(written, booked, target, figures)
    _compare_end(journal, written, booked, target, figures)


def _doubtful(text: str, target: Target, figures: Figures) -> None:
    """Note what is in doubt to the end."""
    if target.has_fills:
        figures.blame(Fault.FORGOTTEN, text)
    else:
        figures.unknown.append(text)


def _misbooked(text: str, target: Target, figures: Figures) -> None:
    """Note an order of which more or less is booked than has traded: where there are no fills, they are shared out."""
    if target.has_fills:
        figures.blame(Fault.FILLS, text)
    else:
        figures.estimated.append(text)


def _compare_order(known: Order, same: Sequence[Mapping[str, Any]], target: Target, figures: Figures) -> None:
    name, filled = known.client_order_id, sum((Decimal(order["filled"]) for order in same), Decimal(0))
    if not known.is_terminal:
        _doubtful(f"{name}: {same[-1]['state']} at the venue, {known.state.value} in the journal", target, figures)
    elif known.filled_quantity != filled or known.missing_fills:
        _misbooked(f"{name}: {filled} filled at the venue, {known.filled_quantity} in the journal", target, figures)


def _compare_fills(written: Written, booked: Booked, target: Target, figures: Figures) -> None:
    venues = Counter[str]()
    for (trade_id, _), fill in booked.fills.items():
        sign = 1 if fill["side"] == "buy" else -1
        venues[target.trade_id(fill["symbol"], trade_id)] += Decimal(fill["quantity"]) * sign  # type: ignore[assignment]
    if not target.has_fills:
        figures.counts["fills in the journal (estimated)"] = len(written.fills)
        return
    ours = Counter[str]()
    for trade_id, quantity in written.fills.items():
        ours[target.trade_of(trade_id)] += quantity  # type: ignore[assignment]
    for trade_id in venues.keys() | ours.keys():
        if venues.get(trade_id) != ours.get(trade_id):
            found = f"{venues.get(trade_id)} at the venue, {ours.get(trade_id)} in the journal"
            figures.blame(Fault.FILLS, f"fill {trade_id}: {found}")


def _compare_end(journal: Path, written: Written, booked: Booked, target: Target, figures: Figures) -> None:
    """Compare what a next run would begin with: what is held, and whose risk is reserved."""
    with closing(store.open_to_read(journal)) as database:
        table = InstrumentTable()
        store.instruments(database, table)
        recovered = recover(database, Codec(table))
    if not recovered.clean:
        text = "the journal does not say that the last run ended in order, with no order in doubt"
        _doubtful(text, target, figures)
    reserved = {order.client_order_id for order in recovered.orders if not order.is_terminal}
    for name, order in written.orders.items():
        if not order.is_terminal and name not in reserved:
            figures.blame(Fault.FORGOTTEN, f"{name}: has no end, and a next run would not know of it")
    held = {position.instrument.symbol: position.quantity for position in recovered.positions}
    if held != booked.positions:
        text = f"positions: {_texts(booked.positions)} at the venue, {_texts(held)} in the journal"
        figures.blame(Fault.POSITIONS, text)


def _texts(positions: Mapping[str, Decimal]) -> dict[str, str]:
    return {symbol: f"{quantity:f}" for symbol, quantity in positions.items()}


def main() -> None:
    """Run it from the command line; exit with 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venue", choices=tuple(TARGETS), default="gateio")
    parser.add_argument("--restarts", type=int, default=1_000, help="in each piece")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pieces", type=int, default=1, help="each with the next seed, a market and a journal anew")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no run of a piece is started after that")
    parser.add_argument("--folder", type=Path, help="where the journals and the logs stay; else they are taken away")
    given = parser.parse_args()
    started, whole = time.monotonic(), Figures()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background it would be deaf
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))

    def tell(what: str, figures: Figures) -> None:
        print(f"{time.monotonic() - started:7.0f} s  {what}: {figures}", flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(given.seed, given.seed + given.pieces):
            folder = (given.folder or Path(temporary)) / f"{given.venue} {seed}"
            folder.mkdir(parents=True, exist_ok=True)
            crash = Crash(given.venue, folder.resolve(), seed)
            if crash.journal.exists():
                parser.error(f"{folder} has a journal already: choose another folder")
            crash.run(given.restarts, partial(tell, f"seed {seed}, so far"), seconds=given.seconds)
            figures = crash.figures
            for name in ("wrong", "unknown", "estimated"):
                for line in getattr(figures, name):
                    print(f"{name}: {line}")
            tell(f"seed {seed}", figures)
            whole.add(figures)
    tell("all", whole)
    sys.exit(bool(whole.wrong))


if __name__ == "__main__":
    main()
