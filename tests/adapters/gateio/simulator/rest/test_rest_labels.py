"""Every neutral reason has a label, and every label is one that Gate documents (fact sheet, chapter 10.2)."""

from __future__ import annotations

import pytest

from anyvenue.model.errors import Rejected, RejectReason
from anyvenue_gateio.simulator.labels import LABELS, refused

DOCUMENTED = {
    "INVALID_PARAM_VALUE",
    "INVALID_ARGUMENT",
    "CONTRACT_NOT_FOUND",
    "CONTRACT_IN_DELISTING",
    "INSUFFICIENT_AVAILABLE",
    "LIQUIDATE_IMMEDIATELY",
    "RISK_LIMIT_EXCEEDED",
    "LEVERAGE_TOO_HIGH",
    "INCREASE_POSITION",
    "ORDER_NOT_FOUND",
    "ORDER_FINISHED",
    "PRICE_TOO_DEVIATED",
    "SIZE_TOO_SMALL",
    "ORDER_POC_IMMEDIATE",
    "ORDER_FOK",
    "NO_CHANGE",
}


@pytest.mark.parametrize("reason", list(RejectReason))
def test_a_refusal_of_the_exchange_has_a_label_of_gates(reason: RejectReason) -> None:
    refusal = refused(Rejected("why", reason=reason))
    assert refusal.label in DOCUMENTED
    assert 400 <= refusal.status < 500
    assert refusal.message == "why"


def test_what_is_not_there_is_a_404() -> None:
    assert {label for label, status in LABELS.values() if status == 404} == {"ORDER_NOT_FOUND", "CONTRACT_NOT_FOUND"}
