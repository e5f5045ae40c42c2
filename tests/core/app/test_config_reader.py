"""Configuration files: what is taken, and what is said about each mistake."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyvenue.app.config import Configuration, Overrides
from anyvenue.app.config_errors import ConfigError, Problem
from anyvenue.app.config_reader import load, read
from anyvenue.app.plugins import Plugins
from anyvenue.engine.risk import InstrumentLimits, RiskLimits
from anyvenue.model.enums import Side
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings
from anyvenue.venue.secrets import SecretReference

GOOD = """\
[connections.main]
adapter = "alpha"
environment = "testnet"
allow_approximate = ["trailing"]
credentials = { key = "env:ALPHA_KEY", secret = "file:alpha.key" }

[connections.main.options.alpha]
recv_window_ms = 100
passphrase = "env:ALPHA_PASS"

[connections.main.options.beta]
whatever = 1

[connections.hedge]
adapter = "simulated"

[strategy]
class = "echo"

[strategy.parameters]
quantity = "0.010"
side = "sell"
spreads = ["1", "2.5"]
limits = { day = "5" }

[simulation]
seed = 7

[risk]
max_position = "0.5"
order_rate = 10

[risk.instruments.ETH-USDT-PERP]
max_position = "3"

[log]
format = "json"
levels = { "anyvenue.orders" = "debug" }
"""


def loaded(text: str, plugins: Plugins, **overrides: Any) -> Configuration:
    return load(text, "file.toml", Path("/nowhere"), Overrides(**overrides), plugins)


def refused(text: str, plugins: Plugins, **overrides: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(text, plugins, **overrides)
    return str(caught.value)


def test_a_good_file_is_structured_to_the_last_key(plugins: Plugins) -> None:
    configuration = loaded(GOOD, plugins)
    main, hedge = configuration.connections
    assert (main.name, main.descriptor.name, main.environment) == ("main", "alpha", Environment.TESTNET)
    assert main.allow_approximate == {Feature.TRAILING}
    assert main.credentials == {
        "key": SecretReference("env", "ALPHA_KEY"),
        "secret": SecretReference("file", "alpha.key"),
    }
    assert main.options.recv_window_ms == 100
    assert main.options.passphrase == SecretReference("env", "ALPHA_PASS")
    assert (hedge.name, hedge.descriptor.name, hedge.environment) == ("hedge", "simulated", Environment.SIMULATOR)

    strategy = configuration.strategy
    assert (strategy.name, strategy.connections, strategy.on_failure) == ("echo", ("main", "hedge"), "keep")
    assert (strategy.parameters.quantity, strategy.parameters.side) == (Decimal("0.010"), Side.SELL)
    assert strategy.parameters.spreads == (Decimal(1), Decimal("2.5"))
    assert strategy.parameters.limits == {"day": Decimal(5)}
    assert configuration.simulation == SimulationSettings(seed=7)
    assert configuration.risk == RiskLimits(
        max_position=Decimal("0.5"),
        order_rate=10,
        instruments={"ETH-USDT-PERP": InstrumentLimits(max_position=Decimal(3))},
    )
    assert configuration.log.levels == {"anyvenue.orders": "debug"}
    assert configuration.notes == (
        "file.toml:11: connections.main.options.beta is ignored: no venue of that name is installed. \
Options go under connections.main.options.ADAPTER.",
    )


TABLES = ("connections", "strategy", "simulation", "risk", "recovery", "signals", "log", "journal", "wire")

BAD = """\
[connections.main]
adaptor = "alpha"
environment = "life"

[connections.second]
adapter = "alfa"
credentials = { key = "canary-in-the-file" }

[connections.third]
adapter = "alpha"
environment = "paper"
allow_approximate = ["trailling"]

[connections.fourth]
adapter = "alpha"
environment = "live"

[connections.fourth.options.alpha]
recv_window = 5

[strategy]
class = "echo"
connections = ["main", "fith", "main"]

[strategy.parameters]
quantity = 0.010
levels = "2"

[simulation]
speed = -1
balance = "none"
symbols = ["BTC-USD-PERP"]

[risk]
max_positon = "1"
order_rate = 1.5

[log]
level = "verbose"

