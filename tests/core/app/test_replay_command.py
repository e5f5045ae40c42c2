"""`anyvenue replay`: a run by configuration, its session log, and the same run again from that."""

import sys

import orjson
import pytest
from click.testing import CliRunner

from anyvenue.app.cli import main
from anyvenue.engine.replay_reader import segments, session_lines

CONFIG = """\
[connections.main]
adapter = "simulated"

[strategy]
class = "quoter"
connections = ["main"]

[strategy.parameters]
requote_bp = "0.02"
half_spread_bp = "0.7"

[risk]
max_position = "0.05"

[simulation]
symbols = ["BTC-USDT-PERP"]
duration_s = 20

[log]
session = true
"""


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "anyvenue"


def invoked(*arguments, code=0):
    found = CliRunner().invoke(main, list(map(str, arguments)))
    assert found.exit_code == code, found.output
    return found.output


@pytest.fixture
def session(tmp_path, state):
    """A session that was logged: the path of its first file."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    invoked("run", config, "-q", "--json")
    (file,) = (state / "sessions").glob("*.gz")
    return file


def test_the_same_strategy_sends_the_same(session):
    assert invoked("replay", session).startswith("the same: ")
    assert invoked("replay", "s1").startswith("the same: ")


def test_another_parameter_is_told_with_the_inputs_before_it(session):
    told = invoked("replay", session, "--set", "strategy.parameters.requote_bp=0.5", code=1)
    assert told.startswith("a difference after ")
    assert "the last inputs before it:" in told
    assert told.count('["decoded_delta"') >= 4
    then, now = told.splitlines()[-2:]
    assert then.startswith('then:  ["amend"')
    assert now.startswith("now:   ")
    assert then.partition(":")[2] != now.partition(":")[2]


def test_another_strategy_is_told_from_its_first_command(session):
    told = invoked("replay", session, "--strategy", "anyvenue.engine.strategy:Strategy", code=2)
    assert "strategy.parameters" in told  # it has no parameters, and is not given those of another


def test_another_limit_can_be_tried(session):
    told = orjson.loads(invoked("replay", session, "--set", "risk.order_rate=1", "--json", code=1))
    assert told["difference"]["logged"].startswith('["')
    assert told["inputs"] > 0


def test_as_json_it_says_that_nothing_differs(session):
    told = orjson.loads(invoked("replay", session, "--json"))
    assert told["difference"] is None
    assert told["whole"] is True
    assert told["commands"] > 10


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nothing"], "found no session log"),
        (["s1", "--set", "strategy.parameters.requote_pb=1"], 'Did you mean "requote_bp"?'),
        (["s1", "--set", "strategy.parameters.requote_bp=much"], "strategy.parameters.requote_bp"),
        (["s1", "--set", "simulation.seed=2"], "cannot be changed; allowed are strategy.parameters and risk"),
        (["s1", "--strategy", "quotter"], "quotter"),
    ],
)
def test_what_is_wrong_is_told(session, arguments, text):
    assert text in invoked("replay", *arguments, code=2)


def test_a_second_run_of_the_same_name_is_a_session_of_its_own(session, tmp_path, state):
    invoked("run", tmp_path / "config.toml", "-q", "--json")
    assert sorted(file.name for file in (state / "sessions").glob("*.gz")) == [
        "s1-00001.jsonl.gz",
        "s1.2-00001.jsonl.gz",
    ]
    assert invoked("replay", "s1.2").startswith("the same: ")


def test_a_strategy_beside_its_configuration_is_found_again_from_anywhere(tmp_path, state, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "of_my_own.py").write_text(
        "from anyvenue import Strategy\n\n\n"
        "class Mine(Strategy):\n    def on_start(self):\n        self.subscribe('BTC-USDT-PERP')\n"
    )
    config = tmp_path / "here" / "config.toml"
    head, _, tail = CONFIG.partition('[strategy.parameters]\nrequote_bp = "0.02"\nhalf_spread_bp = "0.7"\n')
    config.write_text(head.replace('"quoter"', '"of_my_own:Mine"') + tail)
    invoked("run", config, "-q", "--json")
    monkeypatch.setattr(sys, "path", [place for place in sys.path if not place.startswith(str(tmp_path))])
    monkeypatch.delitem(sys.modules, "of_my_own")
    assert invoked("replay", "s1").startswith("the same: ")
    about = next(session_lines(segments(state / "sessions" / "s1")))[1]["about"]
    assert about["venues"] == {"main": ["simulated", "simulator"]}
    assert about["simulation"]["seed"] == 1


def test_a_backtest_can_be_logged_too(tmp_path, state):
    config = tmp_path / "config.toml"
    config.write_text(CONFIG + 'session_path = "logs"\n')
    invoked("backtest", config, "-q", "--json")
    assert invoked("replay", tmp_path / "logs" / "s1").startswith("the same: ")
