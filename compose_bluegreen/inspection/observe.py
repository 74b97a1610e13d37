"""Observes one service: reads engine, proxy and history, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.deployment import rollback_target
from compose_bluegreen.deployment.rollback_target import RollbackTarget
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService, Deployment, Kind
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.release import Image, Release, is_stop_first
from compose_bluegreen.domain.topology import CanaryWeight
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.proxy import ServerHealth
from compose_bluegreen.ports.workloads import ColourAddresses, ColourRelease, NetworkAttachment
from compose_bluegreen.steps import irreversible
from compose_bluegreen.steps.irreversible import IrreversibleChange
from compose_bluegreen.steps.standby import Standby, are_older, intended_standby


@dataclass(frozen=True, slots=True)
class ColourStatus:
    """One colour: its containers as Docker reports them, its replicas as HAProxy reports them.

    ``brought_back_by`` is the rollback that made a standby colour live again. Its containers still
    have the labels of the deployment that started them.
    """

    colour: Colour
    containers: tuple[Container, ...]
    servers: tuple[ServerHealth, ...]
    in_flight: int
    brought_back_by: int | None = None

    @property
    def deployment(self) -> int | None:
        if self.brought_back_by:
            return self.brought_back_by
        ids = {container.deployment for container in self.containers}
        return ids.pop() if len(ids) == 1 else None

    @property
    def image_id(self) -> str | None:
        ids = {container.image_id for container in self.containers}
        return ids.pop() if len(ids) == 1 else None

    @property
    def since(self) -> datetime | None:
        starts = (container.started_at for container in self.containers)
        return min((start for start in starts if start), default=None)

    @property
    def runs(self) -> bool:
        return bool(self.containers) and all(container.running for container in self.containers)


class ImageLocation(StrEnum):
    """Where an image is: on the engine, in a registry by its digest, or gone."""

    ENGINE = "engine"
    REGISTRY = "registry"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image that a release needs. ``tagged``: it has our tag against ``docker image prune``."""

    deployment: int
    release: Release
    location: ImageLocation
    tagged: bool


