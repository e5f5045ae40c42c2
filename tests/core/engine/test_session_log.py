"""The session log: what it writes, how much it keeps, and that a run never depends on it."""

import gzip
import logging
import threading
import zlib
from decimal import Decimal
from enum import Enum
from pathlib import Path

import orjson
import pytest
from attrs import frozen
from listed import linear

from anyvenue.engine.commands import Cancel, Place
from anyvenue.engine.inputs import Begin, TimerFired
from anyvenue.engine.replay_reader import segments, session_lines
from anyvenue.engine.risk import InstrumentLimits, RiskLimits
from anyvenue.engine.session_log import FLUSH_NS, SessionLog, Setup, setting
from anyvenue.model.enums import Side
from anyvenue.model.market import BookDelta
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderSent
from anyvenue.model.order_spec import OrderSpec
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.secrets import Secret, SecretReference

START = 1_700_000_000_000_000_000
BTC = linear(venue="fake", connection="main")
SPEC = OrderSpec(client_order_id="av-1", instrument=BTC, side=Side.BUY, quantity=Decimal("0.010"), price=Decimal(100))
ORDER = Order(spec=SPEC).apply(OrderSent())


@pytest.fixture
def opened(tmp_path):
    logs = []

    def open_log(session="s1", **how):
        logs.append(SessionLog(tmp_path, session, **how))
        return logs[-1]

    yield open_log
    for log in logs:
        log.close()


def told(tmp_path, session="s1"):
    return list(session_lines(segments(tmp_path / session)))


def test_inputs_and_commands_stand_in_their_order(opened, tmp_path):
    log = opened(about={"seed": 7})
    log.engine(Setup(strategy="m:C", session="s1", ts=START, connections=("main",), on_failure="keep"))
    log.input(Begin(), "", START, nested=False)
    log.command(Place(ORDER))
    log.input(TimerFired("x"), "", START + 1, nested=True)
    log.close()
    lines = told(tmp_path)
    assert [line[0] for line in lines] == ["engine", "in", "instrument", "out", "in", "end"]
    assert lines[0][1]["strategy"] == "m:C"
    assert lines[0][1]["about"] == {"seed": 7}
    assert lines[1] == ["in", START, "", False, ["begin", {}]]
    assert lines[2][1] == "main:BTC-USDT-PERP"
    assert lines[3][1][0] == "place"
    assert lines[4] == ["in", START + 1, "", True, ["timer_fired", {"name": "x"}]]


def test_a_connection_is_told_with_its_rules_and_grades(opened, tmp_path):
    from anyvenue.model.depth_sync import Continuity, SequenceRule

    log = opened()
    log.connection(
        "main",
        [BTC],
        Capabilities.of(native=(Feature.BOOK,)),
        lambda _: SequenceRule(continuity=Continuity.CONTIGUOUS),
        frozenset({3_600, 60}),
    )
    log.close()
    connection = told(tmp_path)[1]
    assert connection[:3] == ["connection", "main", ["main:BTC-USDT-PERP"]]
    assert connection[3] == {"book": ["native", ""]}
    assert connection[4] == [[["sequence_rule", {"continuity": "contiguous"}], ["main:BTC-USDT-PERP"]]]
    assert connection[5] == [60, 3_600]


def test_what_was_flushed_can_be_read_while_the_log_goes_on(opened, tmp_path):
    log = opened()
    log.input(TimerFired("a"), "", START, nested=False)  # the first is flushed, and then one a second
    log.input(TimerFired("b"), "", START + FLUSH_NS - 1, nested=False)
    log.input(TimerFired("c"), "", START + FLUSH_NS, nested=False)
    log.input(TimerFired("d"), "", START + FLUSH_NS + 1, nested=False)
    log._batches.join()
    assert [line[4][1]["name"] for line in told(tmp_path)] == ["a", "b", "c"]


