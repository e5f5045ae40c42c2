"""The command line: what goes to which stream, and what its exit codes say."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner, Result

from anyvenue.app.cli import _code_of, main
from anyvenue.app.run_command import exit_code
from anyvenue.engine.result import RunResult
from anyvenue.model.errors import InvalidOrder, UnknownInstrument
from anyvenue.simulation.tape import BrokenTape
from anyvenue.wire import fast

CANARY = "canary-4711-do-not-show"

STRATEGY = '''\
"""A strategy beside its configuration."""

from decimal import Decimal

from attrs import frozen

from anyvenue.engine.strategy import Strategy


@frozen(kw_only=True)
class Parameters:
    quantity: Decimal = Decimal("0.01")
    fail: bool = False


class Taker(Strategy):
    """Buys at the first book."""

    Parameters = Parameters
    bought = False

    def on_start(self):
        self.subscribe("BTC-USDT-PERP")

    def on_book(self, book):
        if self.parameters.fail:
            raise ValueError("no")
        if book.is_synced and not self.bought:
            self.bought = True
            self.buy("BTC-USDT-PERP", self.parameters.quantity)
'''

CONFIG = """\
[connections.main]
adapter = "simulated"

[strategy]
class = "{module}:Taker"

[simulation]
symbols = ["BTC-USDT-PERP"]
duration_s = 20
"""

Invoke = Callable[..., Result]


@pytest.fixture
def invoke() -> Invoke:
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    module = f"taker_{abs(hash(tmp_path))}"  # modules are remembered, folders come and go
    (tmp_path / f"{module}.py").write_text(STRATEGY)
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(module=module))
    monkeypatch.setattr(sys, "path", sys.path.copy())
    return path


def test_a_run_prints_its_report(invoke: Invoke, config: Path) -> None:
    result = invoke("run", config)
    assert result.exit_code == 0
    assert result.stdout.startswith("Taker: finished\n  2024-08-08 23:54:16 to 2024-08-08 23:54:36 UTC")
    assert re.search(r"\n  orders +1  0 amends, 0 cancels, 0 refused\n  fills +1\n", result.stdout)
    assert result.stderr == ""


def test_json_is_all_there_is_on_standard_output_and_the_same_each_time(invoke: Invoke, config: Path) -> None:
    first, second = invoke("run", config, "--json"), invoke("run", config, "--json")
    backtest = invoke("backtest", config, "--json")
    assert first.stdout_bytes == second.stdout_bytes == backtest.stdout_bytes
    report = json.loads(first.stdout)
    assert (report["orders"], report["stopped"]) == (1, "finished")
    assert report["fills"] >= 1
    assert report["instruments"][0]["inventory"] == "0.01"


def test_options_change_the_run(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = invoke(
        *("run", config, "--set", "strategy.parameters.quantity=0.02", "--duration", "5", "--report", page, "--quiet"),
        "--json",
    )
    report = json.loads(result.stdout)
    assert report["instruments"][0]["inventory"] == "0.02"
    assert 4e9 < report["ts_end"] - report["ts_start"] <= 5e9
    assert page.read_text().startswith("<!doctype html>")
    assert result.stderr == f"report: {page}\n"


def test_a_backtest_can_be_cut(invoke: Invoke, config: Path) -> None:
    cut = "--from", "2024-08-08T23:56", "--to", "2024-08-08T23:56:10.5Z"
    report = json.loads(invoke("backtest", config, "--json", *cut).stdout)
    assert report["start"].startswith("2024-08-08T23:56:00.0")
    assert report["end"].startswith("2024-08-08T23:56:10.")
    alone = json.loads(invoke("backtest", config, "--json", "--to", "2024-08-08T23:54:20").stdout)
    assert alone["end"].startswith("2024-08-08T23:54:20")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--from", "tomorrow"), "--from: found 'tomorrow'; allowed are times such as 2024-08-08"),
        (("--from", "2025-01-01"), "--from: found 2025-01-01 00:00:00; the data goes from 2024-08-08 23:54:16"),
        (("--to", "2024-08-01"), "--to: found 2024-08-01 00:00:00; the data goes from 2024-08-08 23:54:16"),
        (("--data", "absent.tape"), "'absent.tape' does not exist"),
        (("--report", "absent/report.html"), "there is no folder absent"),
        (("--report", "."), "is a directory"),
    ],
)
def test_wrong_options_are_code_2(invoke: Invoke, config: Path, options: tuple[str, ...], told: str) -> None:
    result = invoke("backtest", config, *options)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_a_strategy_that_raises_is_code_1_with_a_report(invoke: Invoke, config: Path) -> None:
    result = invoke("run", config, "--set", "strategy.parameters.fail=true", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["failure"] == "on_book: ValueError: no"
    assert result.stderr.endswith("the run failed: on_book: ValueError: no\n")
    assert "Traceback" in result.stderr


def test_a_wrong_configuration_is_code_2_with_each_mistake_in_a_line(invoke: Invoke, config: Path) -> None:
    config.write_text(config.read_text() + "speeed = 1\nlatency_in_us = -1\n")
    result = invoke("run", config)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"{config}:10: simulation.speeed: unknown key" in result.stderr
    config.write_text(config.read_text().replace("speeed", "speed").replace("= 20", "= -20"))
    lines = invoke("check", config).stderr.splitlines()
    assert lines[0] == "error: several problems"
    assert sorted(line.partition(": ")[0].rpartition(":")[2] for line in lines[1:]) == ["11", "9"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("absent:Taker", "cannot be imported: ModuleNotFoundError"),
        ("os:Tacker", "os has no 'Tacker'"),
        ("os:PathLike", "subclass"),
    ],
)
def test_a_strategy_that_cannot_be_had_is_code_2(invoke: Invoke, config: Path, name: str, told: str) -> None:
    result = invoke("run", config, "--set", f"strategy.class={name}")
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_name_that_is_no_file_suggests_a_shipped_one(invoke: Invoke) -> None:
    result = invoke("run", "quotr")
    assert result.exit_code == 2
    assert 'Did you mean "quoter"?' in result.stderr


def test_the_extra_is_used_as_the_configuration_says_and_a_simulated_run_keeps_pythons_loop(
    invoke: Invoke, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    class Runner(asyncio.Runner):
        def __init__(self, *, loop_factory: object = None) -> None:
            made.append(loop_factory)
            super().__init__()

    monkeypatch.setattr(asyncio, "Runner", Runner)
    monkeypatch.setattr(fast, "_version", lambda name: "1.0")  # as if it were installed
    monkeypatch.setattr(fast._Choice, "fast", None)
    result = invoke("run", config, "--duration", "1", "--set", "wire.fast=false", "--set", "log.level=info")
    assert result.exit_code == 0
    assert "sent and received by asyncio, websockets 1.0, httptools 1.0" in result.stderr
    assert not fast.is_fast()
    result = invoke("run", config, "--duration", "1", "--set", "log.level=info")
    assert "sent and received by uvloop 1.0, picows 1.0, httptools 1.0" in result.stderr
    assert fast.is_fast()
    assert made == [None, None]


def test_an_extra_that_is_wished_for_and_missing_is_a_mistake_in_the_configuration(
    invoke: Invoke, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast, "_version", lambda name: None)
    result = invoke("run", config, "--set", "wire.fast=true")
    assert result.exit_code == 2
    assert "fast: found true without uvloop and picows; install anyvenue[fast], or leave it out" in result.stderr


def test_check_prints_what_would_run(invoke: Invoke, config: Path) -> None:
    result = invoke("check", config, "--set", "risk.max_position=0.5", "--set", "risk.instruments.ETH.price_band=0.1")
    assert result.exit_code == 0
    module = config.read_text().partition('class = "')[2].partition(":")[0]
    assert (
        result.stdout
        == f"""\
{config} is valid

