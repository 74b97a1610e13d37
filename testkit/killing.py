"""A process that dies at one call to the outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site


class Killed(BaseException):
    """As ``kill -9``: nobody undoes anything any more."""


@dataclass
class Dead:
    """Raised at one call, and then at every other: the process is gone."""

    site: Site

    def __call__(self) -> None:
        calls = self.site.world.calls
        for name in set(calls.names) | {"history.to", "proxy.route_to", "workloads.remove"}:
            calls.at(name, self.again, nth=None)
        raise Killed

    def again(self) -> None:
        raise Killed


def kill(
    site: Site, call: Call, when: When = When.BEFORE, act: Callable[[], object] | None = None
) -> None:
    """``act`` is the command that dies there, else ``up``."""
    site.world.calls.at(call.name, Dead(site), when=when, nth=call.nth)
    with pytest.raises(Killed):
        (act or site.up)()
    site.forget()
    site.world.owner = None
