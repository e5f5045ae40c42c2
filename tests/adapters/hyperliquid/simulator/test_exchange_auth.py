"""Who may act: signatures, agents, sub-accounts, nonces and expiry (chapters 4 and 5)."""

from __future__ import annotations

import json
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data

from anyvenue_hyperliquid.simulator.nonces import Nonces

NOOP = {"type": "noop"}
STRANGER = "0x" + "5" * 64


def address(key: str) -> str:
    return str(Account.from_key(key).address).lower()


def approve(venue: Any, agent: str, name: str, *, key: str | None = None) -> Any:
    """Let the master sign for an agent."""
    venue.wait("1")
    fields = {"hyperliquidChain": "Testnet", "agentAddress": agent, "agentName": name, "nonce": venue.now_ms}
    kinds = {"hyperliquidChain": "string", "agentAddress": "address", "agentName": "string", "nonce": "uint64"}
    signed = Account.sign_message(
        encode_typed_data(
            {
                "name": "HyperliquidSignTransaction",
                "version": "1",
                "chainId": 0x66EEE,
                "verifyingContract": "0x" + "0" * 40,
            },
            {"HyperliquidTransaction:ApproveAgent": [{"name": name, "type": kind} for name, kind in kinds.items()]},
            fields,
        ),
        key or venue.wallet_key,
    )
    action = {"type": "approveAgent", "signatureChainId": "0x66eee", **fields}
    signature = {"r": hex(signed.r), "s": hex(signed.s), "v": signed.v}
    return json.loads(
        venue.post("/exchange", {"action": action, "nonce": fields["nonce"], "signature": signature}).body
    )


def test_the_agent_and_the_master_act_for_the_account(venue: Any) -> None:
    here = venue()
    assert here.act(NOOP) == "default"
    assert here.act(NOOP, key=here.wallet_key) == "default"
    agent = address(here.agent_key)
    assert here.info("userRole", user=agent) == {"role": "agent", "data": {"user": here.address}}
    assert here.info("userRole", user=here.address) == {"role": "user"}
    assert here.info("userRole", user="0x" + "1" * 40) == {"role": "missing"}


def test_a_stranger_and_a_wrong_hash_are_unknown_wallets(venue: Any) -> None:
    here = venue()
    assert here.act(NOOP, key=STRANGER) == f"User or API Wallet {address(STRANGER)} does not exist."
    body = here.signed(NOOP)
    answer = json.loads(here.post("/exchange", {**body, "nonce": body["nonce"] + 1}).body)
    assert answer["response"].startswith("User or API Wallet 0x")
    assert address(here.agent_key) not in answer["response"]
    assert here.act(NOOP, source="a").startswith("User or API Wallet 0x")
    assert venue(l1_prefix=True).act(NOOP, source="a").startswith("L1 error: User or API Wallet 0x")


