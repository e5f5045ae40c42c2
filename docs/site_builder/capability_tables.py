"""What each venue can do, from the descriptors: one table of all, and one for each venue's page."""

from __future__ import annotations

import re
from typing import Final

from anyvenue.venue.capabilities import Capability, Feature, Grade
from anyvenue.venue.descriptor import Environment, VenueDescriptor
from anyvenue.venue.registry import VENUES
from site_builder.tables import table

__all__ = ["SHIPPED", "matrix", "of_venue"]

SHIPPED: Final = tuple(
    status.name for status in VENUES.statuses() if status.distribution.partition(" ")[0] == "anyvenue"
)
"""The venues that ship with anyvenue: the pages tell nothing of what else is installed where they are made."""

_ROW: Final = re.compile(r"^\| (?P<cells>[a-z_]+ \|.*) \|$", re.MULTILINE)
_HEAD: Final = ("capability", "grade", "how", "proven")


def matrix() -> str:
    """Return the environments and the grades of all shipped venues, a column each."""
    venues = [VENUES.load(name) for name in SHIPPED]
    head = ("", *(venue.title for venue in venues))
    environments = [
        (f"`{environment.value}`", *("yes" if environment in venue.environments else "" for venue in venues))
        for environment in Environment
    ]
    features = [
        (f"`{feature.value}`", *(_grade(venue.capabilities[feature]) for venue in venues)) for feature in Feature
    ]
    return "\n\n".join([table(head, environments), table(head, features)])


def of_venue(name: str, old: str) -> str:
    """Return a venue's capabilities: the grades from its descriptor, the last two columns as they stand in `old`."""
    venue = VENUES.load(name)
    kept = {cells[0]: cells[2:] for row in _ROW.finditer(old) if len(cells := row["cells"].split(" | ")) == len(_HEAD)}
    rows = [
        (feature.value, _told(capability), *kept.get(feature.value, ("", "")))
        for feature in Feature
        if (capability := venue.capabilities[feature]).grade is not Grade.ABSENT
    ]
    return "\n\n".join([table(_HEAD, rows), _absent(venue)])


def _absent(venue: VenueDescriptor) -> str:
    absent = [feature.value for feature in Feature if not venue.capabilities.has(feature)]
    return f"Absent: {', '.join(absent)}." if absent else "Nothing is absent."


def _told(capability: Capability) -> str:
    return capability.grade.value + (f": {capability.note}" if capability.note else "")


def _grade(capability: Capability) -> str:
    return "" if capability.grade is Grade.ABSENT else capability.grade.value
