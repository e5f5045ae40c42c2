"""`anyvenue flatten`: the kill switch from outside. It asks the running process, and then the venues themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click
import httpx
from attrs import evolve

from anyvenue.app import logs
from anyvenue.app.assemble import fresh_session, made_venues
from anyvenue.app.cli import ExitCode
from anyvenue.app.config import Configuration, Overrides
from anyvenue.app.control_socket import ControlPoint, find_control_points
from anyvenue.app.launch import SIMULATED
from anyvenue.app.run_command import load
from anyvenue.engine.flatten import Flattening
from anyvenue.engine.flatten import flatten as flatten_account
from anyvenue.engine.orders import OUR_PREFIX
from anyvenue.model.errors import AnyvenueError
from anyvenue.venue.clock import Clock, WallClock
from anyvenue.venue.descriptor import Environment
from anyvenue.venue.interface import Venue

__all__ = ["flatten", "flatten_accounts"]

ASK_TIMEOUT_S: Final = 5.0
END_PATIENCE_S: Final = 60.0
POLL_S: Final = 0.5

Say = Callable[[str], None]


def flatten(config: str, *, settings: Sequence[str], venues: Sequence[str], environments: Sequence[str]) -> ExitCode:
    """Flatten the accounts of a configuration. Raises ConfigError."""
    configuration = load(config, Overrides(venues=venues, environments=environments, settings=settings))
    with logs.configured(configuration.log, level="warning"):
        left = asyncio.run(_flatten(configuration, _say))
    for text in left:
        _say(f"left: {text}")
    _say("something is left: close it by hand" if left else "all is flat")
    return ExitCode.FAILED if left else ExitCode.OK


async def _flatten(configuration: Configuration, say: Say) -> tuple[str, ...]:
    points = find_control_points(configuration.source)
    answered = [await ask_process(point, say) for point in points]
    if not any(answered):
        say("no running process answered; asking the venues")
    return await flatten_accounts(configuration, WallClock(), say)


async def ask_process(point: ControlPoint, say: Say, folder: Path | None = None) -> bool:
    """Have a running process flatten, and wait for its end. Returns whether it did both."""
    async with httpx.AsyncClient(
        base_url=point.url, headers=dict(point.headers), timeout=ASK_TIMEOUT_S, trust_env=False
    ) as client:
        try:
            answer = await client.post("/flatten")
        except httpx.ConnectError:
            point.path.unlink(missing_ok=True)  # it ended without tidying up
            return False
        except httpx.HTTPError as error:
            say(f"process {point.pid} does not answer: {type(error).__name__}")
            return False
        if answer.status_code != httpx.codes.ACCEPTED:
            say(f"process {point.pid} refused: {answer.text.strip()}")
            return False
        say(f"process {point.pid} is flattening")
        return await _ended(client, point, say)


async def _ended(client: httpx.AsyncClient, point: ControlPoint, say: Say) -> bool:
    heard: list[Any] = []
    for _ in range(int(END_PATIENCE_S / POLL_S)):
        try:
            status = (await client.get("/status")).json()
        except (httpx.HTTPError, ValueError):
            say(f"process {point.pid} has ended")
            return True
        for message in status["messages"]:
            if message not in heard:
                heard.append(message)
                say(f"process {point.pid}: {message}")
        await asyncio.sleep(POLL_S)
    say(f"process {point.pid} has not ended after {END_PATIENCE_S:g} s")
    return False


async def flatten_accounts(configuration: Configuration, clock: Clock, say: Say) -> tuple[str, ...]:
    """Connect to the accounts of a configuration and flatten them; return what is left, each in words.

    Accounts that live in a trading process alone (paper, and the built-in simulation) are gone with it.
    """
    mine = []
    for connection in configuration.connections:
        if connection.descriptor.name == SIMULATED or connection.environment is Environment.PAPER:
            say(f"{connection.name}: its account lives in the process that trades; there is nothing to ask")
        else:
            mine.append(connection)
    session = fresh_session(clock.time_ns())
    venues = made_venues(evolve(configuration, connections=tuple(mine)), clock, session)
    parts = [await _flatten_one(name, venue, clock, session, say) for name, venue in venues.items()]
    return tuple(text for part in parts for text in part)


async def _flatten_one(name: str, venue: Venue, clock: Clock, session: str, say: Say) -> tuple[str, ...]:
    ids = iter(range(1, 1_000_000))
    try:
        await venue.connect(lambda event: None)
        await venue.instruments()
        plan = Flattening(
            name=name,
            venue=venue,
            clock=clock,
            new_id=lambda: f"{OUR_PREFIX}{session}-{next(ids)}",
            say=say,
        )
        return await flatten_account(plan)
    except AnyvenueError as error:
        return (f"{name}: {error}",)
    finally:
        await venue.close()


def _say(message: str) -> None:
    click.echo(message, err=True)
