"""The compose file of the proxy's container."""

from __future__ import annotations

from typing import Any

from compose_bluegreen.adapters.haproxy.config import STATE, template_digest, template_folder
from compose_bluegreen.adapters.haproxy.proxy_image import image
from compose_bluegreen.adapters.haproxy.topology_document import TopologyDocument
from compose_bluegreen.domain.names import JOURNAL_FOLDER, LABEL, LINK, companion, proxy_name
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.topology import MONITOR_PORT, Topology

SERVICE = "proxy"
FRONT = "front"
_OTHER_SERVICE = "proxy-b"
"""The successor's service: Compose would take two containers of one service for one."""

OWN_SOCKET = "/dev/shm/bluegreen-master.sock"  # noqa: S108 - of this container alone
"""Docker gives each container a writable folder there, whatever its image and its root are. Two
containers may run on one volume, and each must be controlled through its own socket."""

MADE_FOR = f"{LABEL}.made-for"
"""The label of the proxy's container with the digest of what only a new container can change. The
files on the volume are ahead of it where a command was killed before it created the new one."""


def successor_name(project: str) -> str:
    """Of a container that is about to replace the other one."""
    return f"{proxy_name(project)}-next"


def volume(project: str) -> str:
    return f"{companion(project)}_state"


def journal(project: str) -> str:
    return f"{companion(project)}_history"


def link(project: str) -> str:
    return f"{companion(project)}_link"


def front(project: str) -> str:
    """The network through which it publishes ports."""
    return f"{companion(project)}_{FRONT}"


def model(topology: Topology) -> Model:
    """It needs no other file; networks of the user's project are external, as for the colours."""
    project = topology.project
    networks: dict[str, Any] = {
        FRONT: {},
        LINK: {"name": link(project), "external": True},
    }
    joined: dict[str, Any] = {FRONT: {}, LINK: {}}
    ports: list[dict[str, Any]] = [
        _port("127.0.0.1", str(topology.settings.monitor or ""), MONITOR_PORT)
    ]
    ports += [
        _port(port.host_ip, port.host_port, port.internal_port) for port in topology.published
    ]
    for network, aliases in topology.networks.items():
        networks[network] = {"name": network, "external": True}
        joined[network] = {"aliases": list(aliases)}
    service: dict[str, Any] = {
        "image": image(topology),
        "pull_policy": "missing" if topology.settings.image else "never",
        "container_name": proxy_name(project),
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
        # The proxy does not run as root, and a service may listen on 80.
        "sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"},
        # Soft stop: in-flight requests get a second to finish, then the ports are free again.
        "stop_signal": "SIGUSR1",
        "stop_grace_period": "1s",
        "networks": joined,
        "ports": ports,
        "volumes": [
            {"type": "volume", "source": "state", "target": STATE},
            {"type": "volume", "source": "history", "target": JOURNAL_FOLDER},
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
    """The same beside the container that serves, which Compose knows as ``service``. It is on no
    network through which Docker would publish its ports."""
    spec = model(topology)
    proxy_service = spec["services"][SERVICE]
    proxy_service |= {"container_name": successor_name(topology.project), "networks": {LINK: {}}}
    spec["services"] = {_OTHER_SERVICE if service == SERVICE else SERVICE: proxy_service}
    spec["networks"] = {LINK: spec["networks"][LINK]}
    return spec


def _command() -> list[str]:
    return [
        "haproxy",
        "-W",
        "-db",
        "-S",
        f"{OWN_SOCKET},mode,600",
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
