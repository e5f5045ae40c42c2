"""What an adapter makes of an answer that is no success: the error it means, and what the client may do about it."""

from __future__ import annotations

from attrs import frozen

from anyvenue.model.errors import AnyvenueError

__all__ = ["Refusal"]


@frozen
class Refusal:
    """An answer that says no.

    Attributes:
        error: what the caller gets to see, unless the request may be repeated and then succeeds.
        unprocessed: the venue proved that it did not carry the request out: it may be sent again, even a command. The
            client itself repeats only reads, and leaves commands to the caller.
        clock: it was refused because of its time stamp: ask for the server's time, then send it again.
        server_fault: the venue itself failed (5xx): reads may be repeated, and it counts for the circuit breaker.
    """

    error: AnyvenueError
    unprocessed: bool = False
    clock: bool = False
    server_fault: bool = False
