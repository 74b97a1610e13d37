"""The cleanup after a deployment went live: remove the old colour, keep new images, remove old images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from compose_bluegreen.domain.release import is_worker
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import images, proxy_changes, standby
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Rollout
from compose_bluegreen.steps.saga import Step


def leftover(rollout: Rollout, cause: str, ctx: Context) -> Step:
    """Removes an idle colour that a deployment did not remove."""
    key = StepKey.of(StepKind.REMOVE, "leftover", rollout.service)
    return Step(key, f"remove {rollout.name}", cause, partial(acts.clear, rollout, ctx))


def cleanup(
    rollouts: Sequence[Rollout], ctx: Context, once_it_is_gone: Iterable[Step] = ()
) -> Iterator[list[Step]]:
    """Runs when the deployment is live. A failure is a warning, and skips only the rest of its list:
    a colour that could not be drained is not removed."""
    old = [
        (rollout, rollout.live) for rollout in rollouts if rollout.live and not rollout.stop_first
    ]
    if with_traffic := [
        (rollout, colour) for rollout, colour in old if not is_worker(rollout.release)
    ]:
        names = acts.colour_names(with_traffic)
        cause = "it receives no new requests"
        drain = Step(
            StepKey(StepKind.DRAIN),
            f"drain {names}",
            cause,
            partial(acts.drain_all, with_traffic, ctx),
            services=acts.services([rollout for rollout, _ in with_traffic]),
        )
        yield [drain, *standby.retire(old, ctx)]
    else:
        yield list(standby.retire(old, ctx))
    if existing := [container for rollout in rollouts for container in rollout.existing_containers]:
        # Anonymous volumes are kept: they have the user's data, and no other container uses them.
        remove = partial(ctx.workloads.remove, existing, keep_volumes=True)
        cause = "the proxy has its ports and its name now"
        yield [
            Step(
                StepKey(StepKind.REMOVE, "own"),
                f"remove {proxy_changes.names(existing)}",
                cause,
                remove,
            )
        ]
    for step in once_it_is_gone:
        yield [step]
    for step in images.steps([rollout.release for rollout in rollouts], ctx):
        yield [step]
    for step in standby.end_expired(ctx):
        yield [step]
