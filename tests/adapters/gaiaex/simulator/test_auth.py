"""Who is let in, and in which words either revision turns the others away (fact sheet, chapters 2 and 10)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from anyvenue_gaiaex.simulator.dialect import GaiaExDialect
from anyvenue_gaiaex.simulator.revision import Revision

ADDRESS = "0x000000000000000000000000000000000000dEaD"
PATH = f"/user/{ADDRESS}/balance"
WHOLE = f"/v1/trade{PATH}"
A, B = Revision.A, Revision.B


def _refusal(simulator: Any, headers: dict[str, str], **request: Any) -> tuple[int, str]:
    response = simulator.send("GET", WHOLE, headers=headers, **request)
    return response.status, json.loads(response.body)["error"]


@pytest.mark.parametrize(("revision", "text"), [(A, "Missing authentication"), (B, "Missing API key auth headers")])
def test_a_request_without_a_key_is_refused(venue: Any, revision: Revision, text: str) -> None:
    assert _refusal(venue(revision), {}) == (401, text)


@pytest.mark.parametrize("missing", ["x-gaiaex-apikey", "x-gaiaex-timestamp", "x-gaiaex-signature"])
def test_all_three_headers_are_needed(venue: Any, missing: str) -> None:
    simulator = venue()
    headers = simulator.headers("GET", PATH)
    del headers[missing]
    assert _refusal(simulator, headers) == (401, "Missing authentication")


@pytest.mark.parametrize("revision", [A, B])
def test_an_unknown_key_is_refused(venue: Any, revision: Revision) -> None:
    simulator = venue(revision)
    assert _refusal(simulator, simulator.headers("GET", PATH, key="f" * 32)) == (401, "Invalid API key")


def test_an_expired_key_is_refused(venue: Any) -> None:
    simulator = venue()
    headers = simulator.headers("GET", PATH)
    simulator.stage.keys.add(evolve(simulator.stage.keys.find(headers["x-gaiaex-apikey"]), expired=True))
    assert _refusal(simulator, headers) == (401, "Invalid API key")


@pytest.mark.parametrize(("revision", "text"), [(A, "Invalid signature"), (B, "Invalid HMAC signature")])
def test_a_wrong_secret_is_refused(venue: Any, revision: Revision, text: str) -> None:
    simulator = venue(revision)
    assert _refusal(simulator, simulator.headers("GET", PATH, secret="another")) == (401, text)


@pytest.mark.parametrize(("late_ms", "status"), [(5000, 200), (5001, 401)])
def test_a_timestamp_may_be_five_seconds_old(venue: Any, late_ms: int, status: int) -> None:
    simulator = venue()
    headers = simulator.headers("GET", PATH, time_ms=simulator.now_ms - late_ms)
    assert simulator.send("GET", WHOLE, headers=headers).status == status


@pytest.mark.parametrize(("counts", "status"), [(True, 401), (False, 200)])
def test_a_timestamp_ahead_is_refused_where_the_server_minds(venue: Any, counts: bool, status: int) -> None:
    simulator = venue(future_counts=counts)
    headers = simulator.headers("GET", PATH, time_ms=simulator.now_ms + 6000)
    assert simulator.send("GET", WHOLE, headers=headers).status == status


@pytest.mark.parametrize("timestamp", ["soon", "-1", "1743508800000.5", "9" * 30])
def test_a_timestamp_that_is_no_time_is_refused(venue: Any, timestamp: str) -> None:
    simulator = venue()
    assert _refusal(simulator, simulator.headers("GET", PATH, time_ms=timestamp)) == (401, "Timestamp expired")


def test_revision_b_tells_the_window_and_the_servers_clock(venue: Any) -> None:
    simulator = venue(B)
    headers = simulator.headers("GET", PATH, time_ms=simulator.now_ms - 6000)
    told = "Timestamp outside recv_window (5000ms). Server time: 1743508800000"
    assert _refusal(simulator, headers) == (401, told)


def test_a_key_may_have_a_window_of_its_own(venue: Any) -> None:
    simulator = venue(B)
    headers = simulator.headers("GET", PATH, time_ms=simulator.now_ms - 6000)
    simulator.dialect.doorman.windows_ms[headers["x-gaiaex-apikey"]] = 10_000
    assert simulator.send("GET", WHOLE, headers=headers).status == 200


@pytest.mark.parametrize("revision", [A, B])
def test_the_address_in_the_path_has_to_be_the_keys_own(venue: Any, revision: Revision) -> None:
    simulator = venue(revision)
    other = "/user/0x000000000000000000000000000000000000bEEF/balance"
    response = simulator.send("GET", f"/v1/trade{other}", headers=simulator.headers("GET", other))
    assert (response.status, json.loads(response.body)["error"]) == (403, "Address mismatch")


def test_the_address_in_a_body_has_to_be_the_keys_own(venue: Any) -> None:
    other = "0x000000000000000000000000000000000000bEEF"
    status, body = venue().post("/order/cancel-all", user_address=other)
    assert (status, body["error"]) == (403, "Address mismatch")


@pytest.mark.parametrize(("exact", "status"), [(False, 200), (True, 403)])
def test_the_case_of_an_address_counts_where_the_server_minds(venue: Any, exact: bool, status: int) -> None:
    assert venue(exact_address=exact).post("/order/cancel-all", user_address=ADDRESS.lower())[0] == status


@pytest.mark.parametrize(
    ("revision", "text"), [(A, "Insufficient permissions"), (B, "API key lacks 'trade' permission")]
)
def test_a_key_that_only_reads_places_nothing(venue: Any, revision: Revision, text: str) -> None:
    simulator = venue(revision)
    key = simulator.stage.keys.find("0123456789abcdef0123456789abcdef")
    simulator.stage.keys.add(evolve(key, may_trade=False))
    status, body = simulator.post("/order", symbol="ETH", is_buy=True, size="1")
    assert (status, body["error"]) == (403, text)
    assert simulator.balance()["available"] == "100000.00"


@pytest.mark.parametrize(
    ("revision", "text"), [(A, "Insufficient permissions"), (B, "API key lacks 'read' permission")]
)
def test_a_key_without_read_reads_nothing(venue: Any, revision: Revision, text: str) -> None:
    simulator = venue(revision)
    simulator.dialect.doorman.without_read.add("0123456789abcdef0123456789abcdef")
    assert _refusal(simulator, simulator.headers("GET", PATH)) == (403, text)


@pytest.mark.parametrize(("revision", "text"), [(A, "IP not whitelisted"), (B, "IP 10.0.0.9 not in API key whitelist")])
def test_a_key_with_a_list_of_addresses_is_refused_from_elsewhere(venue: Any, revision: Revision, text: str) -> None:
    simulator = venue(revision)
    key = simulator.stage.keys.find("0123456789abcdef0123456789abcdef")
    simulator.stage.keys.add(evolve(key, addresses=["10.0.0.1"]))
    headers = simulator.headers("GET", PATH)
    assert _refusal(simulator, headers, remote="10.0.0.9") == (403, text)
    assert simulator.send("GET", WHOLE, headers=headers, remote="10.0.0.1").status == 200


def test_a_session_token_opens_the_account_it_belongs_to(venue: Any) -> None:
    headers = {"authorization": f"Bearer {GaiaExDialect.token_of('alice')}"}
    assert venue().send("GET", WHOLE, headers=headers).status == 200


@pytest.mark.parametrize(("revision", "text"), [(A, "Session expired"), (B, "Invalid or expired session token")])
def test_an_expired_session_is_refused(venue: Any, revision: Revision, text: str) -> None:
    simulator = venue(revision)
    simulator.dialect.wallets.expired.add("alice")
    assert _refusal(simulator, {"authorization": f"Bearer {GaiaExDialect.token_of('alice')}"}) == (401, text)


@pytest.mark.parametrize("field", ["error", "message", "detail", "msg"])
def test_the_text_of_an_error_may_have_any_of_four_names(venue: Any, field: str) -> None:
    response = venue(error_field=field).send("GET", WHOLE)
    assert json.loads(response.body) == {field: "Missing authentication"}
