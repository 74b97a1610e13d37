"""Removes what a test or a benchmark left on the engine."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


def sweep(project: str) -> None:
    """Every container, network, volume and image whose name begins with that, and no other."""
    # By id: of networks, Docker allows two of one name.
    _remove(("rm", "--force", "--volumes"), project, "ps", "--all", form="{{.ID}} {{.Names}}")
    _remove(("network", "rm"), project, "network", "ls", form="{{.ID}} {{.Name}}")
    _remove(("volume", "rm", "--force"), project, "volume", "ls", form="{{.Name}} {{.Name}}")
    for prefix in (project, f"bluegreen/{project}"):
        tag = "{{.Repository}}:{{.Tag}}"
        _remove(("rmi", "--force"), prefix, "images", form=f"{tag} {tag}")
    labelled = f"label=com.docker.compose.project={project}"
    _docker("image", "prune", "--force", "--filter", labelled)


def _remove(how: Sequence[str], prefix: str, *listing: str, form: str) -> None:
    """``form`` gives an id and a name a line."""
    rows = [line.split() for line in _docker(*listing, "--format", form).splitlines()]
    if found := [id_ for id_, name in rows if name.startswith(prefix)]:
        _docker(*how, *found)


def _docker(*words: str) -> str:
    asked = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    return asked.stdout
