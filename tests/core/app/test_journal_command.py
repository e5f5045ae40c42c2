"""`anyvenue journal`: what a journal holds, as a table and as JSON lines; and where a configuration's journal is."""

from decimal import Decimal

import orjson
import pytest
from attrs import evolve
from click.testing import CliRunner

from anyvenue.app.cli import main
from anyvenue.app.config import Overrides
from anyvenue.app.config_errors import ConfigError
from anyvenue.app.config_reader import load
from anyvenue.app.durability import journal_path, opened_journal, opened_log, outliving
from anyvenue.engine.commands import Place
from anyvenue.engine.journal import NoJournal
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.engine.recovered import Recovered
from anyvenue.model.enums import Side
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderCanceled, OrderSent
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.clock import WallClock

START = 1_723_075_200_123_000_000  # 2024-08-08 00:00:00.123 UTC

CONFIG = """\
[connections.main]
adapter = "simulated"

[strategy]
class = "quoter"
connections = ["main"]
parameters = {}

[simulation]
symbols = ["BTC-USDT-PERP"]
duration_s = 5
"""


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "anyvenue"


@pytest.fixture
def journal(tmp_path, instrument):
    """A journal of two sessions: an order that was sent and canceled, and a halt."""
    path = tmp_path / "journal.db"
    first = SqliteJournal(path, session="one", now_ns=START)
    spec = OrderSpec(
        client_order_id="av-1",
        instrument=instrument,
        side=Side.BUY,
        quantity=Decimal("0.010"),
        price=Decimal("50000.0"),
    )
    first.intent(Place(Order(spec=spec).apply(OrderSent())), START)
    first.event(OrderCanceled(client_order_id="av-1", text="gone"), START + 1_000_000, "main")
    first.close(START + 2_000_000, clean=True)
    second = SqliteJournal(path, session="two", now_ns=START + 3_000_000)
    second.decision("halt", "the daily loss is reached", START + 4_000_000)
    second.close(START + 5_000_000, clean=False)
    return path


def told(*arguments, code=0):
    found = CliRunner().invoke(main, ["journal", *map(str, arguments)])
    assert found.exit_code == code, found.output
    return found.output.splitlines()


def test_it_is_shown_as_a_table(journal):
    path, head, *rows = told("show", journal)
    assert path == str(journal)
    assert head.split() == ["time", "session", "kind", "connection", "record"]
    assert [row.split()[:4] for row in rows] == [
        ["2024-08-08", "00:00:00.123", "one", "intent"],
        ["2024-08-08", "00:00:00.124", "one", "event"],
        ["2024-08-08", "00:00:00.125", "one", "end"],
        ["2024-08-08", "00:00:00.126", "two", "state"],
        ["2024-08-08", "00:00:00.127", "two", "decision"],
        ["2024-08-08", "00:00:00.128", "two", "end"],
    ]
    assert "place client_order_id=av-1 instrument=main:BTC-USDT-PERP side=buy quantity=0.010 price=50000.0" in rows[0]
    assert rows[1].endswith("order_canceled client_order_id=av-1 text=gone")
    assert rows[4].endswith("what=halt text=the daily loss is reached")
    assert rows[5].endswith("clean=false")


def test_as_json_it_is_one_object_a_line(journal):
    records = [orjson.loads(line) for line in told("show", journal, "--json")]
    assert [record["id"] for record in records] == [1, 2, 3, 4, 5, 6]
    assert records[1] == {
        "id": 2,
        "ts": START + 1_000_000,
        "session": "one",
        "kind": "event",
        "connection": "main",
        "data": ["order_canceled", {"client_order_id": "av-1", "text": "gone"}],
    }


@pytest.mark.parametrize("session", ["two", "last"])
def test_one_session_alone_can_be_asked_for(journal, session):
    records = [orjson.loads(line) for line in told("show", journal, "--json", "--session", session)]
    assert [record["kind"] for record in records] == ["state", "decision", "end"]


