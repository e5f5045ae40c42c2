"""The code in README and docs/ runs.

Python blocks are executed, a page's in order and in one namespace, top-level await included; toml and json
blocks are parsed. A block marked ```python no-run is only compiled.
"""

import ast
import asyncio
import inspect
import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w+)(?P<marks>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:|#)(?P<target>[^)#\s]+)")


async def run_python(blocks):
    namespace = {"__name__": "docs"}
    for name, code, marks in blocks:
        compiled = compile(code, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        if "no-run" in marks:
            continue
        result = eval(compiled, namespace)  # noqa: S307 - our own documentation
        if inspect.iscoroutine(result):
            await result


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
class TestPage:
    def test_code_blocks_run(self, page, tmp_path, monkeypatch):
        text = page.read_text()
        python = []
        for block in BLOCK.finditer(text):
            line = text.count("\n", 0, block.start()) + 1
            match block["language"]:
                case "python":
                    padding = "\n" * line  # a traceback then names the page's own line
                    python.append((str(page), padding + block["code"], block["marks"]))
                case "toml":
                    tomllib.loads(block["code"])
                case "json":
                    json.loads(block["code"])
        monkeypatch.chdir(tmp_path)
        asyncio.run(run_python(python))

    def test_links_lead_somewhere(self, page):
        targets = [link["target"] for link in LINK.finditer(page.read_text())]
        assert not [target for target in targets if not (page.parent / target).exists()]
