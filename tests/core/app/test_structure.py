"""Structuring: strict values, all mistakes at once, each with its path and words for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from attrs import field, frozen, validators
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.app.structure import Mistake, Structurer
from anyvenue.app.toml_source import NumberText, SetFloat, SetInt
from anyvenue.model.enums import Side
from anyvenue.venue.secrets import Secret, SecretReference


@frozen(kw_only=True)
class Inner:
    number: int = field(default=1, validator=validators.ge(1))


@frozen(kw_only=True)
class Everything:
    flag: bool = False
    whole: int = 0
    real: float = 0.0
    text: str = ""
    exact: Decimal = Decimal(0)
    side: Side = Side.BUY
    word: Literal["red", "green"] = "red"
    level: Literal[1, 2] = 1
    path: Path | None = None
    listed: list[int] = field(factory=list)
    words: Sequence[str] = ()
    sides: frozenset[Side] = frozenset()
    pair: tuple[int, str] = (0, "")
    table: Mapping[str, Inner] = field(factory=dict)
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    reference: SecretReference | None = None
    secret: Secret | None = None
    class_: str = "none"


def mistakes(value: object, cls: type[Any] = Everything) -> list[tuple[tuple[str | int, ...], str]]:
    found = Structurer().structure(value, cls, ("here",))
    assert isinstance(found, list)
    return [(mistake.path, mistake.text) for mistake in found]


def mistake(key: str, value: object) -> str:
    [(path, text)] = mistakes({key: value})
    assert path == ("here", key)
    return text


def test_values_of_the_right_kind_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "value")
    value = {
        "flag": True,
        "whole": 3,
        "real": 2,
        "text": "x",
        "exact": "0.10",
        "side": "sell",
        "word": "green",
        "level": 2,
        "path": "~/x",
        "listed": [1, 2],
        "words": ["a"],
        "sides": ["buy"],
        "pair": [1, "a"],
        "table": {"a": {"number": 2}},
        "inner": {"number": 5},
        "many": [{"number": 1}, {}],
        "reference": "env:A",
        "secret": "env:A",
        "class": "m:C",
    }
    assert Structurer().structure(value, Everything) == Everything(
        flag=True,
        whole=3,
        real=2.0,
        text="x",
        exact=Decimal("0.10"),
        side=Side.SELL,
        word="green",
        level=2,
        path=Path("~/x").expanduser(),
        listed=[1, 2],
        words=("a",),
        sides=frozenset({Side.BUY}),
        pair=(1, "a"),
        table={"a": Inner(number=2)},
        inner=Inner(number=5),
        many=(Inner(number=1), Inner()),
        reference=SecretReference("env", "A"),
        secret=Secret("value"),
        class_="m:C",
    )


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("flag", 1, "found the number 1; allowed is true or false"),
        ("flag", "true", 'found "true"; allowed is true or false'),
        ("whole", "3", 'found "3"; allowed is a whole number'),
        ("whole", True, "found true; allowed is a whole number"),
        ("whole", NumberText("3.0"), "found the number 3.0; allowed is a whole number"),
        ("real", "1", 'found "1"; allowed is a number'),
        ("real", NumberText("nan"), "found the number nan; allowed is a number"),
        ("text", 5, 'found the number 5; allowed is text, in quotes. Write "5"'),
        ("text", False, "found false; allowed is text, in quotes"),
        (
            "exact",
            NumberText("0.10"),
            'found the number 0.10 without quotes; allowed is an exact number, in quotes. Write "0.10"',
        ),
        ("exact", "1,5", 'found "1,5"; allowed is an exact number, in quotes, such as "0.01"'),
        ("exact", "nan", 'found "nan"; allowed is an exact number, in quotes, such as "0.01"'),
        ("exact", True, 'found true; allowed is an exact number, in quotes, such as "0.01"'),
        ("side", "bye", 'found "bye"; allowed is buy, sell. Did you mean "buy"?'),
        ("side", "Buy", 'found "Buy"; allowed is buy, sell. Did you mean "buy"?'),
        ("word", "gren", 'found "gren"; allowed is red, green. Did you mean "green"?'),
        ("level", True, "found true; allowed is 1, 2"),
        ("path", "", 'found ""; allowed is a path, in quotes'),
        ("listed", 5, "found the number 5; allowed is a list, in [ ]"),
        ("words", "abc", 'found "abc"; allowed is a list, in [ ]'),
        ("table", [], "found a list; allowed is a table"),
        ("inner", "x", 'found "x"; allowed is a table'),
    ],
)
def test_values_of_another_kind_are_not_converted(key: str, value: object, text: str) -> None:
    assert mistake(key, value) == text


def test_what_the_command_line_says_needs_no_quotes() -> None:
    value = {"text": SetInt("5", 5), "exact": SetFloat("0.10"), "whole": SetInt("7", 7), "real": SetFloat("0.5")}
    made = Structurer().structure(value, Everything)
    assert isinstance(made, Everything)
    assert (made.text, made.exact, made.whole, made.real) == ("5", Decimal("0.10"), 7, 0.5)
    assert type(made.whole) is int
    assert type(made.real) is float


def test_all_mistakes_come_at_once_each_with_its_path() -> None:
    value = {
        "whole": "x",
        "listed": [1, "2", True],
        "sides": ["buy", "hold"],
        "table": {"a": {"number": 0}, "b": {"numbr": 1}},
        "many": [{}, {"number": "1"}],
        "pth": 1,
    }
    found = dict(mistakes(value))
    assert {path[1:]: text.partition(";")[0] for path, text in found.items()} == {
        ("whole",): 'found "x"',
        ("listed", 1): 'found "2"',
        ("listed", 2): "found true",
        ("sides", 1): 'found "hold"',
        ("table", "a", "number"): "must be >= 1: 0",
        ("table", "b", "numbr"): "unknown key",
        ("many", 1, "number"): 'found "1"',
        ("pth",): "unknown key",
    }
    assert found["here", "pth"].endswith('Did you mean "path"?')
    assert found["here", "table", "b", "numbr"] == 'unknown key; allowed are number. Did you mean "number"?'


def test_a_key_without_default_must_be_given() -> None:
    @frozen
    class Needy:
        name: str
        class_: str

    assert mistakes({}, Needy) == [
        (("here", "name"), "not given, and there is no default"),
        (("here", "class"), "not given, and there is no default"),
    ]


def test_a_class_may_refuse_what_its_fields_allow() -> None:
    @frozen
    class Pair:
        low: int
        high: int

        def __attrs_post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low must not be above high")

    assert mistakes({"low": 2, "high": 1}, Pair) == [(("here",), "low must not be above high")]


def test_a_field_no_text_can_fill_is_the_class_s_fault() -> None:
    @frozen
    class Odd:
        callback: object | int | str

    [(path, text)] = mistakes({"callback": 1}, Odd)
    assert path == ("here",)
    assert text.startswith("Odd has a field that no configuration can fill")


@pytest.mark.parametrize("key", ["reference", "secret"])
@pytest.mark.parametrize("value", ["canary-1", 4711, ["canary-1"], {"a": "canary-1"}])
def test_what_may_be_a_secret_is_never_shown(key: str, value: object) -> None:
    text = mistake(key, value)
    assert "canary" not in text
    assert "4711" not in text
    assert "not shown" in text


values = st.recursive(
    st.booleans() | st.integers() | st.floats().map(str).map(NumberText) | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
names = ["flag", "whole", "real", "text", "exact", "side", "word", "level", "path", "listed", "words", "sides", "pair"]
names += ["table", "inner", "many", "reference", "secret", "class"]


@given(st.dictionaries(st.sampled_from(names) | st.text(max_size=3), values, max_size=5))
def test_any_table_is_structured_or_refused_with_paths_into_it(table: dict[str, Any]) -> None:
    found = Structurer().structure(table, Everything)
    if isinstance(found, list):
        assert found
        assert all(isinstance(mistake, Mistake) and mistake.text for mistake in found)
        assert {mistake.path[0] for mistake in found} <= set(table)
    else:
        assert set(table) <= set(names)


def test_a_class_s_own_check_may_name_the_field() -> None:
    @frozen
    class Named:
        rate: int

        def __attrs_post_init__(self) -> None:
            raise ValueError(f"rate: found {self.rate}; allowed are whole numbers from 1")

    assert mistakes({"rate": 0}, Named) == [(("here", "rate"), "found 0; allowed are whole numbers from 1")]
