"""The contract of the proxy: what the core expects of the fake and of HAProxy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from threading import Event

import pytest

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ComposeFailed, ProxyFailed
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.topology import CanaryWeight, Change, Preview, Topology
from compose_bluegreen.domain.traffic_stats import TrafficStats, answered
from compose_bluegreen.ports.proxy import NO_TRAFFIC
from compose_bluegreen.steps.desired_topology import with_release
from testkit.waiting import eventually
from tests.contract.grounds import Ground
from tests.contract.helpers import BLUE, GREEN, start, until_up


def test_where_there_is_no_proxy_nothing_is_known_and_nothing_is_live(
    ground: Ground, wanted: Topology
) -> None:
    assert ground.proxy.topology() is None
    assert ground.proxy.routes() == {}
    assert ground.proxy.change_to(wanted) is Change.CREATE


def test_a_proxy_knows_what_it_was_made_for(running: Ground, wanted: Topology) -> None:
    assert running.proxy.topology() == wanted
    assert running.proxy.change_to(wanted) is Change.NONE
    assert running.proxy.routes() == {"web": None}


def test_other_ports_need_a_new_container_and_other_checks_only_a_reload(
    running: Ground, wanted: Topology, web: Release
) -> None:
    hidden = wanted.without_published(["web"])
    assert running.proxy.change_to(hidden) is Change.RECREATE

    settings = web.settings | {"health": web.settings["health"] | {"fall": 7}}
    other = Release(web.service, web.image, web.model, settings, "other")
    changed = with_release(wanted, other, GREEN)
    assert running.proxy.change_to(changed) is Change.RELOAD
    running.proxy.apply(changed, Change.RELOAD)
    assert running.proxy.topology() == changed
    assert running.proxy.change_to(changed) is Change.NONE


def test_another_image_takes_over_without_a_new_container(
    running: Ground, wanted: Topology
) -> None:
    running.proxy.route_to({"web": BLUE})
    before = running.engine.proxy_container(running.project.name)
    serving = running.proxy.serving_haproxy()
    assert before
    assert serving
    assert serving.image_id == before.image_id
    assert serving.version.startswith(("2.", "3."))
    assert not serving.is_substitute
    assert running.proxy.change_to_renew(wanted) is serving.renewal is Change.HAND_OVER
    with running.hold("ada"):
        assert running.proxy.apply(wanted, Change.HAND_OVER) == 0.0
    assert running.engine.proxy_container(running.project.name) == before
    assert running.proxy.routes() == {"web": BLUE}
    assert running.proxy.change_to(wanted) is Change.NONE
    running.proxy.route_to({"web": GREEN})
    assert running.rival_proxy.routes() == {"web": GREEN}


def test_a_switch_is_read_back_and_survives_a_restart_of_the_proxy(running: Ground) -> None:
    running.proxy.route_to({"web": GREEN})
    assert running.proxy.routes() == {"web": GREEN}
    running.restart(f"{running.project.name}-bluegreen-proxy")
    assert running.proxy.routes() == {"web": GREEN}
    running.proxy.route_to({"web": None})
    assert running.proxy.routes() == {"web": None}


def test_a_reload_and_a_new_container_keep_what_is_live(running: Ground, wanted: Topology) -> None:
    running.proxy.route_to({"web": BLUE})
    running.proxy.apply(wanted.without_published(["web"]), Change.RECREATE)
    assert running.proxy.routes() == {"web": BLUE}


def test_a_colour_is_up_only_once_it_is_watched_and_checked_anew(
    running: Ground, web: Release
) -> None:
    running.proxy.park("web", BLUE)
    start(running, web, BLUE)
    assert not any(one.up for one in running.proxy.health("web", BLUE))
    running.proxy.watch("web", BLUE)
    until_up(running, BLUE)
    assert running.proxy.in_flight("web", BLUE) == 0
    assert running.proxy.long_lived("web", BLUE) == 0
    running.proxy.hang_up("web", BLUE)
    running.proxy.park("web", BLUE)
    assert not any(one.up for one in running.proxy.health("web", BLUE))


def test_a_share_is_read_back_survives_a_restart_and_ends_with_the_switch(
    running: Ground,
) -> None:
    with pytest.raises(ProxyFailed):
        running.proxy.set_canary_weights({"web": CanaryWeight(500)})
    running.proxy.route_to({"web": BLUE})
    for share in (CanaryWeight(500), CanaryWeight(2500, sticky=True)):
        running.proxy.set_canary_weights({"web": share})
        assert running.proxy.canary_weights() == {"web": share}
        assert running.proxy.routes() == running.proxy.routes_at_rest() == {"web": BLUE}
    running.restart(f"{running.project.name}-bluegreen-proxy")
    assert running.proxy.canary_weights() == {"web": CanaryWeight(2500, sticky=True)}
    for act in (running.proxy.park, running.proxy.watch):
        for colour in Colour:
            with pytest.raises(ProxyFailed):
                act("web", colour)
    running.proxy.route_to({"web": GREEN})
    assert running.proxy.canary_weights() == {}
    assert running.proxy.routes() == {"web": GREEN}


def test_what_a_colour_was_asked_is_counted_until_the_proxy_starts_anew(
    running: Ground, web: Release
) -> None:
    start(running, web, BLUE)
    running.proxy.watch("web", BLUE)
    until_up(running, BLUE)
    assert (
        running.proxy.traffic_stats("web", BLUE)
        == running.proxy.traffic_stats("web", GREEN)
        == TrafficStats()
    )
    running.proxy.route_to({"web": BLUE})
    running.visit(20)
    found = running.proxy.traffic_stats("web", BLUE)
    assert (found.started, found.errors, found.broken) == (20, 0, 0)
    assert answered(found.latencies) == answered(found.recent) == 20
    assert running.proxy.traffic_stats("web", GREEN) == TrafficStats()
    assert running.proxy.unanswered("web", BLUE) == {}
    running.hang()
    eventually(
        lambda: running.proxy.traffic_stats("web", BLUE).started == 22,
        "the two requests at HAProxy",
    )
    (age,) = running.proxy.unanswered("web", BLUE).values()
    assert timedelta(0) <= age < timedelta(seconds=30)
    assert running.proxy.unanswered("web", GREEN) == {}
    running.restart(f"{running.project.name}-bluegreen-proxy")
    assert running.proxy.traffic_stats("web", BLUE) == TrafficStats()


def test_the_live_colour_can_be_neither_parked_nor_watched(running: Ground) -> None:
    running.proxy.route_to({"web": BLUE})
    for act in (running.proxy.park, running.proxy.watch):
        with pytest.raises(ProxyFailed, match="live"):
            act("web", BLUE)


def test_what_is_shown_outlives_a_restart_and_ends_with_a_switch_or_a_park(
    running: Ground, wanted: Topology
) -> None:
    running.proxy.show("web", GREEN)
    assert running.proxy.shown() == {}, "nobody may preview it"
    (web,) = wanted.routes
    previewed = wanted.with_route(replace(web, preview=Preview("a-key-nobody-guesses")))
    running.proxy.apply(previewed, Change.RELOAD)
    running.proxy.show("web", GREEN)
    running.restart(f"{running.project.name}-bluegreen-proxy")
    assert running.proxy.shown() == {"web": GREEN}
    running.proxy.park("web", BLUE)
    assert running.proxy.shown() == {"web": GREEN}
    running.proxy.park("web", GREEN)
    assert running.proxy.shown() == {}
    running.proxy.show("web", GREEN)
    running.proxy.route_to({"web": GREEN})
    assert running.proxy.shown() == {}
    with pytest.raises(ProxyFailed, match="live"):
        running.proxy.show("web", GREEN)
    running.proxy.show("web", BLUE)
    for topology in (wanted, previewed):
        running.proxy.apply(topology, Change.RELOAD)
        assert running.proxy.shown() == {}, "it is another story"


def test_of_what_nobody_asks_a_proxy_knows_where_it_sits_and_which_colour_is_live(
    ground: Ground, web: Release
) -> None:
    """Also where it is all that there is."""
    settings = web.settings | {"traffic": "none", "port": None}
    jobs = Release("jobs", web.image, web.model, settings, "jobs")
    proxy = ground.proxy
    proxy.apply(with_release(Topology(ground.project.name), jobs, BLUE), Change.CREATE)
    assert [one.status for one in proxy.health("jobs", BLUE)] == [NO_TRAFFIC]
    assert proxy.in_flight("jobs", BLUE) == 0
    proxy.route_to({"jobs": BLUE})
    assert proxy.routes() == {"jobs": BLUE}
    proxy.park("jobs", BLUE)
    proxy.watch("jobs", BLUE)
    assert [one.up for one in proxy.health("jobs", BLUE)] == [True]


def test_a_service_that_the_proxy_does_not_know_is_refused(running: Ground) -> None:
    with pytest.raises(ProxyFailed, match="doesn't know"):
        running.proxy.colour_addresses("api", BLUE)


def test_both_colours_have_seats_of_their_own(running: Ground) -> None:
    blue, green = (running.proxy.colour_addresses("web", colour) for colour in Colour)
    assert blue.network == green.network
    assert set(blue.addresses).isdisjoint(green.addresses)


def test_a_removed_proxy_leaves_nothing_that_is_known(running: Ground, wanted: Topology) -> None:
    running.proxy.route_to({"web": BLUE})
    running.proxy.remove()
    assert running.proxy.topology() is None
    assert running.proxy.routes() == {}
    assert running.proxy.change_to(wanted) is Change.CREATE


def test_what_the_proxy_read_at_its_start_is_what_it_would_read_again(running: Ground) -> None:
    running.proxy.route_to({"web": GREEN})
    assert running.proxy.routes_at_rest() == running.proxy.routes() == {"web": GREEN}


def test_a_proxy_knows_its_networks_and_can_be_put_on_each_again(running: Ground) -> None:
    assert set(running.proxy.networks()) > {f"{running.project.name}_default"}
    assert running.engine.missing_networks(running.proxy.networks()) == set()
    outside = set(running.proxy.networks()) - {f"{running.project.name}-bluegreen_link"}
    gateways = running.engine.gateways(running.proxy.networks())
    assert gateways.keys() == outside
    assert all(IPv4Address(address).is_private for address in gateways.values())
    for network in running.proxy.networks():
        running.proxy.join(network)
        names = [one.name for one in running.engine.attached(network)]
        assert names == [f"{running.project.name}-bluegreen-proxy"]


def test_one_command_at_a_time_creates_the_proxy(ground: Ground, wanted: Topology) -> None:
    entered = Event()

    def rival() -> None:
        with ground.rival_proxy.alone(wanted):
            entered.set()

    with ThreadPoolExecutor(1) as other:
        with ground.proxy.alone(wanted):
            waits = other.submit(rival)
            ground.proxy.apply(wanted, Change.CREATE)
            assert not entered.wait(0.3)
        waits.result(30)
    assert entered.is_set()


def test_a_long_connection_is_counted_until_it_is_closed(running: Ground, web: Release) -> None:
    start(running, web, BLUE)
    running.proxy.watch("web", BLUE)
    until_up(running, BLUE)
    running.proxy.route_to({"web": BLUE})
    running.connect()
    assert running.proxy.long_lived("web", BLUE) == 1
    assert running.proxy.in_flight("web", BLUE) == 1
    assert running.proxy.long_lived("web", GREEN) == 0
    running.proxy.hang_up("web", GREEN)
    assert running.proxy.long_lived("web", BLUE) == 1
    running.proxy.hang_up("web", BLUE)
    assert running.proxy.long_lived("web", BLUE) == 0
    assert running.proxy.in_flight("web", BLUE) == 0


def test_a_renewed_image_changes_no_container(running: Ground, wanted: Topology) -> None:
    before = running.engine.proxy_container(running.project.name)
    with running.published() as reference:
        named = replace(wanted, settings=replace(wanted.settings, image=reference))
        running.proxy.renew_image(named)
        assert running.engine.image(reference) is not None
    assert running.engine.proxy_container(running.project.name) == before


def test_an_image_that_no_registry_has_cannot_be_renewed(running: Ground, wanted: Topology) -> None:
    settings = replace(wanted.settings, image="localhost:1/nobody/has-this:1")
    with pytest.raises(ComposeFailed):
        running.proxy.renew_image(replace(wanted, settings=settings))


def test_a_proxy_has_a_log_and_an_address_for_its_statistics(running: Ground) -> None:
    assert list(running.proxy.log(follow=False, tail=1))
    host, _, port = (running.proxy.monitor_address() or "").rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0


def test_without_a_proxy_there_is_neither(ground: Ground) -> None:
    assert ground.proxy.monitor_address() is None
    with pytest.raises(ProxyFailed):
        ground.proxy.log(follow=False, tail=None)
