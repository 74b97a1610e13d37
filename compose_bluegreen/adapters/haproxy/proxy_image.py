"""The default image of the proxy, named after the instructions that build it.

A new version of this program with another Dockerfile, or another base image in it, has another tag
and builds its image when it next creates a container. The image of a container that runs stays. The
template of the configuration is no part of the image.
"""

from __future__ import annotations

from functools import cache

from compose_bluegreen.adapters.haproxy.config import instructions_digest, template_folder
from compose_bluegreen.domain.topology import Topology

REPOSITORY = "compose-bluegreen/haproxy"


def image(topology: Topology) -> str:
    """The user's image, or the default one."""
    return topology.settings.image or f"{REPOSITORY}:{instructions_digest(dockerfile())[:12]}"


def is_default(reference: str) -> bool:
    """Whether it is the default image of this version, or of another one."""
    return reference.startswith(f"{REPOSITORY}:")


@cache
def serve_script() -> str:
    """What its containers run, without the comments. The image may be the user's own."""
    text = (template_folder() / "serve.sh").read_text(encoding="utf-8")
    return "".join(
        f"{line}\n" for line in text.splitlines() if line and not line.lstrip().startswith("#")
    )


@cache
def dockerfile() -> str:
    return (template_folder() / "Dockerfile").read_text(encoding="utf-8")
