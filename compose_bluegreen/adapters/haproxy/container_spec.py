"""The compose files of the proxy's containers."""

from __future__ import annotations

from typing import Any

from compose_bluegreen.adapters.haproxy.config import (
    LOCK,
    STATE,
    template_digest,
    template_folder,
)
from compose_bluegreen.adapters.haproxy.proxy_image import image, serve_script
from compose_bluegreen.adapters.haproxy.topology_document import TopologyDocument
from compose_bluegreen.domain.names import JOURNAL_FOLDER, LABEL, LINK, companion, proxy_name
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.topology import MONITOR_PORT, Topology

SERVICE = "proxy"
FRONT = "front"
_OTHER_SERVICE = "proxy-b"
"""The successor's service: Compose would take two containers of one service for one."""

BESIDE = "haproxy"
"""The role of a container that serves in the place of the HAProxy in the proxy's own container."""

FILES_USER = "64999:haproxy"
"""Who owns the files on both volumes, and runs the shell that has the lock. HAProxy runs as another
user of the same group: what visitors could break into reads its configuration and writes no file."""

FILES_USER_LABEL = f"{LABEL}.files-user"
"""Not there on a container of an earlier version, in which HAProxy's own user owns all files."""

CLOSE_VOLUMES = (
    f"chmod -R u=rwX,g=rX,o= {STATE} && chmod -R u=rwX,go= {JOURNAL_FOLDER}"
    f" && if [ -e {LOCK} ]; then chmod 600 {LOCK}; fi"
)
"""For all but their user: HAProxy can read its files, and neither read the journal nor take the lock."""

NUMBER_LABEL = f"{LABEL}.number"
IMAGE_LABEL = f"{LABEL}.image"
"""The reference of the image. Docker lists its id once the reference means another image."""

MADE_FOR = f"{LABEL}.made-for"
"""The label of the proxy's container with the digest of what only a new container can change. The
files on the volume are ahead of it where a command was killed before it created the new one."""


def successor_name(project: str) -> str:
    """Of a container that is about to replace the other one."""
    return f"{proxy_name(project)}-next"


def beside_name(project: str, number: int) -> str:
    return f"{companion(project)}-{BESIDE}-{number}"


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
            MADE_FOR: TopologyDocument.of(topology, template_digest()).made_for(
                topology.settings.image
            ),
            FILES_USER_LABEL: FILES_USER,
        },
        **_haproxy(0),
        "restart": "always",
        # The shared memory has HAProxy's sockets, for a container that serves beside this one.
        "ipc": "shareable",
        # The proxy does not run as root, and a service may listen on 80.
        "sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"},
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


def beside(topology: Topology, number: int) -> Model:
    """A container that takes the traffic over, in the network of the proxy's own container."""
    project = topology.project
    proxy = f"container:{proxy_name(project)}"
    service: dict[str, Any] = {
        "image": image(topology),
        "pull_policy": "never",
        "container_name": beside_name(project, number),
        "labels": {
            f"{LABEL}.project": project,
            f"{LABEL}.role": BESIDE,
            NUMBER_LABEL: str(number),
            IMAGE_LABEL: image(topology),
        },
        **_haproxy(number),
        "restart": "no",
        "network_mode": proxy,
        "pid": proxy,
        "ipc": proxy,
        "volumes": [{"type": "volume", "source": "state", "target": STATE, "read_only": True}],
    }
    return {
        "name": companion(project),
        "services": {f"{BESIDE}-{number}": service},
        "volumes": {"state": {"name": volume(project), "external": True}},
    }


def _haproxy(number: int) -> dict[str, Any]:
    """What HAProxy runs as, in either container."""
    return {
        # Compose reads `$$` as a dollar sign.
        "command": ["sh", "-c", serve_script().replace("$", "$$"), "serve", str(number)],
        "user": "haproxy",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        # Soft stop: in-flight requests get a second to finish, then the ports are free again.
        "stop_signal": "SIGUSR1",
        "stop_grace_period": "1s",
    }


def own_volumes(*, shared: bool) -> str:
    """The script that gives both volumes to their user; needs root."""
    folders = f"{STATE} {JOURNAL_FOLDER}"
    modes = f"chmod -R u=rwX,g=rwX,o= {folders}" if shared else CLOSE_VOLUMES
    return f"chown -R {FILES_USER} {folders} && {modes}"


def _port(host_ip: str, host_port: str, internal_port: int) -> dict[str, Any]:
    port: dict[str, Any] = {"target": internal_port, "protocol": "tcp", "mode": "ingress"}
    if host_ip:
        port["host_ip"] = host_ip
    if host_port:
        port["published"] = host_port
    return port
