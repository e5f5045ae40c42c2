"""JSON numbers come out as they went in."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.errors import VenueProtocolError
from anyvenue.wire.exact_json import decode


@pytest.mark.parametrize(
    "text", ["0.1", "1.10", "-0.00000001", "67000.123456789012345678901234567890", "1e-8", "2.5E+3"]
)
def test_a_number_with_a_fraction_or_an_exponent_is_the_decimal_that_was_written(text):
    value = decode(text)
    assert isinstance(value, Decimal)
    assert value.as_tuple() == Decimal(text).as_tuple()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18))
def test_no_digit_is_lost_in_a_document(number):
    value = decode(f'{{"size": [{number:f}]}}'.encode())["size"][0]
    assert value.as_tuple() == number.as_tuple()


@given(st.integers(-(10**40), 10**40))
def test_whole_numbers_are_ints_however_long(number):
    value = decode(str(number))
    assert type(value) is int
    assert value == number


def test_text_and_bytes_are_the_same_document():
    assert (
        decode('{"a": ["\u4e2d", true, null]}')
        == decode('{"a": ["中", true, null]}'.encode())
        == {"a": ["中", True, None]}
    )


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b'{"a": 1', b"[1,]", b'{"a":1} b', b"NaN", b"-Infinity", b'"\xff"', b"01"]
)
def test_what_is_no_json_is_an_error_that_bears_the_bytes(raw):
    with pytest.raises(VenueProtocolError, match="not JSON") as error:
        decode(raw, venue="somewhere", request="GET /x")
    assert error.value.raw == raw
    assert (error.value.venue, error.value.request) == ("somewhere", "GET /x")


@pytest.mark.parametrize("text", ["1e999999999", "-1E+5000", "1e-99999", "[0.5, 1e10000]", "9" * 5000])
def test_numbers_that_would_fill_the_memory_are_refused(text):
    for raw in (f'{{"a": {text}}}', f'{{"a": {text}}}'.encode()):
        with pytest.raises(VenueProtocolError, match="not JSON that can be read"):
            decode(raw)


def test_what_only_looks_like_such_a_number_is_read_as_ever():
    assert decode('{"id": "1e9999", "price": 1.50, "size": 1e0005}') == {
        "id": "1e9999",
        "price": Decimal("1.50"),
        "size": Decimal(100_000),
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_the_rest_means_what_the_standard_library_says(value):
    assert decode(json.dumps(value)) == value
