"""What goes over real sockets is tested on both event loops: asyncio's own, and that of the extra `anyvenue[fast]`."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def event_loop(request: pytest.FixtureRequest) -> Iterator[str]:
    """Have `asyncio.run` use this loop."""
    if request.param == "asyncio":
        yield request.param
        return
    uvloop = pytest.importorskip("uvloop")

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "run", run)
        yield request.param
