"""Client order ids in Gate's `text` (sheet 7.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.errors import InvalidOrder, RejectReason
from anyvenue_gateio.order_text import client_order_id, origin_reason, to_text

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-."


@given(st.text(ALPHABET, min_size=1, max_size=28))
def test_every_allowed_id_comes_back_and_fits_in_30_bytes(client_id: str) -> None:
    text = to_text(client_id)

    assert text == "t-" + client_id
    assert len(text.encode()) <= 30
    assert client_order_id(text) == client_id


@pytest.mark.parametrize("client_id", ["", "x" * 29, "a b", "a/b", "é", "a\n", "a:b"])
def test_an_id_that_does_not_fit_is_refused_and_told_what_is_allowed(client_id: str) -> None:
    with pytest.raises(InvalidOrder, match=r"1 to 28 characters of 0-9 A-Z a-z _ - \."):
        to_text(client_id)


@pytest.mark.parametrize("text", ["web", "api", "app", "apiv4-ws", "-", "", None, "t-", "liq-1", "insurance"])
def test_texts_of_the_venue_are_no_ids(text: str | None) -> None:
    assert client_order_id(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "auto_deleveraging",
        "liquidation",
        "liq-cross-7",
        "hedge-liq-7",
        "pm_liquidate",
        "comb_margin_liquidate",
        "scm_liquidate",
        "insurance",
        "clear",
    ],
)
def test_forced_orders_are_known_by_their_text(text: str) -> None:
    assert origin_reason(text) is RejectReason.LIQUIDATION


@pytest.mark.parametrize("text", ["web", "api", "app", "apiv4-ws", "t-liq-1", "t-clear", "clearly", "", None])
def test_other_orders_are_not_forced(text: str | None) -> None:
    assert origin_reason(text) is None
