"""Builds the documentation site, or brings the generated parts of its pages up to date.

uv run --group docs docs/build.py     # the site, in docs/.build/site; a broken link or anchor is an error
uv run docs/build.py --write          # the generated tables and diagrams in docs/**.md, as the code has them now
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from site_builder import api, blocks, pages

BUILD: Final = blocks.DOCS / ".build"
FOREIGN: Final = re.compile(r"<(?:script|img|iframe|link)\b[^>]*(?:src|href)=[\"']?((?:https?:)?//[^\s\"'>]+)")
THEMES: Final = {"light": "neutral", "dark": "dark"}


def write() -> None:
    """Bring the generated parts of the pages up to date."""
    for page, text in blocks.stale_pages().items():
        page.write_text(text)
        print(f"updated {page.relative_to(blocks.DOCS.parent)}")


def build() -> int:
    """Build the site; return the exit code."""
    zensical = Path(sys.executable).with_name("zensical")
    if not zensical.exists():
        print("the site's tools are not installed: uv run --group docs docs/build.py")
        return 1
    if stale := blocks.stale_pages():
        told = ", ".join(page.relative_to(blocks.DOCS.parent).as_posix() for page in stale)
        print(f"not what the code says: {told}; run docs/build.py --write")
        return 1
    shutil.rmtree(BUILD, ignore_errors=True)
    folder = BUILD / "pages"
    names = pages.gather(folder, draw)
    reference = folder / "reference" / "api"
    reference.mkdir(parents=True)
    for name, text in api.pages().items():
        (reference / name).write_text(text)
        names.append(f"reference/api/{name}")
    shutil.copy(blocks.DOCS / "style.css", folder)
    configuration = blocks.DOCS / "mkdocs.yml"
    if lost := [name for name in names if f": {name}\n" not in configuration.read_text()]:
        print(f"docs/mkdocs.yml does not list {', '.join(sorted(lost))}")
        return 1
    command = [str(zensical), "build", "--clean", "--strict", "-f", str(configuration)]
    environment = os.environ | {"PYTHONPATH": str(blocks.DOCS)}  # for site_builder.attrs_classes
    code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - our own tool
    if foreign := sorted(set(FOREIGN.findall("".join(page.read_text() for page in (BUILD / "site").rglob("*.html"))))):
        print(f"a page that is opened would ask another host: {', '.join(foreign)}")
        return 1
    return code


def draw(text: str, theme: str) -> str:
    """Draw a Mermaid diagram. Raises RuntimeError for a text that Mermaid does not understand."""
    import mermaidx

    return str(mermaidx.render(text, theme=THEMES[theme]).svg())


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write()
    else:
        sys.exit(build())
