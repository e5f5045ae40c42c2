"""`POST /exchange`: signed actions, from the signature to the answer (chapters 4 to 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from anyvenue.simulation.server.stage import Stage
from anyvenue_hyperliquid.simulator.actions import Malformed, read_action
from anyvenue_hyperliquid.simulator.leverage import LeverageDesk
from anyvenue_hyperliquid.simulator.limits import BATCH, Limits
from anyvenue_hyperliquid.simulator.nonces import Nonces
from anyvenue_hyperliquid.simulator.order_changes import DeadManSwitch, OrderChanges
from anyvenue_hyperliquid.simulator.orders import OrderDesk
from anyvenue_hyperliquid.simulator.quirks import Quirks
from anyvenue_hyperliquid.simulator.records import Records
from anyvenue_hyperliquid.simulator.refusal import Refused
from anyvenue_hyperliquid.simulator.signatures import action_hash, recover_l1, recover_user_signed
from anyvenue_hyperliquid.simulator.steering import Conditions
from anyvenue_hyperliquid.simulator.wallets import Wallets

__all__ = ["ExchangeApi", "batch_weight"]

ITEMS_MAX: Final = 200
_MS_NS: Final = 1_000_000
_ITEMS: Final = {"order": "orders", "cancel": "cancels", "cancelByCloid": "cancels", "batchModify": "modifies"}
_CANCELS: Final = ("cancel", "cancelByCloid")
_APPROVE_AGENT: Final = [("agentAddress", "address"), ("agentName", "string"), ("nonce", "uint64")]
_UNRECOVERED: Final = "Unable to recover signer."

Answer = Mapping[str, Any]
Act = Callable[[str, Mapping[str, Any]], Any]


def batch_weight(body: Any) -> int:
    """Return what an action weighs for the address on the net: 1, and 1 more for each 40 items."""
    action = body.get("action") if isinstance(body, Mapping) else None
    return 1 + _count(action) // BATCH if isinstance(action, Mapping) else 1


class ExchangeApi:
    """Carries out actions."""

    def __init__(
        self,
        stage: Stage,
        wallets: Wallets,
        records: Records,
        limits: Limits,
        quirks: Quirks,
        conditions: Conditions,
        desk: OrderDesk,
        changes: OrderChanges,
        switch: DeadManSwitch,
        leverage: LeverageDesk,
    ) -> None:
        self._stage = stage
        self._wallets = wallets
        self._records = records
        self._limits = limits
        self._quirks = quirks
        self._conditions = conditions
        self._nonces = Nonces()
        self._acts: Mapping[str, tuple[str, Act]] = {
            "order": ("order", desk.place),
            "cancel": ("cancel", changes.cancel),
            "cancelByCloid": ("cancel", changes.cancel),
            "batchModify": ("order", changes.batch_modify),
            "modify": ("", changes.modify),
            "scheduleCancel": ("", switch.schedule),
            "updateLeverage": ("", leverage.update),
            "updateIsolatedMargin": ("", leverage.adjust_margin),
            "noop": ("", lambda account, action: None),
        }

    def answer(self, body: Any) -> Answer:
        """Answer a request. Raises Malformed for what is not of the venue's types."""
        if not isinstance(body, Mapping):
            raise Malformed
        action, nonce, signature = body.get("action"), body.get("nonce"), body.get("signature")
        if not isinstance(action, Mapping) or type(nonce) is not int or not 0 <= nonce < 2**64:
            raise Malformed
        if not isinstance(signature, Mapping) or not {"r", "s", "v"} <= set(signature):
            raise Malformed
        try:
            if action.get("type") == "approveAgent":
                return self._approve(action, nonce, signature)
            return self._carry_out(body, nonce, signature)
        except Refused as refused:
            return {"status": "err", "response": refused.text}

    def _carry_out(self, body: Mapping[str, Any], nonce: int, signature: Mapping[str, Any]) -> Answer:
        action = read_action(body["action"])
        if action is None:
            raise Refused("This action is not carried out by the simulator.")
        vault, expires = body.get("vaultAddress"), body.get("expiresAfter")
        if not isinstance(vault, str | None) or not isinstance(expires, int | None) or isinstance(expires, bool):
            raise Malformed
        if vault is not None and (len(vault) != 42 or not _is_hex(vault)):
            raise Malformed
        kind, count = action["type"], _count(action)
        vault = None if vault is None else vault.lower()
        try:
            hashed = action_hash(action, nonce, vault, expires)
            signer = recover_l1(hashed, signature, is_mainnet=self._conditions.mainnet)
        except (OverflowError, ValueError):
            raise Refused(_UNRECOVERED) from None
        try:
            account = self._wallets.acted_for(signer, vault)
        except Refused as refused:
            raise Refused(f"L1 error: {refused.text}" if self._quirks.l1_prefix else refused.text) from None
        self._records.of(account)
        now_ms = self._stage.time_ns() // _MS_NS
        objection = self._nonces.objection(signer, nonce, now_ms)
        if objection:
            raise Refused(objection)
        try:
            if expires is not None and expires < now_ms:
                self._limits.punish(account, count)
                raise Refused("Action already expired")
            if count > ITEMS_MAX:
                raise Refused(f"Signed action over weight limit of {ITEMS_MAX}.")
            self._limits.spend(account, count, cancels=kind in _CANCELS)
            name, act = self._acts[kind]
            done = act(account, action)
        except Refused:
            if self._quirks.refused_burns_nonce:
                self._nonces.use(signer, nonce)
            raise
        self._nonces.use(signer, nonce)
        if not name:
            return {"status": "ok", "response": {"type": "default"}}
        return {"status": "ok", "response": {"type": name, "data": {"statuses": done}}}

    def _approve(self, action: Mapping[str, Any], nonce: int, signature: Mapping[str, Any]) -> Answer:
        """Carry out `approveAgent`, which only the master itself signs."""
        chain = "Mainnet" if self._conditions.mainnet else "Testnet"
        if action.get("nonce") != nonce or action.get("hyperliquidChain") != chain:
            raise Refused("Invalid nonce or chain of a user-signed action.")
        address, name = action.get("agentAddress"), action.get("agentName") or ""
        if not isinstance(address, str) or len(address) != 42 or not _is_hex(address) or not isinstance(name, str):
            raise Malformed
        try:
            signed = {**action, "agentName": name}
            signer = recover_user_signed("ApproveAgent", _APPROVE_AGENT, signed, signature)
        except ValueError:
            raise Refused(_UNRECOVERED) from None
        account = self._wallets.find(signer)
        if account is None:
            raise Refused(f"Must deposit before performing actions. User: {signer}")
        objection = self._nonces.objection(signer, nonce, self._stage.time_ns() // _MS_NS)
        if objection:
            raise Refused(objection)
        replaced = self._wallets.approve(account, address.lower(), name)
        self._nonces.use(signer, nonce)
        self._nonces.forget(replaced)
        return {"status": "ok", "response": {"type": "default"}}


def _count(action: Mapping[str, Any]) -> int:
    """Return how many requests an action counts for."""
    items = action.get(_ITEMS.get(str(action.get("type")), ""))
    return len(items) if isinstance(items, list) and items else 1


def _is_hex(text: str) -> bool:
    return text.startswith("0x") and all(character in "0123456789abcdefABCDEF" for character in text[2:])