def test_an_unknown_session_is_told_with_those_there_are(journal):
    assert told("show", journal, "--session", "three", code=2)[-1].endswith(
        "--session: found 'three'; sessions are one, two"
    )


def test_an_export_holds_the_instruments_too(journal, tmp_path):
    assert told("export", journal, tmp_path / "out.jsonl") == [f"6 records: {tmp_path / 'out.jsonl'}"]
    first, *rest = map(orjson.loads, (tmp_path / "out.jsonl").read_bytes().splitlines())
    assert (first["kind"], first["ref"]) == ("instrument", "main:BTC-USDT-PERP")
    assert first["data"]["price_rule"] == {"size": "0.10"}
    assert len(rest) == 6


def test_it_can_be_looked_at_while_it_is_written(tmp_path):
    path = tmp_path / "journal.db"
    writing = SqliteJournal(path, session="one", now_ns=START)
    writing.decision("halt", "x", START)
    assert len(told("show", path, "--json")) == 1
    writing.close(START, clean=True)


def test_what_a_killed_run_left_in_the_tail_is_shown_too(tmp_path, instrument):
    path = tmp_path / "journal.db"
    writing = SqliteJournal(path, session="one", now_ns=START, clock=DrivenClock(START))
    spec = OrderSpec(
        client_order_id="av-1",
        instrument=instrument,
        side=Side.BUY,
        quantity=Decimal("0.010"),
        price=Decimal("50000.0"),
    )
    writing.decision("start", "x", START)
    writing.intent(Place(Order(spec=spec).apply(OrderSent())), START)
    shown = [orjson.loads(line)["kind"] for line in told("show", path, "--json")]
    assert shown == ["decision", "intent"]
    writing.close(START, clean=True)


@pytest.mark.parametrize(
    ("content", "text"), [(b"no database" * 100, "cannot be read"), (None, "there is no such file")]
)
def test_what_is_no_journal_is_told(tmp_path, content, text):
    path = tmp_path / "odd.db"
    if content is not None:
        path.write_bytes(content)
    found = CliRunner().invoke(main, ["journal", "show", str(path)])
    assert found.exit_code in (1, 2)
    assert text in found.output


def test_the_journal_of_a_configuration_is_found_by_it(tmp_path, state):
    config = tmp_path / "config.toml"
    config.write_text(CONFIG + "[journal]\nenabled = true\n")
    assert CliRunner().invoke(main, ["run", str(config), "-q", "--json"]).exit_code == 0
    assert [file.name for file in (state / "journal").glob("*.db")] == ["simulated-simulator-main.db"]
    kinds = [orjson.loads(line)["kind"] for line in told("show", config, "--json")]
    assert kinds.count("intent") > 1
    assert kinds[-1] == "end"


