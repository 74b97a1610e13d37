"""The network that only the proxy and the colours share, where Docker has no addresses for it."""

from __future__ import annotations

from typing import Any

import docker.errors
import pytest

from compose_bluegreen.adapters.haproxy.link_network import LinkNetwork
from compose_bluegreen.domain.errors import EngineUnreachable, ProxyFailed

IN_USE = "could not find an available, non-overlapping IPv4 address pool among the defaults"


class Engine:
    """It refuses each network with this error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def create_network(self, *_: Any, **__: Any) -> Any:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [docker.errors.NotFound(IN_USE), EngineUnreachable("no answer as it should", detail=IN_USE)],
    ids=["20.10", "later"],
)
def test_all_ranges_in_use_is_said_with_its_cures(error: Exception) -> None:
    with pytest.raises(ProxyFailed, match="no range of addresses left") as refused:
        LinkNetwork("shop", Engine(error)).create()
    assert "default-address-pools" in str(refused.value.hint)


def test_another_error_is_not_taken_for_it() -> None:
    with pytest.raises(EngineUnreachable, match="gone"):
        LinkNetwork("shop", Engine(EngineUnreachable("gone"))).create()
