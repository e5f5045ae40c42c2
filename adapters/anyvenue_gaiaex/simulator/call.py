"""One REST call as a handler sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import frozen

from anyvenue_gaiaex.simulator.body import Body

__all__ = ["Call", "Handler"]


@frozen(kw_only=True)
class Call:
    """A signed request that may be carried out. `time_ms` is the server's time."""

    account: str
    body: Body
    time_ms: int


Handler: TypeAlias = Callable[[Call], dict[str, Any]]
