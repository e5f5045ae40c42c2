"""`anyvenue conformance`: what a venue does of all that every venue has to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from anyvenue.venue.capabilities import Feature

__all__ = ["conformance"]


def conformance(
    venue: str,
    *,
    instrument: str,
    options: Sequence[str],
    allow: Sequence[str],
    seed: int,
    only: str,
    json_file: Path | None,
    html_file: Path | None,
) -> int:
    """Run the suite on a venue and return the exit code: 0 where nothing failed and something passed.

    Raises click.UsageError for what cannot be read and where pytest is missing, PluginError for the venue.
    """
    try:
        from anyvenue.testing.run import conformance as run
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        raise click.UsageError(str(error)) from error
    is_good = run(
        venue,
        instrument=instrument,
        options=_options(options),
        allow=[_feature(name) for name in allow],
        seed=seed,
        only=only,
        json_file=json_file,
        html_file=html_file,
    )
    return 0 if is_good else 1


def _options(given: Sequence[str]) -> dict[str, Any]:
    """Return an adapter's options from KEY=VALUE; values are TOML, or text where they are none."""
    import tomllib

    found: dict[str, Any] = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise click.UsageError(f"--option: found {text!r}; allowed is KEY=VALUE")
        try:
            found[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[key.strip()] = value
    return found


def _feature(name: str) -> Feature:
    try:
        return Feature(name)
    except ValueError:
        allowed = ", ".join(feature.value for feature in Feature)
        raise click.UsageError(f"--allow: found {name!r}; allowed are {allowed}") from None
