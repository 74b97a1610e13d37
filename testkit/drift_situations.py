"""Each kind of drift, as a situation that befalls a site."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.inspection.drift import DriftKind
from testkit.fakes.site import Site
from testkit.fakes.world import Behaviour, Box, Mark

BLUE, GREEN = "shop-bluegreen-web-blue-1", "shop-bluegreen-web-green-1"
PROXY, LINK, FRONT = "shop-bluegreen-proxy", "shop-bluegreen_link", "shop-bluegreen_front"
FORCE = "docker bluegreen up --force"


REPAIR = "docker bluegreen repair"


@dataclass(frozen=True, slots=True)
class Situation:
    """``befalls`` makes it drift; ``cause`` is part of what is told."""

    kind: DriftKind
    befalls: Callable[[Site], object]
    cause: str
    cure: str = REPAIR

    def __str__(self) -> str:
        return f"{self.kind} {getattr(self.befalls, '__name__', '').strip('_')}"


def proxy_stops(site: Site) -> None:
    site.world.boxes[PROXY].started = None


def _substitute_serves(site: Site) -> None:
    site.world.notes.substitute = True


def _proxy_goes(site: Site) -> None:
    del site.world.boxes[PROXY]


def proxy_goes_with_its_volume(site: Site) -> None:
    _proxy_goes(site)
    site.world.notes.topology = None
    site.world.notes.memory = site.world.notes.disk = {}


def _off(container: str, network: str) -> Callable[[Site], None]:
    def disconnected(site: Site) -> None:
        box = site.world.boxes[container]
        box.addresses = {name: ip for name, ip in box.addresses.items() if name != network}

    return disconnected


def network_goes(name: str) -> Callable[[Site], None]:
    def removed(site: Site) -> None:
        for container in (PROXY, GREEN):
            _off(container, name)(site)
        site.world.networks.discard(name)

    return removed


def _all_of_ipv6_is_trusted(site: Site) -> None:
    topology = site.world.notes.topology
    assert topology
    trusting = replace(topology.settings, trusted_proxies=("10.0.0.0/8", "172.16.0.0/12"))
    site.world.notes.topology = replace(topology, settings=trusting)


def _map_is_edited_on_disk(site: Site) -> None:
    site.world.notes.disk["web"] = Colour.BLUE


def _map_is_edited_in_memory(to: Colour | None) -> Callable[[Site], None]:
    def edited(site: Site) -> None:
        site.world.notes.memory["web"] = site.world.notes.disk["web"] = to

    return edited


def _both_colours_and_the_old_one_is_routed(site: Site) -> None:
    site.world.calls.fail("workloads.remove", ProxyFailed("busy"))
    site.release("v3")
    site.world.notes.memory["web"] = site.world.notes.disk["web"] = Colour.GREEN


def live_stops(site: Site) -> None:
    site.world.boxes[GREEN].started = None


def _live_is_paused(site: Site) -> None:
    site.world.boxes[GREEN].paused = True


def _live_goes(site: Site) -> None:
    del site.world.boxes[GREEN]


def _live_goes_with_its_image(site: Site) -> None:
    _live_goes(site)
    site.world.lose_image("sha256:v2")


def _live_turns_sick(site: Site) -> None:
    site.world.boxes[GREEN].behaviour = Behaviour(sick_after=0.0)
    site.ctx.clock.sleep(1)


def _labelled(**mark: Any) -> Callable[[Site], None]:
    def made_by_hand(site: Site) -> None:
        box = site.world.boxes[GREEN]
        box.mark = replace(box.mark, **mark)

    return made_by_hand


def _without_labels(site: Site) -> None:
    site.world.boxes[GREEN].mark = Mark()


def _a_stranger_takes_the_idle_seat(site: Site) -> None:
    seat = site.ctx.proxy.colour_addresses("web", Colour.BLUE).addresses[0]
    site.world.put(Box("mine", Mark(), "sha256:v1", addresses={LINK: seat}))


def _a_copy_with_all_labels(site: Site) -> None:
    live = site.world.boxes[GREEN]
    site.world.put(Box("copy", live.mark, live.image_id, addresses={LINK: "10.9.0.99"}))


def _the_old_colour_stays(site: Site) -> None:
    site.world.calls.fail("workloads.remove", ProxyFailed("busy"))
    site.release("v3")


def _one_waits(befalls: Callable[[Site], object]) -> Callable[[Site], None]:
    """``v3``, on blue."""

    def waiting(site: Site) -> None:
        site.source("v3")
        site.up(no_switch=True)
        befalls(site)

    return waiting


def _it_stops(site: Site) -> None:
    site.world.boxes[BLUE].started = None


def _it_goes(site: Site) -> None:
    del site.world.boxes[BLUE]


def _it_turns_sick(site: Site) -> None:
    site.world.boxes[BLUE].behaviour = Behaviour(sick_after=0.0)
    site.ctx.clock.sleep(1)


def _it_is_another(site: Site) -> None:
    box = site.world.boxes[BLUE]
    box.mark = replace(box.mark, deployment=77)


def a_stray(site: Site) -> None:
    site.world.run_by_hand("web", "v1")


def _a_stopped_stray(site: Site) -> None:
    site.world.run_by_hand("web", "v1").started = None


def an_image_loses_our_name(version: str) -> Callable[[Site], None]:
    def untagged(site: Site) -> None:
        site.world.names.pop(f"bluegreen/shop/web:{version}")

    return untagged


def _what_a_rollback_needs_goes(site: Site) -> None:
    site.world.lose_image("sha256:v1")


SITUATIONS: tuple[Situation, ...] = (
    Situation(
        DriftKind.PROXY_STOPPED, proxy_stops, "the proxy isn't running: requests get no answer"
    ),
    Situation(DriftKind.PROXY_GONE, _proxy_goes, "the proxy's container was removed"),
    Situation(
        DriftKind.PROXY_LOST,
        proxy_goes_with_its_volume,
        f"these containers are left: {GREEN}",
        f"{FORCE} creates the proxy again, docker bluegreen down removes the rest",
    ),
    Situation(
        DriftKind.PROXY_SUBSTITUTED,
        _substitute_serves,
        "HAProxy 3.0.11 of an earlier image serves, because its successor has ended",
    ),
    Situation(DriftKind.NETWORK_GONE, network_goes(LINK), f"{LINK} was removed"),
    Situation(DriftKind.NETWORK_GONE, network_goes(FRONT), f"{FRONT} was removed"),
    Situation(
        DriftKind.NETWORK_GONE,
        network_goes("shop_default"),
        "shop_default was removed",
        f"{FORCE}, then {REPAIR}",
    ),
    Situation(
        DriftKind.PROXY_DISCONNECTED,
        _off(PROXY, LINK),
        f"{PROXY} is not attached to the network {LINK}",
    ),
    Situation(DriftKind.PROXY_DISCONNECTED, _off(PROXY, "shop_default"), "network shop_default"),
    Situation(DriftKind.MAP_DIFFERS, _map_is_edited_on_disk, "map file differs from its memory"),
    Situation(
        DriftKind.LIVE_STOPPED, live_stops, f"the live colour web-green aren't running: {GREEN}"
    ),
    Situation(DriftKind.LIVE_PAUSED, _live_is_paused, "are paused", f"docker unpause {GREEN}"),
    Situation(
        DriftKind.LIVE_GONE, _live_goes, f"of the live colour web-green were removed: {GREEN}"
    ),
    Situation(DriftKind.LIVE_GONE, _live_goes_with_its_image, "were removed", FORCE),
    Situation(
        DriftKind.LIVE_DISCONNECTED,
        _off(GREEN, LINK),
        f"{GREEN} of the live colour is not attached to",
    ),
    Situation(
        DriftKind.LIVE_DISCONNECTED, _off(GREEN, "shop_default"), "shop_default as it should"
    ),
    Situation(
        DriftKind.LIVE_UNHEALTHY,
        _live_turns_sick,
        "HAProxy reports web-green as unhealthy: L7STS",
        "docker bluegreen logs web, then docker bluegreen rollback or docker bluegreen up",
    ),
    Situation(
        DriftKind.NOT_ROUTED,
        _map_is_edited_in_memory(None),
        "in history, deployment 2 on green is live, but the proxy routes web to no colour",
    ),
    Situation(
        DriftKind.ROUTED_TO_NOTHING,
        _map_is_edited_in_memory(Colour.BLUE),
        "web to blue, which has no containers",
    ),
    Situation(
        DriftKind.ROUTED_ELSEWHERE, _both_colours_and_the_old_one_is_routed, "both colours", FORCE
    ),
    Situation(
        DriftKind.HISTORY_DIFFERS,
        _labelled(deployment=77),
        "web-green runs deployment 77, but in history, deployment 2 is live",
        FORCE,
    ),
    Situation(
        DriftKind.LABELS_DIFFER, _labelled(fingerprint="other"), "labels of deployment 2", FORCE
    ),
    Situation(DriftKind.LABELS_DIFFER, _labelled(deployment=None), "labels of deployment 2", FORCE),
    Situation(
        DriftKind.UNLABELLED,
        _without_labels,
        f"{GREEN} has the address of web-green",
        f"{FORCE}, then docker rm -f {GREEN}",
    ),
    Situation(
        DriftKind.UNLABELLED, _a_stranger_takes_the_idle_seat, "of web-blue", "docker rm -f mine"
    ),
    Situation(
        DriftKind.IMPOSTOR, _a_copy_with_all_labels, "copy has the labels", "docker rm -f copy"
    ),
    Situation(
        DriftKind.LEFTOVER, _the_old_colour_stays, "web-green still runs beside the live colour"
    ),
    Situation(DriftKind.STRAY, a_stray, "also receives requests to the service's name"),
    Situation(DriftKind.STRAY, _a_stopped_stray, "would start with the Docker daemon"),
    Situation(DriftKind.IMAGE_UNNAMED, an_image_loses_our_name("v2"), "image v2 of deployment 2"),
    Situation(DriftKind.IMAGE_UNNAMED, an_image_loses_our_name("v1"), "image v1 of deployment 1"),
    Situation(
        DriftKind.OPEN_RANGE,
        _all_of_ipv6_is_trusted,
        "x-bluegreen.proxy.trusted_proxies: 172.16.0.0/12 contains 172.18.0.1, the gateway of shop-bl",
        "publish the port as 0.0.0.0:8000:… or 127.0.0.1:8000:…,"
        " or name narrower ranges in x-bluegreen.proxy.trusted_proxies",
    ),
    Situation(
        DriftKind.ROLLBACK_GONE,
        _what_a_rollback_needs_goes,
        "to deployment 1, but its image v1 (web:latest) is gone, and no registry has it",
        "no other release is left to roll back to; each docker bluegreen up keeps its image",
    ),
)
SITUATIONS += tuple(
    Situation(
        DriftKind.WAITING_UNWELL,
        _one_waits(befalls),
        f"deployment 3 waits for promotion, but {wrong}",
        "docker bluegreen abort, then docker bluegreen up --no-switch",
    )
    for befalls, wrong in (
        (_it_stops, "web-blue isn't running"),
        (_it_goes, "web-blue isn't running"),
        (_it_turns_sick, "HAProxy reports web-blue as unhealthy: L7STS"),
        (_it_is_another, "web-blue runs another deployment"),
    )
)
