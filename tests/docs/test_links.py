"""Links of the pages lead to something that is there, as one reads them in the repository."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if ".build" not in page.parts),
]
LINK = re.compile(r"\]\((?!\w+:|#)(?P<target>[^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    targets = [link["target"] for link in LINK.finditer(page.read_text())]
    assert not [target for target in targets if not (page.parent / target).exists()]
