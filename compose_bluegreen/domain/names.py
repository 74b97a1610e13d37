"""Names of this plugin's containers and networks on the engine, and its key in the compose file."""

from __future__ import annotations

import re

from compose_bluegreen.domain.colour import Colour

KEY = "x-bluegreen"
"""The key of this plugin in the compose file."""

SERVICE_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9._-]{0,254}")
"""A name that begins with a dash could be read as a flag by another program."""

LABEL = "compose-bluegreen"
"""The prefix of the labels of this plugin's containers, networks and volumes."""

LINK = "bluegreen-link"
"""The network that only the proxy and the colours share, in their compose files."""

JOURNAL_FOLDER = "/var/lib/bluegreen-history"
"""Where the proxy's container has the volume with the journal of history. ``down`` leaves it."""


def companion(project: str) -> str:
    """The Compose project of the proxy and the colours.

    ``up --remove-orphans`` in the user's own project does not remove them there.
    """
    return f"{project}-bluegreen"


def proxy_name(project: str) -> str:
    """The proxy's container."""
    return f"{companion(project)}-proxy"


def replica_name(project: str, service: str, colour: Colour, number: int) -> str:
    """The name of a replica's container; ``number`` counts from 1."""
    return f"{companion(project)}-{service}-{colour}-{number}"
