"""Generated parts of checked-in pages: between two markers stands what the code says, and a test holds it there.

<!-- generated: NAME (docs/build.py --write) -->
...
<!-- end -->
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from site_builder import capability_tables, command_line, configuration, order_life

__all__ = ["DOCS", "refreshed", "stale_pages"]

DOCS: Final = Path(__file__).parents[1]

_BLOCK: Final = re.compile(
    r"(?P<begin><!-- generated: (?P<name>\S+)(?: [^>]*)? -->\n)(?P<old>.*?)(?P<end><!-- end -->)", re.DOTALL
)
_MAKERS: Final[Mapping[str, Callable[[str], str]]] = {
    "configuration": lambda old: configuration.tables(),
    "command-line": lambda old: command_line.commands(),
    "venue-matrix": lambda old: capability_tables.matrix(),
    "gaiaex": lambda old: capability_tables.of_venue("gaiaex", old),
    "gateio": lambda old: capability_tables.of_venue("gateio", old),
    "hyperliquid": lambda old: capability_tables.of_venue("hyperliquid", old),
    "order-life": lambda old: order_life.diagram(),
    "order-look-ups": lambda old: order_life.look_ups(),
}
"""What makes the block of each name, given what stands there."""


def refreshed(text: str) -> str:
    """Return a page with its generated blocks as the code has them now. Raises KeyError for an unknown name."""
    return _BLOCK.sub(
        lambda block: f"{block['begin']}\n{_MAKERS[block['name']](block['old']).strip()}\n\n{block['end']}", text
    )


def stale_pages() -> dict[Path, str]:
    """Return the pages whose generated blocks are not what the code says, each with the text that it should have."""
    pages = ((page, page.read_text()) for page in sorted(DOCS.rglob("*.md")) if ".build" not in page.parts)
    return {page: new for page, old in pages if (new := refreshed(old)) != old}
