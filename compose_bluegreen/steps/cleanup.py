"""What is left to do once a deployment stands: the old colour goes, images are kept and let go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from compose_bluegreen.domain.release import works_unasked
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import images, proxy_changes, standby
from compose_bluegreen.steps import rollout as acts
from compose_bluegreen.steps.rollout import Move
from compose_bluegreen.steps.saga import Step


def aftermath(
    moves: Sequence[Move], ctx: Context, once_it_is_gone: Iterable[Step] = ()
) -> Iterator[list[Step]]:
    """After the deployment stands: a failure is a warning, and only ends the list that it is in.

    What could not be drained is not removed.
    """
    old = [(move, move.live) for move in moves if move.live and not move.exchanged]
    if asked := [(move, colour) for move, colour in old if not works_unasked(move.release)]:
        names = acts.those(asked)
        cause = "no new request reaches it"
        drain = Step(f"drain {names}", cause, partial(acts.drain_all, asked, ctx))
        yield [drain, *standby.retire(old, ctx)]
    else:
        yield list(standby.retire(old, ctx))
    if holders := [one for move in moves for one in move.held_by]:
        # What it wrote to an anonymous volume is the user's, and nobody has it yet.
        remove = partial(ctx.workloads.remove, [one.name for one in holders], keep_volumes=True)
        cause = "the proxy has its ports and its name"
        yield [Step(f"remove {proxy_changes.names(holders)}", cause, remove)]
    for step in once_it_is_gone:
        yield [step]
    for step in images.steps([move.release for move in moves], ctx):
        yield [step]
    for step in standby.end(ctx):
        yield [step]
