"""What the present worker has to know before a reload makes it an old one."""

from __future__ import annotations

from dataclasses import replace

from compose_bluegreen.adapters.haproxy.old_worker import IdleServer, idle_servers
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.topology import (
    NO_ROUTE,
    CanaryWeight,
    ColourBackend,
    Route,
    Topology,
    TrafficSplit,
)
from testkit.haproxy import NETWORK, a_route, shop

BLUE_IS_LIVE = {"web": TrafficSplit(Colour.BLUE)}


def route(*offsets: int, port: int = 8080, **changes: object) -> Route:
    """Both colours; green, the idle one, has these offsets and this port."""
    blue = ColourBackend((16,), 8080, ((8080, 8080),))
    green = ColourBackend(offsets, port, ((8080, port),), **changes)  # type: ignore[arg-type]
    return Route("web", targets=((Colour.BLUE, blue), (Colour.GREEN, green)))


def names(before: Topology, desired: Topology, split: TrafficSplit) -> list[str]:
    return [server.name for server in idle_servers(before, desired, {"web": split}, NETWORK)]


def test_the_idle_colour_gets_its_real_addresses() -> None:
    assert idle_servers(shop(), shop(), BLUE_IS_LIVE, NETWORK) == [
        IdleServer("web-green-8080/replica1", "10.9.0.17", 8080, is_checked=True)
    ]


def test_what_has_traffic_is_never_touched() -> None:
    canary = TrafficSplit(Colour.BLUE, CanaryWeight(500))
    assert names(shop(), shop(), canary) == []


def test_where_nothing_is_live_both_colours_are_idle() -> None:
    assert names(shop(), shop(), TrafficSplit(None)) == [
        "web-blue-8080/replica1",
        "web-green-8080/replica1",
    ]


def test_replicas_that_come_are_unknown_to_the_worker() -> None:
    assert names(shop(route(17)), shop(route(17, 18, 19)), BLUE_IS_LIVE["web"]) == [
        "web-green-8080/replica1"
    ]


def test_replicas_that_go_stay_as_they_are() -> None:
    """Parked: no request may be sent where nobody will be."""
    assert names(shop(route(17, 18, 19)), shop(route(17)), BLUE_IS_LIVE["web"]) == [
        "web-green-8080/replica1"
    ]


def test_a_backend_gets_the_port_that_the_next_release_has_behind_its_frontend() -> None:
    (server,) = idle_servers(shop(route(17)), shop(route(17, port=9090)), BLUE_IS_LIVE, NETWORK)
    assert (server.name, server.port) == ("web-green-8080/replica1", 9090)


def test_a_worker_without_traffic_and_a_service_that_goes_need_nothing() -> None:
    assert names(shop(route(17, mode=NO_ROUTE)), shop(route(17)), BLUE_IS_LIVE["web"]) == []
    assert names(shop(), replace(shop(), routes=(a_route("api"),)), BLUE_IS_LIVE["web"]) == []


def test_a_backend_that_follows_another_ones_checks_has_no_state_of_its_own() -> None:
    server = IdleServer("web-green-9090/replica1", "10.9.0.17", 9090, is_checked=False)
    assert list(server.preparation) == [
        "set server web-green-9090/replica1 addr 10.9.0.17 port 9090"
    ]
    assert list(server.reversal) == []
