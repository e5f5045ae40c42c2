"""The same configuration gives the same report, byte for byte, in any process, live or backtest."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

STRATEGIES = Path(__file__).parents[2] / "strategies"
ANYVENUE = [sys.executable, "-c", "from anyvenue.app.cli import main; main()"]
SYNTHETIC = (
    *("--set", "simulation.market=synthetic"),
    *("--set", "simulation.duration_s=60"),
    *("--set", "strategy.parameters.half_spread_bp=0.5"),
)


def report(command, name, hash_seed, *options):
    done = subprocess.run(
        [*ANYVENUE, command, str(STRATEGIES / f"{name}.toml"), "--json", *options],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
    )
    return done.stdout


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("quoter", ()),
        ("trend", ("--set", "simulation.latency_jitter_us=700")),
        ("signal_follower", ()),
        ("quoter", SYNTHETIC),
    ],
)
def test_the_same_report_in_every_process(name, options):
    first = report("run", name, "1", *options)
    assert json.loads(first)["fills"] > 0
    assert report("run", name, "2", *options) == first
    assert report("backtest", name, "3", *options) == first
