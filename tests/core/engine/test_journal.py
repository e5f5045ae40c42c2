"""The journal: what was written down is there again, whatever became of the process, the drive or the program."""

import asyncio
import errno
import logging
import os
import shutil
import sqlite3
import threading
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from zlib import crc32

import orjson
import pytest
from listed import linear

from anyvenue.engine import journal_sqlite, journal_store, journal_writer
from anyvenue.engine.commands import Amend, Cancel, Place, Protect, SetLeverage, Subscribe
from anyvenue.engine.journal import AccountLocked, JournalFailed, JournalUnreadable, only_reduces
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.model.enums import Fate, Liquidity, MarginMode, OrderState, OrderType, PositionSide, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.fill import Fill
from anyvenue.model.market import FundingPayment
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    AmendSent,
    CancelSent,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReported,
    OrderSent,
)
from anyvenue.model.order_spec import OrderSpec, Protection
from anyvenue.model.position import Position
from anyvenue.model.pricing import Tick
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.events import Channel, Subscription

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
START = 1_700_000_000 * SECOND


def make_instrument(**changes):
    return linear(**{"venue": "fake", "connection": "main"} | changes)


BTC = make_instrument()


def sent(name, *, instrument=BTC, side=Side.BUY, quantity="0.010", price="100.0", **how):
    spec = OrderSpec(
        client_order_id=name,
        instrument=instrument,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price) if price else None,
        ts_created=START,
        **how,
    )
    return Order(spec=spec).apply(OrderSent(ts_recv=START))


def filled(name, quantity, *, price="100.0", trade_id="t1", side=Side.BUY, fee="0.001", **event):
    fill = Fill(
        instrument=BTC,
        trade_id=trade_id,
        client_order_id=name,
        venue_order_id=None,
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        fee=Decimal(fee),
        liquidity=Liquidity.MAKER,
        ts_recv=START + 3,
    )
    return OrderFilled(client_order_id=name, fill=fill, ts_recv=START + 3, **event)


@pytest.fixture
def opened(tmp_path):
    """Opens the journal of this test, as often as it is asked to; closes what is open in the end."""
    journals = []

    def open_journal(session="one", *, now_ns=START, name="journal.db", **how):
        journals.append(SqliteJournal(tmp_path / name, session=session, now_ns=now_ns, **how))
        return journals[-1]

    yield open_journal
    for journal in journals:
        journal.close(START, clean=False)


def again(journal, opened, session="two", **how):
    """Close, not having come to a good end, and open anew."""
    journal.close(START + SECOND, clean=False)
    return opened(session, now_ns=START + 2 * SECOND, **how)


