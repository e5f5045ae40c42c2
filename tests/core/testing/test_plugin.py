"""The plugin and the command: the suite as an author runs it, in a process of its own."""

import json
import subprocess
import sys

import pytest

from anyvenue.app import conformance_command
from anyvenue.testing.run import conformance
from anyvenue.venue.registry import PluginError

SUITE = """
from anyvenue.testing import ConformanceSuite, Unproven
from anyvenue.testing.behaviour import behaviour

class TestIt(ConformanceSuite):
    venue = "simulated"

    def test_of_its_own(self):
        raise Unproven("nobody knows")

    @behaviour()
    async def test_that_fails(self, bench):
        found = 1
        assert found == 2
"""


def run_pytest(folder, *arguments):
    (folder / "test_it.py").write_text(SUITE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "anyvenue.testing.plugin"]
    return subprocess.run(
        [*command, *arguments, "test_it.py"], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_summary_and_the_files_say_what_became_of_each(tmp_path):
    run = run_pytest(
        tmp_path,
        "-k=own or fails or close_can or candle or secrets",
        "--conformance-json=r.json",
        "--conformance-html=r.html",
    )
    assert run.returncode == 1
    results = {one["behaviour"]: one for one in json.loads((tmp_path / "r.json").read_text())["results"]}
    assert results["of its own"]["outcome"] == "unproven"
    assert results["of its own"]["reason"] == "nobody knows"
    assert results["that fails"]["outcome"] == "failed"
    assert "assert 1 == 2" in results["that fails"]["reason"]
    assert results["close can be called twice"] | {"seconds": 0} == {
        "suite": "TestIt",
        "subject": "Hygiene",
        "behaviour": "close can be called twice",
        "meaning": "The second time it does nothing.",
        "outcome": "passed",
        "reason": "",
        "seconds": 0,
    }
    assert results["secrets are in no log and no error"]["outcome"] == "unproven"
    assert "Conformance of simulated" in (tmp_path / "r.html").read_text()
    assert "conformance of simulated: " in run.stdout


def test_a_run_in_several_processes_is_one_report(tmp_path):
    pytest.importorskip("xdist")
    wish = ["-k=own or fails or close_can or candle or secrets", "--conformance-json=r.json"]
    reports = []
    for more in ([], ["-n2"]):
        run = run_pytest(tmp_path, *wish, *more)
        assert run.stdout.count("== conformance of simulated ==") == 1
        reports.append(json.loads((tmp_path / "r.json").read_text()))
    alone, spread = reports
    assert len(alone["results"]) > 3
    assert [one | {"seconds": 0} for one in spread["results"]] == [one | {"seconds": 0} for one in alone["results"]]


def test_an_installed_venue_is_tested_without_a_file(tmp_path):
    json_file = tmp_path / "r.json"
    assert conformance("simulated", only="close or fok", json_file=json_file)
    assert json.loads(json_file.read_text())["counts"]["failed"] == 0


def test_choosing_nothing_proves_nothing():
    assert not conformance("simulated", only="no_such_behaviour")


def test_a_venue_that_is_not_installed_is_named():
    with pytest.raises(PluginError, match="nosuch"):
        conformance("nosuch")


def test_options_are_read_as_toml_or_as_text():
    read = conformance_command._options(["a=1", "b = true", "c=websocket", 'd="x"', "e=[1, 2]"])
    assert read == {"a": 1, "b": True, "c": "websocket", "d": "x", "e": [1, 2]}


@pytest.mark.parametrize(("how", "what"), [({"options": ["a"]}, "KEY=VALUE"), ({"allow": ["nosuch"]}, "allowed are")])
def test_what_cannot_be_read_is_told(how, what):
    terms = {"instrument": "BTC-PERP", "options": [], "allow": [], "seed": 1, "only": ""}
    with pytest.raises(Exception, match=what):
        conformance_command.conformance("simulated", **terms | how, json_file=None, html_file=None)


def test_without_pytest_the_import_says_what_to_install():
    code = "import sys; sys.modules['pytest'] = None; import anyvenue.testing"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 1
    assert "pip install 'anyvenue[testing]'" in run.stderr


def test_the_plugin_alone_loads_nothing_heavy():
    code = "import anyvenue.testing.plugin, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"httpx", "anyvenue.testing.suite", "anyvenue.simulation"} & set(run.stdout.split())
