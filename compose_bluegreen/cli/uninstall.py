"""``docker-bluegreen uninstall``."""

from __future__ import annotations

from compose_bluegreen.cli.verb import Verb


def uninstall() -> int:
    """Remove the plugin from docker.

    Containers and history stay.
    """
    from compose_bluegreen.cli import plugin_install

    return plugin_install.uninstall()


VERB = Verb(uninstall, ("docker-bluegreen uninstall",), of_a_project=False)
