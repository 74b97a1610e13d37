"""The releases of a deployment, and its options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from compose_bluegreen.config.canary_stages import Stage
from compose_bluegreen.domain.deployment import NewDeployment
from compose_bluegreen.domain.plan import PlannedStep
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.topology import Topology
from compose_bluegreen.steps.saga import Step

TellPlan = Callable[[PlannedStep], None]
"""Receives the steps of a dry run, in their order."""


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """Options of one deployment. ``timeout`` None: the ``deploy_timeout`` of each service.

    ``no_switch``: stops when the idle colour is healthy, and waits for a person to decide.

    ``patience`` is how long to wait for another deployment to end; None: no wait.

    ``bake`` False: skips the bake of the settings in this deployment.

    ``canary`` are the stages of the canary; None: the stages of each service.

    ``tell_plan`` makes it a dry run: it receives each step as data, and nothing changes.

    ``goes_back``: a rollback to an older release, which needs no ``pre_deploy``. ``hooks`` False: no
    hook runs.
    """

    timeout: timedelta | None = None
    recreate_proxy: bool = False
    take_over: bool = False
    no_switch: bool = False
    tell_plan: TellPlan | None = None
    goes_back: bool = False
    hooks: bool = True
    patience: timedelta | None = None
    bake: bool = True
    canary: tuple[Stage, ...] | None = None


@dataclass(frozen=True, slots=True)
class ReleaseSource:
    """Where the releases of a deployment come from.

    ``outlines`` are the releases without their images, because the proxy's configuration depends on no
    image. ``preparation`` finds the images; then ``releases`` returns the changed releases, or none.
    ``topology`` computes the topology of the project from the topology of the proxy. ``ground``
    creates networks and volumes, after all refusals. ``taken_back`` are the live releases that this
    rollback replaces. ``once`` has the one-off jobs that must end before these releases start.
    """

    new_deployment: NewDeployment
    outlines: Sequence[Release]
    preparation: Sequence[Step]
    releases: Callable[[], Sequence[Release]]
    topology: Callable[[Topology | None], Topology]
    options: DeployOptions
    ground: Callable[[], None] = lambda: None
    taken_back: Sequence[Release] = ()
    once: Callable[[Sequence[Release]], Iterable[Step]] = lambda _: ()
