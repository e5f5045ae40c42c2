"""What `import anyvenue` costs: wall time and resident memory, beside an interpreter that imports nothing."""

from __future__ import annotations

import subprocess
import sys

ROUNDS = 7
PROGRAM = """
import resource, time
start = time.perf_counter()
{statement}
spent = time.perf_counter() - start
print(spent * 1000, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def measure(statement: str) -> tuple[float, float]:
    """Return the best milliseconds and megabytes over some fresh interpreters."""
    runs = []
    for _ in range(ROUNDS):
        program = [sys.executable, "-c", PROGRAM.format(statement=statement)]
        done = subprocess.run(program, check=True, capture_output=True, text=True)
        runs.append([float(word) for word in done.stdout.split()])
    # ru_maxrss is kilobytes on Linux, bytes on macOS.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return min(run[0] for run in runs), min(run[1] for run in runs) / unit


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS}")
    for statement in ("pass", "import anyvenue", "import anyvenue.model", "from anyvenue import Strategy, connect"):
        milliseconds, megabytes = measure(statement)
        print(f"{statement:40} {milliseconds:8.1f} ms {megabytes:8.1f} MB resident")
