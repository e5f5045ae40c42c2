"""The code of README and docs/ runs, a page's blocks in their order and in one folder.

    python    executed, in one namespace, top-level await included; marked `no-run` it is only compiled
    console   each line behind `$ ` is a command that must end well, or with the mark `exit=CODE`; what is shown
              below must be in its output, `...` standing for anything; marked `until-interrupted` it is stopped by
              Ctrl-C; marked `run-by=PATH` another test runs it
    toml      parsed, and checked like a configuration where it has a table of one
    json      parsed; a faults.json is a plan that a simulator takes
    bash      stands in .ci/run word for word, or is how uv is installed

`title="NAME"` makes a block a file of that name. `text` is not run and says so.
"""

import ast
import asyncio
import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w

from anyvenue.app.config import Overrides
from anyvenue.app.config_reader import load
from anyvenue.app.plugins import InstalledPlugins
from anyvenue.simulation.server.faults import FaultPlan
from site_builder.code import code_blocks

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if ".build" not in page.parts),
]
LANGUAGES = {"bash", "console", "json", "mermaid", "python", "text", "toml"}
INDENTED = re.compile(r"^(?![-*\d ])[^\n]*\n\n {4}\S[^\n]*", re.MULTILINE)
TABLES = {"connections", "journal", "log", "recovery", "risk", "signals", "simulation", "strategy"}
NEEDED = {"strategy": {"class": "quoter"}, "connections": {"main": {"adapter": "simulated"}}}
ELSEWHERE = (".ci/run", "pip install uv", "uv run anyvenue run strategies/quoter.toml", "uv run docs/build.py --write")
"""Not in .ci/run in these words: itself, uv, the wheel's run, and what a test would do in its stead."""
PATIENCE_S = 300


class Reader:
    """Somebody who goes through a page and does what it says."""

    def __init__(self, page, folder):
        self.page = page
        self.folder = folder
        self.namespace = {"__name__": "docs"}
        shutil.copytree(ROOT / "strategies", folder / "strategies")
        shutil.copy(ROOT / "strategies" / "quoter.toml", folder / "my.toml")

    async def read(self, blocks):
        for block in blocks:
            if block.title:
                (self.folder / block.title).write_text(block.code)
            match block.language:
                case "python":
                    await self.python(block)
                case "console":
                    self.console(block)
                case "toml":
                    self.toml(block)
                case "json":
                    self.json(block)
                case "bash":
                    self.bash(block)

    async def python(self, block):
        padded = "\n" * block.line + block.code  # a traceback then names the page's own line
        compiled = compile(padded, str(self.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        if "no-run" in block.marks:
            return
        result = eval(compiled, self.namespace)  # noqa: S307 - our own documentation
        if inspect.iscoroutine(result):
            await result

    def console(self, block):
        if elsewhere := re.search(r"run-by=(\S+)", block.marks):
            assert (ROOT / elsewhere[1]).is_file(), f"{elsewhere[1]} does not run {self.page.name}:{block.line}"
            return
        expected = int(code[1]) if (code := re.search(r"exit=(\d+)", block.marks)) else 0
        for part in re.split(r"^\$ ", block.code, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            command = command.partition("  #")[0].replace("uv run ", "")
            run = self.interrupted if "until-interrupted" in block.marks else self.finished
            code, output = run(command)
            assert code == expected, f"{self.page.name}:{block.line}: {command}\n{output}"
            wanted = [".*".join(map(re.escape, line.split("..."))) for line in shown.splitlines() if line.strip()]
            assert re.search(".*".join(wanted), output, re.DOTALL), f"{command} does not show\n{shown}\nbut\n{output}"

    def finished(self, command):
        run = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return run.returncode, run.stdout

    def interrupted(self, command):
        with subprocess.Popen(
            command.split(), cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, text=True
        ) as process:
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            return process.wait(timeout=PATIENCE_S), first

    def environment(self):
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return os.environ | {"PATH": path, "XDG_STATE_HOME": str(self.folder / "state")}

    def toml(self, block):
        tables = tomllib.loads(block.code)
        if not TABLES & set(tables):
            return
        connections = {name: {"adapter": "simulated"} for name in tables.get("risk", {}).get("connections", {})}
        needed = NEEDED | ({"connections": connections} if connections else {})
        load(tomli_w.dumps(needed | tables), str(self.page), self.folder, Overrides(), InstalledPlugins())

    def json(self, block):
        data = json.loads(block.code)
        if block.title == "faults.json":
            FaultPlan.parse(data, seed="1", start_ns=0)

    def bash(self, block):
        done = (ROOT / ".ci" / "run").read_text()
        for line in block.code.splitlines():
            for command in line.partition("#")[0].strip().split(" && "):
                assert command in done or command in ELSEWHERE, f"nobody runs {command}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
class TestPage:
    def test_code_blocks_run(self, page, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        asyncio.run(Reader(page, tmp_path).read(code_blocks(page.read_text())))

    def test_no_block_is_of_a_language_that_nobody_runs(self, page):
        blocks = code_blocks(page.read_text())
        assert not [f"{page.name}:{block.line}" for block in blocks if block.language not in LANGUAGES]

    def test_no_block_hides_behind_its_indentation(self, page):
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        assert not [match[0] for match in INDENTED.finditer(text)]