class TestRecovery:
    def test_a_new_journal_holds_nothing(self, opened):
        found = opened().recovered
        assert (found.orders, found.positions, found.trade_ids, found.values) == ((), (), frozenset(), {})
        assert found.clean
        assert found.sessions == ()

    def test_an_intent_of_which_nothing_was_heard_may_have_left(self, opened):
        journal = opened()
        assert journal.intent(Place(sent("av-1")), START) == 0
        (order,) = again(journal, opened).recovered.orders
        assert (order.state, order.create) == (OrderState.SENT, Fate.UNKNOWN)
        assert order.spec == sent("av-1").spec
        assert order.text == "the process ended before the answer came"

    def test_an_order_is_what_its_events_make_it(self, opened):
        journal, order = opened(), sent("av-1")
        amend = AmendSent(client_order_id="av-1", price=Decimal("100.2"), ts_recv=START + 2)
        cancel = CancelSent(client_order_id="av-1", ts_recv=START + 4)
        accepted = OrderAccepted(client_order_id="av-1", venue_order_id="v1", ts_recv=START + 1)
        amended = OrderAmended(client_order_id="av-1", ts_event=7, ts_recv=START + 2)
        fill = filled("av-1", "0.004")
        journal.intent(Place(order), START)
        journal.event(accepted, START + 1, "main")
        journal.intent(Amend(order, Decimal("100.2"), None), START + 2)
        journal.event(amended, START + 2, "main")
        journal.event(fill, START + 3, "main")
        expected = order.apply(accepted).apply(amend).apply(amended).apply(fill)
        reopened = again(journal, opened)
        assert reopened.recovered.orders == (expected,)
        assert expected.leaves_quantity == Decimal("0.006")
        # The cancel left, and nobody knows what became of it.
        reopened.intent(Cancel(expected), START + 4)
        (order,) = again(reopened, opened, "three").recovered.orders
        assert order.cancel is Fate.UNKNOWN
        assert expected.apply(cancel).cancel is Fate.IN_FLIGHT

    def test_what_has_ended_is_not_open(self, opened):
        journal = opened()
        for name in ("av-1", "av-2", "av-3"):
            journal.intent(Place(sent(name)), START)
        journal.event(OrderCanceled(client_order_id="av-1"), START, "main")
        journal.event(OrderRejected(client_order_id="av-2", reason=RejectReason.OTHER), START, "main")
        assert [order.client_order_id for order in again(journal, opened).recovered.orders] == ["av-3"]

    def test_what_has_ended_and_misses_fills_has_still_to_be_asked_about(self, opened):
        journal = opened()
        journal.intent(Place(sent("av-1")), START)
        journal.event(filled("av-1", "0.004"), START, "main")
        report = OrderReported(client_order_id="av-1", state=OrderState.FILLED, filled_quantity=Decimal("0.010"))
        journal.event(report, START, "main")
        reopened = again(journal, opened)
        (order,) = reopened.recovered.orders
        assert (order.state, order.missing_fills) == (OrderState.FILLED, Decimal("0.006"))
        reopened.settle([order], [], START, must=True)
        reopened = again(reopened, opened, "three")
        assert reopened.recovered.orders == (order,)
        reopened.event(filled("av-1", "0.006", trade_id="t2"), START, "main")
        assert again(reopened, opened, "four").recovered.orders == ()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("guard.amends", {"av-1": {"price": None, "quantity": "1", "successor": "av-2"}}),
            ("guard.amends", {"av-0": {"price": None, "quantity": "1", "successor": "av-1"}}),
            ("guard.triggers", [{"client_order_id": "av-1", "sent": True}]),
        ],
    )
    def test_what_has_ended_is_kept_while_a_guard_depends_on_it(self, opened, name, value):
        journal = opened()
        journal.remember(name, value)
        journal.intent(Place(sent("av-1")), START)
        journal.event(OrderCanceled(client_order_id="av-1"), START, "main")
        for session in ("two", "three"):
            journal = again(journal, opened, session)
            (order,) = journal.recovered.orders
            assert (order.client_order_id, order.state) == ("av-1", OrderState.CANCELED)
            journal.settle([order], [], START, must=True)
        journal.remember(name, None)
        assert again(journal, opened, "four").recovered.orders == ()

    def test_news_by_the_venues_id_alone_finds_the_order_of_that_connection(self, opened):
        journal, other = opened(), make_instrument(connection="second")
        for name, instrument, connection in (("av-1", BTC, "main"), ("av-2", other, "second")):
            journal.intent(Place(sent(name, instrument=instrument)), START)
            journal.event(OrderAccepted(client_order_id=name, venue_order_id="77"), START, connection)
        journal.event(OrderCanceled(venue_order_id="77"), START, "second")
        assert [order.client_order_id for order in again(journal, opened).recovered.orders] == ["av-1"]

    def test_what_contradicts_is_passed_over_as_it_was_when_it_came(self, opened):
        journal = opened()
        journal.intent(Place(sent("av-1")), START)
        journal.event(OrderAccepted(client_order_id="av-1", venue_order_id="v1"), START, "main")
        journal.event(OrderRejected(client_order_id="av-1", reason=RejectReason.OTHER), START, "main")
        (order,) = again(journal, opened).recovered.orders
        assert order.state is OrderState.OPEN

    def test_positions_are_what_fills_and_funding_make_them(self, opened):
        journal = opened()
        journal.event(filled("av-1", "0.010", price="100.0", trade_id="t1"), START, "main")
        journal.event(filled(None, "0.004", price="110.0", trade_id="t2", side=Side.SELL), START, "main")
        journal.event(FundingPayment(instrument=BTC, amount=Decimal("-0.02")), START, "main")
        found = again(journal, opened).recovered
        (position,) = found.positions
        assert position.quantity == Decimal("0.006")
        assert position.entry_price == Decimal(100)
        assert position.realized_pnl == Decimal("0.04")  # 0.004 x (110 - 100)
        assert position.fees == Decimal("0.002")
        assert position.funding == Decimal("-0.02")
        assert found.trade_ids == {("main:BTC-USDT-PERP", "t1"), ("main:BTC-USDT-PERP", "t2")}

    def test_a_flat_position_is_none(self, opened):
        journal = opened()
        journal.event(filled(None, "0.010", trade_id="t1"), START, "main")
        journal.event(filled(None, "0.010", trade_id="t2", side=Side.SELL), START, "main")
        assert again(journal, opened).recovered.positions == ()

    def test_a_fill_is_booked_once_however_many_sessions_read_it(self, opened):
        journal = opened()
        journal.event(filled(None, "0.010"), START, "main")
        for session in ("two", "three", "four"):
            journal = again(journal, opened, session)
            assert [position.quantity for position in journal.recovered.positions] == [Decimal("0.010")]
        assert journal.recovered.sessions == ("one", "two", "three")

    def test_a_fill_that_is_written_twice_is_booked_once(self, opened):
        journal = opened()
        journal.event(filled(None, "0.010"), START, "main")
        journal.settle([], [Position(instrument=BTC).apply(filled(None, "0.010").fill)], START, must=True)
        journal.event(filled(None, "0.010"), START, "main")  # such as by an engine that has forgotten it
        (position,) = again(journal, opened).recovered.positions
        assert position.quantity == Decimal("0.010")

    def test_what_a_session_sent_had_left_when_the_next_one_began(self, opened):
        journal = opened()
        journal.intent(Place(sent("av-1")), START)
        journal = again(journal, opened)
        assert journal.recovered.left_by == {}  # when this session began, which is now
        for session, seconds in (("three", 9), ("four", 12)):
            journal.close(START + 3 * SECOND, clean=False)
            journal = opened(session, now_ns=START + seconds * SECOND)
            assert journal.recovered.left_by == {"av-1": START + 2 * SECOND}

    def test_an_amend_of_which_nothing_was_heard_may_have_been_done(self, opened):
        journal, order = opened(), sent("av-1")
        journal.intent(Place(order), START)
        journal.event(OrderAccepted(client_order_id="av-1", venue_order_id="v1"), START, "main")
        journal.intent(Amend(order, None, Decimal("0.020")), START)
        (order,) = again(journal, opened).recovered.orders
        assert order.amend.fate is Fate.UNKNOWN
        assert order.amend.quantity == Decimal("0.020")
        assert order.quantity == Decimal("0.010")

    def test_instruments_come_back_as_they_were_then(self, opened):
        finer = make_instrument(price_rule=Tick("0.01"))
        journal = opened()
        journal.intent(Place(sent("av-1")), START)
        journal.intent(Place(sent("av-2", instrument=finer, price="100.01")), START)
        orders = again(journal, opened).recovered.orders
        assert [order.instrument for order in orders] == [BTC, finer]

    def test_other_intents_and_decisions_are_kept_and_settle_nothing(self, opened):
        journal = opened()
        journal.intent(SetLeverage(BTC, Decimal(5), MarginMode.CROSS), START)
        journal.intent(Protect(BTC, Protection(stop_loss="90"), PositionSide.NET), START)
        journal.decision("halt", "daily loss 5 is above 4", START)
        found = again(journal, opened).recovered
        assert (found.orders, found.positions) == ((), ())

    def test_a_subscription_is_not_written(self, opened, tmp_path):
        journal = opened()
        journal.intent(Subscribe(Subscription(channel=Channel.BOOK, instrument=BTC)), START)
        journal.close(START, clean=True)
        with sqlite3.connect(tmp_path / "journal.db") as database:
            kinds = [kind for (kind,) in database.execute("SELECT kind FROM records")]
        database.close()
        assert kinds == ["end"]

    @pytest.mark.parametrize("clean", [True, False])
    def test_how_the_last_session_ended_is_told(self, opened, clean):
        opened().close(START, clean=clean)
        assert opened("two").recovered.clean is clean

    def test_a_session_that_never_said_its_end_did_not_end_well(self, opened):
        opened().close(START, clean=True)
        journal = opened("two")
        journal._writer.close()
        journal._database.close()
        journal._release()
        found = opened("three").recovered
        assert not found.clean
        assert found.sessions == ("one", "two")


