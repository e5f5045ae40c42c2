"""Which route a request takes: by its method and its path."""

from __future__ import annotations

import re
from collections.abc import Sequence

from anyvenue_gateio.simulator.call import Route
from anyvenue_gateio.simulator.contracts import SETTLES
from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["NoSuchPath", "Router"]


class NoSuchPath(Exception):
    """There is nothing at this path; Gate answers 404 without a label."""


class Router:
    """Finds routes. A name that a pattern spells out goes before one that it leaves open."""

    def __init__(self, routes: Sequence[Route]) -> None:
        ordered = sorted(routes, key=lambda route: route.pattern.count("{"))
        self._routes = [(_compiled(route.pattern), route) for route in ordered]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route of a path behind `/api/v4`, and what it names. Raises NoSuchPath and Refused."""
        known = False
        for pattern, route in self._routes:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            known = True
            if route.method == method:
                names = match.groupdict()
                if names.get("settle", "usdt") not in SETTLES:
                    raise Refused("INVALID_PARAM_VALUE", f"settle: allowed are {', '.join(SETTLES)}")
                return route, names
        if not known:
            raise NoSuchPath
        raise Refused("METHOD_NOT_ALLOWED", f"method {method} is not allowed here", status=405)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(pattern)))
