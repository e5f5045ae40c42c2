"""Faults: a seeded plan of what goes wrong on the wire. It decides; whoever moves the bytes carries it out.

A plan is a list of rules. Each says where it applies, how often, and what happens:

    {"on": "http", "method": "POST", "path": "*/orders", "lose_reply": true, "probability": 0.05}
    {"on": "http", "status": 429, "headers": {"retry-after": "1"}, "every": 50}
    {"on": "ws_out", "match": "order_book", "drop": true, "from_s": 10, "until_s": 20}     (a stale book)

The rules are asked in their order, and the first that strikes is the one that happens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from typing import Any, Final, Literal

from attrs import field, frozen

from anyvenue.simulation.chance import Chance
from anyvenue.simulation.server.fault_rule import FRAME_EFFECTS, Reset, Rule, Where, check_keys, is_number, shown
from anyvenue.simulation.server.messages import HttpRequest

__all__ = ["FaultPlan", "FrameFault", "HttpFault", "Reset", "Rule", "Where", "truncated"]

_SECOND_NS: Final = 1_000_000_000
_FINENESS: Final = 1 << 48


@frozen(kw_only=True)
class HttpFault:
    """What happens to a request. Beside `delay_s`, one thing at most does.

    Attributes:
        delay_s: seconds that the request waits before anything else happens to it.
        status: it is answered with this status, `headers` and `body`, and not carried out.
        lose_request: it never arrives, and the client hangs.
        lose_reply: it is carried out, and the client hangs.
        reset: the connection is reset.
    """

    delay_s: float = 0.0
    status: int | None = None
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = b""
    lose_request: bool = False
    lose_reply: bool = False
    reset: Reset | None = None


@frozen(kw_only=True)
class FrameFault:
    """What happens to a frame. Beside `delay_s`, one thing at most does.

    Attributes:
        delay_s: seconds by which it comes later; the frames behind it wait, as over TCP.
        drop: it is left out.
        duplicate: it comes twice.
        reorder: it is held back behind so many of the next frames of its connection.
        disconnect: the connection ends in its place.
        stall: from here on nothing more is sent on the connection and nothing is read, but it stays open.
        corrupt: it comes truncated (`truncated`).
    """

    delay_s: float = 0.0
    drop: bool = False
    duplicate: bool = False
    reorder: int = 0
    disconnect: bool = False
    stall: bool = False
    corrupt: bool = False


class _Watcher:
    """A rule at work."""

    def __init__(self, rule: Rule, seed: str, start_ns: int) -> None:
        self.rule = rule
        self.strikes = 0
        self._seen = 0
        self._chance = Chance(seed)
        self._threshold = rule.probability * _FINENESS
        self._from_ns = start_ns + round(rule.from_s * _SECOND_NS)
        self._until_ns = None if rule.until_s is None else start_ns + round(rule.until_s * _SECOND_NS)
        self._path = re.compile(translate(rule.path))
        self._match = rule.match.encode()
        self.http = HttpFault(
            delay_s=rule.delay_s,
            status=rule.status,
            headers=rule.headers,
            body=rule.body.encode(),
            lose_request=rule.lose_request,
            lose_reply=rule.lose_reply,
            reset=rule.reset,
        )
        self.frame = FrameFault(**{name: getattr(rule, name) for name in FRAME_EFFECTS})

    def is_about(self, request: HttpRequest) -> bool:
        rule = self.rule
        return rule.method in ("", request.method.upper()) and self._path.match(request.path) is not None

    def is_in(self, data: bytes) -> bool:
        return self._match in data

    def strikes_now(self, now_ns: int) -> bool:
        """Decide about one more that it applies to."""
        rule = self.rule
        if now_ns < self._from_ns or (self._until_ns is not None and now_ns >= self._until_ns):
            return False
        if rule.times is not None and self.strikes >= rule.times:
            return False
        self._seen += 1
        if self._seen % rule.every or (rule.probability < 1 and self._chance.below(_FINENESS) >= self._threshold):
            return False
        self.strikes += 1
        return True


class FaultPlan:
    """Rules at work from `start_ns` on, and how far the venue's own clock is off, for signatures and in answers.

    The same seed, rules and messages give the same strikes. Each rule draws by itself.
    """

    def __init__(
        self, rules: Sequence[Rule] = (), seed: str = "", start_ns: int = 0, *, clock_skew_s: float = 0.0
    ) -> None:
        self.rules = tuple(rules)
        self.clock_skew_s = clock_skew_s
        self.clock_skew_ns = round(clock_skew_s * _SECOND_NS)
        self._watchers = [_Watcher(rule, f"{seed} {number}", start_ns) for number, rule in enumerate(self.rules)]
        self._on = {where: [watcher for watcher in self._watchers if watcher.rule.on is where] for where in Where}
        self._frames = {"in": self._on[Where.WS_IN], "out": self._on[Where.WS_OUT]}

    @property
    def counts(self) -> list[int]:
        """How often each rule has struck."""
        return [watcher.strikes for watcher in self._watchers]

    def on_request(self, request: HttpRequest, now_ns: int) -> HttpFault | None:
        """Return what happens to a request; None for nothing."""
        for watcher in self._on[Where.HTTP]:
            if watcher.is_about(request) and watcher.strikes_now(now_ns):
                return watcher.http
        return None

    def on_frame(self, direction: Literal["in", "out"], data: bytes, now_ns: int) -> FrameFault | None:
        """Return what happens to a frame that the venue gets or sends; None for nothing."""
        for watcher in self._frames[direction]:
            if watcher.is_in(data) and watcher.strikes_now(now_ns):
                return watcher.frame
        return None

    @classmethod
    def parse(cls, data: Any, *, seed: str = "", start_ns: int = 0) -> FaultPlan:
        """Make a plan of a list of rules, or of a table with `rules` and `clock_skew_s`, as JSON or TOML give them.

        Raises ValueError that says where, what was found and what is allowed.
        """
        if isinstance(data, Sequence) and not isinstance(data, str | bytes):
            data = {"rules": data}
        if not isinstance(data, Mapping):
            raise ValueError(f"faults: found {shown(data)}; allowed is a list of rules or a table")
        rules, skew = data.get("rules", []), data.get("clock_skew_s", 0.0)
        try:
            check_keys(data, ["rules", "clock_skew_s"])
            if not isinstance(rules, Sequence) or isinstance(rules, str | bytes):
                raise ValueError(f"rules: found {shown(rules)}; allowed is a list of tables")
            if not is_number(skew):
                raise ValueError(f"clock_skew_s: found {shown(skew)}; allowed are finite numbers")
        except ValueError as error:
            raise ValueError(f"faults: {error}") from None
        parsed = []
        for number, rule in enumerate(rules):
            try:
                parsed.append(Rule.parse(rule))
            except ValueError as error:
                raise ValueError(f"faults: rules[{number}]: {error}") from None
        return cls(parsed, seed, start_ns, clock_skew_s=skew)

    def to_json(self) -> dict[str, Any]:
        """Return it as `parse` takes it."""
        return {"rules": [rule.to_json() for rule in self.rules], "clock_skew_s": self.clock_skew_s}


def truncated(data: bytes) -> bytes:
    """Return the first half of a frame, still text where it was text."""
    return data[: len(data) // 2].decode(errors="ignore").encode()
