"""What the proxy must know: seats and doors that stay where they are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.topology import (
    FIRST_INTERNAL_PORT,
    FIRST_OFFSET,
    Change,
    ColourBackend,
    InternalPorts,
    ProxySettings,
    Published,
    Route,
    Topology,
    free_offsets,
)

WEB = Route(
    "web",
    published=(Published(":8000/tcp", "", "8000", FIRST_INTERNAL_PORT),),
    networks=(("shop_default", ("web", "www")),),
    targets=(
        (Colour.BLUE, ColourBackend((16,), 8080, ((8080, 8080), (FIRST_INTERNAL_PORT, 8080)))),
    ),
)
API = Route("api", networks=(("shop_default", ("api",)),))
SHOP = Topology("shop").with_route(WEB).with_route(API)

numbers = st.integers(FIRST_OFFSET, FIRST_OFFSET + 60)
wheres = st.lists(st.integers(1, 99).map(lambda port: f":{port}/tcp"), max_size=8, unique=True)


# ── seats ────────────────────────────────────────────────────────────────────────────────────


def test_seats_are_the_lowest_that_nobody_has_taken() -> None:
    assert free_offsets(3, keep=(), taken={16, 18}) == (17, 19, 20)


def test_a_colour_keeps_the_seats_it_has() -> None:
    assert free_offsets(2, keep=(30, 31), taken={30, 31}) == (30, 31)
    assert free_offsets(1, keep=(30, 31), taken={30, 31}) == (30,)
    assert free_offsets(3, keep=(30, 31), taken={16, 30, 31}) == (30, 31, 17)


@given(
    st.integers(0, 40),
    st.lists(numbers, max_size=20, unique=True),
    st.sets(numbers, max_size=40),
)
def test_seats_are_as_many_as_asked_for_all_different_and_taken_by_nobody_else(
    count: int, keep: list[int], taken: set[int]
) -> None:
    given_out = free_offsets(count, keep=keep, taken=taken | set(keep))
    assert len(given_out) == len(set(given_out)) == count
    assert not (set(given_out) - set(keep)) & taken
    assert given_out[: len(keep)] == tuple(keep)[:count]


# ── doors ────────────────────────────────────────────────────────────────────────────────────


@given(wheres, st.frozensets(st.integers(FIRST_INTERNAL_PORT, FIRST_INTERNAL_PORT + 9)))
def test_each_published_port_gets_a_door_of_its_own(
    wanted: list[str], reserved: frozenset[int]
) -> None:
    internal_ports = InternalPorts(reserved=reserved).give(wanted)
    assert set(internal_ports) == set(wanted)
    assert len(set(internal_ports.values())) == len(wanted)
    assert not set(internal_ports.values()) & reserved
    assert all(internal_port >= FIRST_INTERNAL_PORT for internal_port in internal_ports.values())


@given(st.lists(wheres, min_size=2, max_size=6))
def test_a_port_keeps_its_door_through_any_number_of_edits(edits: list[list[str]]) -> None:
    taken: dict[str, int] = {}
    history = []
    for wanted in edits:
        taken = InternalPorts(taken).give(wanted)
        history.append(taken)
    for before, after in pairwise(history):
        for where in before.keys() & after.keys():
            assert after[where] == before[where]


# ── a topology ───────────────────────────────────────────────────────────────────────────────


def test_routes_are_found_by_service_and_replaced_by_name() -> None:
    assert SHOP.route("web") == WEB
    assert SHOP.route("db") is None
    again = SHOP.with_route(replace(WEB, published=()))
    assert [route.service for route in again.routes] == ["api", "web"]
    assert again.published == ()


def test_the_proxy_bears_the_names_of_all_its_services_on_each_network() -> None:
    assert SHOP.networks == {"shop_default": ("api", "web", "www")}


def test_a_service_without_its_front_keeps_its_colours() -> None:
    hidden = SHOP.without_published(["web"])
    route = hidden.route("web")
    assert route is not None
    assert not route.reachable
    assert route.targets == WEB.targets
    assert hidden.route("api") == API
    assert hidden.networks == {"shop_default": ("api",)}


def test_a_new_colour_or_check_needs_no_new_container() -> None:
    colours = WEB.with_backend(Colour.GREEN, ColourBackend((17, 18), 9090, ((9090, 9090),)))
    assert SHOP.with_route(colours).container == SHOP.container
    assert replace(SHOP, settings=ProxySettings(timeout_ms=1)).container == SHOP.container


def test_another_image_needs_no_new_container_of_the_proxy() -> None:
    image = replace(SHOP, settings=ProxySettings(image="haproxy:3.2"))
    assert image.container == SHOP.container


def test_other_ports_or_names_need_a_new_container() -> None:
    fewer = SHOP.with_route(replace(WEB, published=()))
    renamed = SHOP.with_route(replace(API, networks=(("shop_default", ("api", "v2")),)))
    monitor = replace(SHOP, settings=ProxySettings(monitor=8404))
    made = {one.container for one in (SHOP, fewer, renamed, monitor)}
    assert len(made) == 4


def test_a_target_checks_its_own_port_first() -> None:
    target = ColourBackend((16,), 8080, ((10001, 9090), (8080, 8080), (7070, 7070)))
    assert target.ports == (8080, 7070, 9090)
    assert target.behind(10001) == 9090
    assert target.behind(10002) is None


def test_changes_are_ordered_by_what_they_cost() -> None:
    assert sorted(Change) == [
        Change.NONE,
        Change.RELOAD,
        Change.START,
        Change.CREATE,
        Change.HAND_OVER,
        Change.RECREATE,
    ]
