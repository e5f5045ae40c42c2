"""What runs one behaviour of the suite on a venue that is not the installed one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from anyvenue.model.errors import AnyvenueError, UnknownInstrument
from anyvenue.testing import ConformanceSuite
from anyvenue.venue.capabilities import Feature


@pytest.fixture(scope="session")
def mutants():
    """Return the module of the mutants; there are no packages of tests to import it from."""
    spec = importlib.util.spec_from_file_location("conformance_mutants", Path(__file__).parent / "mutants.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def failure():
    """Return what runs a behaviour on a venue class in Gate's place and returns its failure, None where it passes."""

    def run(venue, behaviour):
        terms = {"venue": "gateio", "open_venue": staticmethod(venue)}
        suite = type("Suite", (ConformanceSuite,), terms | {"allow_approximate": (Feature.ATTACHED_PROTECTION,)})
        try:
            getattr(suite(), f"test_{behaviour}")()
        except (AssertionError, AnyvenueError, UnknownInstrument, TimeoutError, pytest.fail.Exception) as error:
            return error
        return None

    return run
