"""Which topology a release wants, given the one that the proxy has."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.config.compose_file import Project
from compose_bluegreen.config.project import read
from compose_bluegreen.config.release_builder import release
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.release import Image, Model, Release
from compose_bluegreen.domain.topology import FIRST_INTERNAL_PORT, ColourBackend, Route, Topology
from compose_bluegreen.steps.desired_topology import for_project, reached, with_release
from testkit.fakes.site import a_file, a_service

BLUE, GREEN = Colour.BLUE, Colour.GREEN


def project(**services: Model) -> Project:
    return read(a_file(**services), "compose.yaml")


def released(of: Project, service: str = "web") -> Release:
    return release(of, of.services[service], Image(f"{service}:latest", "sha256:1"))


def deployed(
    of: Project, colour: Colour, now: Topology | None = None, service: str = "web"
) -> Topology:
    return with_release(for_project(of, [service], now), released(of, service), colour)


def route(topology: Topology, service: str = "web") -> Route:
    found = topology.route(service)
    assert found is not None
    return found


def target(topology: Topology, colour: Colour, service: str = "web") -> ColourBackend:
    found = route(topology, service).target(colour)
    assert found is not None
    return found


def with_ports(*pairs: tuple[str, int], **more: Any) -> Model:
    ports = [{"target": t, "published": p, "protocol": "tcp"} for p, t in pairs]
    return a_service(ports=ports, **more)


# ── a service ────────────────────────────────────────────────────────────────────────────────


def test_a_first_release_gives_both_colours_a_seat() -> None:
    topology = deployed(project(web=a_service()), BLUE)
    assert target(topology, BLUE).address_offsets == (16,)
    assert target(topology, GREEN).address_offsets == (17,)


def test_it_answers_to_the_services_name_and_its_aliases_on_its_networks() -> None:
    own = a_service(networks={"default": {"aliases": ["www"]}})
    topology = deployed(project(web=own), BLUE)
    assert topology.networks == {"shop_default": ("web", "www")}


def test_doors_lead_from_the_host_and_from_inside_the_project() -> None:
    own = with_ports(("8000", 8080), ("9000", 9090)) | {"expose": ["7070"]}
    internal_ports = dict(target(deployed(project(web=own), BLUE), BLUE).internal_ports)
    assert internal_ports == {
        8080: 8080,
        9090: 9090,
        7070: 7070,
        FIRST_INTERNAL_PORT: 8080,
        FIRST_INTERNAL_PORT + 1: 9090,
    }


def test_a_plain_deploy_changes_nothing() -> None:
    of = project(web=a_service())
    first = deployed(of, BLUE)
    second = deployed(of, GREEN, first)
    assert second == first
    assert deployed(of, BLUE, second) == first


def test_other_checks_reach_only_the_colour_that_is_deployed() -> None:
    before = deployed(project(web=a_service()), BLUE)
    changed = project(web=a_service(bluegreen={"health": {"path": "/up"}}))
    after = deployed(changed, GREEN, before)
    assert target(after, BLUE).check.path is None
    assert target(after, GREEN).check.path == "/up"


def test_more_replicas_get_more_seats_and_the_live_colour_keeps_its_own() -> None:
    before = deployed(project(web=a_service()), BLUE)
    after = deployed(project(web=a_service(scale=3)), GREEN, before)
    assert target(after, BLUE).address_offsets == (16,)
    assert target(after, GREEN).address_offsets == (17, 18, 19)


def test_a_release_that_listens_elsewhere_is_reached_by_the_same_door() -> None:
    before = deployed(project(web=with_ports(("8000", 8080))), BLUE)
    after = deployed(project(web=with_ports(("8000", 9090))), GREEN, before)
    assert target(after, BLUE).behind(FIRST_INTERNAL_PORT) == 8080
    assert target(after, GREEN).behind(FIRST_INTERNAL_PORT) == 9090


def test_a_rollback_to_a_release_without_todays_port_leads_that_port_to_its_own() -> None:
    old = released(project(web=with_ports(("8000", 8080))))
    today = deployed(project(web=with_ports(("8000", 8080), ("9000", 9090))), BLUE)
    after = with_release(today, old, GREEN)
    assert target(after, GREEN).behind(FIRST_INTERNAL_PORT + 1) == 8080
    assert route(after).published == route(today).published


def test_a_release_without_any_topology_brings_its_ports_and_names_along() -> None:
    """A rollback after ``down``."""
    own = with_ports(("8000", 8080)) | {"networks": {"default": {"aliases": ["www"]}}}
    topology = with_release(Topology("shop"), released(project(web=own)), BLUE)
    (published,) = route(topology).published
    assert (published.host_ip, published.host_port) == ("", "8000")
    assert topology.networks == {"shop_default": ("web", "www")}
    assert target(topology, BLUE).behind(published.internal_port) == 8080


def test_two_releases_without_any_topology_get_different_doors() -> None:
    of = project(web=with_ports(("8000", 8080)), api=with_ports(("9000", 8080)))
    topology = Topology("shop")
    for service in ("web", "api"):
        topology = with_release(topology, released(of, service), BLUE)
    assert len({one.internal_port for one in topology.published}) == 2
    assert len(topology.address_offsets) == 4


# ── several services ─────────────────────────────────────────────────────────────────────────


def test_services_that_are_not_released_keep_their_ports_for_docker_compose() -> None:
    of = project(web=a_service(), api=a_service("api", port="9000"))
    assert for_project(of, ["web"], None).route("api") is None
    both = for_project(of, ["api"], deployed(of, BLUE))
    assert {one.service for one in both.routes} == {"web", "api"}


def test_no_two_services_share_a_seat_or_a_door_from_the_host() -> None:
    of = project(web=a_service(scale=2), api=a_service("api", port="9000"))
    topology = deployed(of, BLUE, deployed(of, BLUE), "api")
    colour_addresses = [
        s for one in topology.routes for _, aim in one.targets for s in aim.address_offsets
    ]
    assert len(colour_addresses) == len(set(colour_addresses)) == 6
    assert len({one.internal_port for one in topology.published}) == 2


def test_a_door_that_the_live_colour_still_has_is_not_given_to_another_service() -> None:
    """``web`` publishes nothing any more, but its live colour was made when it did."""
    before = deployed(project(web=with_ports(("8000", 8080))), BLUE)
    web = a_service(port="", expose=["8080"])
    after = deployed(project(web=web, api=with_ports(("9000", 8080))), BLUE, before, "api")
    (published,) = after.published
    assert published.key == ":9000/tcp"
    assert published.internal_port not in route(after).internal_ports


def test_a_port_that_moves_to_another_service_gets_another_door() -> None:
    both = [with_ports(("8000", 8080)), a_service("api", port="", expose=["8080"])]
    before = deployed(project(web=both[0], api=both[1]), BLUE)
    for services in ({"api": both[0], "web": both[1]}, {"web": both[1], "api": both[0]}):
        after = deployed(project(**services), BLUE, before, "api")
        (published,) = after.published
        assert published.key == ":8000/tcp"
        assert published.internal_port not in route(after, "web").internal_ports


def test_doors_are_the_same_before_and_after_a_take_over() -> None:
    of = project(web=with_ports(("8000", 8080), ("8001", 81)), api=with_ports(("9000", 8080)))
    full = for_project(of, ["web", "api"], None)
    for service in ("web", "api"):
        full = with_release(full, released(of, service), BLUE)
    hidden = full.without_published(["web", "api"])
    again = for_project(of, ["web", "api"], hidden)
    for service in ("web", "api"):
        again = with_release(again, released(of, service), BLUE)
    assert again == full


def test_what_is_reached_is_live_and_bears_its_names() -> None:
    topology = deployed(project(web=a_service()), BLUE)
    assert reached({"web": BLUE, "api": None}, topology) == {"web": BLUE}
    assert reached({"web": BLUE}, topology.without_published(["web"])) == {}
    assert reached({"web": BLUE}, None) == {}


# ── through any number of deploys ────────────────────────────────────────────────────────────

hosts = st.sampled_from(["8000", "8001", "9000"])
edits = st.lists(
    st.tuples(
        st.dictionaries(hosts, st.integers(80, 83), min_size=1, max_size=3), st.integers(1, 4)
    ),
    min_size=2,
    max_size=6,
)


@given(edits)
def test_the_live_colour_stays_as_it_is_while_the_other_one_changes(
    versions: list[tuple[dict[str, int], int]],
) -> None:
    now, colour = None, BLUE
    for ports, count in versions:
        of = project(web=with_ports(*ports.items(), scale=count))
        after = deployed(of, colour, now)
        if now is not None:
            assert target(after, colour.other) == target(now, colour.other)
        assert len(target(after, colour).address_offsets) == count
        assert not set(target(after, BLUE).address_offsets) & set(
            target(after, GREEN).address_offsets
        )
        for one in route(after).published:
            assert target(after, colour).behind(one.internal_port) == ports[one.host_port]
        now, colour = after, colour.other
