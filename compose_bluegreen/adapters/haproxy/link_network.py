"""The network that only the proxy and the colours share."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Network
from typing import Any

import docker.errors
from docker.types import IPAMConfig, IPAMPool

from compose_bluegreen.adapters.haproxy import container_spec
from compose_bluegreen.domain import address_pools
from compose_bluegreen.domain.errors import EngineUnreachable, ProxyFailed
from compose_bluegreen.domain.names import LABEL

_ATTEMPTS = 5


class LinkNetwork:
    """``api`` is the docker SDK's low-level client (``engine.Client``)."""

    def __init__(self, project: str, api: Any) -> None:
        self.name = container_spec.link(project)
        self._project = project
        self._api = api

    def subnet(self) -> IPv4Network | None:
        """None where the network does not exist."""
        try:
            network = self._api.inspect_network(self.name)
        except docker.errors.NotFound:
            return None
        return IPv4Network(network["IPAM"]["Config"][0]["Subnet"])

    def create(self) -> IPv4Network:
        """An internal network: it adds no way out of the project that the user did not define.

        Docker lets us choose addresses only in a network with an explicit subnet. It knows which
        subnet is free, so it chooses one for a probe, and the network gets the same, unless another
        command was faster.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            subnet = self._free_subnet()
            try:
                self._api.create_network(
                    self.name,
                    internal=True,
                    ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))]),
                    labels={f"{LABEL}.project": self._project},
                )
            except EngineUnreachable as error:
                if attempt == _ATTEMPTS or "overlaps" not in error.detail:
                    raise
            else:
                break
        return subnet

    def remove(self) -> None:
        with suppress(docker.errors.NotFound):
            self._api.remove_network(self.name)

    def _free_subnet(self) -> IPv4Network:
        try:
            probe = self._api.create_network(f"{self.name}-probe", internal=True)["Id"]
        except (docker.errors.NotFound, EngineUnreachable) as error:  # by the version of the engine
            if not address_pools.are_in_use(f"{error} {getattr(error, 'detail', '')}"):
                raise
            raise ProxyFailed(
                "Docker has no range of addresses left for a network",
                detail=str(error),
                hint=address_pools.MORE_RANGES,
            ) from error
        try:
            return IPv4Network(self._api.inspect_network(probe)["IPAM"]["Config"][0]["Subnet"])
        finally:
            self._api.remove_network(probe)
