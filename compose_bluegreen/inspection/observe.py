"""What there is of one service now, wherever one has to look for it. Looks only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from compose_bluegreen.config.settings_reader import restored
from compose_bluegreen.deployment import rollback_target
from compose_bluegreen.deployment.rollback_target import Target
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Deployment, Kind, Part
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.release import Image, Release, stops_first
from compose_bluegreen.domain.topology import Share
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.proxy import ServerHealth
from compose_bluegreen.ports.workloads import ColourRelease, Place, Seats
from compose_bluegreen.steps import irreversible
from compose_bluegreen.steps.irreversible import Deed
from compose_bluegreen.steps.standby import Standby, are_older, meant


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


class Whereabouts(StrEnum):
    """Of an image: the engine has it, a registry had it by its digest, or it is nowhere."""

    ENGINE = "engine"
    REGISTRY = "registry"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image that a release needs; ``tagged`` by us, so that ``docker image prune`` leaves it."""

    deployment: int
    release: Release
    where: Whereabouts
    tagged: bool


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where a rollback goes, whence its image comes, and ``instead`` where one could go if that is
    gone. ``wanted``: more than the live release is to be kept. ``deeds`` can't be taken back."""

    target: Target
    image: Whereabouts
    instead: int | None
    wanted: bool
    deeds: tuple[Deed, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """``record`` is what history has as live, ``places`` where the containers of it belong.

    ``share`` of the traffic goes to the colour that isn't live. ``strangers`` sit on the network that only proxy and colours share, without being of a colour.
    """

    project: str
    service: str
    routed: Colour | None
    colours: Mapping[Colour, ColourStatus]
    record: Deployment | None
    way_back: WayBack | None
    proxy_runs: bool
    seats: Mapping[Colour, Seats]
    places: Mapping[str, Mapping[str, Place]]
    strangers: tuple[Container, ...]
    strays: tuple[Container, ...]
    images: tuple[KeptImage, ...]
    standby: Standby | None = None
    waits: Deployment | None = None
    """What is proven and held back, if it has a part here."""
    share: Share | None = None

    @property
    def waiting(self) -> ColourStatus | None:
        part = self.waits.part(self.service) if self.waits else None
        if part is None or part.colour is self.routed or stops_first(part.release):
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
    def part(self) -> Part | None:
        """What history has as live."""
        return self.record.part(self.service) if self.record else None

    @property
    def agrees(self) -> bool:
        """Proxy and history have the same colour as live."""
        return self.part is not None and self.part.colour is self.routed


def look(service: str, routed: Colour | None, ctx: Context, *, proxy_runs: bool) -> Sight:
    """All but ``share`` and ``waits``, which whoever looks at several services asks for once."""
    colours = {one: _colour(service, one, proxy_runs, ctx) for one in Colour}
    record = ctx.live_deployment(service)
    if record and routed:
        colours[routed] = _brought_back(service, colours[routed], record)
    idle = colours[routed.other].containers if routed else ()
    way_back = _way_back(service, record, ctx)
    seats = _seats(service, ctx)
    mine = ctx.compose_containers(service)
    return Sight(
        project=ctx.project,
        service=service,
        routed=routed,
        colours=colours,
        record=record,
        way_back=way_back,
        proxy_runs=proxy_runs,
        seats=seats,
        places=_places(service, record, seats, ctx),
        strangers=_strangers(seats, ctx),
        strays=tuple(one for one in mine if not one.one_off),
        images=tuple(_images(service, record, way_back, ctx)),
        standby=meant(record, service, idle),
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


def _way_back(service: str, record: Deployment | None, ctx: Context) -> WayBack | None:
    try:
        target = rollback_target.previous(service, ctx)
    except BluegreenError:
        return None
    image = whereabouts(target.release.image, ctx)
    gone = image is Whereabouts.GONE
    instead = _instead(target, service, ctx) if gone else None
    part = record.part(service) if record else None
    wanted = part is not None and restored(part.release.settings).keep > 1
    deeds = tuple(irreversible.since(service, target.restores.id, ctx))
    return WayBack(target, image, instead, wanted, deeds)


def _instead(target: Target, service: str, ctx: Context) -> int | None:
    for other in ctx.history.proven(ctx.ref, service):
        part = other.part(service)
        if part is None or part.live or part.release.fingerprint == target.release.fingerprint:
            continue
        if whereabouts(part.release.image, ctx) is not Whereabouts.GONE:
            return other.id
    return None


def whereabouts(image: Image, ctx: Context) -> Whereabouts:
    if ctx.engine.image(image.id):
        return Whereabouts.ENGINE
    return Whereabouts.REGISTRY if image.repo_digest else Whereabouts.GONE


def _seats(service: str, ctx: Context) -> dict[Colour, Seats]:
    """None at all where their network is gone."""
    found = {}
    for colour in Colour:
        with suppress(BluegreenError):
            found[colour] = ctx.proxy.seats(service, colour)
    return found


def _places(
    service: str, record: Deployment | None, seats: Mapping[Colour, Seats], ctx: Context
) -> Mapping[str, Mapping[str, Place]]:
    part = record.part(service) if record else None
    if record is None or part is None or part.colour not in seats:
        return {}
    live = ColourRelease(part.release, part.colour, record.id, seats[part.colour])
    return ctx.workloads.placements(live)


def _strangers(seats: Mapping[Colour, Seats], ctx: Context) -> tuple[Container, ...]:
    links = {one.network for one in seats.values()}
    found = [one for link in links for one in ctx.engine.attached(link)]
    return tuple(
        one for one in found if not (one.project == ctx.project and (one.is_proxy or one.colour))
    )


def _images(
    service: str, record: Deployment | None, way_back: WayBack | None, ctx: Context
) -> Iterator[KeptImage]:
    """Of what is live, and of what a rollback would bring back, unless nobody wants to keep that."""
    if record and (part := record.part(service)):
        yield _image(record.id, part.release, ctx)
    if way_back and way_back.wanted:
        yield _image(way_back.target.restores.id, way_back.target.release, ctx)


def _image(deployment: int, release: Release, ctx: Context) -> KeptImage:
    where = whereabouts(release.image, ctx)
    here = where is Whereabouts.ENGINE
    return KeptImage(
        deployment, release, where, here and release.kept_tag in ctx.engine.tags(release.image.id)
    )
