"""``docker-bluegreen doctor``."""

from __future__ import annotations

from compose_bluegreen.cli.verb import Verb


def doctor() -> int:
    """Check this machine and print a remedy for each problem.

    Checks docker, compose, the engine, this plugin and the location of the history.
    """
    from compose_bluegreen.cli import machine_checks

    return machine_checks.check_machine()


VERB = Verb(doctor, ("docker-bluegreen doctor",), of_a_project=False)
