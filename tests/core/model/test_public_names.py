"""The model's public names, and that importing them brings nothing along."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import anyvenue.model
from anyvenue.model import AnyvenueError, Rejected, RejectReason

UNWANTED = {"asyncio", "socket", "ssl", "selectors", "http", "httpx", "websockets", "orjson", "difflib", "logging"}


def test_the_public_list_is_sorted_and_complete():
    names = anyvenue.model.__all__
    assert len(set(names)) == len(names)
    assert all(hasattr(anyvenue.model, name) for name in names)
    imported = {name for name, value in vars(anyvenue.model).items() if not name.startswith("_")}
    modules = {module.name for module in pkgutil.iter_modules(anyvenue.model.__path__)}
    assert imported - modules == set(names)


def test_every_module_lists_what_it_offers():
    for module in pkgutil.iter_modules(anyvenue.model.__path__):
        loaded = importlib.import_module(f"anyvenue.model.{module.name}")
        assert all(hasattr(loaded, name) for name in loaded.__all__), module.name


def test_importing_it_loads_no_io():
    code = "import sys, anyvenue.model; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not UNWANTED & set(run.stdout.split())


def error_types(root=AnyvenueError):
    yield root
    for child in root.__subclasses__():
        yield from error_types(child)


@pytest.mark.parametrize("error", [each for each in error_types() if each.__module__.startswith("anyvenue.model")])
def test_an_error_says_where_what_and_in_the_venues_words(error):
    fields = {"venue": "somewhere", "request": "POST /orders", "detail": "NOT_ENOUGH"}
    if issubclass(error, Rejected):
        fields["reason"] = RejectReason.INSUFFICIENT_FUNDS
    if error.__name__ == "RateLimited":
        del fields["reason"]
        fields["retry_after_s"] = 1.5
    raised = error("too little margin", **fields)
    assert str(raised) == "somewhere POST /orders: too little margin: NOT_ENOUGH"
    assert (raised.text, raised.detail) == ("too little margin", "NOT_ENOUGH")
    needed = {name: fields[name] for name in ("reason", "retry_after_s") if name in fields}
    assert str(error("only text", **needed)) == "only text"
    assert error.__doc__
