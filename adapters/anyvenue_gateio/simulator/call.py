"""One REST call as a handler sees it: who asks, the path's names, the query and the body, read with Gate's checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias, TypeVar

from attrs import define, field, frozen

from anyvenue.model.errors import VenueProtocolError
from anyvenue.simulation.server.messages import HttpRequest
from anyvenue.wire.exact_json import decode
from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["Call", "Handler", "Route"]

T = TypeVar("T")

_SECOND_NS: Final = 1_000_000_000


@define
class Call:
    """A request on its way to its handler. `account` is empty for one that was not signed."""

    request: HttpRequest
    names: dict[str, str]
    account: str = ""
    headers: dict[str, str] = field(factory=dict)
    """What a handler wants to be told with the answer."""

    @property
    def settle(self) -> str:
        """The settle currency of the path, in lower case."""
        return self.names["settle"]

    @property
    def decimal(self) -> bool:
        """Whether sizes are exact texts."""
        return self.request.headers.get("x-gate-size-decimal") == "1"

    # The query

    def word(self, name: str, allowed: tuple[str, ...] | None = None) -> str | None:
        """Return a parameter; None where it is missing or empty. Raises Refused for a word that is not allowed."""
        value = self.request.query.get(name) or None
        if value is not None and allowed is not None and value not in allowed:
            raise Refused("INVALID_PARAM_VALUE", f"{name}: allowed are {', '.join(allowed)}")
        return value

    def needed(self, name: str, allowed: tuple[str, ...] | None = None) -> str:
        """Return a parameter that has to be there."""
        value = self.word(name, allowed)
        if value is None:
            raise Refused("MISSING_REQUIRED_PARAM", f"Missing required parameter: {name}")
        return value

    def number(self, name: str) -> Decimal | None:
        """Return a decimal parameter."""
        value = self.word(name)
        if value is None:
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or abs(number.adjusted()) > 30:
            raise Refused("INVALID_PARAM_VALUE", f"invalid argument: #{name}")
        return number

    def needed_number(self, name: str) -> Decimal:
        """Return a decimal parameter that has to be there."""
        self.needed(name)
        number = self.number(name)
        return Decimal(0) if number is None else number

    def whole(self, name: str, default: int, most: int | None = None, least: int = 0) -> int:
        """Return a whole number within its limits."""
        number = self.number(name)
        if number is None:
            return default
        if number != int(number) or number < least or (most is not None and number > most):
            raise Refused("INVALID_PARAM_VALUE", f"invalid argument: #{name}")
        return int(number)

    def flag(self, name: str) -> bool:
        """Return a parameter that is `true` or `false`."""
        return self.word(name, ("true", "false", "True", "False")) in ("true", "True")

    def span_ns(self) -> tuple[int, int]:
        """Return the times from `from` to `to`, both in seconds and both within."""
        first, last = self.whole("from", 0), self.whole("to", 0)
        if last and last < first:
            raise Refused("INVALID_PARAM_VALUE", "invalid time range: from is behind to")
        return first * _SECOND_NS, (last + 1) * _SECOND_NS if last else 2**63

    def page(self, rows: Sequence[T], *, default: int = 100, most: int = 1000) -> Sequence[T]:
        """Return the rows that `limit` and `offset` ask for, and say so in the headers."""
        limit, offset = self.whole("limit", default, most, 1), self.whole("offset", 0)
        self.headers.update(
            {
                "X-Pagination-Limit": str(limit),
                "X-Pagination-Offset": str(offset),
                "X-Pagination-Total": str(len(rows)),
            }
        )
        return rows[offset : offset + limit]

    # The body

    def body(self) -> Any:
        """Return the JSON of the body. Raises Refused."""
        kind = self.request.headers.get("content-type", "application/json")
        if "json" not in kind:
            raise Refused("INVALID_CONTENT_TYPE", "Content-Type must be application/json")
        if not self.request.body:
            raise Refused("INVALID_REQUEST_BODY", "a JSON body is needed")
        try:
            return decode(self.request.body)
        except VenueProtocolError:
            raise Refused("INVALID_REQUEST_BODY", "the body is not JSON") from None

    def object(self) -> dict[str, Any]:
        """Return the body, which has to be a JSON object."""
        body = self.body()
        if not isinstance(body, dict):
            raise Refused("INVALID_REQUEST_BODY", "a JSON object is needed")
        return body


Handler: TypeAlias = Callable[[Call], Any]


@frozen(kw_only=True)
class Route:
    """Where a request goes.

    `bucket` is what it is counted in, empty for one of its own; `by_rows` counts each row of its body; `expires` is
    for those that heed `x-gate-exptime`; `pattern` has `{names}`.
    """

    method: str
    pattern: str
    handler: Handler
    signed: bool = True
    status: int = 200
    bucket: str = ""
    by_rows: bool = False
    expires: bool = False

    @property
    def rule(self) -> str:
        """The name of its bucket."""
        return self.bucket or f"{self.method} {self.pattern}"
