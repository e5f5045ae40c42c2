"""A table of results, as it is printed and as it stands in a page of Markdown."""

from __future__ import annotations

from attrs import frozen

__all__ = ["Table"]


@frozen
class Table:
    """Column heads and rows of text; the first column names the row."""

    heads: list[str]
    rows: list[list[str]]

    def markdown(self) -> str:
        """Return it as a table of Markdown, its columns aligned so that it can be read as it is."""
        lines = [self.heads, *self.rows]
        widths = [max(len(line[at]) for line in lines) for at in range(len(self.heads))]
        text = []
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
            text.append(f"| {' | '.join(cells)} |")
        text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(text)
