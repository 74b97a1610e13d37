"""What there is of one service now, wherever one has to look for it. Looks only."""

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
    """One colour: its containers as Docker sees them, its replicas as HAProxy does.

    ``brought_back_by``: it stood by, and has the labels of the deployment that had started it.
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
        ids = {one.deployment for one in self.containers}
        return ids.pop() if len(ids) == 1 else None

    @property
    def image_id(self) -> str | None:
        ids = {one.image_id for one in self.containers}
        return ids.pop() if len(ids) == 1 else None

    @property
    def since(self) -> datetime | None:
        return min((one.started_at for one in self.containers if one.started_at), default=None)

    @property
    def runs(self) -> bool:
        return bool(self.containers) and all(one.running for one in self.containers)


class ImageLocation(StrEnum):
    """Of an image: the engine has it, a registry had it by its digest, or it is nowhere."""

    ENGINE = "engine"
    REGISTRY = "registry"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image that a release needs; ``tagged`` by us, so that ``docker image prune`` leaves it."""

    deployment: int
    release: Release
    where: ImageLocation
    tagged: bool


@dataclass(frozen=True, slots=True)
class RollbackOption:
    """Where a rollback goes, whence its image comes, and ``instead`` where one could go if that is
    gone. ``wanted``: more than the live release is to be kept. ``irreversible_changes`` can't be taken back."""

    target: RollbackTarget
    image: ImageLocation
    instead: int | None
    wanted: bool
    irreversible_changes: tuple[IrreversibleChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservedService:
    """``record`` is what history has as live, ``places`` where the containers of it belong.

    ``canary_weight`` of the traffic goes to the colour that isn't live. ``unlabelled`` sit on the network that only proxy and colours share, without being of a colour.
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
    """What is proven and held back, if it has a part here."""
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
        """What runs without traffic."""
        if self.routed:
            found = self.colours[self.routed.other]
            return found if found.containers else None
        return next((one for one in self.colours.values() if one.containers), None)

    @property
    def part(self) -> DeployedService | None:
        """What history has as live."""
        return self.record.part(self.service) if self.record else None

    @property
    def agrees(self) -> bool:
        """Proxy and history have the same colour as live."""
        return self.part is not None and self.part.colour is self.routed


def observe_service(
    service: str, routed: Colour | None, ctx: Context, *, proxy_runs: bool
) -> ObservedService:
    """All but ``canary_weight`` and ``waits``, which whoever looks at several services asks for once."""
    colours = {one: _colour(service, one, proxy_runs, ctx) for one in Colour}
    record = ctx.live_deployment(service)
    if record and routed:
        colours[routed] = _brought_back(service, colours[routed], record)
    idle = colours[routed.other].containers if routed else ()
    rollback_option = _way_back(service, record, ctx)
    colour_addresses = _seats(service, ctx)
    mine = ctx.compose_containers(service)
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
        unlabelled=_strangers(colour_addresses, ctx),
        compose_containers=tuple(one for one in mine if not one.one_off),
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
    same = all(one.fingerprint == part.release.fingerprint for one in live.containers)
    return replace(live, brought_back_by=record.id) if live.containers and same else live


def _colour(service: str, colour: Colour, proxy_runs: bool, ctx: Context) -> ColourStatus:
    containers = tuple(ctx.colour_containers(service, colour))
    try:
        servers = tuple(ctx.proxy.health(service, colour)) if proxy_runs else ()
        flying = ctx.proxy.in_flight(service, colour) if proxy_runs else 0
    except BluegreenError:
        return ColourStatus(colour, containers, (), 0)
    return ColourStatus(colour, containers, servers, flying)


def _way_back(service: str, record: Deployment | None, ctx: Context) -> RollbackOption | None:
    try:
        target = rollback_target.previous(service, ctx)
    except BluegreenError:
        return None
    image = image_location(target.release.image, ctx)
    gone = image is ImageLocation.GONE
    instead = _instead(target, service, ctx) if gone else None
    part = record.part(service) if record else None
    wanted = part is not None and restored(part.release.settings).keep > 1
    irreversible_changes = tuple(irreversible.since(service, target.restores.id, ctx))
    return RollbackOption(target, image, instead, wanted, irreversible_changes)


def _instead(target: RollbackTarget, service: str, ctx: Context) -> int | None:
    for other in ctx.history.rollback_candidates(ctx.ref, service):
        part = other.part(service)
        if part is None or part.live or part.release.fingerprint == target.release.fingerprint:
            continue
        if image_location(part.release.image, ctx) is not ImageLocation.GONE:
            return other.id
    return None


def image_location(image: Image, ctx: Context) -> ImageLocation:
    if ctx.engine.image(image.id):
        return ImageLocation.ENGINE
    return ImageLocation.REGISTRY if image.repo_digest else ImageLocation.GONE


def _seats(service: str, ctx: Context) -> dict[Colour, ColourAddresses]:
    """None at all where their network is gone."""
    found = {}
    for colour in Colour:
        with suppress(BluegreenError):
            found[colour] = ctx.proxy.colour_addresses(service, colour)
    return found


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


def _strangers(
    colour_addresses: Mapping[Colour, ColourAddresses], ctx: Context
) -> tuple[Container, ...]:
    links = {one.network for one in colour_addresses.values()}
    found = [one for link in links for one in ctx.engine.attached(link)]
    return tuple(
        one for one in found if not (one.project == ctx.project and (one.is_proxy or one.colour))
    )


def _images(
    service: str, record: Deployment | None, rollback_option: RollbackOption | None, ctx: Context
) -> Iterator[KeptImage]:
    """Of what is live, and of what a rollback would bring back, unless nobody wants to keep that."""
    if record and (part := record.part(service)):
        yield _image(record.id, part.release, ctx)
    if rollback_option and rollback_option.wanted:
        yield _image(rollback_option.target.restores.id, rollback_option.target.release, ctx)


def _image(deployment: int, release: Release, ctx: Context) -> KeptImage:
    where = image_location(release.image, ctx)
    here = where is ImageLocation.ENGINE
    return KeptImage(
        deployment, release, where, here and release.kept_tag in ctx.engine.tags(release.image.id)
    )
