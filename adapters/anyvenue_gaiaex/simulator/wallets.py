"""The wallets: the one address that each account has, and the session token that opens it beside its keys."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

from anyvenue.simulation.server.stage import Stage

__all__ = ["Wallets", "made_up_address", "made_up_token"]

_ADDRESS_DIGITS: Final = 40
_JWT_HEADER: Final = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"


def made_up_address(account: str) -> str:
    """Return the address of an account: 40 hexadecimal digits, in both cases as wallets show them."""
    digits = sha256(f"address of {account}".encode()).hexdigest()[:_ADDRESS_DIGITS]
    cases = sha256(digits.encode()).digest()
    return "0x" + "".join(
        digit.upper() if case & 1 else digit for digit, case in zip(digits, _twice(cases), strict=False)
    )


def made_up_token(account: str) -> str:
    """Return the session token of an account. It looks like a JWT and proves nothing."""
    parts = (sha256(f"{part} of {account}".encode()).digest() for part in ("session", "proof"))
    return ".".join([_JWT_HEADER, *(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)])


def _twice(data: bytes) -> bytes:
    return data + data


class Wallets:
    """The accounts of the stage, as wallets. `expired` are accounts whose session is over."""

    def __init__(self, stage: Stage, *, exact: bool) -> None:
        self._stage = stage
        self._exact = exact
        self._bound: dict[str, str] = {}
        self.expired: set[str] = set()

    def bind(self, account: str, address: str) -> None:
        """Give an account an address of your own."""
        self._bound[account] = address

    def address(self, account: str) -> str:
        """Return the address of an account."""
        return self._bound.get(account) or made_up_address(account)

    def owns(self, account: str, address: str) -> bool:
        """Tell whether an address is that of an account."""
        own = self.address(account)
        return address == own if self._exact else address.lower() == own.lower()

    def account_of_token(self, token: str) -> str | None:
        """Return the account that a session token opens; None for one that is unknown or expired."""
        for account in self._stage.accounts:
            if token == made_up_token(account):
                return None if account in self.expired else account
        return None
