"""What an error proves about a command: a rejection only on proof, everything else is unknown."""

import asyncio
from decimal import Decimal

import pytest

from anyvenue.engine.commands import Amend, Cancel, CommandFailed, Place, Subscribe, failure_events, perform
from anyvenue.model.enums import Side
from anyvenue.model.errors import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidPrice,
    NotSent,
    NotSupported,
    OutcomeUnknown,
    RateLimited,
    RejectReason,
    UnknownOrder,
    VenueProtocolError,
)
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    AmendRejected,
    AmendUnknown,
    CancelRejected,
    CancelUnknown,
    OrderRejected,
    OrderUnknown,
)
from anyvenue.model.order_spec import OrderSpec
from anyvenue.venue.events import Channel, Subscription

PROVEN = [
    (NotSent("no connection"), RejectReason.NOT_SENT),
    (NotSupported("no such thing"), RejectReason.NOT_SENT),
    (InvalidPrice("off the tick"), RejectReason.NOT_SENT),
    (InsufficientFunds("no", reason=RejectReason.INSUFFICIENT_FUNDS), RejectReason.INSUFFICIENT_FUNDS),
    (UnknownOrder("no", reason=RejectReason.UNKNOWN_ORDER), RejectReason.UNKNOWN_ORDER),
    (RateLimited("slow down", retry_after_s=1), RejectReason.RATE_LIMITED),
]
UNPROVEN = [
    OutcomeUnknown("timed out"),
    VenueProtocolError("not JSON", raw=b"<html>"),
    TimeoutError(),
    ConnectionResetError("reset"),
    KeyError("orderId"),
    TypeError("raised while the reply was read"),
    ValueError("raised while the reply was read"),
]


@pytest.fixture
def order(desk):
    spec = OrderSpec(
        client_order_id="a", instrument=desk.instrument, side=Side.BUY, quantity=Decimal(1), price=Decimal(100)
    )
    return Order(spec=spec)


@pytest.mark.parametrize(("error", "reason"), PROVEN, ids=lambda value: type(value).__name__)
def test_what_is_proof_of_a_refusal(order, error, reason):
    commands = (Place(order), OrderRejected), (Amend(order, None, None), AmendRejected), (Cancel(order), CancelRejected)
    for command, kind in commands:
        (event,) = failure_events(command, error)
        assert (type(event), event.reason, event.client_order_id) == (kind, reason, "a")
        assert event.text == str(error)


@pytest.mark.parametrize("error", UNPROVEN, ids=lambda error: type(error).__name__)
def test_what_is_not(order, error):
    commands = (Place(order), OrderUnknown), (Amend(order, None, None), AmendUnknown), (Cancel(order), CancelUnknown)
    for command, kind in commands:
        (event,) = failure_events(command, error)
        assert type(event) is kind
        assert event.text


def test_an_error_that_ends_trading_refuses_the_order_and_tells_the_engine(order):
    refused, failed = failure_events(Place(order), AuthenticationFailed("bad key"))
    assert isinstance(refused, OrderRejected)
    assert isinstance(failed, CommandFailed)


def test_a_failed_subscription_is_told_whole(desk):
    command = Subscribe(Subscription(channel=Channel.BOOK, instrument=desk.instrument))
    error = OutcomeUnknown("timed out")
    assert failure_events(command, error) == [CommandFailed(command, error)]


def test_a_faulty_adapter_is_logged_and_the_outcome_is_unknown(order, caplog):
    class Faulty:
        name = "faulty"

        async def place(self, spec):
            return {}["orderId"]

    (event,) = asyncio.run(perform(Faulty(), Place(order)))
    assert isinstance(event, OrderUnknown)
    assert "the venue faulty raised what an adapter may not raise" in caplog.text
