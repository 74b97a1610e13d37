"""Commands that a release brings along, run at their moments of a deployment.

A one-off container runs in the release that has the hook; ``exec`` goes to the colour that is up for
the deployment at that moment, or where there is none to the one that serves.
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
from compose_bluegreen.domain.deployment import Deployment, Outcome
from compose_bluegreen.domain.errors import BluegreenError, HookFailed
from compose_bluegreen.domain.names import companion
from compose_bluegreen.domain.release import Release
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.runner import HOST_VARIABLE, OneOff, Ran
from compose_bluegreen.runtime.interrupts import shielded
from compose_bluegreen.steps.rollout import Move, Readiness
from compose_bluegreen.steps.saga import Farewell, Step
from compose_bluegreen.steps.source import Terms

_BEFORE_IT_IS_UP = (Moment.PRE_DEPLOY, Moment.ON_FAILURE)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a hook is told. ``move`` is what the deployment brings, ``of`` the release whose hook it
    is; ``before`` is what served before, None where only history can tell."""

    moment: Moment
    move: Move
    of: Release
    deployment: int
    reason: str = ""
    before: Release | None = None

    @property
    def colour(self) -> Colour | None:
        """Where ``exec`` goes."""
        return self.move.live if self.moment in _BEFORE_IT_IS_UP else self.move.idle


@dataclass(frozen=True, slots=True)
class Called:
    """A hook with the name of its step, by which history is asked whether it ran."""

    name: str
    hook: Hook


def hooks_of(release: Release, moment: Moment) -> list[Called]:
    found = restored(release.settings).hooks.at(moment)
    alone = len(found) == 1
    return [
        Called(f"{moment}{'' if alone else f' {number}'} of {release.service}", hook)
        for number, hook in enumerate(found, start=1)
    ]


def brought(*, goes_back: bool) -> list[Moment]:
    """The moments of a release that a deployment brings. One that comes back was prepared when it
    was new, and its migrations may not even know the newer ones."""
    late = [Moment.POST_START, Moment.PRE_SWITCH, Moment.POST_SWITCH, Moment.ON_FAILURE]
    return late if goes_back else [Moment.PRE_DEPLOY, *late]


def steps(
    moment: Moment, moves: Sequence[Move], deployment: int, terms: Terms, ctx: Context
) -> Iterator[Step]:
    """Those of the releases that are brought."""
    if not terms.hooks or moment not in brought(goes_back=terms.goes_back):
        return
    for move in moves:
        if moment is Moment.POST_START and move.ready is Readiness.WARM:
            continue
        yield from _steps(Scene(moment, move, move.release, deployment), ctx)


def if_it_fails(moves: Sequence[Move], deployment: int, terms: Terms, ctx: Context) -> Farewell:
    def on_failure(reason: str) -> Iterator[Step]:
        for move in moves if terms.hooks else ():
            scene = Scene(Moment.ON_FAILURE, move, move.release, deployment, reason)
            yield from _steps(scene, ctx, required=False)

    return Farewell(on_failure)


def on_rollback(
    taken_back: Iterable[Release],
    moves: Iterable[Move],
    deployment: int,
    terms: Terms,
    ctx: Context,
) -> Iterator[Step]:
    """Of releases that no longer serve: they alone know what they did."""
    brought = {move.service: move for move in moves}
    for release in taken_back if terms.hooks else ():
        if move := brought.get(release.service):
            scene = Scene(Moment.ON_ROLLBACK, move, release, deployment, "rollback", before=release)
            yield from _steps(scene, ctx, required=False)


def owed(found: Deployment, moves: Sequence[Move], ctx: Context) -> Iterator[Step]:
    """To the releases that a rollback took back which somebody else had begun."""
    if found.rollback_of is None or not goes_back(found):
        return
    taken_back = ctx.history.get(found.rollback_of)
    releases = [part.release for part in taken_back.parts] if taken_back else []
    yield from on_rollback(releases, moves, found.id, Terms(), ctx)


def goes_back(found: Deployment) -> bool:
    """As ``Target.goes_back`` has it, of one that was begun before."""
    before, after = found.rollback_of, found.restores
    return after is not None and (before is None or after < before)


def missed(deployment: Deployment) -> list[str]:
    """Hooks of a release that has the traffic, which a kill kept from running to their end."""
    ended = {step.name for step in deployment.steps if step.outcome is not Outcome.RUNNING}
    hooked = (hooks_of(part.release, Moment.POST_SWITCH) for part in deployment.parts)
    return [called.name for each in hooked for called in each if called.name not in ended]


def refuse_strangers(release: Release, moments: Iterable[Moment], ctx: Context) -> None:
    """History is on the engine: what it says is run here only if a file that lies here said so too.

    Raises HookFailed.
    """
    for moment in moments:
        for called in hooks_of(release, moment):
            if called.hook.host:
                _assure_trust(called, ctx)


