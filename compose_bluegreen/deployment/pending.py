"""What waits: proven in the idle colour, without traffic, until a person decides."""

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
"""What a person may do about a deployment that waits."""


def pending_deployment(ctx: Context) -> Deployment | None:
    """That waits, with parts and steps. Of a project there is one at a time."""
    return next(iter(ctx.history.waiting(ctx.ref)), None)


def colours(ctx: Context) -> set[tuple[str | None, str | None]]:
    """Service and colour of what waits: nobody may take them for leftovers."""
    found = pending_deployment(ctx)
    return {(part.service, str(part.colour)) for part in found.parts} if found else set()


def hold(rollouts: Sequence[Rollout], ctx: Context) -> Step:
    """The last step of ``--no-switch``. What it names is kept as after any other release."""
    return Step(
        HOLD,
        f"hold {acts.named([rollout for rollout in rollouts if not rollout.stop_first])} back",
        "--no-switch: promote switches",
        partial(_keep, rollouts, ctx),
        enters=State.WAITING,
        services=acts.services(rollouts),
    )


def replace_pending(
    rollouts: Sequence[Rollout], deployment: int, options: DeployOptions, ctx: Context
) -> Iterator[Step]:
    """Its colour is needed, or its place: only one waits. Comes before anything of the new one
    starts, and after its images are there."""
    found = pending_deployment(ctx)
    if found is None:
        return
    needed = {rollout.service for rollout in rollouts} & {part.service for part in found.parts}
    if needed or options.no_switch:
        yield Step(
            StepKey.of(StepKind.REPLACE_WAITING, found.id),
            f"take deployment {found.id} away, which waited",
            "its colour is needed" if needed else "only one waits at a time",
            partial(_end, found, f"deployment {deployment} took its place", rollouts, ctx),
            services=tuple(part.service for part in found.parts),
        )


def rollouts_of(found: Deployment, ctx: Context) -> list[Rollout]:
    """Raises BluegreenError where its colour isn't the idle one any more."""
    routes = acts.live(ctx)
    for part in found.parts:
        if routes.get(part.service) is part.colour:
            raise BluegreenError(
                f"deployment {found.id} waits on {part.service}-{part.colour}, which has the"
                " traffic already",
                hint=Hint(Action.STATUS),
            )
    return [_move(part, routes.get(part.service), ctx) for part in found.parts]


def _move(part: DeployedService, live: Colour | None, ctx: Context) -> Rollout:
    stop_first = acts.is_replaced_stop_first(part.release, live, ctx)
    return Rollout(part.release, live, part.colour, stop_first=stop_first)


def forget_images(found: Deployment, needed: Sequence[Rollout], ctx: Context) -> None:
    """Nobody goes back to what never served."""
    still = {rollout.release.image.id for rollout in needed}
    for part in found.parts:
        if part.release.image.id not in still:
            images.forget(part.release, ctx)


def _keep(rollouts: Sequence[Rollout], ctx: Context) -> None:
    for rollout in rollouts:
        ctx.workloads.tag(rollout.release.image.id, rollout.release.kept_tag)
        if built_here(rollout.release):
            images.point_at_what_serves(rollout.release, ctx)


def _end(found: Deployment, why: str, needed: Sequence[Rollout], ctx: Context) -> str:
    """Written first: whoever is killed after it leaves a colour that the next one clears away."""
    rollouts = rollouts_of(found, ctx)
    waited = f"waited since {found.held_since:%Y-%m-%d %H:%M} UTC"
    ctx.history.to(found.id, State.INTERRUPTED, ctx.clock.now(), f"{waited}; {why}")
    said = [text for rollout in rollouts if (text := acts.clear(rollout, ctx))]
    forget_images(found, needed, ctx)
    return "; ".join([waited, *said])
