"""The accounts of a simulated venue and the API keys that open them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import field, frozen

from anyvenue.venue.secrets import Secret

__all__ = ["ApiKey", "KeyRing"]


@frozen(kw_only=True)
class ApiKey:
    """An API key of a simulated account.

    `may_trade` is False for a read-only key; `addresses` are those it may be used from, empty for all; `expired` keys
    are refused as the venue refuses them.
    """

    key: str
    secret: Secret
    account: str
    may_trade: bool = True
    addresses: frozenset[str] = field(default=frozenset(), converter=frozenset)
    expired: bool = False


class KeyRing:
    """The keys of all accounts, by their public part."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys = {key.key: key for key in keys}

    def add(self, key: ApiKey) -> None:
        """Add a key, or put it in the place of the one with the same public part."""
        self._keys[key.key] = key

    def find(self, key: str) -> ApiKey | None:
        """Return a key by its public part; None where there is none."""
        return self._keys.get(key)

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(list(self._keys.values()))
