"""The index of behaviours: every one is in it, reads as a sentence, and stands in the documentation."""

from pathlib import Path

from anyvenue.testing import ConformanceSuite
from anyvenue.testing.index import behaviours, index_text

PAGE = Path(__file__).parents[3] / "docs" / "conformance.md"


def test_it_has_every_behaviour_of_the_suite_once():
    names = [entry.name for entry in behaviours()]
    assert len(names) == len(set(names))
    assert set(names) == {name for name in dir(ConformanceSuite) if name.startswith("test_")}


def test_every_behaviour_says_more_than_its_name():
    assert [entry.name for entry in behaviours() if not entry.meaning.endswith(".")] == []


def test_the_documentation_has_the_list_as_it_is():
    _, _, found = PAGE.read_text().partition("index_text() -->\n")
    assert found.strip() == index_text().strip()
