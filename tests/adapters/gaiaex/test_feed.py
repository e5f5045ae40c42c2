"""The account's stream where it is refused: a key is not taken for wrong before the clock is known to be right."""

import asyncio

import pytest

from anyvenue.model.errors import AuthenticationFailed, NotSent
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.secrets import Secret
from anyvenue.wire.server_time import ServerTime
from anyvenue_gaiaex.auth import Keys
from anyvenue_gaiaex.feed import UserFeed

TOLD_NS = 1_800_000_000 * 10**9


def refused(told):
    """Dial while everything is refused and the venue tells its time as `told` does; return the error, and how often."""
    dials = []

    async def dial(url, headers):
        dials.append(url)
        raise OSError("found HTTP status 401")

    async def main():
        clock = DrivenClock(TOLD_NS)
        keys = Keys("0xabc", "key", Secret("secret"), None)
        feed = UserFeed(
            "ws://venue",
            lambda: keys,
            clock=clock,
            time=ServerTime(clock, told),
            dial=dial,
            on_update=lambda update: None,
            on_down=lambda reason: None,
            on_up=lambda: None,
        )
        with pytest.raises((AuthenticationFailed, NotSent)) as caught:
            await feed._dial_signed("ws://venue/user/0xabc", {})
        return caught.value

    return asyncio.run(main()), len(dials)


async def tells():
    return TOLD_NS + 7 * 10**9


async def is_silent():
    raise NotSent("no answer")


def test_credentials_that_are_refused_by_the_right_clock_are_wrong():
    error, dials = refused(tells)
    assert type(error) is AuthenticationFailed
    assert dials == 2


def test_where_nobody_tells_the_time_it_is_tried_again_later():
    error, dials = refused(is_silent)
    assert type(error) is NotSent
    assert "found HTTP status 401" in str(error)
    assert dials == 2
