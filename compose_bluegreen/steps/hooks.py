"""Hooks: commands of a release that run at certain moments of a deployment.

A one-off container has the image of the release that has the hook. ``exec`` runs in the new colour if
it is running at that moment, and otherwise in the live colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from compose_bluegreen.config.hook_settings import Hook, Moment
from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.config.types import unescaped
from compose_bluegreen.domain import durations
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.errors import BluegreenError, HookFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.names import companion
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.states import Outcome
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.runner import HOST_VARIABLE, CommandResult, OneOff
from compose_bluegreen.runtime.interrupts import shielded
from compose_bluegreen.steps.rollout import Readiness, Rollout
from compose_bluegreen.steps.saga import OnFailure, Step
from compose_bluegreen.steps.source import DeployOptions

_BEFORE_IT_IS_UP = (Moment.PRE_DEPLOY, Moment.ON_FAILURE)


@dataclass(frozen=True, slots=True)
class HookContext:
    """What a hook runs for. ``of`` is the release that has the hook, ``rollout`` the way of its service.
    ``before`` is the previous release; None: history has it."""

    moment: Moment
    rollout: Rollout
    of: Release
    deployment: int
    reason: str = ""
    before: Release | None = None

    @property
    def colour(self) -> Colour | None:
        """The colour in which ``exec`` runs."""
        return self.rollout.live if self.moment in _BEFORE_IT_IS_UP else self.rollout.idle


@dataclass(frozen=True, slots=True)
class NamedHook:
    """A hook of a release. ``key`` is the key of its step, by which history shows whether the hook ran."""

    key: StepKey
    name: str
    container: str
    """The part of its one-off container's name before the deployment's id."""
    hook: Hook


def hooks_of(release: Release, moment: Moment) -> list[NamedHook]:
    hooks = restored(release.settings).hooks.of_moment(moment)
    return [
        _called(release.service, moment, hook, number, alone=len(hooks) == 1)
        for number, hook in enumerate(hooks, start=1)
    ]


def _called(service: str, moment: Moment, hook: Hook, number: int, *, alone: bool) -> NamedHook:
    return NamedHook(
        StepKey.of(StepKind.HOOK, moment, number, service),
        f"{moment}{'' if alone else f' {number}'} of {service}",
        f"{moment}{'' if alone else f'-{number}'}-of-{service}",
        hook,
    )


def moments_for(*, goes_back: bool) -> list[Moment]:
    """The moments at which the hooks of a release run.

    A rollback has no ``pre_deploy``: the release was prepared when it was new, and its migrations may
    not know the newer ones.
    """
    late = [Moment.POST_START, Moment.PRE_SWITCH, Moment.POST_SWITCH, Moment.ON_FAILURE]
    return late if goes_back else [Moment.PRE_DEPLOY, *late]


def steps(
    moment: Moment,
    rollouts: Sequence[Rollout],
    deployment: int,
    options: DeployOptions,
    ctx: Context,
) -> Iterator[Step]:
    """The hook steps of the releases that become live."""
    if not options.hooks or moment not in moments_for(goes_back=options.goes_back):
        return
    for rollout in rollouts:
        if moment is Moment.POST_START and rollout.ready is Readiness.WARM:
            continue
        yield from _steps(HookContext(moment, rollout, rollout.release, deployment), ctx)


def on_failure(
    rollouts: Sequence[Rollout], deployment: int, options: DeployOptions, ctx: Context
) -> OnFailure:
    def on_failure(reason: str) -> Iterator[Step]:
        for rollout in rollouts if options.hooks else ():
            context = HookContext(Moment.ON_FAILURE, rollout, rollout.release, deployment, reason)
            yield from _steps(context, ctx, required=False)

    return OnFailure(on_failure)


def on_rollback(
    taken_back: Iterable[Release],
    rollouts: Iterable[Rollout],
    deployment: int,
    options: DeployOptions,
    ctx: Context,
) -> Iterator[Step]:
    """Hooks of the releases that are rolled back, because only they know how to undo their work."""
    by_service = {rollout.service: rollout for rollout in rollouts}
    for release in taken_back if options.hooks else ():
        if rollout := by_service.get(release.service):
            context = HookContext(
                Moment.ON_ROLLBACK, rollout, release, deployment, "rollback", before=release
            )
            yield from _steps(context, ctx, required=False)


def missed_on_rollback(
    deployment: Deployment, rollouts: Sequence[Rollout], ctx: Context
) -> Iterator[Step]:
    """The ``on_rollback`` hooks of an interrupted rollback."""
    if deployment.rollback_of is None or not goes_back(deployment):
        return
    taken_back = ctx.history.get(deployment.rollback_of)
    releases = [part.release for part in taken_back.parts] if taken_back else []
    yield from on_rollback(releases, rollouts, deployment.id, DeployOptions(), ctx)


def goes_back(deployment: Deployment) -> bool:
    """Whether an interrupted deployment goes back to an older release; see ``RollbackTarget.goes_back``."""
    before, after = deployment.rollback_of, deployment.restores
    return after is not None and (before is None or after < before)


def unfinished_hooks(deployment: Deployment) -> list[str]:
    """``post_switch`` hooks that did not finish because the command was killed."""
    ended = {step.key for step in deployment.steps if step.outcome is not Outcome.RUNNING}
    hooked = (hooks_of(part.release, Moment.POST_SWITCH) for part in deployment.parts)
    return [
        named_hook.name
        for named_hooks in hooked
        for named_hook in named_hooks
        if str(named_hook.key) not in ended
    ]


def refuse_untrusted(release: Release, moments: Iterable[Moment], ctx: Context) -> None:
    """Raises HookFailed for a host command that no compose file on this host contained.

    History is on the engine, so its commands run on this host only if this host knows them already.
    """
    for moment in moments:
        for named_hook in hooks_of(release, moment):
            if named_hook.hook.host:
                _assure_trust(named_hook, ctx)


def trust(release: Release, ctx: Context) -> None:
    """Trusts the host commands of a release that comes from a compose file on this host."""
    for moment in Moment:
        for named_hook in hooks_of(release, moment):
            if named_hook.hook.host:
                ctx.runner.trust(named_hook.hook.host)


def clear(ctx: Context) -> None:
    """Removes one-off containers of hooks, also those that killed commands left."""
    containers = ctx.engine.hook_containers(ctx.project)
    if containers:
        ctx.workloads.remove(containers)


def _steps(context: HookContext, ctx: Context, *, required: bool = True) -> Iterator[Step]:
    for named_hook in hooks_of(context.of, context.moment):
        yield Step(
            named_hook.key,
            named_hook.name,
            f"its hook, {_location(named_hook.hook, context)}:"
            f" {unescaped(named_hook.hook.command)[0]}",
            partial(_run, named_hook, context, ctx),
            required=required and named_hook.hook.required,
        )


def _location(hook: Hook, context: HookContext) -> str:
    if hook.host:
        return "on this host"
    if hook.run:
        return "in a one-off container"
    return f"in {context.of.service}-{context.colour}" if context.colour else "in the live colour"


def _run(named_hook: NamedHook, context: HookContext, ctx: Context) -> str:
    hook = named_hook.hook
    result = (
        _inside(named_hook, context, ctx) if hook.exec else _elsewhere(named_hook, context, ctx)
    )
    if result.code == 0:
        return result.output
    limit = durations.show(hook.timeout)
    outcome = (
        f"did not end within {limit}"
        if result.code is None
        else f"ended with exit code {result.code}"
    )
    if result.code is None and hook.exec:
        outcome += ", and may still run there"
    raise HookFailed(
        f"{named_hook.name} {outcome}",
        detail=result.output,
        hint=Hint("fix it and run ", Action.UP, " again; its output is above"),
    )


def _elsewhere(named_hook: NamedHook, context: HookContext, ctx: Context) -> CommandResult:
    hook, environment = named_hook.hook, _environment(context, ctx)
    if hook.host:
        _assure_trust(named_hook, ctx)
        return ctx.runner.here(unescaped(hook.host), environment, hook.timeout)
    project = context.rollout.project
    name = f"{companion(project)}-{named_hook.container}-{context.deployment}"
    with _cleared(ctx):
        job = OneOff(context.of, name, unescaped(hook.run or ()), environment)
        return ctx.runner.one_off(job, hook.timeout)


def _inside(named_hook: NamedHook, context: HookContext, ctx: Context) -> CommandResult:
    containers = (
        ctx.colour_containers(context.rollout.service, context.colour) if context.colour else []
    )
    running = [container for container in containers if container.running]
    if not running and context.moment in _BEFORE_IT_IS_UP:
        return CommandResult(0, f"skipped: no container of {context.rollout.service} is running")
    if not running:
        raise HookFailed(
            f"{named_hook.name} can't run: no container of {context.rollout.service} is running"
        )
    environment = _environment(context, ctx)
    return ctx.runner.inside(
        running[0], unescaped(named_hook.hook.command), environment, named_hook.hook.timeout
    )


@contextmanager
def _cleared(ctx: Context) -> Iterator[None]:
    """Removes the container before, because its name must be free, and after, also on failure."""
    clear(ctx)
    try:
        yield
    finally:
        with shielded(ctx.observer.remark):
            try:
                clear(ctx)
            except BluegreenError as error:
                problem = "the container of the hook was not removed; the next up removes it"
                ctx.observer.remark(f"warning: {problem}: {error.message}")


def _assure_trust(named_hook: NamedHook, ctx: Context) -> None:
    if not ctx.runner.trusts(named_hook.hook.command):
        raise HookFailed(
            f"{named_hook.name} would run on this host, but no compose file on this host contained it:"
            " it comes from history on the engine",
            hint=f"set {HOST_VARIABLE}=1 to let it run, or roll back with --no-hooks",
        )


def _environment(context: HookContext, ctx: Context) -> dict[str, str]:
    """The environment of a hook; documented in docs/reference/hooks.md."""
    rollout, before = context.rollout, context.before or _before(context, ctx)
    image, was = rollout.release.image, before.image if before else None
    return {
        "BLUEGREEN_HOOK": context.moment.value,
        "BLUEGREEN_PROJECT": rollout.project,
        "BLUEGREEN_SERVICE": rollout.service,
        "BLUEGREEN_DEPLOYMENT": str(context.deployment),
        "BLUEGREEN_COLOUR": str(rollout.idle),
        "BLUEGREEN_PREVIOUS_COLOUR": str(rollout.live or ""),
        "BLUEGREEN_IMAGE": image.reference,
        "BLUEGREEN_IMAGE_ID": image.id,
        "BLUEGREEN_PREVIOUS_IMAGE": was.reference if was else "",
        "BLUEGREEN_PREVIOUS_IMAGE_ID": was.id if was else "",
        "BLUEGREEN_REASON": context.reason.replace("\0", ""),
    }


def _before(context: HookContext, ctx: Context) -> Release | None:
    part = ctx.live_part(context.rollout.service)
    return part.release if part else None