strategy {module}:Taker ({module}:Taker)
  quantity = 0.01
  fail = false

connection main: Simulated exchange (simulated), simulator

simulation
  market = tape
  symbols = BTC-USDT-PERP
  seed = 1
  balance = 100000
  latency_in_us = 2000
  latency_out_us = 2000
  latency_jitter_us = 0
  leverage = 10
  speed = 0.0
  duration_s = 20.0

risk
  max_position = 0.5
  instruments.ETH.price_band = 0.1
  day_hour = 0
  on_limit = keep
  hang_s = 30.0
"""
    )


def test_no_output_ever_shows_a_secret(invoke: Invoke, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = config.read_text().replace('"simulated"', '"simulated"\ncredentials = { key = "env:CANARY" }')
    config.write_text(text)
    monkeypatch.setenv("CANARY", CANARY)
    results = [invoke("check", config), invoke("run", config, "--duration", "1")]
    results.append(invoke("run", config, "--set", f"connections.main.credentials.key={CANARY}"))
    results.append(invoke("run", config, "--set", CANARY))
    config.write_text(text.replace("env:CANARY", CANARY))
    results += [invoke("check", config), invoke("run", config, "--json")]
    assert [result.exit_code for result in results] == [0, 0, 2, 2, 2, 2]
    assert "credentials.key = env:CANARY" in results[0].stdout
    for result in results:
        assert CANARY not in result.output
        assert CANARY not in repr(result.exception)


def test_venues_strategies_and_instruments_are_listed(invoke: Invoke) -> None:
    venues = invoke("venues").stdout
    assert venues.startswith("venue ")
    assert re.search(r"Simulated exchange +simulator +", venues)
    data = json.loads(invoke("venues", "--json").stdout)
    [simulated] = [venue for venue in data if venue["name"] == "simulated"]
    assert simulated["status"] == "ok"
    assert simulated["capabilities"]["post_only"] == {"grade": "native", "note": ""}

    assert "quoter  (anyvenue_strategies.quoter:Quoter)" in invoke("strategies").stdout
    [quoter] = [s for s in json.loads(invoke("strategies", "--json").stdout) if s["name"] == "quoter"]
    assert "quantity" in [parameter["name"] for parameter in quoter["parameters"]]

    table = invoke("instruments", "simulated").stdout.splitlines()
    assert [line.split()[0] for line in table] == ["symbol", "BTC-USDT-PERP", "ETH-USDT-PERP"]
    assert json.loads(invoke("instruments", "simulated", "--json").stdout)[0]["price"] == {"tick": "0.1"}
    assert invoke("instruments", "simulatd").exit_code == 2
    assert invoke("instruments", "simulated", "--environment", "live").exit_code == 2


ANYVENUE = (sys.executable, "-c", "from anyvenue.app.cli import main; main(prog_name='anyvenue')")


def test_help_is_quick_to_import_and_documents_the_exit_codes() -> None:
    code = "import sys; from anyvenue.app.cli import main\n"
    code += "try: main(['--help'])\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert "  130  interrupted (Ctrl-C)" in done.stdout
    heavy = {"rich", "httpx", "websockets", "attrs", "cattrs", "orjson", "asyncio", "anyvenue.engine.engine"}
    assert not heavy & set(done.stderr.split())


@pytest.mark.parametrize(
    ("command", "number"), [("run", signal.SIGINT), ("run", signal.SIGTERM), ("backtest", signal.SIGINT)]
)
def test_a_signal_cancels_orders_prints_the_report_and_is_code_130(
    config: Path, command: str, number: signal.Signals
) -> None:
    config.write_text(config.read_text().replace("duration_s = 20", "speed = 1"))
    slow = config.with_name(f"{next(config.parent.glob('*.py')).stem}.py")
    slow.write_text(
        slow.read_text().replace(
            "def on_book(self, book):", "def on_book(self, book):\n        __import__('time').sleep(0.02)"
        )
    )
    process = subprocess.Popen(
        (*ANYVENUE, command, str(config), "--json", "--set", "log.level=info"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert process.stderr is not None
    while "OrderFilled" not in process.stderr.readline():  # it runs, and logs its orders
        assert process.poll() is None
    time.sleep(0.1)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert json.loads(out)["stopped"] == "interrupted"
    assert "orders are being canceled" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that cannot be written")
def test_a_page_that_cannot_be_written_is_code_1_and_the_report_is_printed(invoke: Invoke, config: Path) -> None:
    result = invoke("run", config, "--json", "--quiet", "--report", "/dev/full")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["stopped"] == "finished"
    assert result.stderr == "error: --report: /dev/full cannot be written: No space left on device\n"


@pytest.mark.parametrize("stopped", ["finished", "duration", "interrupted"])
def test_a_failure_is_code_1_however_the_run_ended(result: RunResult, stopped: str) -> None:
    assert exit_code(evolve(result, stopped=stopped, failure="on_stop: ValueError: no")) == 1


def test_a_strategy_that_cannot_be_made_is_code_2(invoke: Invoke, config: Path) -> None:
    module = next(config.parent.glob("*.py"))
    module.write_text(module.read_text() + "\n    def __init__(self, parameters):\n        raise KeyError('no')\n")
    for command in ("run", "backtest"):
        result = invoke(command, config)
        assert result.exit_code == 2
        assert result.stderr == f"error: {config}: strategy: cannot be made: KeyError: 'no'\n"


def test_an_endless_duration_is_code_2(invoke: Invoke, config: Path) -> None:
    result = invoke("run", config, "--duration", "1e300")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: --duration 1e+300: simulation.duration_s: found 1e+300; allowed is")


@pytest.mark.parametrize(("error", "code"), [(BrokenTape, 1), (InvalidOrder, 2), (UnknownInstrument, 2)])
def test_errors_that_tell_all_need_no_traceback(error: type[Exception], code: int) -> None:
    assert _code_of(error("no")) == code


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGHUP])
def test_a_second_signal_ends_a_run_that_hangs_in_a_callback(
    config: Path, first: signal.Signals, second: signal.Signals
) -> None:
    module = next(config.parent.glob("*.py"))
    hang = "def on_book(self, book):\n        print('hangs', flush=True)\n        while True:\n            pass\n"
    module.write_text(module.read_text().replace("def on_book(self, book):", hang))
    process = subprocess.Popen(
        (*ANYVENUE, "run", str(config)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "hangs\n"
    process.send_signal(first)
    while "once more to stop" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(second)
    process.communicate(timeout=20)
    assert process.returncode == (130 if second == signal.SIGINT else -signal.SIGTERM)
