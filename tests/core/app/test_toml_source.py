"""The places of keys in a TOML text, and what the command line changes."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.app.config_errors import ConfigError
from anyvenue.app.toml_source import NumberText, SetFloat, SetInt, TomlSource, key_lines

TEXT = '''\
# a comment with [brackets] and key = 1
top = 1

[connections.main]
adapter = "alpha"          # [not.a.table]
allow_approximate = [
    "trailing",            # inside = "a list"
    "iceberg", ]
credentials = { key = "env:A", secret = "env:B" }

[connections.main.options.alpha]
"quoted.key" = """
[not.a.table]
hidden = 1
"""
\'literal\' = \'\'\' x \'\'\'
a.b.c = 3
last = "a # no comment"
'''


def test_each_key_has_the_line_it_stands_on() -> None:
    lines = key_lines(TEXT)
    main = ("connections", "main")
    options = (*main, "options", "alpha")
    assert lines == {
        ("top",): 2,
        ("connections",): 4,
        main: 4,
        (*main, "adapter"): 5,
        (*main, "allow_approximate"): 6,
        (*main, "credentials"): 9,
        (*main, "options"): 11,
        options: 11,
        (*options, "quoted.key"): 12,
        (*options, "literal"): 16,
        (*options, "a"): 17,
        (*options, "a", "b"): 17,
        (*options, "a", "b", "c"): 17,
        (*options, "last"): 18,
    }


def test_a_place_is_the_nearest_key_that_was_said() -> None:
    source = TomlSource("file.toml", TEXT)
    assert source.place(("connections", "main", "adapter")) == "file.toml:5"
    assert source.place(("connections", "main", "credentials", "secret")) == "file.toml:9"
    assert source.place(("connections", "main", "allow_approximate", 1)) == "file.toml:6"
    assert source.place(("connections", "main", "environment")) == "file.toml:4"
    assert source.place(("strategy",)) == "file.toml"


leaves = (
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8", exclude_characters="\r"))
)
keys = st.text("ab .\"'[]=#-_", max_size=4)
tables = st.dictionaries(
    keys,
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
    ),
    max_size=4,
)


@given(tables)
def test_in_any_file_each_table_and_key_is_found_on_a_line_that_says_it(tables: dict[str, Any]) -> None:
    text = tomli_w.dumps(tables, multiline_strings=True)
    lines = text.splitlines()
    found = key_lines(text)
    for key in tomllib.loads(text):
        assert (key,) in found
        line = lines[found[key,] - 1]
        assert "=" in line or line.startswith("[")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb = \n", "file.toml:2: not valid TOML: Invalid value (at line 2, column 5)"),
        ("a = 1\na = 2\n", "file.toml:2: not valid TOML: Cannot overwrite a value (at line 2, column 6)"),
    ],
)
def test_what_is_not_toml_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TomlSource("file.toml", text)
    assert str(caught.value) == message


def test_floats_remember_their_digits() -> None:
    value = TomlSource("file.toml", "a = 0.10\nb = 1_000.50").tables
    assert (value["a"], value["a"].text) == (0.1, "0.10")
    assert value["b"] == 1000.5
    assert isinstance(value["b"], NumberText)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("risk.order_rate=5", 5),
        ("risk.order_rate = 5", 5),
        ("risk.order_rate=0.10", 0.1),
        ('risk.order_rate="5"', "5"),
        ("risk.order_rate=true", True),
        ("risk.order_rate=[1, 2]", [1, 2]),
        ("risk.order_rate=BTC-USDT-PERP", "BTC-USDT-PERP"),
        ("risk.order_rate=a = b", "a = b"),
        ("risk.order_rate=1\nother = 2", "1\nother = 2"),
        ("risk.order_rate=", ""),
    ],
)
def test_a_setting_is_toml_or_else_text(said: str, value: object) -> None:
    source = TomlSource("file.toml", TEXT)
    source.change_by(said)
    assert source.tables["risk"]["order_rate"] == value
    assert source.place(("risk", "order_rate")) == "--set risk.order_rate"


def test_numbers_of_a_setting_remember_their_digits() -> None:
    source = TomlSource("file.toml", "")
    source.change_by("a=0.10")
    source.change_by("b=007")
    source.change_by('"c.d"=7')
    assert isinstance(source.tables["a"], SetFloat)
    assert source.tables["a"].text == "0.10"
    assert source.tables["b"] == "007"
    assert isinstance(source.tables["c.d"], SetInt)
    assert source.tables["c.d"].text == "7"


@pytest.mark.parametrize("said", ["canary", "=canary", "a..b=canary", "a b=canary"])
def test_what_is_no_setting_is_refused_unshown(said: str) -> None:
    with pytest.raises(ConfigError, match="allowed is key=value") as caught:
        TomlSource("file.toml", "").change_by(said)
    assert "canary" not in str(caught.value)


def test_a_setting_below_a_value_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        TomlSource("file.toml", TEXT).change_by("top.x=1")
    assert str(caught.value) == "--set top.x: top: found a value; allowed is a table"


def test_what_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        TomlSource("file.toml", "a = " + "[" * 100_000)
    with pytest.raises(ConfigError, match="nested too deeply"):
        TomlSource("file.toml", "").change_by("a=" + "[" * 100_000)
