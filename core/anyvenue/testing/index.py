"""The index: every behaviour, by subject, with what it needs."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from anyvenue.testing.behaviour import needs_of
from anyvenue.testing.suite import SUBJECTS
from anyvenue.venue.capabilities import Feature

__all__ = ["Entry", "behaviours", "index_text", "titles"]

PREFIX = "test_"


@frozen(kw_only=True)
class Entry:
    """One behaviour: its function's name, its sentence, one line more, and the capabilities that it needs."""

    subject: str
    name: str
    sentence: str
    meaning: str
    needs: tuple[Feature, ...]


def titles() -> list[str]:
    """Return what behaviours are about, in the order of the report."""
    return [(subject.__doc__ or subject.__name__).rstrip(".") for subject in SUBJECTS]


def behaviours() -> Iterator[Entry]:
    """Yield every behaviour, in the order of the report."""
    for subject, title in zip(SUBJECTS, titles(), strict=True):
        for name, test in vars(subject).items():
            if name.startswith(PREFIX):
                yield Entry(
                    subject=title,
                    name=name,
                    sentence=name.removeprefix(PREFIX).replace("_", " "),
                    meaning=(test.__doc__ or "").strip(),
                    needs=needs_of(test),
                )


def index_text() -> str:
    """Return the list as Markdown, for the documentation."""
    lines: list[str] = []
    subject = ""
    for entry in behaviours():
        if entry.subject != subject:
            subject = entry.subject
            lines += ["", f"### {subject}", ""]
        needs = f" *({', '.join(feature.value for feature in entry.needs)})*" if entry.needs else ""
        lines.append(f"- {entry.sentence}{needs}")
    return "\n".join(lines).strip() + "\n"
