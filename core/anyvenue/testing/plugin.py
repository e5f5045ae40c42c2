"""The pytest plugin: collects what became of each behaviour, and writes the report.

It is loaded by itself where anyvenue is installed with its entry points, else by `-p anyvenue.testing.plugin`. It does
nothing in a run without a conformance suite. What a behaviour came to travels in pytest's own report of it, so that the
processes of pytest-xdist find their way to the one that writes.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from anyvenue.testing.report import Report, Result
    from anyvenue.testing.source_code import Lines

__all__: list[str] = []

_FOUND: Final = "anyvenue_conformance"
"""The attribute of a pytest report that has the venue and the result, in plain values."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that say where the report goes."""
    group = parser.getgroup("anyvenue conformance")
    group.addoption("--conformance-json", metavar="FILE", type=Path, help="Write the conformance report as JSON.")
    group.addoption("--conformance-html", metavar="FILE", type=Path, help="Write the conformance report as HTML.")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to collect, but for the workers of pytest-xdist, whose reports come to the process that began them."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Collector(config))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what became of a behaviour."""
    report = yield
    if (suite := _suite_of(item)) is not None and (call.when == "call" or report.outcome != "passed"):
        setattr(report, _FOUND, [suite.venue, _result(item, call, report).plain()])
    return report


class _Collector:
    """The results of a whole run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._found: list[tuple[str, Result]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a result."""
        if (found := getattr(report, _FOUND, None)) is not None:
            from anyvenue.testing.report import Result

            venue, result = found
            self._found.append((venue, Result.read(result)))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the report."""
        for report in self._reports():
            terminalreporter.section(f"conformance of {report.venue}")
            terminalreporter.write_line(report.text())

    def pytest_sessionfinish(self) -> None:
        """Write the files that were asked for."""
        from anyvenue.testing.report_html import report_html

        for option, write in (
            ("json", lambda report: report.json()),
            ("html", lambda report: report_html(report).encode()),
        ):
            path: Path | None = self._config.getoption(f"conformance_{option}")
            reports = self._reports()
            if path is not None and len(reports) == 1:
                path.write_bytes(write(reports[0]))
            elif path is not None:
                raise pytest.UsageError(
                    f"--conformance-{option}: found suites of {len(reports)} venues in this run; a report is of one"
                )

    def _reports(self) -> list[Report]:
        if not self._found:
            return []
        from anyvenue.testing.index import titles
        from anyvenue.testing.report import Report

        order = titles()
        found = sorted(
            self._found,
            key=lambda one: (order.index(one[1].subject) if one[1].subject in order else len(order), one[1].behaviour),
        )
        return [
            Report(venue=name, results=tuple(result for venue, result in found if venue == name), lines=_lines(name))
            for name in dict.fromkeys(venue for venue, _ in found)
        ]


def _lines(venue: str) -> Lines | None:
    from anyvenue.testing.source_code import lines_of
    from anyvenue.venue import registry

    try:
        return lines_of(registry.venue(venue))
    except registry.PluginError:  # a suite of a venue that is not installed has failed, and the report says so
        return None


def _suite_of(item: pytest.Item) -> Any:
    """Return the suite that an item is a behaviour of; None for any other test."""
    cls = getattr(item, "cls", None)
    if cls is None or not any(base.__module__ == "anyvenue.testing.suite" for base in cls.__mro__):
        return None
    return cls


def _result(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> Result:
    from anyvenue.testing.behaviour import Unproven
    from anyvenue.testing.report import Outcome, Result

    test = getattr(item, "function", None)
    error = call.excinfo.value if call.excinfo is not None else None
    reason = ""
    if isinstance(error, Unproven):
        outcome = Outcome.UNPROVEN
        reason = str(error.msg).removeprefix("unproven: ")
    elif isinstance(error, pytest.skip.Exception):
        outcome, reason = Outcome.SKIPPED, str(error.msg)
    elif error is not None:
        outcome, reason = Outcome.FAILED, f"{type(error).__name__}: {error}"
    else:
        outcome = Outcome.PASSED
    return Result(
        suite=item.cls.__name__,  # type: ignore[attr-defined]
        subject=_subject_of(item),
        behaviour=item.name.removeprefix("test_").replace("_", " "),
        meaning=(getattr(test, "__doc__", "") or "").strip(),
        outcome=outcome,
        reason=reason,
        seconds=call.duration,
    )


def _subject_of(item: pytest.Item) -> str:
    for base in item.cls.__mro__:  # type: ignore[attr-defined]
        if item.name in vars(base) and base.__module__.startswith("anyvenue.testing.behaviours."):
            return str(base.__doc__ or base.__name__).rstrip(".")
    return "Of its own"
