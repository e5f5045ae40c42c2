"""The report: what people and programs read of a run."""

import json
from pathlib import Path

import pytest
from attrs import evolve

import anyvenue_gateio
from anyvenue.simulation.venue import DESCRIPTOR as SIMULATED
from anyvenue.testing.report import Outcome, Report, Result
from anyvenue.testing.report_html import report_html
from anyvenue.testing.source_code import Lines, lines_of
from anyvenue_gateio.descriptor import DESCRIPTOR


def result(outcome, reason="", behaviour="a limit order rests"):
    return Result(
        suite="TestIt", subject="Orders' lives", behaviour=behaviour, meaning="It does.", outcome=outcome, reason=reason
    )


ALL = (
    result(Outcome.PASSED),
    result(Outcome.SKIPPED, "capability fok: declared absent"),
    result(Outcome.UNPROVEN, "no simulator"),
    result(Outcome.FAILED, "AssertionError: 1 <b> 2\nsecond line"),
)


def test_it_counts_every_outcome():
    assert Report(venue="v", results=ALL).counts == {"passed": 1, "skipped": 1, "unproven": 1, "failed": 1}


@pytest.mark.parametrize(
    ("results", "good"),
    [(ALL[:3], True), (ALL, False), (ALL[1:3], False), ((), False)],
    ids=["nothing failed", "something failed", "nothing passed", "nothing at all"],
)
def test_it_is_good_where_something_passed_and_nothing_failed(results, good):
    assert Report(venue="v", results=results).is_good is good


def test_the_text_gives_a_reason_for_all_that_did_not_pass():
    text = Report(venue="v", results=ALL).text()
    for reason in ("capability fok: declared absent", "no simulator", "AssertionError: 1 <b> 2"):
        assert reason in text
    assert "second line" not in text
    assert text.endswith("conformance of v: 1 passed, 1 skipped, 1 unproven, 1 failed")


def test_the_json_says_everything():
    data = json.loads(Report(venue="v", results=ALL).json())
    assert (data["venue"], data["good"]) == ("v", False)
    assert [one["outcome"] for one in data["results"]] == ["passed", "skipped", "unproven", "failed"]
    assert data["results"][3]["reason"] == "AssertionError: 1 <b> 2\nsecond line"


def test_the_page_shows_everything_and_escapes_it():
    page = report_html(Report(venue="<v>", results=ALL))
    assert "Conformance of &lt;v&gt;" in page
    assert "AssertionError: 1 &lt;b&gt; 2" in page
    assert page.count("<tr>") == 4
    assert "http" not in page


def test_it_says_how_much_code_the_adapter_is_and_how_much_its_simulator():
    report = Report(venue="v", results=ALL, lines=Lines(adapter=1500, simulator=20))
    assert "lines of code: adapter 1,500, simulator 20" in report.text()
    assert "adapter 1,500, simulator 20" in report_html(report)
    assert json.loads(report.json())["lines"] == {"adapter": 1500, "simulator": 20}


def test_an_adapter_without_a_simulator_has_none_of_its_lines():
    assert Report(venue="v", results=ALL, lines=Lines(adapter=9, simulator=0)).size == "adapter 9, no simulator"
    assert json.loads(Report(venue="v", results=ALL).json())["lines"] is None


def test_lines_are_those_of_the_package_with_the_simulators_apart():
    found = lines_of(DESCRIPTOR)
    folder = Path(anyvenue_gateio.__file__).parent
    counted = {file: len(file.read_text().splitlines()) for file in folder.rglob("*.py")}
    simulator = sum(lines for file, lines in counted.items() if "simulator" in file.parts)
    assert found == Lines(adapter=sum(counted.values()) - simulator, simulator=simulator)


def test_what_is_part_of_anyvenue_itself_has_no_lines_of_its_own():
    assert lines_of(SIMULATED) is None


def test_code_in_the_meaning_of_a_behaviour_is_shown_as_code():
    page = report_html(Report(venue="v", results=(evolve(ALL[0], meaning="The `fee` is <paid>."),)))
    assert "The <code>fee</code> is &lt;paid&gt;." in page
