"""The pending deployment: healthy in the idle colour, without requests, until a person decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService, Deployment
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.release import built_here
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import HOLD, StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import images
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Rollout
from compose_bluegreen.steps.saga import Step
from compose_bluegreen.steps.source import DeployOptions

DECIDE = Hint(Action.PROMOTE, " switches to it, ", Action.ABORT, " removes it")
"""The commands for a pending deployment."""


def pending_deployment(ctx: Context) -> Deployment | None:
    """The deployment waiting for promotion, with services and steps. A project has at most one."""
    return next(iter(ctx.history.waiting(ctx.ref)), None)


def colours(ctx: Context) -> set[tuple[str | None, str | None]]:
    """Services and colours of the pending deployment, which are not leftovers."""
    deployment = pending_deployment(ctx)
    return {(part.service, str(part.colour)) for part in deployment.parts} if deployment else set()


def hold(rollouts: Sequence[Rollout], ctx: Context) -> Step:
    """The last step of ``--no-switch``. It keeps the images, as any other release does."""
    return Step(
        HOLD,
        f"leave {acts.named([rollout for rollout in rollouts if not rollout.stop_first])} waiting",
        "--no-switch: promote switches",
        partial(_keep, rollouts, ctx),
        enters=State.WAITING,
        services=acts.services(rollouts),
    )


def replace_pending(
    rollouts: Sequence[Rollout], deployment: int, options: DeployOptions, ctx: Context
) -> Iterator[Step]:
    """Removes the pending deployment if its colour is needed, or if the new one will wait as well.

    Runs when the new images are ready, and before the new deployment starts anything.
    """
    waiting = pending_deployment(ctx)
    if waiting is None:
        return
    needed = {rollout.service for rollout in rollouts} & {part.service for part in waiting.parts}
    if needed or options.no_switch:
        yield Step(
            StepKey.of(StepKind.REPLACE_WAITING, waiting.id),
            f"remove waiting deployment {waiting.id}",
            "its colour is needed" if needed else "only one deployment can wait at a time",
            partial(_end, waiting, f"deployment {deployment} replaced it", rollouts, ctx),
            services=tuple(part.service for part in waiting.parts),
        )


def rollouts_of(deployment: Deployment, ctx: Context) -> list[Rollout]:
    """Raises BluegreenError if its colour is no longer idle."""
    routes = acts.live(ctx)
    for part in deployment.parts:
        if routes.get(part.service) is part.colour:
            raise BluegreenError(
                f"deployment {deployment.id} waits on {part.service}-{part.colour}, which is"
                " live already",
                hint=Hint(Action.STATUS),
            )
    return [_rollout(part, routes.get(part.service), ctx) for part in deployment.parts]


def _rollout(part: DeployedService, live: Colour | None, ctx: Context) -> Rollout:
    stop_first = acts.is_replaced_stop_first(part.release, live, ctx)
    return Rollout(part.release, live, part.colour, stop_first=stop_first)


def forget_images(deployment: Deployment, needed: Sequence[Rollout], ctx: Context) -> None:
    """Removes images that never were live, because no rollback needs them."""
    still = {rollout.release.image.id for rollout in needed}
    for part in deployment.parts:
        if part.release.image.id not in still:
            images.forget(part.release, ctx)


def _keep(rollouts: Sequence[Rollout], ctx: Context) -> None:
    for rollout in rollouts:
        ctx.workloads.tag(rollout.release.image.id, rollout.release.kept_tag)
        if built_here(rollout.release):
            images.point_at_live(rollout.release, ctx)


def _end(deployment: Deployment, why: str, needed: Sequence[Rollout], ctx: Context) -> str:
    """Writes the state first: after a kill, the next command removes the colour that is left."""
    rollouts = rollouts_of(deployment, ctx)
    waited = f"waited since {deployment.held_since:%Y-%m-%d %H:%M} UTC"
    ctx.history.to(deployment.id, State.INTERRUPTED, ctx.clock.now(), f"{waited}; {why}")
    remarks = [text for rollout in rollouts if (text := acts.clear(rollout, ctx))]
    forget_images(deployment, needed, ctx)
    return "; ".join([waited, *remarks])
