"""Where secrets are given out: a run's connections and a script's session have sources, which can be reloaded."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest

import anyvenue
from anyvenue import scripting
from anyvenue.app.assemble import credentials, fetched
from anyvenue.app.config_errors import ConfigError
from anyvenue.venue.clock import WallClock
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.secrets import SecretError, SecretReference, SecretSource


def connection(name: str, environment: Environment = Environment.TESTNET, **references: str) -> Any:
    return SimpleNamespace(
        name=name,
        environment=environment,
        descriptor=SimpleNamespace(check_credentials=lambda given: ""),
        credentials={key: SecretReference.parse(text) for key, text in references.items()},
    )


def configuration(folder: Any, *connections: Any) -> Any:
    return SimpleNamespace(source="main.toml", folder=folder, connections=connections)


def test_each_connection_that_needs_keys_has_a_source(vault: Any, home: Any) -> None:
    vault.write("secret/main", {"key": "k1"}, created="2026-06-01T00:00:00Z")
    main = connection("main", key="vault:secret/main#key")
    paper = connection("paper", Environment.PAPER, key="env:ABSENT")
    sources = fetched(configuration(home, main, paper), WallClock())
    assert list(sources) == ["main"]
    assert sources["main"]["key"].reveal() == "k1"
    vault.write("secret/main", {"key": "k2"})
    assert asyncio.run(sources["main"].reload())
    assert sources["main"]["key"].reveal() == "k2"


def test_every_secret_that_cannot_be_had_is_told_at_its_key(vault: Any, home: Any) -> None:
    vault.write("secret/main", {"key": "k1"})
    main = connection("main", key="vault:secret/main#key", secret="vault:secret/main#secret", other="env:ABSENT")
    with pytest.raises(ConfigError) as caught:
        credentials(main, configuration(home, main))
    text = str(caught.value)
    assert "main.toml: connections.main.credentials.secret: vault:secret/main#secret: it has no field secret" in text
    assert "main.toml: connections.main.credentials.other: env:ABSENT: the environment variable ABSENT is not" in text
    assert "credentials.key" not in text


def test_a_script_s_venue_is_opened_with_a_source(vault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.write("secret/main", {"key": "k1"})
    seen: list[VenueContext] = []
    real = scripting.open_venue
    monkeypatch.setattr(scripting, "open_venue", lambda venue, context: seen.append(context) or real(venue, context))
    anyvenue.connect("simulated", credentials={"key": "vault:secret/main#key"})
    source = seen[0].credentials
    assert isinstance(source, SecretSource)
    assert source["key"].reveal() == "k1"
    assert repr(source) == "SecretSource(simulated: key=vault:secret/main#key)"
    with pytest.raises(SecretError, match=re.escape("vault:secret/main#absent: it has no field absent")):
        anyvenue.connect("simulated", credentials={"key": "vault:secret/main#absent"})
