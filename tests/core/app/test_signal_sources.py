"""Signals from files, standard input and the webhook, on a driven clock and on an event loop."""

import asyncio
import hashlib
import hmac
import json
import os
import sys
from contextlib import asynccontextmanager
from decimal import Decimal

import httpx
import pytest
from attrs import evolve

from anyvenue.app.config_errors import ConfigError
from anyvenue.app.signal_sources import FileTail, SignalSettings, schedule_file, serve_signals
from anyvenue.app.signal_webhook import SIGNATURE_HEADER, WebhookSettings
from anyvenue.engine.engine import Engine
from anyvenue.engine.strategy import Strategy
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.capabilities import Capabilities
from anyvenue.venue.secrets import SecretReference

SECOND = 1_000_000_000
START = 1_723_161_256 * SECOND  # 2024-08-08 23:54:16 UTC
SECRET = "correct horse battery staple"
PATIENCE_S = 20


class Hearer(Strategy):
    """Notes the signals it hears."""

    def __init__(self):
        super().__init__()
        self.heard = []
        self.waiting = None

    def on_signal(self, signal):
        self.heard.append((signal.source, dict(signal.payload), self.now))
        if self.waiting is not None and len(self.heard) >= self.waiting[0]:
            self.waiting[1].set()

    async def hears(self, count):
        """Wait until so many signals were heard in all."""
        self.waiting = (count, asyncio.Event())
        if len(self.heard) < count:
            async with asyncio.timeout(PATIENCE_S):
                await self.waiting[1].wait()
        return self.heard


@pytest.fixture
def engine():
    engine = Engine(Hearer(), connections=("main",), clock=DrivenClock(START), session="t")
    engine.bind(lambda command: None)
    engine.add_connection("main", [], Capabilities(), lambda instrument: None)
    engine.start()
    return engine


def lines(*objects):
    return "".join((text if isinstance(text, str) else json.dumps(text)) + "\n" for text in objects)


class TestScheduledFile:
    @pytest.fixture
    def scheduled(self, engine, tmp_path):
        def schedule(*objects, end=""):
            path = tmp_path / "signals.jsonl"
            path.write_text(lines(*objects) + end)
            count = schedule_file(engine, path)
            while engine.clock.step():
                pass
            return count, engine.strategy.heard

        return schedule

    def test_each_line_comes_at_its_own_time(self, scheduled):
        count, heard = scheduled(
            {"id": 1, "ts": "2024-08-08T23:54:26Z"},
            {"id": 2, "ts": 1723161258},
            {"id": 3, "ts": "1723161258000"},
            {"id": 4, "ts": 1723161258000000001},
            {"id": 5},
        )
        assert count == 5
        assert [(source, payload["id"], (now - START) / SECOND) for source, payload, now in heard] == [
            ("signals.jsonl:5", 5, 0),
            ("signals.jsonl:2", 2, 2),
            ("signals.jsonl:3", 3, 2),
            ("signals.jsonl:4", 4, 2.000000001),
            ("signals.jsonl:1", 1, 10),
        ]

    def test_numbers_are_exact(self, scheduled):
        _, heard = scheduled('{"price": 0.10}')
        assert str(heard[0][1]["price"]) == "0.10"
        assert isinstance(heard[0][1]["price"], Decimal)

    def test_lines_from_before_the_run_are_left_out(self, scheduled, caplog):
        count, heard = scheduled({"ts": 1723161255}, {"ts": 1723161256})
        assert (count, len(heard)) == (1, 1)
        assert "before the start of this run, and left out: 1 signal\n" in caplog.text

    def test_broken_lines_are_named_and_the_rest_goes_on(self, engine, scheduled, caplog):
        count, heard = scheduled({"id": 1}, "", "{", "[]", {"id": 2, "ts": "soon"}, {"id": 3}, end='{"id": 4}')
        assert (count, [payload["id"] for _, payload, _ in heard]) == (3, [1, 3, 4])
        assert [message.partition(": ")[0] for message in engine.messages] == [
            "signals.jsonl:3",
            "signals.jsonl:4",
            "signals.jsonl:5",
        ]
        assert "signals.jsonl:5: ts: found 'soon'; allowed are ISO 8601" in caplog.text

    def test_a_file_that_is_not_there_is_an_error(self, engine, tmp_path):
        with pytest.raises(FileNotFoundError):
            schedule_file(engine, tmp_path / "none.jsonl")