[journal]
durability = "powr"
"""

# Line by line, from the text above.
ALL_OF_IT = """\
file.toml:2: connections.main.adaptor: unknown key; allowed are adapter, environment, allow_live, allow_approximate, \
credentials, options. Did you mean "adapter"?
file.toml:1: connections.main.adapter: not given, and there is no default
file.toml:3: connections.main.environment: found "life"; allowed is simulator, paper, testnet, live. \
Did you mean "live"?
file.toml:7: connections.second.credentials.key: found a value that is not a reference (not shown); \
allowed are references: env:NAME (an environment variable), file:PATH (a file only you can read), \
keyring:SERVICE/NAME, vault:MOUNT/PATH#FIELD, aws:SECRET_ID#FIELD
file.toml:12: connections.third.allow_approximate[0]: found "trailling"; allowed is FEATURES. Did you mean "trailing"?
file.toml:16: connections.fourth.environment: live trades real money and is not allowed yet; to allow it add the line \
`allow_live = true` to [connections.fourth]
file.toml:19: connections.fourth.options.alpha.recv_window: unknown key; allowed are recv_window_ms, routes, \
passphrase. Did you mean "recv_window_ms"?
file.toml:23: strategy.connections[1]: found "fith"; connections are main, second, third, fourth. \
Did you mean "fourth"?
file.toml:23: strategy.connections[2]: found "main" twice; allowed is once
file.toml:26: strategy.parameters.quantity: found the number 0.010 without quotes; allowed is an exact number, \
in quotes. Write "0.010"
file.toml:27: strategy.parameters.levels: found "2"; allowed is a whole number
file.toml:30: simulation.speed: found -1.0; allowed are finite numbers from 0
file.toml:31: simulation.balance: found the text 'none'; allowed is a decimal number such as '0.01'
file.toml:32: simulation.symbols: found 'BTC-USD-PERP'; the tapes of market 'tape' hold BTC-USDT-PERP, ETH-USDT-PERP. \
Did you mean 'BTC-USDT-PERP'?
file.toml:35: risk.max_positon: unknown key; allowed are max_position, max_order_notional, max_order_quantity, \
max_open_orders, max_leverage, price_band, order_rate, instruments, connections, book, daily_loss, drawdown, \
day_hour, on_limit, hang_s, dead_man_s. Did you mean "max_position"?
file.toml:36: risk.order_rate: found the number 1.5; allowed is a whole number
file.toml:39: log.level: found "verbose"; allowed is debug, info, warning, error, critical
file.toml:42: journal.durability: found "powr"; allowed is process, power. Did you mean "power"?
""".replace("FEATURES", ", ".join(feature.value for feature in Feature))


def test_every_mistake_of_a_file_is_told_at_once(plugins: Plugins) -> None:
    told = refused(BAD, plugins)
    assert sorted(told.splitlines()) == sorted(ALL_OF_IT.splitlines())
    assert "canary" not in told


def test_an_unknown_adapter_is_told_with_those_installed(plugins: Plugins) -> None:
    text = GOOD.replace('adapter = "simulated"', 'adapter = "similated"')
    assert refused(text, plugins) == (
        "file.toml:15: connections.hedge.adapter: found the venue 'similated'; installed are alpha, simulated"
    )


def test_an_option_outside_of_its_adapters_table_is_not_overlooked(plugins: Plugins) -> None:
    text = GOOD.replace("[connections.main.options.beta]", "[connections.main.options]")
    assert refused(text, plugins) == (
        "file.toml:12: connections.main.options.whatever: found the number 1; allowed is a table. "
        "Options go under connections.main.options.alpha"
    )


def test_switching_the_venue_by_one_option_keeps_the_file_valid(plugins: Plugins) -> None:
    configuration = loaded(GOOD, plugins, venues=["simulated"], environments=["simulator"])
    assert [connection.descriptor.name for connection in configuration.connections] == ["simulated", "simulated"]
    configuration = loaded(GOOD, plugins, venues=["hedge=alpha"], environments=["hedge=testnet"])
    assert [c.descriptor.name for c in configuration.connections] == ["alpha", "alpha"]
    assert configuration.connections[1].environment is Environment.TESTNET


def test_overrides_are_named_as_the_place_of_a_mistake(plugins: Plugins) -> None:
    assert refused(GOOD, plugins, environments=["paper"]).splitlines() == [
        '--environment paper: connections.main.environment: found "paper"; alpha has simulator, testnet, live',
        '--environment paper: connections.hedge.environment: found "paper"; simulated has simulator',
    ]
    assert refused(GOOD, plugins, venues=["hegde=alpha"]) == (
        '--venue hegde=alpha: found "hegde"; connections are main, hedge. Did you mean "hedge"?'
    )
    assert refused(GOOD, plugins, settings=["strategy.parameters.levels=many"]) == (
        '--set strategy.parameters.levels: strategy.parameters.levels: found "many"; allowed is a whole number'
    )
    told = refused(GOOD, plugins, settings=["connections.main.credentials.key=canary"])
    assert told.startswith("--set connections.main.credentials.key: connections.main.credentials.key: found a value")
    assert "canary" not in told
    assert refused(GOOD, plugins, simulation={"speed": (-2.0, "--speed -2")}) == (
        "--speed -2: simulation.speed: found -2.0; allowed are finite numbers from 0"
    )


def test_settings_need_no_quotes(plugins: Plugins) -> None:
    settings = ["strategy.parameters.quantity=0.020", "simulation.balance=5000", "risk.price_band=0.1"]
    configuration = loaded(GOOD, plugins, settings=settings)
    assert str(configuration.strategy.parameters.quantity) == "0.020"
    assert configuration.simulation.balance == "5000"
    assert configuration.risk.price_band == Decimal("0.1")


def test_live_without_leave_is_a_refusal_and_with_leave_is_none(plugins: Plugins) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(GOOD, plugins, environments=["main=live"])
    assert caught.value.is_refusal
    assert str(caught.value) == (
        "--environment main=live: connections.main.environment: live trades real money and is not allowed yet; "
        "to allow it add the line `allow_live = true` to [connections.main]"
    )
    allowed = GOOD.replace('environment = "testnet"', 'environment = "live"\nallow_live = true')
    assert loaded(allowed, plugins).connections[0].environment is Environment.LIVE
    with pytest.raises(ConfigError) as caught:
        loaded(GOOD + "[journal]\nretention_days = 0\n", plugins, environments=["main=live"])
    assert not caught.value.is_refusal


@pytest.mark.parametrize("value", ['"canary"', "4711", '["canary"]', '{ key = "canary" }', "{ key = { a = 4711 } }"])
def test_whatever_stands_under_credentials_is_not_shown(plugins: Plugins, value: str) -> None:
    text = f'[connections.main]\nadapter = "alpha"\ncredentials = {value}\n[strategy]\nclass = "echo"\n'
    told = refused(text, plugins)
    assert told.startswith("file.toml:3: connections.main.credentials")
    assert "not shown" in told
    assert "canary" not in told
    assert "4711" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "",
            """\