@dataclass(frozen=True, slots=True)
class RollbackOption:
    """The deployment that a rollback would restore, and where its image is.

    ``instead`` is another deployment, if that image is gone. ``keeps_image``: the setting ``keep``
    includes it. A rollback does not undo ``irreversible_changes``.
    """

    target: RollbackTarget
    image: ImageLocation
    instead: int | None
    keeps_image: bool
    irreversible_changes: tuple[IrreversibleChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservedService:
    """``record`` is the live deployment in history; ``places`` are the network attachments that its
    containers should have.

    ``unlabelled`` containers are on the network that only the proxy and the colours share, but belong
    to neither.
    """

    project: str
    service: str
    routed: Colour | None
    colours: Mapping[Colour, ColourStatus]
    record: Deployment | None
    rollback_option: RollbackOption | None
    proxy_runs: bool
    colour_addresses: Mapping[Colour, ColourAddresses]
    places: Mapping[str, Mapping[str, NetworkAttachment]]
    unlabelled: tuple[Container, ...]
    compose_containers: tuple[Container, ...]
    images: tuple[KeptImage, ...]
    standby: Standby | None = None
    waits: Deployment | None = None
    """The deployment that waits for promotion, if it contains this service."""
    canary_weight: CanaryWeight | None = None

    @property
    def waiting(self) -> ColourStatus | None:
        part = self.waits.part(self.service) if self.waits else None
        if part is None or part.colour is self.routed or is_stop_first(part.release):
            return None
        return self.colours[part.colour]

    @property
    def live(self) -> ColourStatus | None:
        return self.colours[self.routed] if self.routed else None

    @property
    def idle(self) -> ColourStatus | None:
        """The colour that has containers and receives no traffic."""
        if self.routed:
            idle = self.colours[self.routed.other]
            return idle if idle.containers else None
        return next((status for status in self.colours.values() if status.containers), None)

    @property
    def part(self) -> DeployedService | None:
        """The live release in history."""
        return self.record.part(self.service) if self.record else None

    @property
    def agrees(self) -> bool:
        """Whether the same colour is live in the proxy and in history."""
        return self.part is not None and self.part.colour is self.routed


def observe_service(
    service: str, routed: Colour | None, ctx: Context, *, proxy_runs: bool
) -> ObservedService:
    """Observes all but ``canary_weight`` and ``waits``, which the caller reads once for all services."""
    colours = {colour: _colour(service, colour, proxy_runs, ctx) for colour in Colour}
    record = ctx.live_deployment(service)
    if record and routed:
        colours[routed] = _brought_back(service, colours[routed], record)
    idle = colours[routed.other].containers if routed else ()
    rollback_option = _rollback_option(service, record, ctx)
    colour_addresses = _colour_addresses(service, ctx)
    containers = ctx.compose_containers(service)
    return ObservedService(
        project=ctx.project,
        service=service,
        routed=routed,
        colours=colours,
        record=record,
        rollback_option=rollback_option,
        proxy_runs=proxy_runs,
        colour_addresses=colour_addresses,
        places=_places(service, record, colour_addresses, ctx),
        unlabelled=_unlabelled(colour_addresses, ctx),
        compose_containers=tuple(container for container in containers if not container.one_off),
        images=tuple(_images(service, record, rollback_option, ctx)),
        standby=intended_standby(record, service, idle),
    )


def _brought_back(service: str, live: ColourStatus, record: Deployment) -> ColourStatus:
    part = record.part(service)
    if (
        part is None
        or record.kind is not Kind.ROLLBACK
        or not are_older(live.containers, record.id)
    ):
        return live
    fingerprints = {container.fingerprint for container in live.containers}
    same = fingerprints == {part.release.fingerprint}
    return replace(live, brought_back_by=record.id) if same else live


def _colour(service: str, colour: Colour, proxy_runs: bool, ctx: Context) -> ColourStatus:
    containers = tuple(ctx.colour_containers(service, colour))
    try:
        servers = tuple(ctx.proxy.health(service, colour)) if proxy_runs else ()
        in_flight = ctx.proxy.in_flight(service, colour) if proxy_runs else 0
    except BluegreenError:
        return ColourStatus(colour, containers, (), 0)
    return ColourStatus(colour, containers, servers, in_flight)


def _rollback_option(
    service: str, record: Deployment | None, ctx: Context
) -> RollbackOption | None:
    try:
        target = rollback_target.previous(service, ctx)
    except BluegreenError:
        return None
    image = image_location(target.release.image, ctx)
    is_gone = image is ImageLocation.GONE
    instead = _instead(target, service, ctx) if is_gone else None
    part = record.part(service) if record else None
    keeps_image = part is not None and restored(part.release.settings).keep > 1
    irreversible_changes = tuple(irreversible.since(service, target.restores.id, ctx))
    return RollbackOption(target, image, instead, keeps_image, irreversible_changes)


def _instead(target: RollbackTarget, service: str, ctx: Context) -> int | None:
    for deployment in ctx.history.rollback_candidates(ctx.ref, service):
        part = deployment.part(service)
        if part is None or part.live or part.release.fingerprint == target.release.fingerprint:
            continue
        if image_location(part.release.image, ctx) is not ImageLocation.GONE:
            return deployment.id
    return None


def image_location(image: Image, ctx: Context) -> ImageLocation:
    if ctx.engine.image(image.id):
        return ImageLocation.ENGINE
    return ImageLocation.REGISTRY if image.repo_digest else ImageLocation.GONE


def _colour_addresses(service: str, ctx: Context) -> dict[Colour, ColourAddresses]:
    """The addresses of both colours; none if their network is gone."""
    addresses = {}
    for colour in Colour:
        with suppress(BluegreenError):
            addresses[colour] = ctx.proxy.colour_addresses(service, colour)
    return addresses


def _places(
    service: str,
    record: Deployment | None,
    colour_addresses: Mapping[Colour, ColourAddresses],
    ctx: Context,
) -> Mapping[str, Mapping[str, NetworkAttachment]]:
    part = record.part(service) if record else None
    if record is None or part is None or part.colour not in colour_addresses:
        return {}
    live = ColourRelease(part.release, part.colour, record.id, colour_addresses[part.colour])
    return ctx.workloads.placements(live)


def _unlabelled(
    colour_addresses: Mapping[Colour, ColourAddresses], ctx: Context
) -> tuple[Container, ...]:
    networks = {addresses.network for addresses in colour_addresses.values()}
    attached = [container for network in networks for container in ctx.engine.attached(network)]
    return tuple(
        container
        for container in attached
        if not (container.project == ctx.project and (container.is_proxy or container.colour))
    )


def _images(
    service: str, record: Deployment | None, rollback_option: RollbackOption | None, ctx: Context
) -> Iterator[KeptImage]:
    """The images of the live release and, if the setting ``keep`` includes it, of a rollback."""
    if record and (part := record.part(service)):
        yield _image(record.id, part.release, ctx)
    if rollback_option and rollback_option.keeps_image:
        yield _image(rollback_option.target.restores.id, rollback_option.target.release, ctx)


def _image(deployment: int, release: Release, ctx: Context) -> KeptImage:
    location = image_location(release.image, ctx)
    on_engine = location is ImageLocation.ENGINE
    return KeptImage(
        deployment,
        release,
        location,
        on_engine and release.kept_tag in ctx.engine.tags(release.image.id),
    )
