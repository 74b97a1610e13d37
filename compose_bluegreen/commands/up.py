"""``up``: releases the services of the current compose file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from compose_bluegreen.config import release_builder
from compose_bluegreen.config.compose_file import ManagedService, Project
from compose_bluegreen.config.requests import UpRequest
from compose_bluegreen.deployment.pipeline import deploy
from compose_bluegreen.domain.deployment import Deployment, Kind, NewDeployment
from compose_bluegreen.domain.errors import BluegreenError, UsageError
from compose_bluegreen.domain.hints import Action, Command, Hint
from compose_bluegreen.domain.image_reference import is_reference
from compose_bluegreen.domain.release import Image, Release, kept_repository, replicas
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.inspection.open_ranges import open_ranges
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps import desired_topology, hooks, one_off_jobs, powers, rollout
from compose_bluegreen.steps.dependencies import until_dependencies
from compose_bluegreen.steps.images import take_back_build
from compose_bluegreen.steps.networks import make_networks_and_volumes
from compose_bluegreen.steps.saga import Step, Undo
from compose_bluegreen.steps.source import DeployOptions, ReleaseSource, TellPlan


def up(
    request: UpRequest, project: Project, ctx: Context, tell_plan: TellPlan | None = None
) -> Deployment | None:
    """None if nothing changed since the live release, or on a dry run. Raises as ``deploy`` does."""
    named = project.pick(request.services)
    if request.image and len(named) > 1:
        raise UsageError(
            "--image is for one service",
            hint=Hint(Command(Action.UP, (named[0].name,), image=request.image)),
        )
    if request.image and not is_reference(request.image):
        raise UsageError(
            f"--image {request.image[:80]!r} is not an image name",
            hint=Hint(Action.UP, " --image name:tag"),
        )
    services = _with_what_they_need(named, project, ctx)
    choice = _Choice(request, project, services, named[0].name, ctx)
    new_deployment = NewDeployment(
        engine=ctx.engine_id,
        project=project.name,
        kind=Kind.UP,
        services=tuple(service.name for service in services),
        actor=ctx.caller.actor,
        started_at=ctx.clock.now(),
        message=request.message,
        git_revision=ctx.caller.git_revision,
    )
    outlines = [
        choice.release(service, Image(choice.reference(service), "")) for service in services
    ]
    options = DeployOptions(
        timeout=request.timeout,
        recreate_proxy=request.recreate_proxy,
        take_over=request.take_over,
        no_switch=request.no_switch,
        tell_plan=tell_plan,
        hooks=request.hooks,
        patience=request.patience,
        bake=request.bake,
        canary=request.canary,
    )
    wanted = partial(desired_topology.for_project, project, new_deployment.services)
    ground = partial(_ground, services, project, outlines, ctx)
    deployment = deploy(
        ReleaseSource(
            new_deployment,
            outlines,
            choice.steps(),
            choice.releases,
            wanted,
            options,
            ground,
            once=choice.once,
        ),
        ctx,
    )
    if tell_plan is None:
        _warn_of_open_ranges(project, ctx)
    return deployment


def _warn_of_open_ranges(project: Project, ctx: Context) -> None:
    with suppress(BluegreenError):  # only a warning, and the deployment has ended
        for drift in open_ranges(ctx.proxy.topology(), ctx):
            ctx.observer.remark(f"warning: {project.file}: {drift.problem}; {drift.remedy}")


def _with_what_they_need(
    named: Sequence[ManagedService], project: Project, ctx: Context
) -> list[ManagedService]:
    """Adds the released services that these depend on and that do not run yet, as Compose does."""
    services, live = list(named), rollout.live(ctx)
    for service in services:  # the loop itself appends to it
        for name in service.dependencies:
            needed = project.services.get(name)
            if needed is None or needed in services or name in live:
                continue
            by_hand = ctx.compose_containers(name)
            if not any(container.running for container in by_hand):
                services.append(needed)
    return services


def _ground(
    services: Sequence[ManagedService], project: Project, outlines: Sequence[Release], ctx: Context
) -> None:
    for release in outlines:
        hooks.trust(release, ctx)
    powers.note(outlines, ctx)
    make_networks_and_volumes(services, project, ctx)


@dataclass(slots=True)
class _Choice:
    """The images of this ``up``; known after its steps have run."""

    request: UpRequest
    project: Project
    services: Sequence[ManagedService]
    first: str
    """The service that ``--image`` applies to."""
    ctx: Context
    images: dict[str, Image] = field(default_factory=dict)
    before: dict[str, Image | None] = field(default_factory=dict)
    """The image of each name, before this command changed it."""

    def reference(self, service: ManagedService) -> str:
        """``--image``, or ``image:`` in the compose file, or the name that Compose gives to a build."""
        return self._given(service) or service.image or f"{self.project.name}-{service.name}"

    def builds(self, service: ManagedService) -> bool:
        return self.local(service) and self.request.build

    def local(self, service: ManagedService) -> bool:
        """The image is built here, so its name must always point at the live image."""
        return service.builds and not self._given(service)

    def _given(self, service: ManagedService) -> str | None:
        return self.request.image if service.name == self.first else None

    def release(self, service: ManagedService, image: Image) -> Release:
        return release_builder.release(self.project, service, image, built=self.local(service))

    def steps(self) -> list[Step]:
        steps = []
        if dependencies := self._dependencies():
            steps.append(
                Step(
                    StepKey(StepKind.DEPENDENCIES),
                    f"start {' '.join(dependencies)}",
                    "depends_on",
                    partial(self._start_dependencies, dependencies),
                )
            )
        for service in self.services:
            step = self._build if self.builds(service) else self._fetch
            steps.append(step(service))
        if self.request.build:
            steps += one_off_jobs.built(self.services, self.project, self.ctx)
        return steps

    def once(self, releases: Sequence[Release]) -> Iterator[Step]:
        names = {release.service for release in releases}
        services = [service for service in self.services if service.name in names]
        return one_off_jobs.run(services, self.project, self.request.timeout, self.ctx)

    def releases(self) -> list[Release]:
        """The releases that differ from the live ones; with ``--all``, all if any of them differs."""
        releases = [self.release(service, self.images[service.name]) for service in self.services]
        changed = [
            release for release in releases if self.request.force or not self._is_live(release)
        ]
        return releases if changed and self.request.together else changed

    def _build(self, service: ManagedService) -> Step:
        reference = self.reference(service)
        return Step(
            StepKey(StepKind.BUILD, service.name),
            f"build {service.name}",
            "the service has a build section",
            partial(self._built, service, reference),
            self._taking_back(service, reference),
        )

    def _built(self, service: ManagedService, reference: str) -> str:
        self.before[service.name] = self.ctx.engine.image(reference)
        self.ctx.workloads.build([service.name])
        return self._resolved(service, reference)

    def _fetch(self, service: ManagedService) -> Step:
        """Uses the engine's image; pulls it with ``--pull``, or if only a registry has it."""
        reference, present = self.reference(service), self._present(service)
        asked = self.request.pull or service.model.get("pull_policy") == "always"
        undo = self._taking_back(service, reference) if self.local(service) else None
        if asked or not (present or self.local(service)):
            cause = "--pull" if present else "the engine doesn't have it"
            act = partial(self._pulled, service, reference)
            key = StepKey(StepKind.PULL, service.name)
            return Step(key, f"pull {reference}", cause, act, undo)
        cause = "the engine has it" if present else "--no-build"
        key, act = StepKey(StepKind.USE, service.name), partial(self._resolved, service, reference)
        return Step(key, f"use {reference}", cause, act, undo)

    def _pulled(self, service: ManagedService, reference: str) -> str:
        self.before[service.name] = self.ctx.engine.image(reference)
        self.ctx.workloads.pull(reference)
        return self._resolved(service, reference)

    def _present(self, service: ManagedService) -> bool:
        return self.ctx.engine.image(self.reference(service)) is not None

    def _resolved(self, service: ManagedService, reference: str) -> str:
        image = self.ctx.engine.image(reference)
        if image is None and self.local(service):
            hint = Hint(Action.UP, ", without --no-build")
            raise BluegreenError(f"{reference} has not been built here", hint=hint)
        if image is None:
            raise BluegreenError(f"there is no image {reference}", hint=f"docker pull {reference}")
        self.before.setdefault(service.name, image)
        self.images[service.name] = image
        return image.repo_digest or image.short_id

    def _taking_back(self, service: ManagedService, reference: str) -> Undo:
        return Undo(
            f"restore the tag {reference}",
            partial(self._take_back, service, reference),
            can_wait=True,
        )

    def _take_back(self, service: ManagedService, reference: str) -> str:
        """Reads the live image only now, because it may have changed."""
        if service.name not in self.before:
            return ""
        kept_as = kept_repository(self.project.name, service.name)
        return take_back_build(
            reference,
            self._serving(service),
            self.before[service.name],
            kept_as if self.request.keep_failed else None,
            self.ctx,
        )

    def _serving(self, service: ManagedService) -> str | None:
        live = self.ctx.routed_containers(service.name)
        return live[0].image_id if live else None

    def _is_live(self, release: Release) -> bool:
        """Whether this release is live, with all its replicas running."""
        live = self.ctx.routed_containers(release.service)
        same = [
            container
            for container in live
            if container.running and container.fingerprint == release.fingerprint
        ]
        return len(same) == replicas(release)

    def _dependencies(self) -> dict[str, str]:
        """All ``depends_on`` that are not released services: they start in the user's own project.
        One-off jobs are left out, because they need the image of this release."""
        conditions: dict[str, str] = {}
        for service in self.services:
            for name, condition in service.dependencies.items():
                if name not in self.project.services and condition != one_off_jobs.ENDS:
                    conditions[name] = max(
                        conditions.get(name, condition), condition, key=_strictness
                    )
        return conditions

    def _start_dependencies(self, dependencies: dict[str, str]) -> None:
        self.ctx.workloads.start_dependencies(list(dependencies))
        timeout = self.request.timeout or max(
            service.settings.deploy_timeout for service in self.services
        )
        until_dependencies(dependencies, timeout, self.ctx)


def _strictness(condition: str) -> int:
    known = ("service_started", "service_healthy")
    return known.index(condition) if condition in known else len(known)
