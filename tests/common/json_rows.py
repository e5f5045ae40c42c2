"""Rows of JSON, each value as the text it is sent as, lest a float of Python's stand between."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["NEVER", "rows_of"]

NEVER = "never"
"""What stands for a field that is not sent."""


def rows_of(*rows: Mapping[str, str]) -> str:
    """Return objects, one behind the other."""
    return ",".join(
        "{" + ",".join(f'"{name}":{text}' for name, text in row.items() if text != NEVER) + "}" for row in rows
    )
