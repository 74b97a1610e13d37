"""Names that this plugin gives on the engine, and its key in the compose file."""

from __future__ import annotations

from compose_bluegreen.domain.colour import Colour

LINK = "bluegreen-link"


def companion(project: str) -> str:
    """The project beside the user's, which ``up --remove-orphans`` there can't reach."""
    return f"{project}-bluegreen"


def replica_name(project: str, service: str, colour: Colour, number: int) -> str:
    """Of a container; ``number`` counts from 1."""
    return f"{companion(project)}-{service}-{colour}-{number}"


KEY = "x-bluegreen"
