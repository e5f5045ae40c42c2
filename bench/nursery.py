"""Forks commands of `anyvenue` from a process that has done their imports: a run that is to be killed begins at once.

A line on standard input is a command, as JSON: its arguments, and the file for what it prints. The answers are lines
too: first the new process's id, then, when it has ended, how (as in `subprocess`: a signal's number is negative).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final, NoReturn

from anyvenue.app.cli import main as anyvenue

MODULES: Final = (
    "aiohttp.web",
    "anyio._backends._asyncio",
    "anyvenue.app.run_command",
    "anyvenue.venue.secrets.local",
    "anyvenue_gaiaex.venue",
    "anyvenue_gateio.venue",
    "anyvenue_hyperliquid.venue",
    "anyvenue_strategies.quoter",
    "httpcore",
)
"""What a run would import by and by."""


def main() -> None:
    """Start one command after another, until there are no more."""
    for name in MODULES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is here already is looked through by no child, and so stays shared
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        process = os.fork()
        if not process:
            _become(asked["arguments"], asked["log"])
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def _become(arguments: Sequence[str], log: str) -> NoReturn:
    """Be the command, and end with its exit code."""
    code: int | str | None = 1
    try:
        nothing, file = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for target, source in enumerate((nothing, file, file)):
            os.dup2(source, target)
        anyvenue(arguments, prog_name="anyvenue")
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - the log is all that is left of this process
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
