"""``docker-bluegreen install``."""

from __future__ import annotations

from compose_bluegreen.cli.verb import Verb


def install() -> int:
    """Register the plugin with docker."""
    from compose_bluegreen.cli import plugin_install

    return plugin_install.install()


VERB = Verb(install, ("docker-bluegreen install",), of_a_project=False)
