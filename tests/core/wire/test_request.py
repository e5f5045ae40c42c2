"""Requests: what is plain, and what goes over the wire."""

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.errors import VenueProtocolError
from anyvenue.wire.request import Charge, Effect, Request, Response

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)  # all but lone surrogates, which are no text


def test_without_a_query_the_target_is_the_path_without_a_question_mark():
    assert Request(method="GET", path="/futures/usdt/orders").target == "/futures/usdt/orders"


def test_a_query_keeps_its_order_and_its_empty_values():
    request = Request(method="GET", path="/x", query=(("b", "2"), ("a", ""), ("b", "1")))
    assert request.target == "/x?b=2&a=&b=1"
    assert request.plain_query == "b=2&a=&b=1"


def test_commas_and_colons_stay_as_they_are_while_blanks_and_separators_are_encoded():
    request = Request(method="GET", path="/x", query=(("ids", "1,2:3"), ("text", "a b&c=d+e?#%")))
    assert request.target == "/x?ids=1,2:3&text=a%20b%26c%3Dd%2Be%3F%23%25"
    assert request.plain_query == "ids=1,2:3&text=a b&c=d+e?#%"


def test_what_is_not_ascii_goes_as_percent_encoded_utf8():
    request = Request(method="GET", path="/zone/ü", query=(("name", "中"),))
    assert request.target == "/zone/%C3%BC?name=%E4%B8%AD"


def test_a_path_cannot_smuggle_in_a_query():
    assert Request(method="DELETE", path="/orders/1?all=true#x").target == "/orders/1%3Fall%3Dtrue%23x"


@given(TEXT, st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=4))
def test_whoever_decodes_a_target_gets_the_path_and_the_query_back(path, query):
    target = Request(method="GET", path=f"/{path}", query=tuple(query)).target
    assert target.isascii()
    assert " " not in target
    parts = urlsplit(f"http://host{target}")
    assert unquote(parts.path, errors="strict") == f"/{path}"
    assert parse_qsl(parts.query, keep_blank_values=True, errors="strict", separator="&") == query


def test_a_request_is_a_read_unsigned_and_free_of_charge_unless_it_says_otherwise():
    request = Request(method="GET", path="/time")
    assert (request.effect, request.signed, request.urgent, request.charges) == (Effect.READ, False, False, ())
    assert request.name == "GET /time"
    assert Charge("orders") == Charge("orders", "", 1)


def test_a_response_that_is_no_json_says_where_it_came_from_and_bears_its_bytes():
    response = Response(status=502, body=b"<html>Bad gateway</html>")
    with pytest.raises(VenueProtocolError, match="somewhere GET /time: found what is not JSON") as error:
        response.json(venue="somewhere", request="GET /time")
    assert error.value.raw == b"<html>Bad gateway</html>"
