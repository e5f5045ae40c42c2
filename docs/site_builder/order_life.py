"""The life of an order, drawn from the table of its transitions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from anyvenue.model.enums import OrderState
from anyvenue.model.order_events import OrderReported
from anyvenue.model.order_table import TRANSITIONS

__all__ = ["diagram", "look_ups"]


def diagram() -> str:
    """Return the table as a Mermaid state diagram, without what look-ups do and what leaves the state as it is."""
    events = defaultdict(list)
    for (state, event), targets in TRANSITIONS.items():
        for target in _ordered(targets):
            if target is not state and event is not OrderReported:
                events[state, target].append(_words(event.__name__))
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> NEW"]
    lines += [f"    {state.name} --> {target.name}: {', '.join(names)}" for (state, target), names in events.items()]
    lines += [f"    {state.name} --> [*]" for state in OrderState if state.is_terminal]
    return "\n".join([*lines, "```"])


def look_ups() -> str:
    """Return to which states a look-up of the order can lead, as a table."""
    lines = ["| known as | found by a look-up as |", "|---|---|"]
    for (state, event), targets in TRANSITIONS.items():
        if event is OrderReported:
            lines.append(f"| `{state.name}` | {', '.join(f'`{target.name}`' for target in _ordered(targets))} |")
    return "\n".join(lines)


def _ordered(states: Iterable[OrderState]) -> list[OrderState]:
    return [state for state in OrderState if state in set(states)]


def _words(name: str) -> str:
    """Return the name of an event as words: OrderFilled is `filled`, AmendRejected `amend rejected`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removeprefix("Order")).lower()
