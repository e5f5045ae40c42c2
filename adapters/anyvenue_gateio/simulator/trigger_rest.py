"""Trigger orders and trailing orders over REST: the routes to their desks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from anyvenue_gateio.simulator.call import Call, Handler, Route
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.trailing import TrailDesk
from anyvenue_gateio.simulator.triggers import TriggerDesk

__all__ = ["TriggerRest"]

_P: Final = "/futures/{settle}/price_orders"
_T: Final = "/futures/{settle}/autoorder/v1/trail"


class TriggerRest:
    """The endpoints of price_orders and of trailing orders."""

    def __init__(self, triggers: TriggerDesk, trails: TrailDesk) -> None:
        self._triggers = triggers
        self._trails = trails

    def routes(self) -> list[Route]:
        """Return the routes."""
        trails = self._trails
        return [
            Route(method="POST", pattern=_P, handler=self.create, status=201),
            Route(method="GET", pattern=_P, handler=self.list_all),
            Route(method="DELETE", pattern=_P, handler=self.cancel_all),
            Route(method="PUT", pattern=f"{_P}/amend", handler=self.amend),
            Route(method="PUT", pattern=f"{_P}/amend/{{order_id}}", handler=self.amend),
            Route(method="GET", pattern=f"{_P}/{{order_id}}", handler=self.get),
            Route(method="DELETE", pattern=f"{_P}/{{order_id}}", handler=self.cancel),
            Route(method="POST", pattern=f"{_T}/create", handler=self.create_trail),
            *(
                Route(method="POST", pattern=f"{_T}/{name}", handler=_posted(command))
                for name, command in (("stop", trails.stop), ("stop_all", trails.stop_all), ("update", trails.update))
            ),
            Route(method="GET", pattern=f"{_T}/list", handler=self.list_trails),
            Route(method="GET", pattern=f"{_T}/detail", handler=self.trail),
            Route(method="GET", pattern=f"{_T}/change_log", handler=self.trail_changes),
        ]

    def create(self, call: Call) -> Any:
        """POST price_orders."""
        return self._triggers.create(call.account, call.settle, call.object())

    def list_all(self, call: Call) -> Any:
        """GET price_orders."""
        limit, offset = call.whole("limit", 100, 1000, 1), call.whole("offset", 0)
        status, contract = call.needed("status"), call.word("contract")
        found = self._triggers.list(call.account, call.settle, status, contract, limit, offset)
        return [_told(shape) for shape in found]

    def get(self, call: Call) -> Any:
        """GET price_orders/{id}."""
        return _told(self._triggers.get(call.account, call.settle, call.names["order_id"]))

    def cancel(self, call: Call) -> Any:
        """DELETE price_orders/{id}."""
        return self._triggers.cancel(call.account, call.settle, call.names["order_id"])

    def cancel_all(self, call: Call) -> Any:
        """DELETE price_orders."""
        return self._triggers.cancel_all(call.account, call.settle, call.word("contract"))

    def amend(self, call: Call) -> Any:
        """PUT price_orders/amend; the SDK names the order in the path too."""
        body, named = call.object(), call.names.get("order_id")
        if named is not None and str(body.setdefault("order_id", named)) != named:
            raise Refused("INVALID_PARAM_VALUE", "order_id: the path and the body name two orders")
        return self._triggers.amend(call.account, call.settle, body)

    def create_trail(self, call: Call) -> Any:
        """POST autoorder/v1/trail/create."""
        return self._trails.create(call.account, call.settle, call.object())

    def list_trails(self, call: Call) -> Any:
        """GET autoorder/v1/trail/list."""
        return _bare(self._trails.list(call.account, call.settle, call.request.query))

    def trail(self, call: Call) -> Any:
        """GET autoorder/v1/trail/detail."""
        return self._trails.detail(call.account, call.settle, call.needed("id"))

    def trail_changes(self, call: Call) -> Any:
        """GET autoorder/v1/trail/change_log."""
        return _bare(self._trails.change_log(call.account, call.settle, call.needed("id")))


def _posted(command: Callable[[str, str, Any], dict[str, Any]]) -> Handler:
    return lambda call: _bare(command(call.account, call.settle, call.object()))


def _bare(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without its envelope: by the official SDK only `create` and `detail` have one."""
    bare: dict[str, Any] = answer.get("data", answer)
    return bare


def _told(shape: dict[str, Any]) -> dict[str, Any]:
    """Return a trigger order without what it does not have yet; the official SDK takes no empty `finish_as`."""
    return shape if shape.get("finish_as") else {name: value for name, value in shape.items() if name != "finish_as"}
