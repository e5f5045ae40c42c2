"""What it costs to begin: imports, the command line, and a run in which nothing happens.

CPU time and the most resident memory of fresh processes, beside an interpreter that does nothing at all.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

__all__ = ["numbers"]

ROUNDS = 7
IDLE = """
from anyvenue import Strategy
class Idle(Strategy):
    pass
"""
CONFIG = """
[strategy]
class = "idle:Idle"
[connections.main]
adapter = "simulated"
[simulation]
speed = 1.0
"""
COMMAND = ("-c", "import sys; from anyvenue.app.cli import main; sys.exit(main())")
STARTS = {
    "python -c pass": ("-c", "pass"),
    "import anyvenue": ("-c", "import anyvenue"),
    "import anyvenue.model": ("-c", "import anyvenue.model"),
    "from anyvenue import Strategy, connect": ("-c", "from anyvenue import Strategy, connect"),
    "anyvenue --help": (*COMMAND, "--help"),
    "anyvenue run, idle for a second": (*COMMAND, "run", "idle.toml", "--duration", "1", "-q"),
}


def measure(arguments: tuple[str, ...], folder: Path, python: str = sys.executable) -> tuple[float, float]:
    """Return the CPU milliseconds and the megabytes of one fresh process. Raises RuntimeError where it fails."""
    program = [python, *arguments]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    with (folder / "output").open("wb") as output:
        actions = [(os.POSIX_SPAWN_DUP2, output.fileno(), number) for number in (1, 2)]
        child = os.posix_spawn(python, program, environment, file_actions=actions)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"{arguments}: {(folder / 'output').read_text()}")
    # ru_maxrss is kilobytes on Linux, bytes on macOS.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / unit


def numbers(rounds: int = ROUNDS) -> dict[str, tuple[float, float]]:
    """Return the least CPU milliseconds and megabytes of each start."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name), Path.cwd()
        (folder / "idle.py").write_text(IDLE)
        (folder / "idle.toml").write_text(CONFIG)
        os.chdir(folder)  # where a run may leave what it likes
        try:
            for _ in range(rounds):
                for start, arguments in STARTS.items():
                    found[start].append(measure(arguments, folder))
        finally:
            os.chdir(home)
    return {start: (min(run[0] for run in runs), min(run[1] for run in runs)) for start, runs in found.items()}


def main() -> None:
    """Print the table."""
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS}")
    found = numbers()
    alone = found["python -c pass"][0]
    for start, (milliseconds, megabytes) in found.items():
        print(f"{start:40} {milliseconds:8.1f} ms CPU {milliseconds / alone:6.1f} {megabytes:8.1f} MB resident")


if __name__ == "__main__":
    main()
