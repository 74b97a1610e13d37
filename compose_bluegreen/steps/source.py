"""What somebody wants to be made live, and how far the command may go."""

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
    """How far this command may go. ``timeout`` None: each service's own ``deploy_timeout``.

    ``no_switch``: it stops where the idle colour is proven, and a person decides.

    ``patience`` is how long it waits for somebody else's deployment to end; None: not at all.

    ``bake`` False: what the settings say of watching the new colour is passed over, this once.

    ``canary`` are the steps in which traffic moves; None: each service's own.

    ``tell_plan`` makes it a dry run: it gets each step as data, and nothing is touched.

    ``goes_back``: what is prepared before a release was prepared when it was new. ``hooks`` False:
    none are run.
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
    """What is to be made live.

    ``outlines`` are the releases as far as they are known before any image is, for what the proxy
    must know depends on none. ``preparation`` finds the images out; ``releases`` then says what
    has changed: nothing, if it is empty. ``topology`` turns what the proxy knows into what the
    project wants of it. ``ground`` makes what proxy and colours stand on, once nothing is refused.
    ``taken_back`` are the releases that serve until then, if this is their rollback. ``once`` is
    what has to run, and end, before these releases start.
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
