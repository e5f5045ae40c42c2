"""The report: what people and programs read of a run."""

import json

import pytest

from anyvenue.testing.report import Outcome, Report, Result
from anyvenue.testing.report_html import report_html


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
