"""Pages as the site generator wants them: links within the site, plain fences, diagrams drawn.

A page is written to be read in the repository. What leads out of docs/ becomes the page that the site has for it, else
text; marks behind a fence's language (`no-run`) and the generator's own markers go; Mermaid blocks become pictures, one
for light and one for dark, so that a page that is opened asks nobody else for anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from site_builder.blocks import DOCS

__all__ = ["Drawer", "gather"]

Drawer = Callable[[str, str], str]
"""Draws a Mermaid text in a theme, `light` or `dark`, as SVG."""

_ROOT: Final = DOCS.parent
_FROM_THE_TOP: Final = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
_STANDS_FOR: Final = {"README.md": "index.md", "bench": "performance.md", "bench/README.md": "performance.md"}

_FENCE: Final = re.compile(r"^(?P<ticks>`{3,})(?P<language>\w+)(?P<marks>[^\n`]*)$", re.MULTILINE)
_NAMED: Final = re.compile(r"^<!-- file: (?P<name>\S+) -->\n+(?P<fence>`{3,}\w+)", re.MULTILINE)
_TITLE: Final = re.compile(r'title="[^"]*"')
_BLOCK: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_MERMAID: Final = re.compile(r"^```mermaid\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?!\w+:|#)(?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def gather(into: Path, drawer: Drawer) -> list[str]:
    """Write the pages of the repository into a folder, ready for the site; return their names."""
    sources = {page.relative_to(DOCS).as_posix(): page for page in _pages()}
    sources |= {target: _ROOT / source for source, target in _FROM_THE_TOP.items()}
    for name, source in sources.items():
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = _with_pictures(source.read_text(), target, drawer)
        target.write_text(_for_the_site(text, source, name, sources))
    return sorted(sources)


def _pages() -> Iterator[Path]:
    return (page for page in DOCS.rglob("*.md") if ".build" not in page.parts)


def _for_the_site(text: str, source: Path, name: str, sources: Mapping[str, Path]) -> str:
    names = {path.resolve(): site_name for site_name, path in sources.items()}
    names |= {(_ROOT / path).resolve(): site_name for path, site_name in _STANDS_FOR.items()}

    def link(found: re.Match[str]) -> str:
        target = (source.parent / found["target"]).resolve()
        if target.is_dir() and target / "index.md" in names:
            target /= "index.md"
        if target in names:
            relative = os.path.relpath(names[target], Path(name).parent)
            return f"[{found['text']}]({Path(relative).as_posix()}{found['anchor'] or ''})"
        if target.is_relative_to(DOCS):
            return found[0]  # what is not there is the generator's to complain of
        path = target.relative_to(_ROOT).as_posix()
        return found["text"] if path in found["text"] else f"{found['text']} (`{path}`)"

    def fence(found: re.Match[str]) -> str:
        title = _TITLE.search(found["marks"])
        return f"{found['ticks']}{found['language']}" + (f" {title[0]}" if title else "")

    prose = _outside_blocks(text, lambda part: _LINK.sub(link, part))
    named = _NAMED.sub(r'\g<fence> title="\g<name>"', prose)
    return _FENCE.sub(fence, re.sub(r"<!-- .*? -->\n", "", named))


def _outside_blocks(text: str, change: Callable[[str], str]) -> str:
    parts, end = [], 0
    for block in _BLOCK.finditer(text):
        parts += [change(text[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, change(text[end:])])


def _with_pictures(text: str, page: Path, drawer: Drawer) -> str:
    def draw(found: re.Match[str]) -> str:
        number = text.count("```mermaid", 0, found.start()) + 1
        links = []
        for theme in ("light", "dark"):
            picture = page.with_name(f"{page.stem}-{number}-{theme}.svg")
            picture.write_text(drawer(found["text"], theme))
            links.append(f"![diagram]({picture.name}#only-{theme})")
        return "\n".join(links)

    return _MERMAID.sub(draw, text)