class TestFileTail:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "signals.jsonl"

    @pytest.fixture
    def tail(self, path):
        tail = FileTail(path)
        yield tail
        tail.close()

    def test_it_gives_what_was_added_in_whole_lines(self, path, tail):
        path.write_text("a\nb\nc")
        assert tail.lines() == [(1, b"a"), (2, b"b")]
        assert tail.lines() == []
        with path.open("a") as file:
            file.write("c\nd\n")
        assert tail.lines() == [(3, b"cc"), (4, b"d")]

    def test_a_file_that_comes_later_is_read_from_its_beginning(self, path, tail):
        assert tail.lines() == []
        path.write_text("a\n")
        assert tail.lines() == [(1, b"a")]

    def test_a_file_that_is_cut_short_begins_anew(self, path, tail):
        path.write_text("a\nb\nhalf")
        tail.lines()
        path.write_text("c\n")
        assert tail.lines() == [(1, b"c")]

    def test_a_file_that_is_replaced_is_read_to_its_end_first(self, path, tail):
        path.write_text("a\n")
        tail.lines()
        with path.open("a") as file:
            file.write("b\n")
        path.rename(path.with_suffix(".old"))
        path.write_text("c\n")
        assert tail.lines() == [(2, b"b"), (1, b"c")]

    def test_what_is_skipped_is_skipped_to_the_end_of_its_line(self, path, tail):
        path.write_text("a\nhalf")
        assert tail.skip() == [(1, b"a"), (2, b"half")]
        with path.open("a") as file:
            file.write(" and half\nc\n")
        assert tail.lines() == [(3, b"c")]

    def test_lines_that_an_editor_saves_again_are_not_new(self, path, tail):
        path.write_text("a\nb")
        tail.skip()
        path.with_suffix(".new").write_text("a\nb\nc\n")
        path.with_suffix(".new").replace(path)
        assert tail.lines() == [(3, b"c")]
        path.write_text("a\n")  # in place
        assert tail.lines() == []
        with path.open("a") as file:
            file.write("c\nd\nd\n")
        assert tail.lines() == [(3, b"d"), (4, b"d")]

    def test_a_file_that_is_removed_is_waited_for(self, path, tail):
        path.write_text("a\n")
        tail.lines()
        path.unlink()
        assert tail.lines() == []
        path.write_text("b\n")
        assert tail.lines() == [(1, b"b")]


class TestFollowedFile:
    def test_only_what_is_added_during_the_run_is_passed_on(self, engine, tmp_path, caplog):
        path = tmp_path / "signals.jsonl"
        path.write_text(lines({"id": 1}, {"id": 2}))

        async def run():
            async with serve_signals(engine, SignalSettings(file="signals.jsonl"), tmp_path, poll_s=0):
                with path.open("a") as file:
                    file.write(lines({"id": 3, "price": "61800"}, "oops", {"id": 4}))
                return await engine.strategy.hears(2)

        heard = asyncio.run(run())
        assert [(source, payload["id"]) for source, payload, _ in heard] == [
            ("signals.jsonl:3", 3),
            ("signals.jsonl:5", 4),
        ]
        assert "there before this run, and left out: 2 signals\n" in caplog.text
        assert "signals.jsonl:4: not JSON: Expecting value at character 1; the line is left out" in caplog.text
        assert list(engine.messages)[-1].startswith("signals.jsonl:4: not JSON")

    def test_a_file_that_cannot_be_read_is_complained_about_once(self, engine, tmp_path):
        path = tmp_path / "signals.jsonl"

        async def run():
            async with serve_signals(engine, SignalSettings(file=str(path)), poll_s=0):
                path.mkdir()
                for _ in range(5):
                    await asyncio.sleep(0)
                path.rmdir()
                path.write_text(lines({"id": 1}))
                return await engine.strategy.hears(1)

        assert len(asyncio.run(run())) == 1
        assert [message for message in engine.messages if "cannot be read" in message] == [
            f"{path}: signals cannot be read: Is a directory"
        ]

    def test_one_that_cannot_be_read_from_the_start_keeps_the_run_from_beginning(self, engine, tmp_path):
        async def run():
            async with serve_signals(engine, SignalSettings(file=str(tmp_path))):
                raise AssertionError("it must not begin")

        with pytest.raises(ConfigError, match=r"^signals\.file: found .*; it cannot be read: Is a directory$"):
            asyncio.run(run())

    def test_what_the_engine_cannot_bear_is_logged_and_the_rest_goes_on(self, engine, tmp_path, monkeypatch, caplog):
        path = tmp_path / "signals.jsonl"
        receive, failures = engine.receive, [RuntimeError("a fault of ours")]

        def faulty(event, connection=""):
            if failures:
                raise failures.pop()
            receive(event, connection)

        monkeypatch.setattr(engine, "receive", faulty)

        async def run():
            async with serve_signals(engine, SignalSettings(file=str(path)), poll_s=0):
                path.write_text(lines({"id": 1}, {"id": 2}))
                return await engine.strategy.hears(1)

        assert [payload["id"] for _, payload, _ in asyncio.run(run())] == [2]
        assert "the engine failed over the signal signals.jsonl:1" in caplog.text


