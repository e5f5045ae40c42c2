"""Addresses: of the accounts, of their sub-accounts, and of the agents that may sign for them (4.5)."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any, Final

from attrs import frozen

from anyvenue.simulation.server.stage import Stage
from anyvenue_hyperliquid.simulator.refusal import Refused
from anyvenue_hyperliquid.simulator.signatures import address_of_key

__all__ = ["Agent", "Wallets", "master_key"]

NAMED_MAX: Final = 3
NAME_LENGTH_MAX: Final = 16
MONTHS_MS: Final = 180 * 86_400_000
USUAL_MS: Final = 90 * 86_400_000
NOBODY: Final = "0x" + "0" * 40
_EXPIRY: Final = " valid_until "
_SUB: Final = "/"
_MS_NS: Final = 1_000_000


@cache
def master_key(account: str) -> str:
    """Return the private key of an account's own wallet. It is made up, and anybody can make it up again."""
    return "0x" + sha256(f"hyperliquid wallet of {account}".encode()).hexdigest()


@cache
def _address(private_key: str) -> str:
    return address_of_key(private_key)


@frozen(kw_only=True)
class Agent:
    """A key that may sign for a master. An empty name is that of the one agent that has none."""

    address: str
    master: str
    name: str
    valid_until_ms: int


class Wallets:
    """Who is who. An account whose name has a slash, such as `alice/desk`, is a sub-account of the one before it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._agents: dict[str, Agent] = {}
        self._given: set[str] = set()
        self._addresses: dict[str, str] = {}

    @staticmethod
    def address(account: str) -> str:
        """Return the address of an account."""
        return _address(master_key(account))

    @staticmethod
    def agent_address(secret: str) -> str:
        """Return the address of the agent that an account of the stage is given."""
        return _address(f"0x{secret}")

    def find(self, address: Any) -> str | None:
        """Return the account with an address; None for none."""
        for account in self._stage.accounts:
            self._addresses.setdefault(self.address(account), account)
        return self._addresses.get(address.lower()) if isinstance(address, str) else None

    def master_of(self, account: str) -> str:
        """Return the account whose keys sign for an account: itself, but for a sub-account."""
        return account.partition(_SUB)[0]

    def subs_of(self, account: str) -> list[str]:
        """Return the sub-accounts of an account."""
        return [name for name in self._stage.accounts if name.startswith(f"{account}{_SUB}")]

    def agent(self, address: str) -> Agent | None:
        """Return an agent that is registered and has not expired."""
        self._learn_given()
        found = self._agents.get(address.lower())
        return found if found is not None and found.valid_until_ms > self._now_ms() else None

    def agents_of(self, account: str) -> list[Agent]:
        """Return the agents of an account."""
        self._learn_given()
        found = [self.agent(address) for address in self._agents]
        return [agent for agent in found if agent is not None and agent.master == account]

    def acted_for(self, signer: str, vault: str | None) -> str:
        """Return the account that a signer acts for, itself or by `vaultAddress`. Raises Refused."""
        agent = self.agent(signer)
        master = self.find(signer) if agent is None else agent.master
        if master is None or _SUB in master:
            raise Refused(f"User or API Wallet {signer} does not exist.")
        if vault is None:
            return master
        account = self.find(vault)
        if account is None or account == master or self.master_of(account) != master:
            raise Refused(f"Vault not registered: {vault}")
        return account

    def approve(self, master: str, address: str, name: str) -> str:
        """Register an agent in place of the one of the same name; return the address that is one no more.

        Raises Refused.
        """
        name, _, until = name.partition(_EXPIRY)
        valid_until_ms = int(until) if until.isdecimal() else self._now_ms() + USUAL_MS
        if len(name) > NAME_LENGTH_MAX:
            raise Refused("Agent name is too long.")
        if valid_until_ms > self._now_ms() + MONTHS_MS:
            raise Refused("Agent expiry is too far ahead.")
        held = self.agents_of(master)
        replaced = next((agent.address for agent in held if agent.name == name), "")
        subs = 2 * len(self.subs_of(master))
        if name and not replaced and sum(bool(agent.name) for agent in held) >= NAMED_MAX + subs:
            raise Refused("Too many named agents.")
        if self.find(address) is not None or (self.agent(address) is not None and address != replaced):
            raise Refused("Agent address is in use.")
        self._agents.pop(replaced, None)
        if address != NOBODY:
            self._agents[address] = Agent(address=address, master=master, name=name, valid_until_ms=valid_until_ms)
        return replaced

    def drop(self, address: str) -> None:
        """Deregister an agent."""
        self._learn_given()
        self._agents.pop(address.lower(), None)

    def _learn_given(self) -> None:
        """Register the keys that the stage has given out since, each once. That of a sub-account signs for all."""
        for key in self._stage.keys:
            if key.key in self._given:
                continue
            self._given.add(key.key)
            address = self.agent_address(key.secret.reveal())
            self._agents[address] = Agent(
                address=address,
                master=self.master_of(key.account),
                name=key.account.replace(_SUB, " ")[:NAME_LENGTH_MAX],
                valid_until_ms=self._now_ms() + MONTHS_MS,
            )

    def _now_ms(self) -> int:
        return self._stage.time_ns() // _MS_NS
