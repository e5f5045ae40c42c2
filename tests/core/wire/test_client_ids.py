"""Client order ids as 128-bit numbers: what is sent is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.wire.client_ids import LENGTH_MAX, from_hex, to_hex

LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz-"


@given(st.text(LETTERS, min_size=1, max_size=LENGTH_MAX))
def test_an_id_is_read_back(name):
    sent = to_hex(name)
    assert len(sent) == 34
    assert from_hex(sent) == from_hex(sent.upper().replace("0X", "0x")) == name


@given(st.integers(0, 2**128 - 1))
def test_what_is_not_ours_is_no_id_or_the_one_that_it_is(number):
    name = from_hex(f"0x{number:032x}")
    assert name is None or to_hex(name) == f"0x{number:032x}"


@pytest.mark.parametrize("text", [None, "", "0x", "12", "0x" + "g" * 32, "0x" + "0" * 31, "0x" + "f" * 32])
def test_what_is_no_such_number_is_no_id(text):
    assert from_hex(text) is None


@pytest.mark.parametrize("name", ["", "a" * (LENGTH_MAX + 1), "A", "a_b", "é"])
def test_an_id_without_room_is_refused(name):
    with pytest.raises(ValueError, match="room for 1 to 24"):
        to_hex(name)
