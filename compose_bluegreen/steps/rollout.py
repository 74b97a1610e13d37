"""The rollout of one service from the live colour to the idle colour, and its acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import NeedsPerson
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.release import Release, is_stop_first
from compose_bluegreen.domain.topology import NO_ROUTE
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.workloads import ColourRelease
from compose_bluegreen.steps import drain as draining
from compose_bluegreen.steps import health
from compose_bluegreen.steps.batches import waves
from compose_bluegreen.steps.desired_topology import reached
from compose_bluegreen.steps.source import DeployOptions

SETTLED = timedelta(seconds=2)
"""How long a worker without a HEALTHCHECK must run to count as healthy."""


class Readiness(StrEnum):
    """Whether the idle colour has the release on standby already."""

    NONE = "none"
    STOPPED = "stopped"
    WARM = "warm"


@dataclass(frozen=True, slots=True)
class Rollout:
    """The way of one service from the live colour to the idle colour.

    ``existing_containers`` are containers of the user's own project that are live until the switch of
    the first release.
    """

    release: Release
    live: Colour | None
    idle: Colour
    existing_containers: tuple[Container, ...] = ()
    ready: Readiness = Readiness.NONE
    stop_first: bool = False
    """Never two at once: the old worker is removed right before the new one starts."""

    @property
    def project(self) -> str:
        return str(self.release.model["name"])

    @property
    def service(self) -> str:
        return self.release.service

    @property
    def name(self) -> str:
        return f"{self.service}-{self.idle}"


def plan_rollouts(releases: Sequence[Release], ctx: Context) -> list[Rollout]:
    """The colour of each release, computed from the colours that are live now.

    A new service gets the colour of the others, so that services that are always released together
    have the same colour.
    """
    routes = live(ctx)
    idle_colours = {
        routes[release.service].other for release in releases if release.service in routes
    }
    first = idle_colours.pop() if len(idle_colours) == 1 else Colour.BLUE
    rollouts = []
    for release in releases:
        colour = routes.get(release.service)
        users = ctx.compose_containers(release.service)
        existing_containers = (
            () if colour else tuple(container for container in users if container.running)
        )
        idle, stop_first = (
            colour.other if colour else first,
            is_replaced_stop_first(release, colour, ctx),
        )
        rollouts.append(Rollout(release, colour, idle, existing_containers, stop_first=stop_first))
    return rollouts


def is_replaced_stop_first(release: Release, live: Colour | None, ctx: Context) -> bool:
    """Whether the old worker is replaced stop-first. Not if it still receives requests: it must not be
    removed before the switch."""
    if not is_stop_first(release):
        return False
    topology = ctx.proxy.topology()
    route = topology.route(release.service) if topology else None
    target = route.target(live) if route and live else None
    return target is None or target.mode == NO_ROUTE


def live(ctx: Context) -> dict[str, Colour]:
    """The live colour of each service that clients can reach."""
    return reached(ctx.proxy.routes(), ctx.proxy.topology())


def services(rollouts: Sequence[Rollout]) -> tuple[str, ...]:
    return tuple(rollout.service for rollout in rollouts)


def named(rollouts: Sequence[Rollout]) -> str:
    return " and ".join(rollout.name for rollout in rollouts)


def colour_names(colours: Sequence[tuple[Rollout, Colour]]) -> str:
    """Names of any colours, live or idle."""
    return " and ".join(f"{rollout.service}-{colour}" for rollout, colour in colours)


def are(rollouts: Sequence[Rollout]) -> str:
    return "is" if len(rollouts) == 1 else "are"


def why(rollouts: Sequence[Rollout]) -> str:
    """The cause of a start step: the colours that are live now."""
    if len(rollouts) == 1:
        return f"{rollouts[0].live or 'nothing'} is live"
    return ", ".join(
        f"{rollout.service}-{rollout.live} is live" if rollout.live else f"{rollout.service} is new"
        for rollout in rollouts
    )


def containers(rollout: Rollout, colour: Colour, ctx: Context) -> list[Container]:
    """In any state."""
    return ctx.colour_containers(rollout.service, colour)


def start(
    rollouts: Sequence[Rollout], options: DeployOptions, deployment: int, ctx: Context
) -> None:
    """Starts all in parallel, except services that must be healthy before another one starts."""
    _wake([rollout for rollout in rollouts if rollout.ready is not Readiness.NONE], ctx)
    new = [rollout for rollout in rollouts if rollout.ready is Readiness.NONE]
    clear_all(new, ctx)
    previous: list[Rollout] = []
    for wave in waves([rollout.release for rollout in new]):
        if previous:
            all_healthy(previous, options, ctx)
        ours = [rollout for rollout in new if rollout.release in wave]
        ctx.workloads.start_colours([_colour_release(rollout, deployment, ctx) for rollout in ours])
        for rollout in ours:
            ctx.proxy.watch(rollout.service, rollout.idle)
        previous = ours


def _wake(rollouts: Sequence[Rollout], ctx: Context) -> None:
    """Uses colours on standby. The last result of HAProxy may be as old as its check interval, so they
    count as down until the next check."""
    stopped = [
        container
        for rollout in rollouts
        if rollout.ready is Readiness.STOPPED
        for container in containers(rollout, rollout.idle, ctx)
    ]
    if stopped:
        ctx.workloads.start(stopped)
    for rollout in rollouts:
        ctx.proxy.watch(rollout.service, rollout.idle)


def _colour_release(rollout: Rollout, deployment: int, ctx: Context) -> ColourRelease:
    colour_addresses = ctx.proxy.colour_addresses(rollout.service, rollout.idle)
    return ColourRelease(rollout.release, rollout.idle, deployment, colour_addresses)


def show(rollouts: Sequence[Rollout], ctx: Context) -> None:
    for rollout in rollouts:
        ctx.proxy.show(rollout.service, rollout.idle)


def clear(rollout: Rollout, ctx: Context) -> str:
    return clear_all([rollout], ctx)


def clear_all(rollouts: Sequence[Rollout], ctx: Context) -> str:
    """Drains before it removes: an idle colour may still answer requests from when it was live."""
    colours = [(rollout, rollout.idle) for rollout in rollouts]
    remark = drain_all(colours, ctx)
    remove_all(colours, ctx)
    return remark


def remove(rollout: Rollout, colour: Colour, ctx: Context) -> None:
    remove_all([(rollout, colour)], ctx)


def remove_idle(rollouts: Sequence[Rollout], ctx: Context) -> None:
    remove_all([(rollout, rollout.idle) for rollout in rollouts], ctx)


def remove_all(colours: Sequence[tuple[Rollout, Colour]], ctx: Context) -> None:
    if parked := _parked(colours, ctx):
        ctx.workloads.remove(parked)


def stop_all(colours: Sequence[tuple[Rollout, Colour]], ctx: Context) -> None:
    if parked := _parked(colours, ctx):
        ctx.workloads.stop(parked)


def _parked(colours: Sequence[tuple[Rollout, Colour]], ctx: Context) -> list[Container]:
    """Their containers. Refuses a live colour, because an undo may run after a partial failure."""
    routes, canary_weights = ctx.proxy.routes(), ctx.proxy.canary_weights()
    for rollout, colour in colours:
        if rollout.service in canary_weights or routes.get(rollout.service) is colour:
            name = f"{rollout.service}-{colour}"
            raise NeedsPerson(
                f"{name} receives requests and can't be removed", hint=Hint(Action.STATUS)
            )
    parked: list[Container] = []
    for rollout, colour in colours:
        ctx.proxy.park(rollout.service, colour)
        parked += containers(rollout, colour, ctx)
    return parked


def until_healthy(rollout: Rollout, options: DeployOptions, ctx: Context) -> str:
    return all_healthy([rollout], options, ctx)


def still_healthy(rollouts: Sequence[Rollout], options: DeployOptions, ctx: Context) -> str:
    """Checks colours that passed all their checks a moment ago."""
    return all_healthy(rollouts, options, ctx, settle=timedelta(0))


def all_healthy(
    rollouts: Sequence[Rollout], options: DeployOptions, ctx: Context, settle: timedelta = SETTLED
) -> str:
    return health.until_all_healthy(
        [
            health.Awaited(
                rollout.service,
                rollout.idle,
                options.timeout or restored(rollout.release.settings).deploy_timeout,
                settle,
            )
            for rollout in rollouts
        ],
        ctx,
    )


def drain_all(colours: Sequence[tuple[Rollout, Colour]], ctx: Context) -> str:
    """Drains all in parallel; each has its own ``drain_timeout``."""
    olds = [
        draining.Old(rollout.service, colour, restored(rollout.release.settings))
        for rollout, colour in colours
    ]
    return draining.drain(olds, ctx)