class TestStandardInput:
    def test_a_pipe_is_read_as_lines_come(self, engine, monkeypatch):
        async def run():
            out, into = os.pipe()
            with os.fdopen(out) as source, os.fdopen(into, "w") as target:
                monkeypatch.setattr(sys, "stdin", source)
                async with serve_signals(engine, SignalSettings(stdin=True)):
                    target.write('{"id": 1}\n{"id"')
                    target.flush()
                    await engine.strategy.hears(1)
                    target.write(': 2}\n{"id": 3}')
                    target.close()
                    return await engine.strategy.hears(3)

        heard = asyncio.run(run())
        assert [(source, payload["id"]) for source, payload, _ in heard] == [
            ("stdin:1", 1),
            ("stdin:2", 2),
            ("stdin:3", 3),
        ]

    def test_and_so_is_an_ordinary_file(self, engine, monkeypatch, tmp_path):
        path = tmp_path / "signals.jsonl"
        path.write_text(lines({"id": 1}, {"id": 2}))

        async def run():
            with path.open() as source:
                monkeypatch.setattr(sys, "stdin", source)
                async with serve_signals(engine, SignalSettings(stdin=True)):
                    return await engine.strategy.hears(2)

        assert [source for source, _, _ in asyncio.run(run())] == ["stdin:1", "stdin:2"]

    def test_after_the_run_nothing_is_read(self, engine, monkeypatch):
        async def run():
            out, into = os.pipe()
            with os.fdopen(out) as source, os.fdopen(into, "w") as target:
                monkeypatch.setattr(sys, "stdin", source)
                async with serve_signals(engine, SignalSettings(stdin=True)):
                    pass
                target.write('{"id": 1}\n')
                target.flush()
                await asyncio.sleep(0)
                return os.read(out, 100)

        assert asyncio.run(run()) == b'{"id": 1}\n'
        assert engine.strategy.heard == []


