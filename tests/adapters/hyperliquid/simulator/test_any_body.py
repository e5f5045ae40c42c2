"""Whatever a client sends, the answer is the venue's own; whatever it does, what is pushed and what is told agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from attrs import asdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyvenue.simulation.chance import Chance
from anyvenue_hyperliquid.simulator.quirks import Quirks

INFO = [
    "meta",
    "metaAndAssetCtxs",
    "allMids",
    "l2Book",
    "recentTrades",
    "candleSnapshot",
    "fundingHistory",
    "predictedFundings",
    "marginTable",
    "clearinghouseState",
    "frontendOpenOrders",
    "orderStatus",
    "historicalOrders",
    "userFills",
    "userFillsByTime",
    "userFunding",
    "activeAssetData",
    "userRole",
    "extraAgents",
    "subAccounts",
    "nothing",
]
FEEDS = ["l2Book", "bbo", "trades", "candle", "allMids", "orderUpdates", "userFills", "openOrders", "activeAssetData"]
ADDRESS = "0x59fbb33cce0c65417f91bbc3fc2da38074ea8234"
ODD = st.sampled_from([None, True, -1, 2**70, 1.5, "", "x", [], {}, ["x"], {"type": "meta"}])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "coin": st.sampled_from(["BTC", "MATIC", "xyz:XYZ100", "btc"]) | ODD,
    "user": st.sampled_from([ADDRESS, ADDRESS.upper(), "0x1"]) | ODD,
    "dex": st.sampled_from(["", "xyz", "abc"]) | ODD,
    "oid": st.sampled_from([1, 140_000_000_001, "0x00000000000000000000000000000001"]) | ODD,
    "interval": st.sampled_from(["1m", "1h", "7m"]) | ODD,
    "nSigFigs": st.sampled_from([2, 5, 9]) | ODD,
    "mantissa": st.sampled_from([2, 5]) | ODD,
    "fast": ODD,
    "id": ODD,
    "req": st.fixed_dictionaries({"coin": st.just("BTC"), "interval": st.just("1m"), "startTime": ODD}) | ODD,
    "startTime": st.sampled_from([0, 1_750_000_000_000]) | ODD,
    "endTime": ODD,
}
ASKED = st.dictionaries(st.sampled_from(list(FIELDS)), st.none(), max_size=4).flatmap(
    lambda drawn: st.fixed_dictionaries({name: FIELDS[name] for name in drawn})
)
SLOW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(asked=st.lists(st.tuples(st.sampled_from(INFO), ASKED), max_size=25))
@SLOW
def test_no_question_makes_it_fail(venue: Callable[..., Any], asked: list[tuple[str, dict[str, Any]]]) -> None:
    here = venue()
    here.long()
    for kind, fields in asked:
        here.wait("5")
        assert here.post("/info", {"type": kind, **fields}).status in (200, 422)


@given(asked=st.lists(st.tuples(st.sampled_from(FEEDS), ASKED, st.booleans()), max_size=20))
@SLOW
def test_no_frame_makes_it_fail(venue: Callable[..., Any], asked: list[tuple[str, dict[str, Any], bool]]) -> None:
    here = venue()
    client, line = here.connect()
    for kind, fields, subscribes in asked:
        method = "subscribe" if subscribes else "unsubscribe"
        here.say(line, {"method": method, "subscription": {"type": kind, **fields}})
        here.say(line, {"method": "post", "id": 1, "request": {"type": "action", "payload": fields}})
    here.wait("6")
    assert client.code in (0, 1006)


def a_price(draw: Random) -> str:
    return str(60_000 + 10 * draw.randint(-3, 4))


def an_order(draw: Random) -> dict[str, Any]:
    kind = {"limit": {"tif": draw.choice(["Gtc", "Gtc", "Ioc", "Alo"])}}
    size, reduces = draw.choice(["0.01", "0.2", "1.5"]), draw.random() < 0.2
    return {"a": 0, "b": draw.random() < 0.5, "p": a_price(draw), "s": size, "r": reduces, "t": kind}


def a_trigger(draw: Random) -> dict[str, Any]:
    waits = {"isMarket": draw.random() < 0.5, "triggerPx": a_price(draw), "tpsl": draw.choice(["tp", "sl"])}
    order = an_order(draw)
    return {**order, "p": "61000" if order["b"] else "59000", "r": True, "t": {"trigger": waits}}


def step(here: Any, draw: Random) -> None:
    """Let the client or the market do something."""
    oid = 140_000_000_001 + draw.randrange(12)
    kind = draw.choice(["order", "order", "trigger", "normalTpsl", "positionTpsl", "cancel", "modify", "mark", "depth"])
    if kind == "mark":
        here.mark(a_price(draw))
    elif kind == "depth":
        bid = int(a_price(draw))
        here.depth("BTC", [(str(bid), "1")], [(str(bid + 10), "1")])
    elif kind == "cancel":
        here.act({"type": "cancel", "cancels": [{"a": 0, "o": oid}]})
    elif kind == "modify":
        here.act({"type": "batchModify", "modifies": [{"oid": oid, "order": an_order(draw)}]})
    elif kind == "normalTpsl":
        here.place(an_order(draw), a_trigger(draw), a_trigger(draw), grouping=kind)
    elif kind == "positionTpsl":
        here.place(a_trigger(draw), grouping=kind)
    else:
        here.place(*(an_order(draw) if kind == "order" else a_trigger(draw) for _ in range(2)))


@pytest.mark.parametrize("seed", range(12))
def test_pushes_answers_and_positions_agree(venue: Callable[..., Any], seed: int) -> None:
    here, draw = venue(**{**asdict(Quirks.drawn(Chance(f"{seed}"))), "status_lag_ms": 0}), Random(seed)
    client, _ = here.connect(
        {"type": "orderUpdates", "user": here.address},
        {"type": "userFills", "user": here.address},
        {"type": "openOrders", "user": here.address},
    )
    for _ in range(30):
        step(here, draw)
    pushed = {row["order"]["oid"]: row for rows in client.of("orderUpdates") for row in rows}
    history = {row["order"]["oid"]: row for row in here.mine("historicalOrders")}
    assert {oid: (row["status"], row["order"]["sz"]) for oid, row in pushed.items()} == {
        oid: (row["status"], row["order"]["sz"]) for oid, row in history.items()
    }
    is_open = {oid for oid, row in history.items() if row["status"] in ("open", "triggered")}
    assert {row["oid"] for row in here.mine("openOrders")} == is_open
    assert {row["oid"] for row in client.of("openOrders")[-1]["orders"]} == is_open
    fills = [fill for message in client.of("userFills") for fill in message["fills"]]
    assert fills == here.mine("userFillsByTime", startTime=0)
    assert fills
    held = Decimal(0)
    for fill in fills:
        assert Decimal(fill["startPosition"]) == held
        held += Decimal(fill["sz"]) * (1 if fill["side"] == "B" else -1)
    told = here.mine("clearinghouseState")["assetPositions"]
    assert held == (Decimal(told[0]["position"]["szi"]) if told else 0)
    assert json.dumps(here.dialect.steer({}))
