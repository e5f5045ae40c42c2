"""Whole processes: `anyvenue run` on Gate's simulator, which is a process of its own, as a testnet that is nearby."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import field, frozen

PATIENCE_S = 60.0
ANYVENUE = (sys.executable, "-m", "anyvenue")
CONFIG = """\
[connections.main]
adapter = "gateio"
environment = "testnet"
credentials = {{ {credentials} }}
[connections.main.options.gateio]
rest_url = "{rest_url}"
ws_url = "{ws_url}"
order_expiry_s = 1.0
[strategy]
class = "mine:{strategy}"
on_failure = "{on_failure}"
[journal]
path = "journal.db"
[log]
{log}
[risk]
max_position = "0.5"
order_rate = 20
hang_s = 1.0
"""


@frozen
class Run:
    """A process that trades, and what it says; `folder` holds all that it writes."""

    process: subprocess.Popen[bytes]
    folder: Path

    def said(self) -> str:
        return (self.folder / "stderr").read_text() + (self.folder / "stdout").read_text()

    def until(self, holds: Callable[[], object], *, what: str = "") -> None:
        """Wait until something holds. The process must not end before."""
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert self.process.poll() is None, f"{what}: it has ended: {self.said()}"
            assert time.monotonic() < end, f"{what} not within {PATIENCE_S} s: {self.said()}"
            time.sleep(0.05)

    def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        return self.process.wait(PATIENCE_S)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@frozen
class Simulator:
    """Gate on this machine."""

    told: Mapping[str, Any]
    control: httpx.Client
    environment: dict[str, str] = field(factory=dict)

    def account(self, name: str) -> Mapping[str, str]:
        """Open an account; return its key and secret."""
        found: Mapping[str, str] = self.control.post("/accounts", json={"name": name}).raise_for_status().json()
        return found

    def booked(self, name: str) -> Mapping[str, Any]:
        """Return what the venue has of an account: orders, fills and positions."""
        told: Mapping[str, Any] = self.control.get("/ledger").raise_for_status().json()["accounts"][name]
        return told

    def held(self, name: str) -> dict[str, str]:
        return {one["symbol"]: one["quantity"] for one in self.booked(name)["positions"] if one["quantity"] != "0"}

    def resting(self, name: str) -> list[Mapping[str, Any]]:
        return [one for one in self.booked(name)["orders"] if one["state"] in ("open", "partially_filled")]

    def start(
        self,
        folder: Path,
        strategy: str,
        *options: str,
        credentials: str,
        on_failure: str = "flatten",
        rest_url: str = "",
        log: str = "",
        **environment: str,
    ) -> Run:
        """Start a run of a strategy of the module `mine` in the folder, with a home of its own."""
        urls = {"rest_url": rest_url or self.told["urls"]["rest"], "ws_url": self.told["urls"]["ws_usdt"]}
        (folder / "run.toml").write_text(
            CONFIG.format(credentials=credentials, strategy=strategy, on_failure=on_failure, log=log, **urls)
        )
        known = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        known |= {"XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder), "PYTHONFAULTHANDLER": ""}
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as error:
            command = (*ANYVENUE, "run", str(folder / "run.toml"), *options)
            process = subprocess.Popen(
                command, cwd=folder, env=known | environment, stdout=out, stderr=error, start_new_session=True
            )
        return Run(process, folder)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A market that goes on by itself."""
    settings = ("simulation.market=synthetic", "simulation.seed=7", 'simulation.symbols=["BTC-USDT-PERP"]')
    options = [word for setting in settings for word in ("--set", setting)]
    command = (*ANYVENUE, "sim", "gateio", "--json", "--accounts", "0", *options)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        with httpx.Client(base_url=told["control"], trust_env=False, timeout=PATIENCE_S) as control:
            yield Simulator(told, control)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def start(simulator: Simulator, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Return what starts a run; what still runs at the end of the test is killed."""
    runs: list[Run] = []

    def start(strategy: str, *options: str, **how: Any) -> Run:
        runs.append(simulator.start(tmp_path, strategy, *options, **how))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait(PATIENCE_S)
