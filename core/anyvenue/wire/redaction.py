"""Keeping secrets out of texts: known values are struck out, and so are headers whose names sound like one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

__all__ = ["MASK", "is_sensitive", "redact", "safe_headers"]

MASK: Final = "***"
_SENSITIVE: Final = re.compile(
    r"auth|cookie|key|passphrase|password|secret|sign|token|(?:^|[-_])(?:credentials?|mac|pass|sig)(?:$|[-_])",
    re.IGNORECASE,
)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every one of `secrets` struck out, also where a repr wrote it with escapes."""
    values = {value for secret in secrets for value in (secret, repr(secret)[1:-1]) if value}
    for value in sorted(values, key=len, reverse=True):  # one may be part of another
        text = text.replace(value, MASK)
    return text


@lru_cache(maxsize=256)
def is_sensitive(header: str) -> bool:
    """Return whether a header's name looks like that of a key, a signature, a credential or a cookie."""
    return _SENSITIVE.search(header) is not None


def safe_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers fit to be shown: the values of sensitive ones are masked."""
    return {name: MASK if is_sensitive(name) else value for name, value in headers.items()}