def trust(release: Release, ctx: Context) -> None:
    """Its hooks come from a compose file here."""
    for moment in Moment:
        for called in hooks_of(release, moment):
            if called.hook.host:
                ctx.runner.trust(called.hook.host)


def clear(ctx: Context) -> None:
    """One-off containers of hooks, also those of commands that were killed."""
    left = ctx.engine.hook_containers(ctx.project)
    if left:
        ctx.workloads.remove([one.name for one in left])


def _steps(scene: Scene, ctx: Context, *, required: bool = True) -> Iterator[Step]:
    for called in hooks_of(scene.of, scene.moment):
        yield Step(
            called.name,
            f"its hook, {_where(called.hook, scene)}: {unescaped(called.hook.words)[0]}",
            partial(_run, called, scene, ctx),
            required=required and called.hook.required,
        )


def _where(hook: Hook, scene: Scene) -> str:
    if hook.host:
        return "on this host"
    if hook.run:
        return "in a one-off container"
    return f"in {scene.of.service}-{scene.colour}" if scene.colour else "in what serves"


def _run(called: Called, scene: Scene, ctx: Context) -> str:
    hook = called.hook
    ran = _inside(called, scene, ctx) if hook.exec else _elsewhere(called, scene, ctx)
    if ran.code == 0:
        return ran.said
    limit = durations.show(hook.timeout)
    how = f"did not end within {limit}" if ran.code is None else f"ended with exit code {ran.code}"
    if ran.code is None and hook.exec:
        how += ", and may still run there"
    raise HookFailed(
        f"{called.name} {how}",
        detail=ran.said,
        hint="mend it and run docker bluegreen up again; its output is above",
    )


def _elsewhere(called: Called, scene: Scene, ctx: Context) -> Ran:
    hook, told = called.hook, _told(scene, ctx)
    if hook.host:
        _assure_trust(called, ctx)
        return ctx.runner.here(unescaped(hook.host), told, hook.timeout)
    project = scene.move.project
    name = f"{companion(project)}-{called.name.replace(' ', '-')}-{scene.deployment}"
    with _cleared(ctx):
        job = OneOff(scene.of, name, unescaped(hook.run or ()), told)
        return ctx.runner.one_off(job, hook.timeout)


def _inside(called: Called, scene: Scene, ctx: Context) -> Ran:
    there = ctx.colour_containers(scene.move.service, scene.colour) if scene.colour else []
    found = [one for one in there if one.running]
    if not found and scene.moment in _BEFORE_IT_IS_UP:
        return Ran(0, f"not run: nothing of {scene.move.service} is up")
    if not found:
        raise HookFailed(f"{called.name} has no container to run in: none is running")
    told = _told(scene, ctx)
    return ctx.runner.inside(found[0], unescaped(called.hook.words), told, called.hook.timeout)


@contextmanager
def _cleared(ctx: Context) -> Iterator[None]:
    """Before, for a name is taken once; and after, however it ended."""
    clear(ctx)
    try:
        yield
    finally:
        with shielded(ctx.observer.remark):
            try:
                clear(ctx)
            except BluegreenError as error:
                said = "its container is left over; the next docker bluegreen up removes it"
                ctx.observer.remark(f"warning: {said}: {error.message}")


def _assure_trust(called: Called, ctx: Context) -> None:
    if not ctx.runner.trusts(called.hook.words):
        raise HookFailed(
            f"{called.name} would run on this host, and no compose file here has had it:"
            " it comes from history, which is on the engine",
            hint=f"{HOST_VARIABLE}=1 docker bluegreen … lets it run; rollback --no-hooks does without",
        )


def _told(scene: Scene, ctx: Context) -> dict[str, str]:
    """The contract with hooks; docs/reference/hooks.md has it."""
    move, before = scene.move, scene.before or _before(scene, ctx)
    image, was = move.release.image, before.image if before else None
    return {
        "BLUEGREEN_HOOK": scene.moment.value,
        "BLUEGREEN_PROJECT": move.project,
        "BLUEGREEN_SERVICE": move.service,
        "BLUEGREEN_DEPLOYMENT": str(scene.deployment),
        "BLUEGREEN_COLOUR": str(move.idle),
        "BLUEGREEN_PREVIOUS_COLOUR": str(move.live or ""),
        "BLUEGREEN_IMAGE": image.reference,
        "BLUEGREEN_IMAGE_ID": image.id,
        "BLUEGREEN_PREVIOUS_IMAGE": was.reference if was else "",
        "BLUEGREEN_PREVIOUS_IMAGE_ID": was.id if was else "",
        "BLUEGREEN_REASON": scene.reason.replace("\0", ""),
    }


def _before(scene: Scene, ctx: Context) -> Release | None:
    part = ctx.live_part(scene.move.service)
    return part.release if part else None
