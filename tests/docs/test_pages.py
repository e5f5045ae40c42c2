"""Pages are made ready for the site: links within it, plain fences, diagrams drawn."""

import re

import pytest

from site_builder import pages
from site_builder.blocks import DOCS

CONFIGURATION = (DOCS / "mkdocs.yml").read_text()


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    names = pages.gather(folder, lambda text, theme: f"<svg><!-- {theme} {text.partition(chr(10))[0]} --></svg>")
    return {name: (folder / name).read_text() for name in names}, folder


def test_every_page_is_in_the_navigation(gathered):
    texts, _ = gathered
    assert [name for name in texts if f": {name}\n" not in CONFIGURATION] == []


def test_a_link_to_a_page_at_the_top_of_the_repository_leads_to_its_page_on_the_site(gathered):
    texts, _ = gathered
    assert "](index.md)" not in texts["changelog.md"]
    assert "(docs/" not in texts["contributing.md"]
    assert "[bench/](performance.md)" in texts["performance.md"]


def test_a_page_has_one_title_so_that_its_contents_are_listed_whole(gathered):
    texts, _ = gathered
    prose = {name: re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL) for name, text in texts.items()}
    assert {name: text.count("\n# ") + text.startswith("# ") for name, text in prose.items()} == dict.fromkeys(texts, 1)


def test_a_link_to_what_is_not_there_is_left_for_the_generator_to_find(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "_pages", lambda: iter([DOCS / "start.md"]))
    pages.gather(tmp_path, lambda text, theme: "")
    assert "](ideas.md)" in (tmp_path / "start.md").read_text()


def test_a_diagram_is_drawn_for_light_and_for_dark(gathered):
    texts, folder = gathered
    assert "![diagram](ideas-1-light.svg#only-light)\n![diagram](ideas-1-dark.svg#only-dark)" in texts["ideas.md"]
    assert "```mermaid" not in texts["ideas.md"]
    assert "dark stateDiagram-v2" in (folder / "ideas-1-dark.svg").read_text()


def test_of_the_marks_of_a_fence_only_its_title_is_left(gathered):
    texts, _ = gathered
    assert '```python title="first.py"\n' in texts["start.md"]
    assert "no-run" not in texts["scripting.md"]
    assert "exit=2" not in texts["start.md"]


def test_nothing_on_the_site_is_asked_of_another_host():
    assert "font: false" in CONFIGURATION
    assert not [word for word in ("http:", "https:", "//") if word in (DOCS / "style.css").read_text() + CONFIGURATION]
