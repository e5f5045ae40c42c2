"""What a venue's simulator supplies: its protocol, in front of a stage. Everything around it is the server's affair."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from anyvenue.model.instrument import Instrument
from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse
from anyvenue.simulation.server.stage import Stage
from anyvenue.simulation.tape import TapeHeader
from anyvenue.venue.descriptor import SimulationSettings, VenueContext
from anyvenue.venue.secrets import Secret

if TYPE_CHECKING:
    from anyvenue.simulation.server.hosting import Hosted

__all__ = ["Dialect", "ServerSocket", "SocketHandler"]


class ServerSocket(Protocol):
    """The server's end of a WebSocket connection."""

    def send(self, data: str | bytes) -> None:
        """Send a message. After the end of the connection this does nothing."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection."""


class SocketHandler(Protocol):
    """What a dialect does with one WebSocket connection."""

    def on_message(self, data: bytes) -> None:
        """Take a message, text as its UTF-8 bytes."""

    def on_close(self) -> None:
        """The connection has ended."""


class Dialect(ABC):
    """A venue's protocol: bytes in, bytes out, with a simulated exchange (`stage.exchange`) behind it.

    It is synchronous, has no clock but `stage.clock`, and draws chance only from `stage.chance`. It is never called
    while it is in a call. It raises nothing: what it refuses is an answer with the venue's own label.
    """

    paths: Mapping[str, str]
    """The path of each URL that a client is pointed at, by the name of it, such as {"rest": "/api/v4"}. What begins
    with `ws` is a WebSocket's; whatever the path, every WebSocket is offered to `accept`."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    @classmethod
    @abstractmethod
    def instruments(cls, tapes: Mapping[str, TapeHeader], settings: SimulationSettings) -> list[Instrument]:
        """Return the contracts that the venue lists, in the venue's own terms.

        `tapes` are the recorded markets there are, by neutral symbol. An instrument is moved by the tape that
        `tape_of` names, where there is one; any other one by background traders.
        """

    @classmethod
    async def host(cls, context: VenueContext) -> Hosted:
        """Return this venue's simulator for one connection of an adapter; see `anyvenue.simulation.server.hosting`."""
        from anyvenue.simulation.server.hosting import host

        return await host(context, cls)

    @classmethod
    def credentials_of(cls, key: ApiKey) -> Mapping[str, Secret]:
        """Return what opens a simulated account, by the names that the adapter's descriptor has for it.

        A venue with other credentials than a key and its secret makes them of these.
        """
        return {"key": Secret(key.key), "secret": key.secret}

    @classmethod
    def tape_of(cls, instrument: Instrument) -> str:
        """Return the neutral symbol of the recorded market that moves an instrument: its own, unless said otherwise.

        A venue that quotes in another dollar than the tapes names those of the same base.
        """
        return instrument.symbol

    @classmethod
    def only_reads(cls, request: HttpRequest) -> bool:
        """Tell whether a request changes nothing, whatever is answered: the conformance kit counts the others.

        A venue that reads by POST says here which those are.
        """
        return request.method.upper() in ("GET", "HEAD", "OPTIONS")

    def steer(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do what only this venue's simulator can be told by its control endpoint, and return how it is set then.

        Without anything given, nothing changes. Raises ValueError for what there is none of, saying what there is.
        """
        if given:
            raise ValueError(f"found {', '.join(given)}; this venue's simulator has nothing of its own to be told")
        return {}

    def client_id_of(self, account: str, client_order_id: str) -> str:
        """Return what the client called an order that the exchange behind knows by this id; empty for nothing.

        A venue that has names of its own for the exchange says which is whose.
        """
        return client_order_id

    @abstractmethod
    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer an HTTP request."""

    @abstractmethod
    def accept(self, request: HttpRequest, socket: ServerSocket) -> SocketHandler | HttpResponse:
        """Take a new WebSocket connection, or refuse it with a response."""