def test_numbers_and_flags_that_are_signed_in_another_form_make_a_stranger(venue: Any) -> None:
    here = venue()
    item = {"a": 0, "b": True, "p": "59000.0", "s": "0.1", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    action = {"type": "order", "orders": [item], "grouping": "na"}
    assert here.act(action).endswith("does not exist.")
    assert here.act({"type": "cancel", "cancels": [{"a": 0, "o": 1}], "f": False}).endswith("does not exist.")


def test_a_broken_signature_cannot_be_recovered(venue: Any) -> None:
    here = venue()
    body = {**here.signed(NOOP), "signature": {"r": "0x0", "s": "0x0", "v": 27}}
    assert json.loads(here.post("/exchange", body).body) == {"status": "err", "response": "Unable to recover signer."}


def test_the_other_network_is_another_world(venue: Any) -> None:
    here = venue()
    assert here.dialect.steer({"mainnet": True})["mainnet"] is True
    assert here.act(NOOP, source="a") == "default"
    assert here.act(NOOP).endswith("does not exist.")


def test_an_approved_agent_acts_until_another_takes_its_name(venue: Any) -> None:
    here, first, second = venue(), "0x" + "6" * 64, "0x" + "7" * 64
    assert approve(here, address(first), "bot") == {"status": "ok", "response": {"type": "default"}}
    assert here.act(NOOP, key=first) == "default"
    assert approve(here, address(second), "bot")["status"] == "ok"
    assert here.act(NOOP, key=first) == f"User or API Wallet {address(first)} does not exist."
    assert here.act(NOOP, key=second) == "default"
    names = {agent["name"]: agent["address"] for agent in here.mine("extraAgents")}
    assert names == {"alice": address(here.agent_key), "bot": address(second)}
    assert approve(here, "0x" + "0" * 40, "bot")["status"] == "ok"
    assert here.act(NOOP, key=second).endswith("does not exist.")


def test_an_agent_expires(venue: Any) -> None:
    here, key = venue(), "0x" + "6" * 64
    assert approve(here, address(key), f"bot valid_until {here.now_ms + 60_000}")["status"] == "ok"
    assert here.act(NOOP, key=key) == "default"
    here.wait("60")
    assert here.act(NOOP, key=key).endswith("does not exist.")


def test_agents_approve_nobody_and_three_names_are_all_there_are(venue: Any) -> None:
    here = venue()
    agent = address(here.agent_key)
    assert approve(here, address(STRANGER), "x", key=here.agent_key)["response"] == (
        f"Must deposit before performing actions. User: {agent}"
    )
    for digit in "67":
        assert approve(here, address("0x" + digit * 64), f"bot {digit}")["status"] == "ok"
    assert approve(here, address("0x" + "8" * 64), "bot 8")["status"] == "err"
    assert approve(here, address("0x" + "8" * 64), "")["status"] == "ok"  # the one without a name is another


def test_a_deregistered_agent_is_refused(venue: Any) -> None:
    here = venue()
    agent = address(here.agent_key)
    here.dialect.steer({"deregister": [agent]})
    assert here.act(NOOP) == f"User or API Wallet {agent} does not exist."


def test_a_sub_account_is_acted_for_by_its_address(venue: Any) -> None:
    here = venue()
    here.stage.open_account("alice/desk")
    here.stage.open_account("bob")
    desk, bob = (here.dialect.address_of(name) for name in ("alice/desk", "bob"))
    item = {"a": 0, "b": True, "p": "59000", "s": "0.1", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    (status,) = here.act({"type": "order", "orders": [item], "grouping": "na"}, vault=desk)
    assert [row["oid"] for row in here.info("openOrders", user=desk)] == [status["resting"]["oid"]]
    assert here.mine("openOrders") == []
    assert here.act(NOOP, vault=bob) == f"Vault not registered: {bob}"
    assert here.act(NOOP, vault=here.address) == f"Vault not registered: {here.address}"
    assert here.info("userRole", user=desk) == {"role": "subAccount", "data": {"master": here.address}}
    (sub,) = here.mine("subAccounts")
    assert (sub["name"], sub["subAccountUser"]) == ("desk", desk)


def test_a_nonce_is_used_once_and_lies_near_the_present(venue: Any) -> None:
    here = venue()
    nonce = here.now_ms
    assert here.act(NOOP, nonce=nonce) == "default"
    assert here.act(NOOP, nonce=nonce) == f"Invalid nonce: duplicate nonce {nonce}"
    day = 86_400_000
    old, far = here.now_ms - 2 * day, here.now_ms + day + 2000
    assert here.act(NOOP, nonce=old).startswith(f"Invalid nonce: nonce too low {old} < ")
    assert here.act(NOOP, nonce=far).startswith(f"Invalid nonce: nonce too high {far} > ")
    assert here.act(NOOP, nonce=here.now_ms - day) == "default"


def test_a_nonce_below_the_hundred_highest_is_too_low() -> None:
    nonces, now = Nonces(), 1_750_000_000_000
    for number in range(1, 101):
        assert not nonces.objection("me", now + 2 * number, now)
        nonces.use("me", now + 2 * number)
    assert nonces.objection("me", now + 1, now) == f"Invalid nonce: nonce too low {now + 1} < {now + 2}"
    assert not nonces.objection("me", now + 3, now)  # out of order, but above the lowest
    assert not nonces.objection("another", now + 1, now)
    nonces.use("me", now + 3)  # takes the place of the lowest
    assert nonces.objection("me", now + 2, now) == f"Invalid nonce: nonce too low {now + 2} < {now + 3}"
    nonces.forget("me")
    assert not nonces.objection("me", now + 2, now)


def test_an_expired_action_is_refused_and_costs_five_requests(venue: Any) -> None:
    here = venue()
    assert here.act(NOOP, expires=here.now_ms + 5000) == "default"
    before = here.mine("userRateLimit")["nRequestsUsed"]
    assert here.act(NOOP, expires=here.now_ms - 1) == "Action already expired"
    assert here.mine("userRateLimit")["nRequestsUsed"] == before + 5


def test_a_refused_action_burns_its_nonce_where_the_server_is_of_that_kind(venue: Any) -> None:
    for burns in (False, True):
        here = venue(refused_burns_nonce=burns)
        nonce = here.now_ms
        refused = here.act({"type": "scheduleCancel", "time": nonce + 60_000}, nonce=nonce)
        assert refused.startswith("Cannot set scheduled cancel time")
        second = here.act(NOOP, nonce=nonce)
        assert second == (f"Invalid nonce: duplicate nonce {nonce}" if burns else "default")


def test_a_noop_with_the_nonce_of_an_order_that_is_on_its_way_keeps_it_out(venue: Any) -> None:
    here = venue()
    item = {"a": 0, "b": True, "p": "59000", "s": "0.1", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    late = here.signed({"type": "order", "orders": [item], "grouping": "na"})
    assert here.act(NOOP, nonce=late["nonce"]) == "default"
    answer = json.loads(here.post("/exchange", late).body)
    assert answer["response"] == f"Invalid nonce: duplicate nonce {late['nonce']}"
    assert here.open() == []


def test_money_stays_where_it_is(venue: Any) -> None:
    here = venue()
    for kind in ("withdraw3", "usdSend", "usdClassTransfer", "sendAsset"):
        assert here.act({"type": kind}, key=here.wallet_key) == "This action is not carried out by the simulator."


def test_malformed_bodies_are_422(venue: Any) -> None:
    here = venue()
    whole = here.signed(NOOP)
    for broken in (
        b"{",
        [],
        {},
        {**whole, "nonce": "1"},
        {**whole, "signature": {}},
        {**whole, "vaultAddress": "0x1"},
        {**whole, "action": {"type": "order"}},
    ):
        response = here.post("/exchange", broken)
        assert (response.status, response.body) == (422, b"Failed to deserialize the JSON body into the target type")
    assert here.post("/info", {"type": "nothing"}).status == 422
    assert here.post("/nowhere", {}).status == 404
    assert here.post("/info", {"type": "meta"}, method="GET").status == 405
