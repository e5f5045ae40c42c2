"""What is wrong with a configuration: every mistake at once, each with its place, key, what was found and allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from attrs import frozen

__all__ = ["ConfigError", "Problem", "listed", "near"]


@frozen(kw_only=True)
class Problem:
    """One mistake.

    `place` is `file:line`, or the command-line option that said it; `key` the full dotted path. `refusal` marks what
    is well-formed but guarded, such as live trading without leave.
    """

    place: str
    key: str
    text: str
    refusal: bool = False

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.key, self.text) if part)


class ConfigError(Exception):
    """A configuration that cannot be run. Its text lists all problems, one a line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    @property
    def is_refusal(self) -> bool:
        """Whether nothing is wrong but that a guard says no."""
        return all(problem.refusal for problem in self.problems)


def near(word: str, candidates: Iterable[str]) -> str:
    """Return ` Did you mean "..."?` where a candidate is close to `word`, else an empty text."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    matches = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f' Did you mean "{by_lower[matches[0]]}"?' if matches else ""


def listed(words: Iterable[str]) -> str:
    """Return words as a list for people: `a, b, c`, or `(none)`."""
    return ", ".join(words) or "(none)"
