"""Workers that must never run twice: the old one goes right before the switch, then the new starts.

The old one is removed and not only stopped, for a restart of the daemon would bring it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from compose_bluegreen.domain.errors import NeedsPerson
from compose_bluegreen.domain.hints import Action, Command, Flag, Hint
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Rollout
from compose_bluegreen.steps.saga import Step, Undo
from compose_bluegreen.steps.source import DeployOptions


def replace_workers(
    rollouts: Sequence[Rollout], deployment: int, options: DeployOptions, ctx: Context
) -> Iterator[Step]:
    """What comes between the proof of all others and the switch of all."""
    late = [rollout for rollout in rollouts if rollout.stop_first]
    if not late:
        return
    cause, names = "order: stop-first", acts.named(late)
    begins = State.STARTING if len(late) == len(rollouts) else None
    if old := [rollout for rollout in late if rollout.live]:
        who = _old(old)
        back = Undo(f"start {who} again", partial(bring_back, old, ctx))
        act = partial(_take_away, old, ctx)
        about = acts.services(old)
        yield Step(_key("stop"), f"stop {who}", cause, act, back, enters=begins, services=about)
        begins = None
    yield Step(
        _key("start"),
        f"start {names}",
        cause,
        partial(acts.start, late, options, deployment, ctx),
        # It can't wait: what comes next starts the old one.
        Undo(f"remove {names}", partial(acts.remove_idle, late, ctx)),
        enters=begins,
        services=acts.services(late),
    )
    yield Step(
        _key("health"),
        f"wait until {names} {acts.are(late)} healthy",
        "what isn't well is taken back",
        partial(acts.all_healthy, late, options, ctx),
        services=acts.services(late),
    )


def missing_old(rollouts: Sequence[Rollout], ctx: Context) -> list[Rollout]:
    """Those whose old one was taken away, by a deployment that never came to its end."""
    return [
        rollout
        for rollout in rollouts
        if rollout.stop_first and rollout.live and not _there(rollout, ctx)
    ]


def bring_back(rollouts: Sequence[Rollout], ctx: Context) -> None:
    """As history has it, by the same image. Raises NeedsPerson where history doesn't know it."""
    for rollout in rollouts:
        if rollout.live is None or _there(rollout, ctx):
            continue
        live = ctx.live_colour(rollout.service)
        if live is None or live.colour is not rollout.live:
            raise NeedsPerson(
                f"history doesn't know what {rollout.service}-{rollout.live} was",
                hint=Hint(Command(Action.UP, flags=(Flag.FORCE,))),
            )
        ctx.workloads.start_colours([live])


def restart_old(rollouts: Sequence[Rollout], ctx: Context) -> Iterator[Step]:
    """One step, where any has to come back."""
    if old := missing_old(rollouts, ctx):
        yield Step(
            _key("restore"),
            f"start {_old(old)} again",
            "it was taken away, and no other runs",
            partial(bring_back, old, ctx),
            services=acts.services(old),
        )


def _take_away(rollouts: Sequence[Rollout], ctx: Context) -> None:
    names = [
        one.name
        for rollout in rollouts
        if rollout.live
        for one in acts.containers(rollout, rollout.live, ctx)
    ]
    if names:
        ctx.workloads.remove(names)


def _there(rollout: Rollout, ctx: Context) -> bool:
    found = acts.containers(rollout, rollout.live, ctx) if rollout.live else ()
    return any(one.running for one in found)


def _key(detail: str) -> StepKey:
    return StepKey(StepKind.STOP_FIRST, detail)


def _old(rollouts: Sequence[Rollout]) -> str:
    return acts.those([(rollout, rollout.live) for rollout in rollouts if rollout.live])
