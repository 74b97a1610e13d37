"""``proxy reload`` and ``proxy recreate``: changes of the proxy without a deployment."""

from __future__ import annotations

from datetime import timedelta

from compose_bluegreen.config.compose_file import Project
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.domain.topology import Change, Topology
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.lock import LockOwner
from compose_bluegreen.steps import locking, proxy_changes
from compose_bluegreen.steps.desired_topology import for_project, opened
from compose_bluegreen.steps.saga import Step, run_step


def reload(project: Project, ctx: Context, patience: timedelta | None = None) -> None:
    """Applies the compose file's proxy settings without dropping requests.

    Raises BluegreenError if the settings need a new proxy container.
    """
    wanted = _wanted(project, ctx)
    with locking.until_alone(
        LockOwner(ctx.caller.actor, "proxy reload", ctx.clock.now()), patience, ctx
    ):
        change = ctx.proxy.change_to(wanted)
        if change not in (Change.NONE, Change.RELOAD):
            raise BluegreenError(
                "the proxy settings in the compose file need a new proxy container",
                hint=Hint(Action.PROXY_RECREATE, ", when a short gap suits you"),
            )
        run_step(proxy_changes.proxy_step(wanted, Change.RELOAD, ctx), ctx)


def recreate(
    project: Project,
    ctx: Context,
    patience: timedelta | None = None,
    *,
    pull: bool = False,
) -> None:
    """Replaces HAProxy without downtime, or with a new container if it must, and reports the downtime.
    If it fails, the old one serves.

    ``pull`` renews its image first: it pulls ``proxy.image``, or builds the default image again.
    """
    wanted = _wanted(project, ctx)
    if pull:
        run_step(_renewal(wanted, ctx), ctx)
    with locking.until_alone(
        LockOwner(ctx.caller.actor, "proxy recreate", ctx.clock.now()), patience, ctx
    ):
        change = ctx.proxy.change_to_renew(wanted)
        run_step(proxy_changes.proxy_step(wanted, change, ctx), ctx)


def _renewal(wanted: Topology, ctx: Context) -> Step:
    image = wanted.settings.image
    name = f"pull {image}" if image else "build the proxy's image again"
    key = StepKey(StepKind.PROXY, "image")
    return Step(key, name, "--pull", lambda: ctx.proxy.renew_image(wanted))


def _wanted(project: Project, ctx: Context) -> Topology:
    """The topology of the services that are released already."""
    now = ctx.proxy.topology()
    if now is None:
        raise BluegreenError(
            f"there is no proxy of {project.name}", hint=Hint(Action.UP, " makes one")
        )
    return opened(for_project(project, [], now), project)
