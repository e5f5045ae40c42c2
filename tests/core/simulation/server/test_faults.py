"""Fault plans: which messages are struck, by what, and how often."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.simulation.server.faults import FaultPlan, FrameFault, HttpFault, Reset, Rule, Where, truncated
from anyvenue.simulation.server.messages import HttpRequest

SECOND = 1_000_000_000


def request(method="GET", path="/api/v4/futures/usdt/orders"):
    return HttpRequest(method=method, path=path)


def strikes(plan, count=1000, data=b"frame", now_ns=0):
    return [plan.on_frame("out", data, now_ns) is not None for _ in range(count)]


def test_no_plan_strikes_nothing():
    plan = FaultPlan()
    assert plan.on_request(request(), 0) is None
    assert plan.on_frame("in", b"x", 0) is None
    assert plan.on_frame("out", b"x", 0) is None
    assert (plan.counts, plan.clock_skew_ns) == ([], 0)


def test_a_rule_for_requests_looks_at_method_and_path():
    plan = FaultPlan.parse([{"on": "http", "method": "POST", "path": "/api/*/orders", "lose_reply": True}])
    assert plan.on_request(request("GET"), 0) is None
    assert plan.on_request(request("POST", "/api/v4/futures/usdt/orders/1"), 0) is None
    assert plan.on_frame("out", b"/api/v4/orders", 0) is None
    assert plan.on_request(request("POST"), 0) == HttpFault(lose_reply=True)
    assert plan.counts == [1]


def test_an_answer_bears_status_headers_and_body():
    rule = {"on": "http", "status": 429, "headers": {"retry-after": "1"}, "body": '{"label":"X"}', "delay_s": 0.5}
    fault = FaultPlan.parse([rule]).on_request(request(), 0)
    assert fault == HttpFault(status=429, headers={"retry-after": "1"}, body=b'{"label":"X"}', delay_s=0.5)


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        ({"lose_request": True}, HttpFault(lose_request=True)),
        ({"reset": "before"}, HttpFault(reset=Reset.BEFORE)),
        ({"reset": "after", "delay_s": 2}, HttpFault(reset=Reset.AFTER, delay_s=2)),
        ({"delay_s": 0.25}, HttpFault(delay_s=0.25)),
    ],
)
def test_what_happens_to_a_request(terms, fault):
    assert FaultPlan.parse([{"on": "http", **terms}]).on_request(request(), 0) == fault


@pytest.mark.parametrize(
    "terms",
    [
        {"drop": True},
        {"duplicate": True},
        {"reorder": 3},
        {"delay_s": 0.1},
        {"disconnect": True},
        {"stall": True},
        {"corrupt": True},
    ],
)
def test_what_happens_to_a_frame_that_the_venue_sends(terms):
    plan = FaultPlan.parse([{"on": "ws_out", "match": "book", **terms}])
    assert plan.on_frame("out", b'{"channel":"trades"}', 0) is None
    assert plan.on_frame("in", b'{"channel":"book"}', 0) is None
    assert plan.on_frame("out", b'{"channel":"book"}', 0) == FrameFault(**terms)


def test_what_happens_to_a_frame_that_the_venue_gets():
    plan = FaultPlan.parse([{"on": "ws_in", "match": "ping", "drop": True}, {"on": "ws_in", "disconnect": True}])
    assert plan.on_frame("out", b"ping", 0) is None
    assert plan.on_frame("in", b"ping", 0) == FrameFault(drop=True)
    assert plan.on_frame("in", b"order", 0) == FrameFault(disconnect=True)
    assert plan.counts == [1, 1]


def test_the_first_rule_that_strikes_is_the_one_that_happens():
    plan = FaultPlan.parse([{"on": "ws_out", "drop": True, "every": 2}, {"on": "ws_out", "duplicate": True}])
    duplicate, drop = FrameFault(duplicate=True), FrameFault(drop=True)
    assert [plan.on_frame("out", b"x", 0) for _ in range(4)] == [duplicate, drop, duplicate, drop]
    assert plan.counts == [2, 2]


def test_every_third_and_no_more_than_twice():
    plan = FaultPlan.parse([{"on": "ws_out", "drop": True, "every": 3, "times": 2}])
    assert strikes(plan, 12) == [False, False, True, False, False, True] + 6 * [False]


def test_a_rule_applies_from_one_second_until_before_another():
    plan = FaultPlan.parse([{"on": "ws_out", "drop": True, "from_s": 1.5, "until_s": 3}], start_ns=10 * SECOND)
    moments = [11.4, 11.5, 12.9, 13.0]
    assert [strikes(plan, 1, now_ns=int(moment * SECOND))[0] for moment in moments] == [False, True, True, False]


def test_messages_outside_the_time_do_not_count_towards_every():
    plan = FaultPlan.parse([{"on": "ws_out", "drop": True, "every": 2, "from_s": 1}])
    assert strikes(plan, 1) + strikes(plan, 2, now_ns=SECOND) == [False, False, True]


def test_the_same_seed_strikes_the_same_and_another_one_others():
    rules = [{"on": "ws_out", "drop": True, "probability": 0.5}]
    first, again, other = (strikes(FaultPlan.parse(rules, seed=seed)) for seed in ("a", "a", "b"))
    assert first == again != other


def test_rules_draw_by_themselves():
    rule = {"on": "ws_out", "drop": True, "probability": 0.5}
    alone = FaultPlan.parse([rule], seed="a")
    beside = FaultPlan.parse([rule, {"on": "ws_out", "stall": True, "probability": 0.5}], seed="a")
    drop = [beside.on_frame("out", b"x", 0) == FrameFault(drop=True) for _ in range(1000)]
    assert drop == strikes(alone)


@pytest.mark.parametrize(
    ("probability", "least", "most"), [(0, 0, 0), (0.05, 390, 610), (0.5, 4750, 5250), (1, 10_000, 10_000)]
)
def test_a_probability_is_kept_within_five_standard_deviations(probability, least, most):
    # Of 10,000: 0.05 gives 500 with a deviation of 21.8, 0.5 gives 5,000 with one of 50.
    plan = FaultPlan.parse([{"on": "ws_out", "drop": True, "probability": probability}], seed="7")
    assert least <= sum(strikes(plan, 10_000)) == plan.counts[0] <= most


def test_the_venues_clock_may_be_off():
    assert FaultPlan.parse({"clock_skew_s": -2.5}).clock_skew_ns == -2_500_000_000


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (7, "faults: found 7; allowed is a list of rules or a table"),
        ({"rule": []}, "faults: found the key 'rule'; allowed are rules, clock_skew_s"),
        ({"rules": "x"}, "faults: rules: found 'x'; allowed is a list of tables"),
        ({"clock_skew_s": "1"}, "faults: clock_skew_s: found '1'; allowed are finite numbers"),
        ({"clock_skew_s": float("nan")}, "faults: clock_skew_s: found nan; allowed are finite numbers"),
        (["x"], "faults: rules[0]: found 'x'; allowed is a table"),
        ([{"drop": True}], "faults: rules[0]: on: found None; allowed are http, ws_in, ws_out"),
        ([{"on": "wss"}], "faults: rules[0]: on: found 'wss'; allowed are http, ws_in, ws_out"),
        ([{"on": "ws_out", "dropp": True}], "faults: rules[0]: found the key 'dropp'; allowed are on, method, path,"),
        (
            [{"on": "http", "drop": True}],
            "found the key 'drop'; allowed are on, probability, every, times, from_s, until_s, method, path, delay_s,",
        ),
        ([{"on": "ws_in", "stall": True}], "faults: rules[0]: found the key 'stall'; allowed are"),
        ([{"on": "ws_out"}], "found nothing that happens; give one of delay_s, drop, duplicate, reorder"),
        ([{"on": "ws_out", "drop": 0}], "drop: found 0; allowed are true and false"),
        ([{"on": "ws_out", "drop": True, "stall": True}], "found drop and stall; allowed is one of them"),
        ([{"on": "ws_out", "drop": True, "probability": 2}], "probability: found 2; allowed are numbers from 0 to 1"),
        ([{"on": "ws_out", "drop": True, "probability": True}], "probability: found True; allowed are numbers"),
        ([{"on": "ws_out", "drop": True, "every": 0}], "every: found 0; allowed are whole numbers from 1"),
        ([{"on": "ws_out", "drop": True, "every": 2, "probability": 0.5}], "found probability and every"),
        ([{"on": "ws_out", "drop": True, "times": 1.0}], "times: found 1.0; allowed are whole numbers from 1"),
        ([{"on": "ws_out", "drop": True, "from_s": 2, "until_s": 2}], "until_s: found 2; allowed are numbers above"),
        ([{"on": "http", "status": 200}], "status: found 200; allowed are whole numbers from 400 to 599"),
        ([{"on": "http", "reset": "now"}], "reset: found 'now'; allowed are before, after"),
        (
            [{"on": "http", "method": "get", "delay_s": 1}],
            "method: found 'get'; allowed is a method's name in capitals",
        ),
        ([{"on": "http", "lose_reply": True, "body": "x"}], "found headers or body without status"),
        ([{"on": "http", "status": 500, "headers": {"a": 1}}], "headers: found a table; allowed is a table of texts"),
        ([{"on": "http", "delay_s": float("inf")}], "delay_s: found inf; allowed are finite numbers from 0"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(data, text):
    with pytest.raises(ValueError, match=r"^faults: ") as caught:
        FaultPlan.parse(data)
    assert text in str(caught.value)


seconds = st.floats(0, 1e6) | st.integers(0, 10**6)
texts = st.text(st.characters(codec="utf-8"), max_size=8)
frequencies = st.fixed_dictionaries(
    {}, optional={"times": st.integers(1, 9), "from_s": seconds, "until_s": seconds.map(lambda s: 1e6 + 1 + s)}
).flatmap(
    lambda terms: st.sampled_from([{}, {"every": 3}, {"probability": 0.25}]).map(lambda frequency: terms | frequency)
)
happenings = {
    "http": st.one_of(
        st.fixed_dictionaries(
            {"status": st.integers(400, 599)},
            optional={"body": texts, "headers": st.dictionaries(texts, texts, max_size=2), "delay_s": seconds},
        ),
        st.sampled_from([{"lose_request": True}, {"lose_reply": True}, {"reset": "before"}, {"delay_s": 1}]),
    ),
    "ws_in": st.sampled_from([{"drop": True}, {"disconnect": True}, {"delay_s": 0.5}]),
    "ws_out": st.sampled_from(
        [{"drop": True}, {"duplicate": True}, {"reorder": 2}, {"stall": True}, {"corrupt": True}]
    ),
}
rules = st.sampled_from(sorted(happenings)).flatmap(
    lambda on: st.tuples(frequencies, happenings[on], texts).map(
        lambda terms: {"on": on, **terms[0], **terms[1], "path" if on == "http" else "match": terms[2]}
    )
)


@given(st.lists(rules, max_size=4), st.floats(-100, 100))
def test_a_plan_survives_the_way_through_json(rules, skew):
    plan = FaultPlan.parse({"rules": rules, "clock_skew_s": skew})
    again = FaultPlan.parse(json.loads(json.dumps(plan.to_json())))
    assert again.rules == plan.rules
    assert again.clock_skew_ns == plan.clock_skew_ns
    for told, rule in zip(plan.to_json()["rules"], rules, strict=True):
        assert told.items() <= rule.items()


def test_rules_may_be_made_in_python_too():
    plan = FaultPlan([Rule(on=Where.HTTP, reset=Reset.AFTER)])
    assert plan.to_json() == {"rules": [{"on": "http", "reset": "after"}], "clock_skew_s": 0.0}


@given(texts)
def test_a_truncated_frame_is_a_shorter_beginning_and_still_text(text):
    data = text.encode()
    half = truncated(data)
    assert text.startswith(half.decode())
    assert len(half) <= len(data) // 2
