"""The report of a run: what became of each behaviour, for people on a terminal and for programs as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import orjson
from attrs import asdict, frozen

from anyvenue.testing.source_code import Lines

__all__ = ["Outcome", "Report", "Result"]


class Outcome(Enum):
    """What became of a behaviour."""

    PASSED = "passed"
    SKIPPED = "skipped"
    UNPROVEN = "unproven"
    FAILED = "failed"


@frozen(kw_only=True)
class Result:
    """One behaviour.

    Attributes:
        suite: the class that the author wrote.
        subject: what the behaviour is about.
        behaviour: its name, as a sentence.
        meaning: one line more about it.
        outcome: what became of it.
        reason: the capability that it was skipped for, why it is unproven, or what failed.
        seconds: how long it took, on the wall.
    """

    suite: str
    subject: str
    behaviour: str
    meaning: str
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0

    def plain(self) -> dict[str, Any]:
        """Return it in values that go into JSON."""
        return {**asdict(self), "outcome": self.outcome.value}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Result:
        """Return what `plain` was made of."""
        return cls(**{**plain, "outcome": Outcome(plain["outcome"])})


@frozen(kw_only=True)
class Report:
    """Everything that a run found, and how much code it was about, where that is known."""

    venue: str
    results: tuple[Result, ...]
    lines: Lines | None = None

    def of(self, outcome: Outcome) -> list[Result]:
        """Return the results with one outcome."""
        return [result for result in self.results if result.outcome is outcome]

    @property
    def counts(self) -> dict[str, int]:
        """How many behaviours had each outcome."""
        return {outcome.value: len(self.of(outcome)) for outcome in Outcome}

    @property
    def is_good(self) -> bool:
        """Whether something was proven and nothing failed."""
        return not self.of(Outcome.FAILED) and bool(self.of(Outcome.PASSED))

    def text(self) -> str:
        """Return it for a terminal: what failed, what is unproven, what was skipped for which capability, counts."""
        lines = []
        for outcome in (Outcome.FAILED, Outcome.UNPROVEN, Outcome.SKIPPED):
            if found := self.of(outcome):
                lines.append(f"{outcome.value}:")
                lines += [f"  {one.subject}: {one.behaviour}\n      {one.reason.splitlines()[0]}" for one in found]
        counts = ", ".join(f"{number} {word}" for word, number in self.counts.items())
        if self.lines is not None:
            lines.append(f"lines of code: {self.size}")
        return "\n".join([*lines, f"conformance of {self.venue}: {counts}"])

    @property
    def size(self) -> str:
        """How many lines adapter and simulator have, in words; empty where that is not known."""
        if self.lines is None:
            return ""
        simulator = f"simulator {self.lines.simulator:,}" if self.lines.simulator else "no simulator"
        return f"adapter {self.lines.adapter:,}, {simulator}"

    def json(self) -> bytes:
        """Return it as JSON."""
        data: dict[str, Any] = {
            "venue": self.venue,
            "good": self.is_good,
            "counts": self.counts,
            "lines": None if self.lines is None else asdict(self.lines),
            "results": [{**one.plain(), "seconds": round(one.seconds, 3)} for one in self.results],
        }
        return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
