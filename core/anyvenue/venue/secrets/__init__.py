"""Secrets: how a configuration points at one, and the box its value lives in.

A configuration holds references (`env:NAME`, `file:PATH`, `keyring:SERVICE/NAME`, `vault:MOUNT/PATH#FIELD`,
`aws:SECRET_ID#FIELD`), never values. A reference becomes a `Secret`, which shows its value to nobody but `reveal`: not
to print, logs, tracebacks, pickle or JSON. A `SecretSource` holds a connection's, and fetches them anew. No error here
holds a value, a token or an answer's text, and no logger of the libraries beneath gets to tell them.
"""

from __future__ import annotations

from anyvenue.venue.secrets.reference import SecretReference
from anyvenue.venue.secrets.source import SecretSource
from anyvenue.venue.secrets.value import Fetched, Secret, SecretError

__all__ = ["Fetched", "Secret", "SecretError", "SecretReference", "SecretSource"]
