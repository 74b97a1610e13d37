"""``docker-bluegreen doctor``."""

from __future__ import annotations

from compose_bluegreen.cli.options import Format, Output
from compose_bluegreen.cli.verb import Verb


def doctor(output: Output = Format.TABLE) -> int:
    """Check this machine and print a remedy for each problem.

    Checks docker, this plugin, the engine (version, image store, clock, addresses for networks, disk), compose,
    buildx, each proxy and the location of the history, over the connection that commands use.
    """
    from compose_bluegreen.cli import machine_checks

    return machine_checks.check_machine(output)


VERB = Verb(
    doctor, ("docker-bluegreen doctor", "docker-bluegreen doctor --format json"), of_a_project=False
)
