"""The code in the adapter author's guide is the code that `anyvenue new adapter` makes.

`python tests/test_guide.py` writes the page anew from the template.
"""

import ast
import re
from pathlib import Path

from anyvenue.venue.feed_venue import FeedVenue
from anyvenue.venue.interface import Venue
from anyvenue.venue.remote import RemoteVenue

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "writing-an-adapter.md"
TEMPLATE = ROOT / "core" / "anyvenue" / "app" / "templates" / "adapter"
SHOWN = re.compile(
    r"<!-- (?P<kind>file|part): (?P<path>\S+)(?: (?P<name>\S+))? -->\n(?:\n```python no-run\n.*?\n```\n)?", re.S
)


def part(source, name):
    """Return the lines of a definition, such as Class.method, moved to the margin."""
    tree = ast.parse(source)
    for word in name.split("."):
        (tree,) = [node for node in tree.body if getattr(node, "name", "") == word]
    lines = source.splitlines()[tree.lineno - 1 : tree.end_lineno]
    return "\n".join(line[tree.col_offset :] for line in lines)


def block(match):
    source = (TEMPLATE / match["path"]).read_text()
    code = source.rstrip() if match["kind"] == "file" else part(source, match["name"])
    return f"{match[0].partition(' -->')[0]} -->\n\n```python no-run\n{code}\n```\n"


def test_the_guide_shows_the_template_as_it_is():
    text = PAGE.read_text()
    assert SHOWN.sub(block, text) == text, "run: python tests/test_guide.py"


def test_the_guide_shows_every_file_of_the_adapter_whole():
    files = {path.relative_to(TEMPLATE).as_posix() for path in (TEMPLATE / "anyvenue_toyex").glob("*.py")}
    shown = {match["path"] for match in SHOWN.finditer(PAGE.read_text()) if match["kind"] == "file"}
    assert files - {"anyvenue_toyex/__init__.py"} <= shown


def test_no_more_than_twelve_methods_are_required_and_the_guide_names_them():
    text = PAGE.read_text()
    assert len(Venue.__abstractmethods__) == 8
    assert len(RemoteVenue.__abstractmethods__) == 6
    assert len(FeedVenue.__abstractmethods__) == 5
    sentence = re.search(r"Eight methods are\nrequired: (?P<names>[^.]+)\.", text)
    assert set(re.findall(r"`(\w+)`", sentence["names"])) == Venue.__abstractmethods__
    row = re.search(r"FeedVenue` \| five: (?P<names>[^|]+)\|", text)
    assert set(re.findall(r"`(\w+)`", row["names"])) == FeedVenue.__abstractmethods__


if __name__ == "__main__":
    PAGE.write_text(SHOWN.sub(block, PAGE.read_text()))
