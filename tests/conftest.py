"""What every test runs under: the same examples everywhere, no clock in judging them, signals as in a terminal."""

import signal
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import settings
from respx.mocks import AbstractRequestMocker

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, database=None, max_examples=1000, print_blob=True)
settings.load_profile("same")  # `pytest --hypothesis-profile=search` looks further, with fresh randomness


class OurTransport(AbstractRequestMocker):
    """`respx.mock(using="anyvenue")` stands in for the product's own HTTP transport."""

    name = "anyvenue"
    targets = ("anyvenue.wire.transport.Transport",)
    target_methods = ("handle_async_request",)

    @classmethod
    def to_httpx_request(cls, *, request: httpx.Request) -> httpx.Request:
        return request

    @classmethod
    async def from_async_httpx_response(
        cls, httpx_response: httpx.Response, target: object, **kwargs: object
    ) -> httpx.Response:
        return httpx_response


if hasattr(signal, "SIGHUP"):
    # Who runs the tests under nohup leaves it ignored, and what they start would too.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="session")
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep journals, session logs and locks out of the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield
