"""What is generated in the pages is what the code says now, and nothing public is left out of it."""

import re
from pathlib import Path

import attrs
import click
import pytest

import anyvenue
from anyvenue.app.cli import main
from anyvenue.app.config import Configuration
from anyvenue.model.enums import OrderState
from anyvenue.model.order_events import OrderReported
from anyvenue.model.order_table import TRANSITIONS
from site_builder import api, blocks, command_line, configuration, order_life
from site_builder.capability_tables import of_venue

ROOT = Path(__file__).parents[2]
STATES = "|".join(state.name for state in OrderState)


def test_the_generated_parts_of_the_pages_are_what_the_code_says():
    assert [str(page) for page in blocks.stale_pages()] == [], "run docs/build.py --write"


def test_the_diagram_of_an_orders_life_has_the_steps_of_the_table_and_no_others():
    page = (ROOT / "docs" / "ideas.md").read_text()
    drawn = {
        (OrderState[start], OrderState[end])
        for start, end in re.findall(rf"^ +({STATES}) --> ({STATES}): \w", page, re.MULTILINE)
    }
    allowed = {
        (start, end) for (start, event), ends in TRANSITIONS.items() if event is not OrderReported for end in ends
    }
    assert drawn == {(start, end) for start, end in allowed if start is not end}


def test_what_a_look_up_may_find_is_what_the_table_allows():
    rows = [re.findall(rf"`({STATES})`", line) for line in order_life.look_ups().splitlines()[2:]]
    found = {OrderState[known]: {OrderState[name] for name in names} for known, *names in rows}
    assert found == {start: set(ends) for (start, event), ends in TRANSITIONS.items() if event is OrderReported}


@pytest.mark.parametrize("name", configuration.SECTIONS)
def test_every_key_of_a_configuration_has_a_meaning(name):
    cls = configuration.SECTIONS[name]
    assert {field.name for field in attrs.fields(cls)} <= set(configuration.meanings(cls))


def test_every_table_of_a_configuration_has_its_section():
    tables = {name.partition(".")[0] for name in configuration.SECTIONS}
    told_otherwise = {"source", "folder", "notes"}
    assert {field.name for field in attrs.fields(Configuration)} - told_otherwise == tables


def test_what_a_class_refuses_is_told_as_what_is_allowed():
    page = configuration.tables()
    assert (
        "| `price_band` | exact number, in quotes, a fraction; above 0; fractions below 1, such as 0.02 for 2 % |"
        in page
    )
    assert "| `port` | whole number; from 0; to 65535 | `8787` |" in page
    assert "| `settle` | text; `usdt`, `btc` |" in page


def test_every_command_and_option_is_told_with_what_it_does():
    page = command_line.commands()
    for command in (main.commands | main.commands["journal"].commands).values():
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{command.name} {option.opts}"
                assert option.opts[0] in page


def test_a_venues_table_keeps_what_was_written_by_hand():
    old = "| limit | absent | as it should be | A |\n"
    assert "| limit | native | as it should be | A |" in of_venue("gateio", old)


def test_every_public_name_of_anyvenue_has_a_place_in_the_reference():
    documented = api.documented()
    for name in anyvenue.__all__:
        assert f"{getattr(anyvenue, name).__module__}.{name}" in documented
