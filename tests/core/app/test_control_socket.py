"""The control socket: for the owner of one file only, three requests, and nothing secret in any answer."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from anyvenue.app.control_socket import ControlPoint, control_folder, find_control_points, serve_control
from anyvenue.engine.engine import Engine
from anyvenue.engine.strategy import Strategy
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.instrument import Instrument
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.capabilities import Capabilities, Feature

Use = Callable[[httpx.AsyncClient, ControlPoint, Engine], Awaitable[Any]]


@pytest.fixture
def engine(instrument: Instrument) -> Engine:
    engine = Engine(Strategy(), connections=["main"], clock=DrivenClock(), session="test")
    engine.bind(lambda command: None)
    engine.add_connection(
        "main", [instrument], Capabilities.of(native=tuple(Feature)), lambda instrument: SequenceRule()
    )
    engine.start()
    return engine


def served(engine: Engine, folder: Path, use: Use) -> Any:
    """Use a client without a token on the served socket."""

    async def run() -> Any:
        async with serve_control(engine, "run.toml", folder) as point:
            assert point is not None
            async with httpx.AsyncClient(base_url=point.url, trust_env=False) as client:
                return await use(client, point, engine)

    return asyncio.run(run())


def test_the_file_is_for_its_owner_only_and_gone_with_the_run(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "control"

    async def look(client: httpx.AsyncClient, point: ControlPoint, engine: Engine) -> None:
        assert stat.S_IMODE(point.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (found,) = find_control_points("run.toml", folder)
        assert (found.url, found.headers) == (point.url, point.headers)
        assert found.url.startswith("http://127.0.0.1:")
        assert find_control_points("other.toml", folder) == []

    served(engine, folder, look)
    assert list(folder.iterdir()) == []


def test_without_the_token_nothing_is_told_and_nothing_done(engine: Engine, tmp_path: Path) -> None:
    async def knock(client: httpx.AsyncClient, point: ControlPoint, engine: Engine) -> list[int]:
        token = point.headers["Authorization"]
        answers = [
            await client.request(method, path, headers=headers)
            for method, path in (("GET", "/status"), ("POST", "/flatten"), ("POST", "/stop"), ("GET", "/nothing"))
            for headers in ({}, {"Authorization": token[:-1]}, {"Authorization": "Bearer x"})
        ]
        assert all("main" not in answer.text and token[7:] not in answer.text for answer in answers)
        return [answer.status_code for answer in answers]

    assert served(engine, tmp_path, knock) == [401] * 12
    assert not engine.is_stopping


def test_status_tells_what_is_held_and_no_secret(engine: Engine, tmp_path: Path) -> None:
    engine.say("hello")

    async def ask(client: httpx.AsyncClient, point: ControlPoint, engine: Engine) -> Any:
        answer = await client.get("/status", headers=dict(point.headers))
        assert point.headers["Authorization"][7:] not in answer.text
        assert point.headers["Authorization"][7:] not in repr(point)
        return answer.json()

    said = served(engine, tmp_path, ask)
    assert {key: said[key] for key in ("strategy", "stopping", "flattening", "open_orders", "positions", "risk")} == {
        "strategy": "Strategy",
        "stopping": False,
        "flattening": False,
        "open_orders": 0,
        "positions": [],
        "risk": "open",
    }
    assert said["messages"] == ["hello"]


@pytest.mark.parametrize(("what", "stopped"), [("flatten", "flattened"), ("stop", "interrupted")])
def test_flatten_and_stop_begin_at_once(engine: Engine, tmp_path: Path, what: str, stopped: str) -> None:
    async def ask(client: httpx.AsyncClient, point: ControlPoint, engine: Engine) -> int:
        return (await client.post(f"/{what}", headers=dict(point.headers))).status_code

    assert served(engine, tmp_path, ask) == 202
    assert (engine.is_stopping, engine.result().stopped) == (True, stopped)


def test_there_is_nothing_else(engine: Engine, tmp_path: Path) -> None:
    async def ask(client: httpx.AsyncClient, point: ControlPoint, engine: Engine) -> list[int]:
        requests = (("GET", "/"), ("GET", "/flatten"), ("POST", "/status"), ("POST", "/orders"), ("DELETE", "/stop"))
        return [
            (await client.request(method, path, headers=dict(point.headers))).status_code for method, path in requests
        ]

    assert served(engine, tmp_path, ask) == [404, 405, 405, 404, 405]


def test_a_folder_that_cannot_be_written_costs_the_socket_and_not_the_run(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")

    async def run() -> ControlPoint | None:
        async with serve_control(engine, "run.toml", tmp_path / "file" / "control") as point:
            return point

    assert asyncio.run(run()) is None
    assert "no control socket" in caplog.text


def test_files_that_say_nothing_are_left_out(tmp_path: Path, engine: Engine) -> None:
    async def spoil(client: httpx.AsyncClient, point: ControlPoint, engine: Engine) -> int:
        key = point.path.name.split("-")[0]
        (tmp_path / f"{key}-1-a.json").write_text("{")
        (tmp_path / f"{key}-2-b.json").write_text(json.dumps({"url": "http://127.0.0.1:1"}))
        return len(find_control_points("run.toml", tmp_path))

    assert served(engine, tmp_path, spoil) == 1


def test_the_folder_is_under_the_state_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert control_folder() == tmp_path / "anyvenue" / "control"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert control_folder() == Path("~/.local/state/anyvenue/control").expanduser()
