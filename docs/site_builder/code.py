"""The code blocks of a page, as its tests run them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

__all__ = ["CodeBlock", "code_blocks"]

_FENCE: Final = re.compile(
    r"^(?P<ticks>`{3,})(?P<language>\w*)(?P<marks>[^\n`]*)\n(?P<code>.*?)^(?P=ticks)$", re.MULTILINE | re.DOTALL
)
_TITLE: Final = re.compile(r'title="(?P<name>[^"]+)"')


@frozen(kw_only=True)
class CodeBlock:
    """A fenced block. `line` is that of its fence; `title` the file that it is, where it is one; `marks` all words."""

    language: str
    marks: str
    code: str
    line: int

    @property
    def title(self) -> str:
        """The name of the file that the block is; empty for one that is none."""
        found = _TITLE.search(self.marks)
        return found["name"] if found else ""


def code_blocks(text: str) -> Iterator[CodeBlock]:
    """Yield the fenced blocks of a page, in order."""
    for block in _FENCE.finditer(text):
        yield CodeBlock(
            language=block["language"],
            marks=block["marks"].strip(),
            code=block["code"],
            line=text.count("\n", 0, block.start()) + 1,
        )
