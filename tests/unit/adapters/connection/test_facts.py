"""What an engine says of itself, in the shapes of several versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from compose_bluegreen.adapters.connection.client import Client
from compose_bluegreen.adapters.connection.facts import engine_facts


class _Api:
    def __init__(self, **info: Any) -> None:
        self._info = info

    def info(self) -> dict[str, Any]:
        return {
            "ServerVersion": "20.10.24",
            "Driver": "overlay2",
            "DriverStatus": [["Backing Filesystem", "extfs"]],
            "SystemTime": datetime.now(UTC).isoformat(),
            "SecurityOptions": None,
            "DockerRootDir": "/",
        } | self._info

    def version(self) -> dict[str, Any]:
        return {"ApiVersion": "1.41"}

    def networks(self) -> list[dict[str, Any]]:
        bridge = {"IPAM": {"Config": [{"Subnet": "172.17.0.0/16"}, {"Gateway": "172.17.0.1"}]}}
        return [bridge, {"IPAM": {"Config": None}}]


def test_an_engine_of_2022() -> None:
    facts = engine_facts(Client(_Api()), is_here=True)
    assert (facts.version, facts.api_version, facts.store) == ("20.10.24", "1.41", "overlay2")
    assert facts.restrictions == ()
    assert abs(facts.clock_ahead) < timedelta(seconds=5)
    assert facts.networks_left == 30
    assert facts.free_bytes


def test_an_engine_with_the_store_of_containerd_and_no_root() -> None:
    api = _Api(
        Driver="overlayfs",
        DriverStatus=[["driver-type", "io.containerd.snapshotter.v1"]],
        SecurityOptions=["name=seccomp,profile=builtin", "name=rootless"],
        DefaultAddressPools=[{"Base": "10.0.0.0/16", "Size": 24}],
        SystemTime="2020-01-01T00:00:00.123456789Z",
        DockerRootDir="/nowhere",
    )
    facts = engine_facts(Client(api), is_here=True)
    assert (facts.store, facts.restrictions) == ("overlayfs of containerd", ("rootless",))
    assert facts.networks_left == 256
    assert facts.clock_ahead < timedelta(days=-365)
    assert facts.free_bytes is None


def test_the_disk_of_another_machine_is_not_looked_at() -> None:
    assert engine_facts(Client(_Api()), is_here=False).free_bytes is None