class TestValues:
    def test_a_value_survives_by_name(self, opened):
        journal = opened()
        journal.remember("halt", {"since": START, "loss": Decimal("5.10"), "lines": [1, None, True, "x"]})
        journal.remember("gone", 1)
        journal.remember("gone", None)
        assert journal.recall("gone") is None
        written = journal._id
        journal.remember("gone", None)
        journal.remember("halt", journal.recall("halt"))
        assert journal._id == written  # what is known already is not written again
        journal = again(journal, opened)
        kept = {"since": START, "loss": Decimal("5.10"), "lines": [1, None, True, "x"]}
        assert journal.recall("halt") == kept
        assert journal.recovered.values == journal.values == {"halt": kept}
        # The state that a start writes down is enough: the first records need not be read again.
        assert again(journal, opened, "three").recall("halt") == kept

    @pytest.mark.parametrize("value", [{1: 2}, object(), {"a": {3}}, b"x"])
    def test_what_cannot_be_kept_is_refused_and_changes_nothing(self, opened, value):
        journal = opened()
        journal.remember("x", "before")
        with pytest.raises(TypeError):
            journal.remember("x", value)
        assert journal.recall("x") == "before"


class TestBounds:
    def test_a_start_reads_only_what_is_behind_the_last_state(self, opened, monkeypatch):
        read = []

        def records(database, first_id):
            found = list(all_records(database, first_id))
            read.append([record.kind for record in found])
            return iter(found)

        journal = opened()
        for number in range(12):
            journal.event(filled(None, "0.001", trade_id=f"t{number}"), START, "main")
        journal = again(journal, opened)
        journal.decision("note", "x", START)
        all_records = journal_store.records
        monkeypatch.setattr(journal_store, "records", records)
        assert again(journal, opened, "three").recovered.positions[0].quantity == Decimal("0.012")
        assert read == [["state", "decision", "end"]]

    def test_settling_writes_how_things_stand_and_later_records_go_on_from_there(self, opened, monkeypatch):
        monkeypatch.setattr(journal_sqlite, "STATE_EVERY", 3)
        journal, order = opened(), sent("av-1")
        journal.intent(Place(order), START)
        journal.settle([], [], START)  # too early: it is as if nothing had been said
        journal.event(filled("av-1", "0.004"), START, "main")
        journal.event(OrderAccepted(client_order_id="av-2"), START, "main")
        order = order.apply(filled("av-1", "0.004"))
        unsent = Order(spec=sent("av-9").spec)
        journal.settle([order, unsent], [], START)
        journal.event(filled("av-1", "0.003", trade_id="t2"), START, "main")
        found = again(journal, opened).recovered
        # The engine held no position when it settled, so only the fill after that counts.
        assert [position.quantity for position in found.positions] == [Decimal("0.003")]
        assert found.orders == (order.apply(filled("av-1", "0.003", trade_id="t2")),)
        assert found.trade_ids == {("main:BTC-USDT-PERP", "t1"), ("main:BTC-USDT-PERP", "t2")}

    def test_settling_at_once_is_done_where_it_must_be(self, opened):
        journal = opened()
        journal.event(filled(None, "0.004"), START, "main")
        journal.settle([], [], START, must=True)
        assert again(journal, opened).recovered.positions == ()

    def test_old_records_go_and_what_is_open_stays(self, opened, tmp_path):
        journal = opened(retention_days=7)
        journal.intent(Place(sent("av-1")), START)
        journal.remember("halt", "1")
        for number in range(2500):
            journal.decision("note", f"{number}", START)
        journal.close(START, clean=False)
        journal = opened("two", now_ns=START + 8 * DAY, retention_days=7)
        for second in range(4):
            journal.settle(journal.recovered.orders, [], START + 8 * DAY + second * SECOND)
        assert [order.client_order_id for order in journal.recovered.orders] == ["av-1"]
        journal.close(START + 8 * DAY, clean=False)
        with sqlite3.connect(tmp_path / "journal.db") as database:
            kinds = [kind for (kind,) in database.execute("SELECT kind FROM records ORDER BY id")]
        database.close()
        assert kinds == ["state", "end"]
        found = opened("three", now_ns=START + 20 * DAY).recovered
        assert [order.client_order_id for order in found.orders] == ["av-1"]
        assert found.values == {"halt": "1"}

    def test_what_no_state_says_stays_however_old_it_is(self, opened):
        journal = opened(retention_days=1)
        journal.intent(Place(sent("av-1")), START)
        for day in range(2, 5):
            journal.settle([], [], START + day * DAY)  # in a quiet account there is no need to write it down
        (order,) = again(journal, opened).recovered.orders
        assert order.client_order_id == "av-1"

    def test_what_is_younger_than_the_retention_stays(self, opened, tmp_path):
        journal = opened(retention_days=7)
        journal.decision("note", "x", START)
        journal.close(START, clean=True)
        opened("two", now_ns=START + 6 * DAY, retention_days=7).close(START + 6 * DAY, clean=True)
        with sqlite3.connect(tmp_path / "journal.db") as database:
            kinds = [kind for (kind,) in database.execute("SELECT kind FROM records ORDER BY id")]
        database.close()
        assert kinds == ["decision", "end", "state", "end"]

    def test_trade_ids_are_kept_in_bounded_number(self, opened, monkeypatch):
        monkeypatch.setattr(journal_sqlite, "TRADES_KEPT", 3)
        journal = opened(retention_days=1)
        for number in range(5):
            journal.event(filled(None, "0.001", trade_id=f"t{number}"), START, "main")
        journal.close(START, clean=True)
        opened("two", now_ns=START + 3 * DAY, retention_days=1).close(START + 3 * DAY, clean=True)
        found = opened("three", now_ns=START + 3 * DAY, retention_days=1).recovered
        assert {trade_id for _, trade_id in found.trade_ids} == {"t2", "t3", "t4"}


