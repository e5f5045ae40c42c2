"""The recorded tapes that ship with the package, as raw lines."""

from __future__ import annotations

import gzip

from anyvenue.simulation.tape import Tape, find_tapes

__all__ = ["lines_of", "tape_of"]


def tape_of(symbol: str) -> Tape:
    """Return the tape of one instrument."""
    return next(tape for tape in find_tapes("tape") if tape.header.symbol == symbol)


def lines_of(tape: Tape) -> list[bytes]:
    """Return the tape's frames as they are written, the header left out."""
    return gzip.decompress(tape.file.read_bytes()).splitlines()[1:]
