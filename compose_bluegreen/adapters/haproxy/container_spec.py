"""The compose file of the proxy's own container, and the files on its volume."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from typing import Any

from compose_bluegreen.adapters.haproxy.config import STATE, template_digest, template_folder
from compose_bluegreen.adapters.haproxy.proxy_image import image
from compose_bluegreen.adapters.haproxy.topology_document import TopologyDocument
from compose_bluegreen.domain.names import LABEL, LINK, companion
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.topology import MONITOR_PORT, Topology

SERVICE = "proxy"
FRONT = "front"
_OTHER_SERVICE = "proxy-b"
"""What Compose calls the successor: two containers of one service it would take for one."""

_OWN_SOCKET = "/dev/shm/bluegreen-master.sock"  # noqa: S108 - of the container, and of no other
"""Docker gives each container a writable folder there, whatever its image and its root are. Two
may run on one volume, and each must be steered by its own."""

JOURNAL = "/var/lib/bluegreen-history"
"""A volume of its own, which ``down`` leaves."""

MADE_FOR = f"{LABEL}.made-for"
"""The label of the proxy's container that says what only a new one could change. The notes on the
volume are ahead of it, where somebody was killed before he made a new one."""


def name(project: str) -> str:
    return f"{companion(project)}-{SERVICE}"


def successor_name(project: str) -> str:
    """Of a container that is about to take the other's place."""
    return f"{name(project)}-next"


def volume(project: str) -> str:
    return f"{companion(project)}_state"


def journal(project: str) -> str:
    return f"{companion(project)}_history"


def link(project: str) -> str:
    return f"{companion(project)}_link"


def front(project: str) -> str:
    """The network by which it publishes ports."""
    return f"{companion(project)}_{FRONT}"


def model(topology: Topology) -> Model:
    """Stand-alone; networks of the user's project are external, like the colours'."""
    project = topology.project
    networks: dict[str, Any] = {
        FRONT: {},
        LINK: {"name": link(project), "external": True},
    }
    joined: dict[str, Any] = {FRONT: {}, LINK: {}}
    ports: list[dict[str, Any]] = [
        _port("127.0.0.1", str(topology.settings.monitor or ""), MONITOR_PORT)
    ]
    ports += [_port(one.host_ip, one.host_port, one.internal_port) for one in topology.published]
    for network, aliases in topology.networks.items():
        networks[network] = {"name": network, "external": True}
        joined[network] = {"aliases": list(aliases)}
    service: dict[str, Any] = {
        "image": image(topology),
        "pull_policy": "missing" if topology.settings.image else "never",
        "container_name": name(project),
        "labels": {
            f"{LABEL}.project": project,
            f"{LABEL}.role": SERVICE,
            MADE_FOR: TopologyDocument.of(topology, template_digest()).made_for(),
        },
        "command": _command(),
        "user": "haproxy",
        "restart": "always",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        # The proxy isn't root, and a service may listen on 80.
        "sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"},
        # Soft stop: what is in flight gets a second to finish, then the ports are free again.
        "stop_signal": "SIGUSR1",
        "stop_grace_period": "1s",
        "networks": joined,
        "ports": ports,
        "volumes": [
            {"type": "volume", "source": "state", "target": STATE},
            {"type": "volume", "source": "history", "target": JOURNAL},
        ],
    }
    if topology.settings.image is None:
        service["build"] = {"context": str(template_folder())}
    return {
        "name": companion(project),
        "services": {SERVICE: service},
        "networks": networks,
        "volumes": {
            "state": {"name": volume(project)},
            "history": {"name": journal(project), "external": True},
        },
    }


def successor(topology: Topology, service: str) -> Model:
    """The same beside the one that serves, which Compose knows as ``service``: on no network by
    which Docker would publish its ports."""
    found = model(topology)
    own = found["services"][SERVICE]
    own |= {"container_name": successor_name(topology.project), "networks": {LINK: {}}}
    found["services"] = {_OTHER_SERVICE if service == SERVICE else SERVICE: own}
    found["networks"] = {LINK: found["networks"][LINK]}
    return found


def _command() -> list[str]:
    return [
        "haproxy",
        "-W",
        "-db",
        "-S",
        f"{_OWN_SOCKET},mode,600",
        "-f",
        f"{STATE}/haproxy.cfg",
    ]


def _port(host_ip: str, host_port: str, internal_port: int) -> dict[str, Any]:
    port: dict[str, Any] = {"target": internal_port, "protocol": "tcp", "mode": "ingress"}
    if host_ip:
        port["host_ip"] = host_ip
    if host_port:
        port["published"] = host_port
    return port


def owner(chunks: Any) -> tuple[int, int]:
    """User and group of the first entry in an archive that the Docker API sends."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        first = tar.next()
        return (first.uid, first.gid) if first else (0, 0)


def archive(files: Mapping[str, str], mode: int, owner: tuple[int, int]) -> bytes:
    """A tar for the Docker API."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file, text in files.items():
            content = text.encode()
            entry = tarfile.TarInfo(file)
            entry.size, entry.mode = len(content), mode
            entry.uid, entry.gid = owner
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def folder_archive(folder: str, files: Mapping[str, str], owner: tuple[int, int]) -> bytes:
    """A tar with a folder of its own; readable for all only where it would be root's alone."""
    packed = io.BytesIO()
    private = 0o700 if owner[0] else 0o755
    with tarfile.open(fileobj=packed, mode="w") as tar:
        head = tarfile.TarInfo(folder)
        head.type, head.mode = tarfile.DIRTYPE, private
        head.uid, head.gid = owner
        tar.addfile(head)
        for file, text in files.items():
            content = text.encode()
            entry = tarfile.TarInfo(f"{folder}/{file}")
            entry.size, entry.mode = len(content), private & 0o644
            entry.uid, entry.gid = owner
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def socket_link() -> bytes:
    """A tar with a link on the volume, which leads to the socket of whichever container looks."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("master.sock")
        entry.type, entry.linkname = tarfile.SYMTYPE, _OWN_SOCKET
        tar.addfile(entry)
    return packed.getvalue()


def unpack(chunks: Any) -> str:
    """The one file of an archive that the Docker API sends."""
    packed = io.BytesIO(b"".join(chunks))
    with tarfile.open(fileobj=packed) as tar:
        found = tar.extractfile(tar.getmembers()[0])
        return found.read().decode() if found else ""
