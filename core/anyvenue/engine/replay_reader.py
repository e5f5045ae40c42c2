"""Reading a session log: its files in their order, as far as they were written."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson

from anyvenue.engine.codec import check_version
from anyvenue.engine.journal import JournalUnreadable

__all__ = ["Line", "segments", "session_lines"]

Line: TypeAlias = list[Any]

_NAME: Final = re.compile(r"(?P<session>.+)-(?P<number>\d{5,})\.jsonl\.gz")
_READ_BYTES: Final = 1 << 18
_GZIP: Final = 16 + zlib.MAX_WBITS


def segments(path: Path) -> list[Path]:
    """Return the files of a session, oldest first: `path` is one of them, or `FOLDER/SESSION`.

    Raises JournalUnreadable where there is none, or where the first ones are gone.
    """
    named = _NAME.fullmatch(path.name)
    session = named["session"] if named else path.name
    found = {}
    for file in path.parent.glob("*.jsonl.gz"):
        match = _NAME.fullmatch(file.name)
        if match and match["session"] == session:
            found[int(match["number"])] = file
    if not found:
        raise JournalUnreadable(f"found no session log {path.parent / session}-00001.jsonl.gz")
    missing = [number for number in range(1, max(found) + 1) if number not in found]
    if missing:
        raise JournalUnreadable(
            f"of the session log {path.parent / session} the files {missing[0]} to {missing[-1]} are gone; a session "
            "can be replayed from its beginning only. Keep more of them: log.session_files"
        )
    return [found[number] for number in sorted(found)]


def session_lines(files: Sequence[Path], progress: Callable[[int], object] = lambda count: None) -> Iterator[Line]:
    """Return the lines of a session's files, without their heads. Raises JournalUnreadable.

    The last file may end anywhere: what was not flushed is not there. `progress` is told each number of bytes read.
    """
    for file in files:
        lines = _lines(file, progress, may_end=file is files[-1])
        head = next(lines, None)
        if head is None:
            continue
        if head[0] != "segment":
            raise JournalUnreadable(f"{file} is no session log")
        check_version(head[1], f"the session log {file}")
        yield from lines


def _lines(path: Path, progress: Callable[[int], object], *, may_end: bool) -> Iterator[Line]:
    unpacker, rest = zlib.decompressobj(wbits=_GZIP), b""
    try:
        with path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                *lines, rest = (rest + unpacker.decompress(data)).split(b"\n")
                for line in lines:
                    yield orjson.loads(line)
                progress(len(data))
    except (OSError, zlib.error, orjson.JSONDecodeError) as error:
        raise JournalUnreadable(f"the session log {path} cannot be read: {error}") from error
    if not unpacker.eof and not may_end:
        raise JournalUnreadable(f"the session log {path} is cut off, and is not the last of its session")
