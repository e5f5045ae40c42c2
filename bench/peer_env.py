"""The other libraries' own environment, and processes in it that do a piece of work when they are told to."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Peer", "peer_python"]

HERE = Path(__file__).parent
PEERS = HERE / "peers"
HOME = HERE / ".peers"
_UV = shutil.which("uv") or "uv"


def peer_python() -> Path:
    """Return the interpreter that has the other libraries, installing them the first time and when the list changes.

    Our own pins do not hold for them: `--no-config`.
    """
    python, wanted = HOME / "bin" / "python", PEERS / "requirements.txt"
    mark, version = HOME / "installed", f"{sys.version_info.major}.{sys.version_info.minor}"
    state = hashlib.sha256(wanted.read_bytes() + version.encode()).hexdigest()
    if not mark.is_file() or mark.read_text() != state:
        subprocess.run([_UV, "venv", "--quiet", "--clear", "--python", version, HOME], check=True)
        subprocess.run([_UV, "pip", "install", "--quiet", "--no-config", "--python", python, "-r", wanted], check=True)
        mark.write_text(state)
    return python


class Peer:
    """A process that serves rounds: see peers/rounds.py."""

    def __init__(self, script: str, *arguments: str) -> None:
        """Start a program of peers/ in the environment of the others."""
        self._process = subprocess.Popen(
            [peer_python(), PEERS / script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.works: list[str] = self._line()  # type: ignore[assignment]

    def once(self, work: str) -> float:
        """Do one round of a work; return the CPU time that it took, in seconds."""
        assert self._process.stdin is not None
        print(work, file=self._process.stdin, flush=True)
        return self._line()[1]  # type: ignore[return-value]

    def _line(self) -> list[float] | list[str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended with exit code {self._process.wait()}")
        return json.loads(line)  # type: ignore[no-any-return]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()
