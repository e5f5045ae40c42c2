"""A run of the suite for an installed venue, without a test file: the few lines an author would write are written.

pytest runs in a process of its own: it rewrites asserts as modules are imported, and in this one they have been.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from anyvenue.venue.capabilities import Feature
from anyvenue.venue.registry import venue as installed

__all__ = ["conformance"]

PLUGIN: Final = "anyvenue.testing.plugin"
_SETTINGS: Final = "[pytest]\nfilterwarnings =\n    error\naddopts = --import-mode=importlib\n"


def conformance(
    venue: str,
    *,
    instrument: str = "BTC-PERP",
    options: Mapping[str, Any] | None = None,
    allow: Sequence[Feature] = (),
    seed: int = 1,
    only: str = "",
    json_file: Path | None = None,
    html_file: Path | None = None,
) -> bool:
    """Run the suite, print its report, write the files, and return whether nothing failed and something passed.

    `only` chooses behaviours, as `-k` of pytest does. Raises PluginError for a venue that is not installed.
    """
    installed(venue)
    lines = [
        "from anyvenue.testing import ConformanceSuite",
        "from anyvenue.venue.capabilities import Feature",
        "",
        "class TestConformance(ConformanceSuite):",
        f"    venue = {venue!r}",
        f"    instrument = {instrument!r}",
        f"    options = {dict(options or {})!r}",
        f"    allow_approximate = ({''.join(f'Feature.{feature.name}, ' for feature in allow)})",
        f"    seed = {seed!r}",
    ]
    with TemporaryDirectory() as folder:
        place = Path(folder)
        test = place / "test_conformance.py"
        test.write_text("\n".join(lines) + "\n", encoding="utf-8")
        settings = place / "pytest.ini"
        settings.write_text(_SETTINGS, encoding="utf-8")
        arguments = ["-q", "--tb=short", "--no-header", "-p", "no:cacheprovider", "-p", PLUGIN]
        arguments += ["-c", str(settings), "--rootdir", folder, str(test)]
        arguments += ["-k", only] if only else []
        for name, path in (("json", json_file), ("html", html_file)):
            arguments += [f"--conformance-{name}={path.resolve()}"] if path is not None else []
        done = subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False)  # noqa: S603 - our own words
        return done.returncode == 0