def test_files_are_bounded_in_size_and_number(opened, tmp_path):
    log = opened(files=3, file_bytes=2000)
    for number in range(4000):
        digits = zlib.crc32(b"%d" % number)  # what compresses badly
        event = BookDelta(instrument=BTC, bids=[[f"{digits}", "1"]], asks=[], ts_recv=START + number)
        log.input(event, "main", START + number * FLUSH_NS // 20, nested=False)
    log.close()
    files = sorted(tmp_path.glob("*.gz"))
    assert len(files) == 3
    assert all(file.stat().st_size < 4000 for file in files)
    # Each file can be read by itself, with any tool.
    for file in files:
        first, *rest = gzip.decompress(file.read_bytes()).splitlines()
        head = orjson.loads(first)
        assert head[0] == "segment"
        assert "main:BTC-USDT-PERP" in head[4]
        assert rest


def test_the_oldest_files_of_other_sessions_go_first(opened, tmp_path):
    for session in ("s1", "s2", "s3"):
        log = opened(session, files=2)
        log.input(TimerFired(session), "", START, nested=False)
        log.close()
    assert [file.name for file in sorted(tmp_path.glob("*.gz"))] == ["s2-00001.jsonl.gz", "s3-00001.jsonl.gz"]


def test_a_log_that_cannot_be_written_is_given_up_and_the_run_goes_on(tmp_path, caplog):
    (tmp_path / "taken").write_text("a file where the folder should be")
    with caplog.at_level(logging.ERROR):
        log = SessionLog(tmp_path / "taken", "s1")
        for number in range(5000):
            log.input(TimerFired("x"), "", START + number * FLUSH_NS, nested=False)
            log.command(Cancel(ORDER))
        log.close()
    assert [record.message.split(",")[0] for record in caplog.records] == ["the session log ends here"]


def test_a_drive_that_does_not_keep_up_holds_nobody_up_for_long(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("anyvenue.engine.session_log.PATIENCE_S", 0.01)
    log = SessionLog(tmp_path, "s1")
    free = threading.Event()
    monkeypatch.setattr(log._files, "write", lambda data: free.wait())
    with caplog.at_level(logging.ERROR):
        for number in range(500):
            log.input(TimerFired("x"), "", START + number * FLUSH_NS, nested=False)
    assert [record.message for record in caplog.records] == [
        "the session log ends here, it cannot be written: the drive is too slow"
    ]
    free.set()
    log.close()


def test_the_files_are_the_owners_alone(opened, tmp_path):
    log = opened()
    log.input(Begin(), "", START, nested=False)
    log.close()
    (file,) = tmp_path.glob("*.gz")
    assert file.stat().st_mode & 0o077 == 0


class Colour(Enum):
    RED = "red"


@frozen
class Parameters:
    quantity: Decimal
    colour: Colour
    path: Path
    levels: tuple[Decimal, ...]
    words: frozenset[str]
    ratio: float
    key: Secret
    reference: SecretReference


def test_parameters_are_kept_but_for_secrets():
    kept = setting(
        Parameters(
            quantity=Decimal("0.010"),
            colour=Colour.RED,
            path=Path("a/b"),
            levels=(Decimal(1), Decimal("2.50")),
            words=frozenset({"x"}),
            ratio=0.1,
            key=Secret("canary-canary-canary"),
            reference=SecretReference("env", "NAME"),
        )
    )
    assert orjson.loads(orjson.dumps(kept)) == {
        "quantity": "0.010",
        "colour": "red",
        "path": "a/b",
        "levels": ["1", "2.50"],
        "words": ["x"],
        "ratio": 0.1,
        "key": None,
        "reference": "env:NAME",
    }


def test_limits_are_kept_as_a_configuration_would_say_them():
    limits = RiskLimits(max_position=Decimal("0.5"), instruments={"X": InstrumentLimits(price_band=Decimal("0.01"))})
    kept = orjson.loads(orjson.dumps(setting(limits)))
    assert kept["max_position"] == "0.5"
    assert kept["instruments"]["X"]["price_band"] == "0.01"