class TestOneProcess:
    def test_a_second_opening_is_refused_and_names_who_is_there(self, opened):
        opened()
        with pytest.raises(AccountLocked, match=rf"journal\.db is in use by another process \(pid {os.getpid()}\)"):
            opened("two")

    def test_one_account_is_one_process_whatever_the_database(self, opened, tmp_path):
        first = opened(accounts=["fake-live-main"], lock_folder=tmp_path / "locks")
        with pytest.raises(AccountLocked, match="the account fake-live-main"):
            opened("two", name="other.db", accounts=["fake-live-main"], lock_folder=tmp_path / "locks")
        opened("two", name="other.db", accounts=["fake-live-second"], lock_folder=tmp_path / "locks")
        first.close(START, clean=True)
        opened("two", name="third.db", accounts=["fake-live-main"], lock_folder=tmp_path / "locks")

    def test_a_refused_opening_keeps_no_lock_of_its_own(self, opened, tmp_path):
        first = opened(name="a.db", accounts=["y"], lock_folder=tmp_path)
        with pytest.raises(AccountLocked):
            opened("two", name="b.db", accounts=["x", "y"], lock_folder=tmp_path)
        first.close(START, clean=True)
        opened("three", name="b.db", accounts=["x", "y"], lock_folder=tmp_path)

    def test_a_lock_on_a_full_drive_is_let_go(self, opened, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.pwrite", full)
        with pytest.raises(OSError, match="No space left"):
            opened()
        monkeypatch.undo()
        opened("two")


class TestFormat:
    def test_a_file_that_is_no_database_is_refused(self, opened, tmp_path):
        (tmp_path / "journal.db").write_bytes(b"not a database at all, but long enough to look like one" * 20)
        with pytest.raises(JournalUnreadable, match=r"journal\.db cannot be read"):
            opened()

    def test_somebody_elses_database_is_refused(self, opened, tmp_path):
        with sqlite3.connect(tmp_path / "journal.db") as database:
            database.execute("CREATE TABLE mine (x)")
        database.close()
        with pytest.raises(JournalUnreadable, match=r"is a database, but no journal"):
            opened()

    def test_a_newer_version_is_refused_by_its_number(self, opened, tmp_path):
        opened().close(START, clean=True)
        with sqlite3.connect(tmp_path / "journal.db") as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
        with pytest.raises(JournalUnreadable, match=r"has version 99; this program reads version 1\. A newer version"):
            opened("two")

    def test_an_older_version_is_brought_up_to_date(self, opened, tmp_path, monkeypatch):
        journal = opened()
        journal.intent(Place(sent("av-1")), START)
        journal.close(START, clean=False)
        added = (*journal_store._MIGRATIONS, "ALTER TABLE sessions ADD COLUMN host TEXT NOT NULL DEFAULT '';")
        monkeypatch.setattr(journal_store, "_MIGRATIONS", added)
        assert len(opened("two").recovered.orders) == 1
        with sqlite3.connect(tmp_path / "journal.db") as database:
            assert database.execute("PRAGMA user_version").fetchone() == (2,)
            assert database.execute("SELECT host FROM sessions").fetchall() == [("",), ("",)]
        database.close()

    def test_records_of_another_format_are_refused(self, opened, tmp_path):
        opened().close(START, clean=True)
        with sqlite3.connect(tmp_path / "journal.db") as database:
            database.execute("UPDATE sessions SET codec = 7")
        database.close()
        with pytest.raises(JournalUnreadable, match="version 7 of the record format"):
            opened("two")

    def test_the_files_are_the_owners_alone(self, opened, tmp_path):
        opened(name="deep/journal.db")
        assert (tmp_path / "deep").stat().st_mode & 0o077 == 0
        assert (tmp_path / "deep" / "journal.db").stat().st_mode & 0o077 == 0


@pytest.fixture
def connections(monkeypatch):
    """The databases that were opened."""
    made, connect = [], journal_store.connect

    def counted(*args):
        made.append(connect(*args))
        return made[-1]

    monkeypatch.setattr(journal_store, "connect", counted)
    return made


class TestRefusedOpening:
    """Whatever a start fails at, nothing of it stays open."""

    def refused(self, opened, connections, error, **how):
        descriptors = len(list(Path("/dev/fd").iterdir()))
        with pytest.raises(error):
            opened("two", **how)
        assert len(list(Path("/dev/fd").iterdir())) <= descriptors
        for database in connections:
            with pytest.raises(sqlite3.ProgrammingError, match="closed"):
                database.execute("SELECT 1")

    def test_a_tail_that_cannot_be_written(self, opened, connections, tmp_path):
        (tmp_path / "journal.db-tail").mkdir()
        self.refused(opened, connections, IsADirectoryError, clock=DrivenClock(START))

    def test_a_tail_that_cannot_be_read(self, opened, connections, monkeypatch):
        def unreadable(database, path):
            raise PermissionError(f"{path}-tail")

        monkeypatch.setattr(journal_sqlite, "absorb", unreadable)
        self.refused(opened, connections, PermissionError, clock=DrivenClock(START))

    def test_a_first_record_that_cannot_be_written(self, opened, connections, monkeypatch):
        def full(database, rows):
            raise sqlite3.OperationalError("database or disk is full")

        opened(clock=DrivenClock(START)).close(START, clean=True)
        connections.clear()
        monkeypatch.setattr("anyvenue.engine.journal_writer.commit", full)
        self.refused(opened, connections, JournalFailed, clock=DrivenClock(START))


class TestFailing:
    @pytest.fixture
    def broken(self, opened):
        """A journal whose drive is full."""
        journal = opened()
        journal.intent(Place(sent("av-1")), START)
        page_count = journal._database.execute("PRAGMA page_count").fetchone()[0]
        journal._database.execute(f"PRAGMA max_page_count = {page_count}")
        return journal

    def test_an_order_is_refused_before_it_leaves(self, broken):
        def write_on():
            for number in range(1000):
                broken.intent(Place(sent(f"av-x{number}")), START)

        with pytest.raises(JournalFailed, match=r"the journal cannot be written: .*full"):
            write_on()

    def test_what_reduces_risk_leaves_all_the_same(self, broken, caplog):
        reducing = sent("av-r", side=Side.SELL, price=None, order_type=OrderType.MARKET, reduce_only=True)
        with caplog.at_level(logging.CRITICAL):
            for _ in range(1000):
                assert broken.intent(Cancel(sent("av-1")), START) == 0
                assert broken.intent(Place(reducing), START) == 0
                broken.event(OrderAccepted(client_order_id="av-1"), START, "main")
        assert [record.message.split(":")[0] for record in caplog.records] == ["the journal cannot be written"]

    def test_what_was_written_before_is_there(self, broken, opened, caplog):
        for number in range(1000):
            broken.event(filled("av-1", "0.001", trade_id=f"t{number}"), START, "main")
            if broken._complaint:
                break
        written = broken._database.execute("SELECT count(*) FROM trades").fetchone()[0]
        assert 0 < written < 1000
        found = again(broken, opened).recovered
        assert len(found.trade_ids) == written
        assert found.positions[0].quantity == Decimal("0.001") * written


def test_what_only_takes_risk_away_is_told_apart():
    reducing = sent("av-1", side=Side.SELL, reduce_only=True)
    assert only_reduces(Cancel(sent("av-1")))
    assert only_reduces(Place(reducing))
    assert not only_reduces(Place(sent("av-1")))
    assert not only_reduces(Amend(reducing, None, Decimal(1)))


class TestWaiting:
    """With a clock, an intent is safe in the tail, and all is written into the database together, soon."""

    ACCEPTED = OrderAccepted(client_order_id="av-1", venue_order_id="v-1")

    @pytest.fixture
    def clock(self):
        return DrivenClock(START)

    @pytest.fixture
    def journal(self, opened, clock):
        return opened(clock=clock)

    @pytest.fixture
    def tail(self, journal):
        return journal.path.with_name("journal.db-tail")

    @pytest.fixture
    def kinds(self, journal):
        """What the database holds."""

        def found():
            with closing(journal_store.open_to_read(journal.path)) as database:
                return [record.kind for record in journal_store.records(database)]

        return found

    @pytest.fixture
    def after_a_kill(self, journal, opened, tmp_path):
        """What a next run would recover if the process ended now."""

        def recovered():
            for tail in ("", "-wal", "-tail"):
                shutil.copy(f"{journal.path}{tail}", tmp_path / f"copy.db{tail}")
            return opened("after", name="copy.db").recovered

        return recovered

    def test_an_intent_is_safe_before_it_is_in_the_database(self, journal, kinds, clock, tail, after_a_kill):
        assert journal.intent(Place(sent("av-1")), START) == 0
        assert kinds() == []
        (order,) = after_a_kill().orders
        assert (order.spec, order.create) == (sent("av-1").spec, Fate.UNKNOWN)
        clock.run_until(START + journal_sqlite.ROWS_WAIT_NS - 1)
        assert kinds() == []
        clock.run_until(START + journal_sqlite.ROWS_WAIT_NS)
        assert kinds() == ["intent"]
        assert tail.read_bytes() == b""
        assert tail.stat().st_mode & 0o777 == 0o600

    def test_decisions_values_and_how_all_stands_are_written_at_once_with_what_came_before(self, journal, kinds, tail):
        journal.intent(Place(sent("av-1")), START)
        journal.event(self.ACCEPTED, START)
        journal.decision("risk", "the run is halted", START)
        assert kinds() == ["intent", "event", "decision"]
        assert tail.read_bytes() == b""
        journal.event(self.ACCEPTED, START)
        journal.remember("guard", True)
        assert kinds()[3:] == ["event", "value"]
        journal.event(self.ACCEPTED, START)
        journal.settle([], [], START, must=True)
        assert kinds()[5:] == ["event", "state"]

    def test_an_event_waits_no_longer_than_is_said(self, journal, kinds, clock):
        journal.event(self.ACCEPTED, START)
        clock.run_until(START + journal_sqlite.ROWS_WAIT_NS)
        assert kinds() == ["event"]
        journal.event(self.ACCEPTED, START)
        clock.run_until(START + 2 * journal_sqlite.ROWS_WAIT_NS)
        assert kinds() == ["event", "event"]

    def test_no_more_rows_wait_than_is_said(self, journal, kinds):
        for number in range(journal_sqlite.ROWS_WAIT // 2):  # a record and a trade each
            journal.event(filled("av-1", "0.001", trade_id=f"t{number}"), START)
        assert kinds() == []
        journal.intent(Place(sent("av-2")), START)
        assert kinds() == ["event"] * (journal_sqlite.ROWS_WAIT // 2) + ["intent"]

    def test_the_end_writes_what_waits(self, journal, kinds):
        journal.event(self.ACCEPTED, START)
        journal.close(START, clean=False)
        assert kinds() == ["event", "end"]

    def test_a_kill_before_anything_follows_an_answer_leaves_an_order_of_unknown_fate(self, journal, after_a_kill):
        journal.intent(Place(sent("av-1")), START)
        journal.event(filled("av-1", "0.010"), START)
        found = after_a_kill()
        (order,) = found.orders
        assert (order.state, order.create, order.filled_quantity) == (OrderState.SENT, Fate.UNKNOWN, 0)
        assert (found.positions, found.trade_ids) == ((), frozenset())

    def test_a_kill_after_the_next_intent_has_all_that_was_known_when_it_left(self, journal, after_a_kill, clock):
        journal.intent(Place(sent("av-1")), START)
        journal.event(filled("av-1", "0.004"), START)
        clock.run_until(START + SECOND)
        journal.event(filled("av-1", "0.006", trade_id="t2"), START)
        journal.intent(Place(sent("av-2", instrument=make_instrument(symbol="ETH-USDT-PERP"))), START)
        found = after_a_kill()
        assert [order.client_order_id for order in found.orders] == ["av-2"]
        assert found.trade_ids == {(BTC.key, "t1"), (BTC.key, "t2")}
        (position,) = found.positions
        assert position.quantity == Decimal("0.010")

    def test_what_is_in_the_database_already_is_taken_in_once(self, journal, after_a_kill, clock, tail):
        journal.event(filled("av-1", "0.010"), START)
        journal.intent(Place(sent("av-2")), START)
        left = tail.read_bytes()
        clock.run_until(START + SECOND)
        tail.write_bytes(left)  # as if the process had been killed between the two
        found = after_a_kill()
        assert [order.client_order_id for order in found.orders] == ["av-2"]
        assert found.positions[0].quantity == Decimal("0.010")

    def test_a_tail_of_the_version_before_is_read_whose_records_were_texts(self, journal, after_a_kill, tail):
        journal.intent(Place(sent("av-1")), START)
        rows = orjson.loads(tail.read_bytes().partition(b" ")[2])
        assert [row[-1][0] for row in rows if row[0] == 0] == ["place"]
        packed = orjson.dumps([[*row[:-1], [orjson.dumps(row[-1]).decode()]] for row in rows])
        tail.write_bytes(b"%08x %s\n" % (crc32(packed), packed))
        assert [order.client_order_id for order in after_a_kill().orders] == ["av-1"]

    @pytest.mark.parametrize("torn", [b"0badc0de [[0,7]]\n", b"1234", b"\0" * 600])
    def test_a_line_that_is_not_whole_is_where_the_tail_ends(self, journal, after_a_kill, tail, torn):
        journal.intent(Place(sent("av-1")), START)
        with tail.open("ab") as file:
            file.write(torn)
        assert [order.client_order_id for order in after_a_kill().orders] == ["av-1"]

    @pytest.mark.parametrize("is_deleted", [True, False])
    def test_a_tail_beside_another_database_is_none_of_it(self, opened, clock, tmp_path, is_deleted, caplog):
        if not is_deleted:
            opened("older", name="copy.db").close(START, clean=True)
            shutil.copy(tmp_path / "copy.db", tmp_path / "journal.db")
        journal = opened(clock=clock)
        journal.intent(Place(sent("av-1")), START)
        clock.run_until(START + SECOND)
        journal.intent(Place(sent("av-2")), START)
        shutil.copy(f"{journal.path}-tail", tmp_path / "copy.db-tail")
        for session in ("next", "one after"):
            recovered = opened(session, name="copy.db", clock=clock)
            assert recovered.recovered.orders == ()
            recovered.close(START, clean=False)
        assert caplog.text.count("was left by another database") == 1

    def test_a_refused_intent_is_not_written_later_but_what_waits_is(self, journal, monkeypatch, kinds, clock, tail):
        journal.intent(Place(sent("av-1")), START)
        whole = tail.read_bytes()
        journal.event(self.ACCEPTED, START)
        write = os.write
        monkeypatch.setattr("os.write", lambda file, line: write(file, line[:20]))  # the drive is full
        with pytest.raises(JournalFailed, match="the drive took 20 of"):
            journal.intent(Place(sent("av-2")), START)
        assert journal.intent(Cancel(sent("av-1")), START) == 0
        monkeypatch.undo()
        journal.intent(Place(sent("av-3")), START)
        assert tail.read_bytes().startswith(whole)
        assert [line.count(b"av-2") for line in tail.read_bytes().splitlines()] == [0, 0]
        clock.run_until(START + SECOND)
        assert kinds() == ["intent", "event", "intent", "intent"]  # the cancel left, and is there

    def test_what_the_database_did_not_take_is_tried_again_with_no_new_record(self, journal, kinds, clock, monkeypatch):
        def full(database, rows):
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr("anyvenue.engine.journal_writer.commit", full)
        journal.event(self.ACCEPTED, START)
        clock.run_until(START + SECOND)
        monkeypatch.undo()
        assert kinds() == []
        journal.settle([], [], START + 2 * SECOND)
        assert kinds() == ["event"]

    def test_what_the_database_does_not_take_waits_in_bounded_number(self, journal, kinds, clock, caplog, monkeypatch):
        def locked(database, rows):
            raise sqlite3.OperationalError("database is locked")

        monkeypatch.setattr("anyvenue.engine.journal_writer.commit", locked)
        for number in range(journal_sqlite.ROWS_WAIT - 1):  # and a row for the instrument
            journal.intent(Place(sent(f"av-{number}")), START)
        with caplog.at_level(logging.CRITICAL, "anyvenue.journal"):
            clock.run_until(START + SECOND)
        assert "cannot be written" in caplog.text
        with pytest.raises(JournalFailed, match="locked"):
            journal.intent(Place(sent("av-x")), START)
        monkeypatch.undo()
        journal.intent(Place(sent("av-y")), START + SECOND)
        assert kinds() == ["intent"] * journal_sqlite.ROWS_WAIT


class TestDriveThatRefuses:
    """What cannot be refused is kept until the drive works again."""

    @pytest.fixture(params=["process", "power", "no clock"])
    def journal(self, request, opened):
        if request.param == "no clock":
            return opened()
        return opened(clock=DrivenClock(START), durability=request.param)

    @pytest.fixture
    def tried(self):
        return []

    @pytest.fixture
    def refusing(self, journal, tried, monkeypatch):
        """The drive takes nothing, until this is called."""
        write = journal._writer.write

        def refuse(rows):
            tried.append(len(rows))
            raise JournalFailed("the drive is full")

        monkeypatch.setattr(journal._writer, "write", refuse)
        return lambda: monkeypatch.setattr(journal._writer, "write", write)

    def traded(self, journal, fills, first=0):
        for number in range(first, first + fills):
            journal.event(filled("av-1", "0.001", trade_id=f"t{number}"), START, "main")

    def test_fills_and_values_are_written_in_their_order_once_it_works(self, journal, opened, refusing, caplog):
        self.traded(journal, 300)
        journal.remember("guard", "on")
        self.traded(journal, 300, 300)
        assert journal.intent(Cancel(sent("av-1")), START) == 0
        refusing()
        journal.settle([], [], START + SECOND)
        journal.decision("note", "x", START + SECOND)
        with closing(sqlite3.connect(journal.path)) as database:
            journal._writer.close()  # as at the end of the process: nothing is settled, nor said to be the end
            kinds = [kind for (kind,) in database.execute("SELECT kind FROM records ORDER BY id")]
        assert kinds == ["event"] * 300 + ["value"] + ["event"] * 300 + ["intent", "decision"]
        journal._database.close()
        journal._release()
        found = opened("two").recovered
        assert found.trade_ids == {(BTC.key, f"t{number}") for number in range(600)}
        assert found.positions[0].quantity == Decimal("0.600")
        assert found.values == {"guard": "on"}
        assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
            "the drive is full",
            "the journal is written again; 0 records came meanwhile that it lacks",
        ]

    def test_what_has_no_room_is_counted_and_how_all_stands_takes_its_place(
        self, journal, opened, refusing, caplog, monkeypatch
    ):
        monkeypatch.setattr(journal_sqlite, "ROWS_KEPT", 100)
        self.traded(journal, 50)  # a record and a trade each, and the instrument
        for _ in range(200):
            journal.event(OrderAccepted(client_order_id="av-1", venue_order_id="v-1"), START, "main")
        self.traded(journal, 50, 50)
        assert len(journal._waiting) < 250
        refusing()
        order = sent("av-2", quantity="7")
        position = Position(instrument=BTC).apply(filled(None, "5").fill)
        journal.settle([order], [position], START + SECOND)
        journal.settle([], [], START + SECOND)
        found = again(journal, opened).recovered
        assert [order.client_order_id for order in found.orders] == ["av-2"]
        assert found.positions == (position,)
        assert found.trade_ids == {(BTC.key, f"t{number}") for number in range(100)}
        told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
        assert told[1:3] == [
            "the journal cannot be written, and 100 rows wait already: what comes now is lost",
            "the journal is written again; 200 records came meanwhile that it lacks",
        ]

    def test_it_is_tried_once_a_second_and_no_oftener(self, journal, refusing, tried):
        self.traded(journal, 200)
        journal.settle([], [], START)
        with pytest.raises(JournalFailed, match="the drive is full"):
            journal.intent(Place(sent("av-2")), START)
        if journal._clock is not None:
            journal._clock.run_until(START + SECOND)
        assert len(tried) == 1
        journal.settle([], [], START + SECOND)
        assert len(tried) == 2

    def test_a_clock_that_is_set_back_keeps_nobody_waiting(self, journal, opened, refusing):
        journal.event(filled(None, "0.004"), START, "main")
        journal.decision("note", "x", START)
        refusing()
        journal.intent(Place(sent("av-2")), START - 3600 * SECOND)
        assert [order.client_order_id for order in again(journal, opened).recovered.orders] == ["av-2"]

    def test_how_things_must_be_settled_is_not_forgotten(self, journal, opened, refusing):
        journal.event(filled(None, "0.004"), START, "main")
        journal.settle([], [], START, must=True)
        refusing()
        journal.settle([], [], START + SECOND)
        assert again(journal, opened).recovered.positions == ()

    def test_what_is_left_at_the_end_is_left_to_the_next_start(self, opened, monkeypatch, caplog):
        def full(database, rows):
            raise sqlite3.OperationalError("database or disk is full")

        journal = opened(clock=DrivenClock(START))
        monkeypatch.setattr("anyvenue.engine.journal_writer.commit", full)
        self.traded(journal, 100)
        journal.close(START, clean=True)
        monkeypatch.undo()
        found = opened("two").recovered
        assert (found.positions[0].quantity, found.clean) == (Decimal("0.100"), True)
        assert "lacks" not in caplog.text

    def test_what_can_be_left_nowhere_is_counted(self, opened, monkeypatch, caplog):
        def full(*_):
            raise sqlite3.OperationalError("database or disk is full")

        journal = opened()
        monkeypatch.setattr("anyvenue.engine.journal_writer.commit", full)
        self.traded(journal, 100)
        journal.close(START, clean=True)
        assert "the journal lacks its last 101 records" in caplog.text


def test_the_write_ahead_log_is_moved_again_once_the_drive_lets_it(tmp_path, monkeypatch, caplog):
    class Database:
        def __init__(self):
            self.moves = 0

        def execute(self, statement):
            self.moves += 1
            if self.moves <= 2:
                raise sqlite3.OperationalError("disk I/O error")
            moved.set()
            return self

        def fetchall(self):
            return []

        def close(self):
            pass

    monkeypatch.setattr("anyvenue.engine.journal_writer._MOVED_EVERY_S", 0.0)
    moved = threading.Event()
    writer = journal_writer.DirectWriter(journal_store.connect(tmp_path / "journal.db"), Database)
    assert moved.wait(10)
    writer.close()
    assert caplog.text.count("the journal's write-ahead log is not moved: disk I/O error") == 1


class TestPower:
    def test_the_ticket_is_durable_once_it_is_said_to_be(self, opened, tmp_path):
        async def run(journal):
            tickets = [journal.intent(Place(sent(f"av-{number}")), START) for number in range(20)]
            assert tickets == sorted(set(tickets))
            assert tickets[0] > 0
            await asyncio.gather(*map(journal.durable, tickets))

        journal = opened(durability="power")
        asyncio.run(run(journal))
        with sqlite3.connect(tmp_path / "journal.db") as database:
            assert database.execute("SELECT count(*) FROM records").fetchone() == (20,)
        database.close()
        assert len(again(journal, opened, durability="power").recovered.orders) == 20

    def test_what_the_thread_writes_with_waits_for_the_drive(self, tmp_path):
        for durability, level in (("process", 1), ("power", 2)):
            database = journal_store.connect(tmp_path / f"{durability}.db", durability)
            assert database.execute("PRAGMA synchronous").fetchone() == (level,)
            assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            database.close()

    def test_closing_writes_what_is_left(self, opened):
        journal = opened(durability="power")
        for number in range(50):
            journal.intent(Place(sent(f"av-{number}")), START)
        assert len(again(journal, opened).recovered.orders) == 50

    def test_a_drive_that_fails_refuses_those_who_wait_and_all_who_come_later(self, opened, monkeypatch):
        def fail(database, rows):
            raise sqlite3.OperationalError("disk I/O error")

        async def run(journal):
            monkeypatch.setattr("anyvenue.engine.journal_writer.commit", fail)
            ticket = journal.intent(Place(sent("av-1")), START)
            with pytest.raises(JournalFailed, match="disk I/O error"):
                await journal.durable(ticket)
            with pytest.raises(JournalFailed, match="disk I/O error"):
                journal.intent(Place(sent("av-2")), START)
            assert journal.intent(Cancel(sent("av-1")), START) == 0

        asyncio.run(run(opened(durability="power")))

    def test_a_drive_that_works_again_has_all_in_its_order(self, opened, monkeypatch):
        monkeypatch.setattr("anyvenue.engine.journal_writer._AGAIN_S", 0.0)
        commit, failures, done = journal_writer.commit, [], threading.Event()

        def fail_at_first(database, rows):
            if len(failures) < 3:
                failures.append(len(rows))
                raise sqlite3.OperationalError("disk I/O error")
            commit(database, rows)
            done.set()

        async def run(journal):
            ticket = journal.intent(Place(sent("av-1")), START)
            with suppress(JournalFailed):  # who waited is refused, or hears of the later success
                await journal.durable(ticket)
            journal.event(filled("av-1", "0.004"), START, "main")
            assert done.wait(10)
            journal.event(filled("av-1", "0.006", trade_id="t2"), START + SECOND, "main")
            await journal.durable(journal.intent(Place(sent("av-2")), START + SECOND))

        journal = opened(durability="power")
        monkeypatch.setattr("anyvenue.engine.journal_writer.commit", fail_at_first)
        asyncio.run(run(journal))
        assert len(failures) == 3
        found = again(journal, opened).recovered
        assert [order.client_order_id for order in found.orders] == ["av-2"]
        assert found.positions[0].quantity == Decimal("0.010")
        assert len(found.trade_ids) == 2

    def test_a_drive_that_works_again_when_the_run_ends_has_all_in_its_order(self, opened, monkeypatch, caplog):
        commit, failed = journal_writer.commit, threading.Event()

        def fail(database, rows):
            failed.set()
            raise sqlite3.OperationalError("disk I/O error")

        journal = opened(durability="power")
        monkeypatch.setattr("anyvenue.engine.journal_writer.commit", fail)
        journal.intent(Place(sent("av-1")), START)
        assert failed.wait(10)
        while journal._writer._error is None:
            pass
        journal.event(filled("av-1", "0.004"), START, "main")
        monkeypatch.setattr("anyvenue.engine.journal_writer.commit", commit)
        found = again(journal, opened).recovered
        (order,) = found.orders
        assert (order.client_order_id, order.filled_quantity) == ("av-1", Decimal("0.004"))
        assert "lacks" not in caplog.text

    def test_what_the_drive_does_not_take_to_the_end_is_counted(self, opened, monkeypatch, caplog):
        def fail(database, rows):
            raise sqlite3.OperationalError("disk I/O error")

        journal = opened(durability="power")
        monkeypatch.setattr("anyvenue.engine.journal_writer.commit", fail)
        journal.intent(Place(sent("av-1")), START)
        journal.close(START, clean=True)
        assert "the journal lacks its last" in caplog.text
