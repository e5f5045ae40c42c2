"""`anyvenue sim`: a simulator as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ADAPTER = '''\
"""An adapter whose venue answers every request with what it was asked."""

import sys

from anyvenue.model.instrument import Instrument
from anyvenue.model.pricing import Tick
from anyvenue.venue.capabilities import Capabilities
from anyvenue.venue.descriptor import Environment, VenueDescriptor
from anyvenue.venue.interface import INTERFACE_VERSION


def dialect():
    from anyvenue.simulation.server.dialect import Dialect
    from anyvenue.simulation.server.messages import json_response

    class Echo(Dialect):
        paths = {"rest": "/api", "ws": "/ws"}

        @classmethod
        def instruments(cls, tapes, settings):
            return [
                Instrument(
                    symbol="BTC-USDT-PERP", venue="echo", venue_symbol="BTCUSDT", base="BTC", quote="USDT",
                    settle="USDT", price_rule=Tick("0.1"), quantity_step="0.001", min_quantity="0.001",
                )
            ]

        def handle(self, request):
            key = self.stage.keys.find(request.headers.get("x-key", ""))
            return json_response({"path": request.path, "account": key and key.account})

        def accept(self, request, socket):
            return json_response({}, 403)

    return Echo


DESCRIPTOR = VenueDescriptor(
    name="echo",
    title="Echo",
    interface_version=INTERFACE_VERSION,
    capabilities=Capabilities.of(),
    environments=frozenset({Environment.SIMULATOR}),
    open=lambda context: None,
    simulator=dialect,
)
'''

ANYVENUE = (sys.executable, "-c", "from anyvenue.app.cli import main; main(prog_name='anyvenue')")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a process in which the adapter is installed."""
    (tmp_path / "echo_adapter.py").write_text(ADAPTER)
    info = tmp_path / "echo_adapter-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-adapter\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[anyvenue.venues]\necho = echo_adapter:DESCRIPTOR\n")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def started(environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    command = (*ANYVENUE, "sim", "echo", *options)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def ended(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (*ANYVENUE, "sim", *arguments)
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_one_line_once_it_serves_and_ends_well_on_a_signal(
    environment: dict[str, str], number: signal.Signals
) -> None:
    process = started(environment, "--json", "--accounts", "3", "--set", "simulation.market=synthetic")
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    try:
        assert (told["adapter"], told["pid"], told["instruments"]) == ("echo", process.pid, ["BTCUSDT"])
        assert [account["name"] for account in told["accounts"]] == ["account1", "account2", "account3"]
        with httpx.Client(trust_env=False) as client:
            answer = client.get(f"{told['urls']['rest']}/x", headers={"x-key": told["accounts"][1]["key"]})
            assert answer.json() == {"path": "/api/x", "account": "account2"}
            assert client.get(f"{told['control']}/").json()["urls"] == told["urls"]
        assert told["urls"]["ws"].startswith("ws://127.0.0.1:")
    finally:
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_without_json_it_tells_people_where_to_go(environment: dict[str, str], tmp_path: Path) -> None:
    plan = tmp_path / "faults.json"
    plan.write_text('[{"on": "http", "status": 503}]')
    process = started(environment, "--faults", str(plan))
    assert process.stdout is not None
    lines = []
    while not lines or "curl" not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1] or process.poll() is None
    [url] = [line.split()[1] for line in lines if line.split()[:1] == ["rest"]]
    assert httpx.get(f"{url}/x", trust_env=False).status_code == 503
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_port_that_is_taken_is_said_and_is_code_1(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = ended(environment, "echo", "--port", port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: --port: found {port}; ")
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["simulated"], "found the venue 'simulated', which brings no simulator; those that do are echo"),
        (["nobody"], "found the venue 'nobody'"),
        (["echo", "--set", "simulation.sed=1"], "unknown key"),
        (["echo", "--set", "simulation.leverage=0"], "--set simulation.leverage: simulation.leverage: found 0"),
        (["echo", "--set", "risk.order_rate=1"], "allowed is simulation.KEY=VALUE"),
        (["echo", "--set", "simulation.market=/nowhere"], "found '/nowhere'"),
        (["echo", "--set", 'simulation.symbols=["X-Y-PERP"]'], "this venue's simulator lists BTC-USDT-PERP"),
        (["echo", "--faults", "/nowhere.json"], "cannot be read"),
        (["echo", "--faults", "{wrong}"], "allowed are http, ws_in, ws_out"),
        (["echo", "--faults", "{broken}"], "faults"),
        (["echo", "--port", "70000"], "70000"),
    ],
)
def test_what_is_wrong_is_said_and_is_code_2(
    environment: dict[str, str], tmp_path: Path, arguments: list[str], text: str
) -> None:
    files = {"wrong": '[{"on": "nowhere"}]', "broken": "["}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    given = [
        argument.format(**{name: tmp_path / name for name in files}) if "{" in argument else argument
        for argument in arguments
    ]
    done = ended(environment, *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_its_help_says_how_it_ends(environment: dict[str, str]) -> None:
    done = ended(environment, "--help")
    assert "SIGTERM" in done.stdout
    assert "--accounts" in done.stdout