file.toml: connections: not given, and there is no default
file.toml: strategy: not given, and there is no default""",
        ),
        (
            "connections = 1\nstrategy = 2\nrisks = 3\n",
            """\
file.toml:3: risks: unknown key; allowed are TABLES. Did you mean "risk"?
file.toml:1: connections: found the number 1; allowed is a table
file.toml:2: strategy: found the number 2; allowed is a table""".replace("TABLES", ", ".join(TABLES)),
        ),
        (
            'connections = {}\n[strategy]\nclass = "echo"\nparameters.quantity = "1"\n',
            'file.toml:1: connections: found none; add one, such as [connections.main] adapter = "simulated"',
        ),
        (
            '[connections.a]\nadapter = "alpha"\n[strategy]\nclass = "ehco"\n',
            "file.toml:4: strategy.class: found the strategy 'ehco'; installed are echo",
        ),
        (
            'connections.a.adapter="alpha"\n[strategy]\nclass="echo"\nconnections=[]\nparameters.quantity="1"\n',
            "file.toml:4: strategy.connections: found none; connections are a",
        ),
        (
            GOOD.replace("seed = 7", 'market = "no.tape"'),
            """\
file.toml:27: simulation.market: found 'no.tape'; allowed are 'tape', 'synthetic', a tape file, or a folder \
with files that end in .tape.gz or .tape""",
        ),
    ],
)
def test_files_that_lack_the_main_things(plugins: Plugins, text: str, told: str) -> None:
    assert refused(text, plugins) == told


def test_a_file_that_cannot_be_read(plugins: Plugins, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read(tmp_path, Overrides(), plugins)
    (tmp_path / "x.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read(tmp_path / "x.toml", Overrides(), plugins)


def test_only_the_connections_of_the_strategy_are_opened(plugins: Plugins) -> None:
    configuration = loaded(GOOD, plugins, settings=['strategy.connections=["hedge"]'])
    assert [connection.name for connection in configuration.connections] == ["hedge"]


values = st.recursive(
    st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('abé"\\', max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab. ", max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_a_file_makes_it_crash(data: st.DataObject, plugins: Plugins) -> None:
    tables = tomllib.loads(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        table, depth = tables, data.draw(st.integers(0, 3))
        while depth and (inner := [v for v in table.values() if isinstance(v, dict)]):
            table, depth = data.draw(st.sampled_from(inner)), depth - 1
        key = data.draw(st.sampled_from(sorted(table)) if table else st.just("x"))
        match data.draw(st.sampled_from(["drop", "change", "add"])):
            case "drop":
                table.pop(key, None)
            case "change":
                table[key] = data.draw(values)
            case "add":
                table[data.draw(st.text("abc_", max_size=4))] = data.draw(values)
    text = tomli_w.dumps(tables)
    problems: tuple[Problem, ...] = ()
    try:
        loaded(text, plugins)
    except ConfigError as error:
        problems = error.problems or (Problem(place="", key="", text=""),)
    for problem in problems:
        assert problem.place.startswith("file.toml")
        assert problem.text
        assert problem.key


@pytest.mark.parametrize("key", ["latency_in_us", "latency_out_us", "latency_jitter_us", "duration_s"])
def test_times_beyond_any_calendar_are_refused(plugins: Plugins, key: str) -> None:
    told = refused(GOOD, plugins, simulation={key: (10**20, "--huge")})
    assert told.startswith(f"--huge: simulation.{key}: found 1")
    assert told.endswith(" or less")


def test_what_the_risk_limits_refuse_is_told_with_its_key(plugins: Plugins) -> None:
    assert refused(GOOD.replace("order_rate = 10", "order_rate = 0"), plugins).startswith(
        "file.toml:31: risk.order_rate: found 0; allowed"
    )
    assert refused(GOOD.replace('max_position = "3"', 'max_position = "-3"'), plugins).startswith(
        "file.toml:34: risk.instruments.ETH-USDT-PERP.max_position: found -3; allowed"
    )