def signature(body, secret=SECRET):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class TestWebhook:
    @pytest.fixture
    def settings(self, monkeypatch):
        monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
        return SignalSettings(webhook=WebhookSettings(secret=SecretReference.parse("env:WEBHOOK_SECRET"), port=0))

    @pytest.fixture
    def post(self, engine, settings):
        """Sends one request to a webhook of its own, and returns status and text."""

        @asynccontextmanager
        async def client():
            async with serve_signals(engine, settings) as serving, httpx.AsyncClient(trust_env=False) as http:
                yield serving.url, http

        def send(body, *, path="", method="POST", headers=None):
            async def run():
                async with client() as (url, http):
                    said = {SIGNATURE_HEADER: signature(body)} if headers is None else headers
                    answer = await http.request(method, url + path, content=body, headers=said)
                    return answer.status_code, answer.text

            return asyncio.run(run())

        return send

    def test_a_signed_signal_is_passed_on(self, engine, post):
        assert post(b'{"id": 1, "entry_price": 61800.10}') == (202, "accepted\n")
        assert engine.strategy.heard == [("webhook", {"id": 1, "entry_price": Decimal("61800.10")}, START)]

    def test_the_signature_may_name_its_kind(self, post):
        body = b'{"id": 1}'
        assert post(body, headers={SIGNATURE_HEADER: f"sha256={signature(body).upper()}"})[0] == 202

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {SIGNATURE_HEADER: ""},
            {SIGNATURE_HEADER: signature(b'{"id": 1}', "another secret entirely")},
            {SIGNATURE_HEADER: signature(b'{"id": 2}')},
            {SIGNATURE_HEADER: SECRET},
            {SIGNATURE_HEADER: b"\xff\xfe"},
            {"Authorization": f"Bearer {SECRET}"},
        ],
        ids=["none", "empty", "other secret", "other body", "the secret itself", "no text", "other header"],
    )
    def test_without_a_valid_signature_nothing_is_passed_on(self, engine, post, headers, caplog):
        status, text = post(b'{"id": 1}', headers=headers)
        assert status == 401
        assert "HMAC-SHA256" in text
        assert engine.strategy.heard == []
        assert "had no valid signature" in caplog.text

    def test_broken_json_is_refused_in_clear_words_and_only_to_who_signed_it(self, engine, post, caplog):
        assert post(b"{oops") == (
            400,
            "not JSON: Expecting property name enclosed in double quotes at character 2\n",
        )
        assert "webhook: not JSON" in caplog.text
        assert list(engine.messages)[-1].startswith("webhook: not JSON")
        assert post(b"{oops", headers={})[0] == 401
        assert engine.strategy.heard == []

    def test_bodies_are_limited(self, engine, post):
        status, _ = post(b'{"id": "' + b"x" * 70_000 + b'"}')
        assert status == 413
        assert engine.strategy.heard == []

    def test_there_is_nothing_else_to_be_had(self, post):
        assert post(b"{}", path="/other")[0] == 404
        assert post(b"", method="GET")[0] == 405

    def test_when_the_run_ends_it_says_so(self, engine, post):
        engine.stop("finished")
        assert post(b'{"id": 1}') == (503, "the run is ending\n")

    def test_the_secret_is_never_said(self, engine, post, caplog, capfd):
        caplog.set_level("DEBUG")
        said = [post(b"{oops"), post(b"{}", headers={}), post(b"{}", headers={SIGNATURE_HEADER: "wrong"})]
        output = capfd.readouterr()
        for text in (caplog.text, output.out, output.err, str(said), *engine.messages):
            assert SECRET not in text

    def test_it_listens_on_this_machine_only(self, engine, settings):
        async def run():
            async with serve_signals(engine, settings) as serving:
                return serving.url

        assert asyncio.run(run()).startswith("http://127.0.0.1:")

    def test_a_secret_that_is_not_there_or_too_short_is_a_configuration_error(self, engine, settings, monkeypatch):
        async def run():
            async with serve_signals(engine, settings):
                raise AssertionError("it must not begin")

        monkeypatch.setenv("WEBHOOK_SECRET", "short")
        with pytest.raises(ConfigError, match=r"signals\.webhook\.secret: .* allowed are 16 characters") as caught:
            asyncio.run(run())
        assert "short" not in str(caught.value).replace("too short", "")
        monkeypatch.delenv("WEBHOOK_SECRET")
        with pytest.raises(ConfigError, match=r"signals\.webhook\.secret: .*WEBHOOK_SECRET is not set"):
            asyncio.run(run())

    def test_an_address_that_is_taken_is_one_too(self, engine, settings):
        async def run():
            async with serve_signals(engine, settings) as serving:
                taken = evolve(settings.webhook, port=httpx.URL(serving.url).port)
                async with serve_signals(engine, SignalSettings(webhook=taken)):
                    raise AssertionError("it must not begin")

        with pytest.raises(ConfigError, match=r"signals\.webhook\.port: found \d+ of \"127\.0\.0\.1\"; .* in use"):
            asyncio.run(run())

    def test_a_port_that_cannot_be_is_refused(self):
        with pytest.raises(ValueError, match="port"):
            WebhookSettings(secret=SecretReference.parse("env:X"), port=70_000)


def test_several_sources_at_once(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    path, body = tmp_path / "signals.jsonl", b'{"id": 2}'
    settings = SignalSettings(
        file=str(path), webhook=WebhookSettings(secret=SecretReference.parse("env:WEBHOOK_SECRET"), port=0)
    )

    async def run():
        async with serve_signals(engine, settings, poll_s=0) as serving, httpx.AsyncClient(trust_env=False) as http:
            path.write_text(lines({"id": 1}))
            await engine.strategy.hears(1)
            await http.post(serving.url, content=body, headers={SIGNATURE_HEADER: signature(body)})
            return await engine.strategy.hears(2)

    assert [source for source, _, _ in asyncio.run(run())] == ["signals.jsonl:1", "webhook"]


def test_no_source_is_fine(engine):
    async def run():
        async with serve_signals(engine, SignalSettings()) as serving:
            return serving.url

    assert asyncio.run(run()) is None