def test_a_path_of_its_own_starts_at_the_configurations_folder(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(CONFIG + '[journal]\nenabled = true\npath = "here/run.db"\ndurability = "power"\n')
    assert CliRunner().invoke(main, ["run", str(config), "-q", "--json"]).exit_code == 0
    assert (tmp_path / "here" / "run.db").is_file()
    assert told("show", config, "--json", "--session", "last")


def test_without_being_asked_a_simulated_run_keeps_none(tmp_path, state):
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    assert CliRunner().invoke(main, ["run", str(config), "-q", "--json"]).exit_code == 0
    assert not (state / "journal").exists()
    assert not (state / "sessions").exists()


def test_an_account_in_use_is_a_refusal_that_names_the_process(tmp_path, state):
    config = tmp_path / "config.toml"
    config.write_text(CONFIG + "[journal]\nenabled = true\n")
    holder = SqliteJournal(
        tmp_path / "other.db",
        session="one",
        now_ns=START,
        accounts=["simulated-simulator-main"],
        lock_folder=state / "locks",
    )
    found = CliRunner().invoke(main, ["run", str(config), "-q", "--json"])
    holder.close(START, clean=True)
    assert found.exit_code == 3
    assert "the account simulated-simulator-main is in use by another process (pid " in found.output


REAL = """\
[connections.main]
adapter = "alpha"
environment = "testnet"

[connections.hedge]
adapter = "simulated"

[strategy]
class = "echo"
parameters = { quantity = "1" }
"""


def configured(tmp_path, plugins, text=REAL, **how):
    return load(text, "file.toml", tmp_path, Overrides(**how), plugins)


def test_with_a_real_account_there_is_a_journal_and_a_log_without_being_asked(tmp_path, plugins, state):
    configuration = configured(tmp_path, plugins)
    assert journal_path(configuration) == state / "journal" / "alpha-testnet-main+simulated-simulator-hedge.db"
    journal = opened_journal(configuration, DrivenClock(START), "s1")
    log = opened_log(configuration, "s1")
    assert isinstance(journal, SqliteJournal)
    assert log is not None
    assert log.path == state / "sessions" / "s1"
    assert sorted(file.name for file in (state / "locks").iterdir()) == [
        "alpha-testnet-main.lock",
        "simulated-simulator-hedge.lock",
    ]
    log.close()
    journal.close(START, clean=True)


def test_it_can_be_done_without(tmp_path, plugins, state):
    configuration = configured(tmp_path, plugins, REAL + "[journal]\nenabled = false\n[log]\nsession = false\n")
    assert isinstance(opened_journal(configuration, DrivenClock(START), "s1"), NoJournal)
    assert opened_log(configuration, "s1") is None
    assert not state.exists()


@pytest.mark.parametrize(("driven", "writer"), [(True, "DirectWriter"), (False, "GroupWriter")])
def test_only_on_the_walls_clock_is_the_power_waited_for(tmp_path, plugins, driven, writer):
    configuration = configured(tmp_path, plugins, REAL + '[journal]\ndurability = "power"\n')
    journal = opened_journal(configuration, DrivenClock(START) if driven else WallClock(), "s1")
    assert type(journal._writer).__name__ == writer
    journal.close(START, clean=True)


def test_of_accounts_that_are_simulated_nothing_is_taken_up(tmp_path, plugins, instrument):
    hedge = evolve(instrument, connection="hedge")
    specs = [
        OrderSpec(client_order_id=name, instrument=of, side=Side.BUY, quantity=Decimal("0.010"), price=Decimal(50000))
        for name, of in (("av-1", instrument), ("av-2", hedge))
    ]
    recovered = Recovered(
        orders=tuple(Order(spec=spec) for spec in specs),
        positions=(Position(instrument=instrument), Position(instrument=hedge)),
        trade_ids=frozenset({("main:BTC-USDT-PERP", "1"), ("hedge:BTC-USDT-PERP", "2")}),
        values={"halt": 1},
    )
    found = outliving(recovered, configured(tmp_path, plugins))
    assert [order.client_order_id for order in found.orders] == ["av-1"]
    assert [position.instrument.connection for position in found.positions] == ["main"]
    assert found.trade_ids == {("main:BTC-USDT-PERP", "1")}
    assert found.values == {"halt": 1}
    alone = configured(tmp_path, plugins, venues=["alpha"], environments=["testnet"])
    assert outliving(recovered, alone) == recovered


@pytest.mark.parametrize(("path", "text"), [("taken/journal.db", "cannot be opened"), (".", "cannot be ")])
def test_a_journal_that_cannot_be_opened_is_a_mistake_of_the_configuration(tmp_path, plugins, path, text):
    (tmp_path / "taken").write_text("a file where the folder should be")
    configuration = configured(tmp_path, plugins, REAL + f'[journal]\npath = "{path}"\n')
    with pytest.raises(ConfigError, match=rf"file\.toml: journal: .*{text}") as caught:
        opened_journal(configuration, DrivenClock(START), "s1")
    assert not caught.value.is_refusal
