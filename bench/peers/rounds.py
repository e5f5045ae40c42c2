"""A process that does named pieces of work when told to, and tells how long each took."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable

__all__ = ["serve"]


def serve(works: dict[str, Callable[[], object]]) -> None:
    """Print the names of the works, then answer each name on standard input with its wall and CPU time in seconds."""
    print(json.dumps(list(works)), flush=True)
    for line in sys.stdin:
        work = works[line.strip()]
        gc.collect()
        wall, busy = time.perf_counter(), time.process_time()
        work()
        print(json.dumps([time.perf_counter() - wall, time.process_time() - busy]), flush=True)
