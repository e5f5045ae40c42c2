"""What a signal must hold, and that nothing in it passes through a binary float."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model import Side
from anyvenue_strategies.trade_idea import read_trade_idea

SIGNAL = {
    "contract": "BTC-USDT-PERP",
    "direction": "long",
    "entry_price": "61800",
    "stop_loss": "61700",
    "risk_pct": "0.5",
}


def read(**changes):
    return read_trade_idea(SIGNAL | changes)


def test_what_is_needed_is_enough():
    idea = read()
    assert (idea.contract, idea.side) == ("BTC-USDT-PERP", Side.BUY)
    assert (idea.entry_price, idea.stop_loss, idea.risk_pct) == (Decimal(61800), Decimal(61700), Decimal("0.5"))
    assert (idea.take_profit, idea.expiry_ns) == (None, None)


def test_numbers_may_be_text_or_exact_numbers():
    assert read(entry_price=61800, stop_loss=Decimal("61700.5")).stop_loss == Decimal("61700.5")
    assert read(take_profit="62000.1").take_profit == Decimal("62000.1")


@pytest.mark.parametrize(
    ("direction", "side"), [("long", Side.BUY), ("Buy", Side.BUY), ("SHORT", Side.SELL), ("sell", Side.SELL)]
)
def test_direction(direction, side):
    assert read(direction=direction).side is side


@pytest.mark.parametrize(
    "expiry",
    [
        "2024-08-09T00:00:00Z",
        "2024-08-09T02:00:00+02:00",
        1723161600,
        "1723161600.0",
        1723161600000,
        Decimal(1723161600),
    ],
)
def test_expiry(expiry):
    assert read(expiry=expiry).expiry_ns == 1_723_161_600_000_000_000


class TestName:
    def test_it_is_the_id(self):
        assert read(id="s-1").name == "s-1"
        assert read(id=17).name == "17"

    def test_without_one_the_same_content_has_the_same_name(self):
        assert read().name == read_trade_idea(dict(reversed(SIGNAL.items()))).name
        assert read(risk_pct=Decimal("0.5")).name == read().name
        assert read(ts="2024-08-09T00:00:00Z").name != read().name
        assert read(entry_price="61801").name != read().name


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stop_loss": None}, r"missing are \['stop_loss'\], unknown are \[\]"),
        ({"take_proft": "62000"}, r"missing are \[\], unknown are \['take_proft'\]"),
        ({"direction": "up"}, "direction: found 'up'; allowed are long, buy, short, sell"),
        ({"direction": 1}, "direction: found 1; allowed"),
        ({"entry_price": 61800.5}, r"entry_price: found the float 61800.5, which is not exact; write Decimal"),
        ({"entry_price": True}, r"entry_price: found True \(bool\)"),
        ({"stop_loss": "low"}, "stop_loss: found the text 'low'"),
        ({"risk_pct": "NaN"}, "risk_pct: found NaN; allowed are finite numbers"),
        ({"contract": 5}, "contract: found 5; allowed is text of 1 to 100 characters"),
        ({"contract": "x" * 101}, "contract: found 'xxx"),
        ({"id": {"a": 1}}, "id: found {'a': 1}; allowed is text"),
        ({"expiry": "tomorrow"}, "expiry: found 'tomorrow'; allowed are ISO 8601"),
        ({"expiry": "2024-08-09T00:00:00"}, "expiry: found '2024-08-09T00:00:00', without a zone"),
    ],
)
def test_what_is_wrong_is_named(changes, said):
    with pytest.raises((TypeError, ValueError), match=said):
        read(**changes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.dictionaries(st.sampled_from([*SIGNAL, "take_profit", "id", "expiry", "ts"]), JSON))
def test_whatever_comes_it_is_read_or_refused(changes):
    with suppress(TypeError, ValueError):
        read(**changes)
