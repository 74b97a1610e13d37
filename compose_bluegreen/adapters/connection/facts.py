"""What an engine says of itself, for ``doctor``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from compose_bluegreen.adapters.connection.client import Client
from compose_bluegreen.domain import address_pools
from compose_bluegreen.ports.engine_facts import EngineFacts

_SNAPSHOTTER = "io.containerd.snapshotter"


def engine_facts(api: Client, *, is_here: bool) -> EngineFacts:
    """``is_here``: the engine is on this machine, so that its disk can be looked at."""
    before = datetime.now(UTC)
    info: Mapping[str, Any] = api.info()
    middle = before + (datetime.now(UTC) - before) / 2
    version = api.version()
    options = [str(option) for option in info.get("SecurityOptions") or ()]
    subnets = [
        str(pool["Subnet"])
        for network in api.networks()
        for pool in network["IPAM"]["Config"] or ()
        if pool.get("Subnet")
    ]
    pools = [(pool["Base"], pool["Size"]) for pool in info.get("DefaultAddressPools") or ()]
    return EngineFacts(
        version=str(info["ServerVersion"]),
        api_version=str(version["ApiVersion"]),
        store=_store(info),
        restrictions=tuple(name for name in ("rootless", "userns") if _has(name, options)),
        clock_ahead=_moment(str(info["SystemTime"])) - middle,
        networks_left=address_pools.left(pools or address_pools.DEFAULT, subnets),
        free_bytes=_free(str(info["DockerRootDir"])) if is_here else None,
    )


def _store(info: Mapping[str, Any]) -> str:
    driver = str(info["Driver"])
    return (
        f"{driver} of containerd" if _SNAPSHOTTER in str(info.get("DriverStatus") or "") else driver
    )


def _has(name: str, options: list[str]) -> bool:
    return any(option.split(",")[0] == f"name={name}" for option in options)


def _moment(text: str) -> datetime:
    """Docker writes nanoseconds, which Python reads as far as it can."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _free(folder: str) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
