"""Names that this plugin gives on the engine, and its key in the compose file."""

from __future__ import annotations

from compose_bluegreen.domain.colour import Colour

KEY = "x-bluegreen"
"""The key of this plugin in the compose file."""

LABEL = "compose-bluegreen"
"""What the labels of this plugin's containers, networks and volumes begin with."""

LINK = "bluegreen-link"
"""The network that only the proxy and the colours share, in their compose files."""


def companion(project: str) -> str:
    """The project beside the user's, which ``up --remove-orphans`` there can't reach."""
    return f"{project}-bluegreen"


def replica_name(project: str, service: str, colour: Colour, number: int) -> str:
    """Of a container; ``number`` counts from 1."""
    return f"{companion(project)}-{service}-{colour}-{number}"
