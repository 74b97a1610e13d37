"""What the core believes of Compose, Engine, Proxy and Lock, tried on the fakes and on the real.

One body for both keeps the fakes honest.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, LockHeld, LockLost, ProxyFailed
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.topology import CanaryWeight, Change, Preview, Topology
from compose_bluegreen.domain.traffic_stats import TrafficStats, answered
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.lock import ControlSignal, LockOwner, SignalRequest
from compose_bluegreen.ports.proxy import NO_TRAFFIC
from compose_bluegreen.ports.workloads import ColourRelease, NetworkAttachment
from compose_bluegreen.steps.desired_topology import with_release
from compose_bluegreen.steps.health import POLL
from tests.contract.grounds import Ground

BLUE, GREEN = Colour.BLUE, Colour.GREEN


def found_in(ground: Ground, colour: Colour) -> list[Container]:
    return ground.engine.colour_containers(ground.project.name, "web", colour)


def start(ground: Ground, web: Release, colour: Colour, deployment: int = 1) -> None:
    colour_addresses = ground.proxy.colour_addresses("web", colour)
    ground.workloads.start_colours([ColourRelease(web, colour, deployment, colour_addresses)])


def until_up(ground: Ground, colour: Colour) -> None:
    deadline = ground.ctx.clock.monotonic() + 30
    while not all(one.up for one in ground.proxy.health("web", colour)):
        assert ground.ctx.clock.monotonic() < deadline, ground.proxy.health("web", colour)
        ground.ctx.clock.sleep(POLL)


# ── the proxy ────────────────────────────────────────────────────────────────────────────────


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
    assert (found.begun, found.errors, found.broken, found.left) == (20, 0, 0, 0)
    assert answered(found.waits) == answered(found.recent) == 20
    assert running.proxy.traffic_stats("web", GREEN) == TrafficStats()
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
    for network in running.proxy.networks():
        running.proxy.join(network)
        names = [one.name for one in running.engine.attached(network)]
        assert names == [f"{running.project.name}-bluegreen-proxy"]


# ── the lock ─────────────────────────────────────────────────────────────────────────────────


def test_a_lock_excludes_others_and_tells_them_who_holds_it(running: Ground) -> None:
    rival = LockOwner("bob@elsewhere", "rollback web", running.ctx.clock.now())
    with (
        running.hold("ada@laptop"),
        pytest.raises(LockHeld, match="ada@laptop"),
        running.rival.hold(rival),
    ):
        pytest.fail("two held it at once")
    with (
        running.rival.hold(rival),
        pytest.raises(LockHeld, match="bob@elsewhere"),
        running.hold("ada@laptop"),
    ):
        pytest.fail("two held it at once")


def test_a_lock_that_was_let_go_can_be_taken_again(running: Ground) -> None:
    for actor in ("ada@laptop", "ada@laptop", "bob@ci"):
        with running.hold(actor):
            running.ctx.lock.assure()
    assert running.ctx.lock.owner() is None


def test_who_holds_a_lock_is_seen_by_whoever_only_looks(running: Ground) -> None:
    assert running.rival.owner() is None
    with running.hold("ada@laptop"):
        found = running.rival.owner()
        assert found is not None
        assert (found.actor, found.what) == ("ada@laptop", "up web")
        assert found.since <= running.ctx.clock.now()
    assert running.rival.owner() is None


def test_a_lock_outlives_a_restart_of_the_proxy(running: Ground) -> None:
    """All shells in it die, and still nobody else gets it."""
    rival = LockOwner("bob@elsewhere", "rollback web", running.ctx.clock.now())
    with running.hold("ada@laptop"):
        running.restart(f"{running.project.name}-bluegreen-proxy")
        with pytest.raises(LockHeld, match="ada@laptop"), running.rival.hold(rival):
            pytest.fail("two held it at once")
        running.ctx.lock.assure()


def test_a_lock_that_is_released_by_force_is_lost_to_its_holder(running: Ground) -> None:
    with running.hold("ada@laptop"):
        found = running.rival.release()
        assert found is not None
        assert found.actor == "ada@laptop"
        with pytest.raises(LockLost):
            running.ctx.lock.assure()
        with running.rival.hold(LockOwner("bob@elsewhere", "up web", running.ctx.clock.now())):
            running.rival.assure()
            with pytest.raises(LockLost):
                running.ctx.lock.assure()


def test_a_holder_that_ends_after_it_lost_its_lock_leaves_it_to_whoever_has_it(
    running: Ground,
) -> None:
    with running.hold("ada@laptop"):
        running.rival.release()
        rivals = running.rival.hold(LockOwner("bob@elsewhere", "up web", running.ctx.clock.now()))
        rivals.__enter__()
    running.rival.assure()
    found = running.rival.owner()
    assert found is not None
    assert found.actor == "bob@elsewhere"
    rivals.__exit__(None, None, None)


def test_whoever_holds_it_hears_what_is_asked_while_it_listens(running: Ground) -> None:
    one, other = (
        SignalRequest(ControlSignal.PROMOTE, "bob@ci"),
        SignalRequest(ControlSignal.ABORT, 'eve\'s "x" $HOME'),
    )
    assert not running.rival.signal(one)
    with running.hold("ada@laptop"):
        assert not running.rival.signal(one)
        for requested_signal in (one, other):
            with running.ctx.lock.listen():
                assert running.ctx.lock.requested_signal() is None
                assert running.rival.signal(requested_signal)
                assert running.ctx.lock.requested_signal() == requested_signal
            assert not running.rival.signal(one)
    assert not running.rival.signal(one)


def test_releasing_what_nobody_holds_is_no_error(running: Ground) -> None:
    assert running.rival.release() is None
    with running.hold("ada@laptop"):
        running.ctx.lock.assure()


def test_a_lock_needs_a_proxy(ground: Ground) -> None:
    with pytest.raises(ProxyFailed), ground.hold("ada@laptop"):
        pytest.fail("there is nothing to lock")


def test_a_proxy_has_a_log_and_an_address_for_its_statistics(running: Ground) -> None:
    assert list(running.proxy.log(follow=False, tail=1))
    host, _, port = (running.proxy.monitor_address() or "").rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0


def test_without_a_proxy_there_is_neither(ground: Ground) -> None:
    assert ground.proxy.monitor_address() is None
    with pytest.raises(ProxyFailed):
        ground.proxy.log(follow=False, tail=None)


# ── Compose and the engine ───────────────────────────────────────────────────────────────────


def test_a_started_colour_is_found_by_its_labels(running: Ground, web: Release) -> None:
    start(running, web, GREEN, deployment=7)
    (found,) = found_in(running, GREEN)
    assert found.running
    assert found.image_id == running.image.id
    assert (found.fingerprint, found.service, found.colour) == (web.fingerprint, "web", GREEN)
    assert set(running.proxy.colour_addresses("web", GREEN).addresses) <= set(
        found.addresses.values()
    )
    assert found_in(running, BLUE) == []


def test_a_colour_that_is_started_again_gets_new_containers(running: Ground, web: Release) -> None:
    start(running, web, GREEN, deployment=7)
    start(running, web, GREEN, deployment=8)
    (found,) = found_in(running, GREEN)
    assert found.deployment == 8


def test_the_log_of_a_colour_has_the_name_of_its_container(running: Ground, web: Release) -> None:
    start(running, web, GREEN)
    until_up(running, GREEN)
    name = f"{running.project.name}-bluegreen-web-green-1"
    (line,) = running.workloads.logs([name], follow=False, tail=1)
    said, _, text = line.partition(b"|")
    assert b"web-green-1" in said
    assert text.strip()


def test_a_container_is_put_where_it_belongs_again(running: Ground, web: Release) -> None:
    start(running, web, GREEN)
    colour_addresses = running.proxy.colour_addresses("web", GREEN)
    name = f"{running.project.name}-bluegreen-web-green-1"
    for place in (
        NetworkAttachment(None, ("web-green",)),
        NetworkAttachment(colour_addresses.addresses[0], ()),
    ):
        running.workloads.connect(name, colour_addresses.network, place)
        (found,) = (
            one for one in running.engine.attached(colour_addresses.network) if one.name == name
        )
        assert place.address in (None, found.addresses[colour_addresses.network])
    until_up(running, GREEN)


def test_removing_can_be_done_twice(running: Ground, web: Release) -> None:
    start(running, web, GREEN)
    names = [one.name for one in found_in(running, GREEN)]
    running.workloads.remove(names)
    running.workloads.remove(names)
    assert found_in(running, GREEN) == []


def test_an_image_that_the_engine_does_not_have_cannot_be_started(
    running: Ground, web: Release
) -> None:
    gone = Release(
        web.service, type(web.image)("x", "sha256:" + "0" * 64), web.model, web.settings, "x"
    )
    with pytest.raises(BluegreenError):
        start(running, gone, GREEN)


def test_containers_of_the_users_own_project_stop_and_start(ground: Ground) -> None:
    ground.stranger()
    (found,) = ground.engine.compose_containers(ground.project.name, "web")
    assert found.running
    for act, runs in ((ground.workloads.stop, False), (ground.workloads.start, True)):
        act([found.name])
        act([found.name])
        assert ground.engine.compose_containers(ground.project.name, "web")[0].running is runs


def test_names_of_images_come_and_go_and_the_image_with_its_last_one(ground: Ground) -> None:
    repository = f"bluegreen/{ground.project.name}/web"
    first, second = f"{repository}:one", f"{repository}:two"
    ground.workloads.tag(ground.image.id, first)
    ground.workloads.tag(ground.image.id, second)
    assert ground.engine.tagged(repository) == {first: ground.image.id, second: ground.image.id}
    assert {first, second} <= set(ground.engine.tags(ground.image.id))
    ground.workloads.untag(first)
    ground.workloads.untag(first)
    assert ground.engine.tagged(repository) == {second: ground.image.id}
    ground.workloads.untag(second)
    found = ground.engine.image(ground.image.reference)
    built = ground.engine.built_at(ground.image.id)
    assert built is not None
    assert built.tzinfo is not None
    assert found is not None
    assert found.id == ground.image.id


def test_what_is_not_there_is_told_without_an_error(ground: Ground) -> None:
    assert ground.engine.image("nobody/has-this:1") is None
    assert ground.engine.built_at("sha256:" + "0" * 64) is None
    assert ground.engine.tags("sha256:" + "0" * 64) == []
    assert ground.engine.missing_networks(["nobody-has-this"]) == {"nobody-has-this"}
    assert ground.engine.attached("nobody-has-this") == []
    assert ground.engine.missing_volumes(["nobody-has-this"]) == {"nobody-has-this"}
    default = f"{ground.project.name}_default"
    assert ground.engine.missing_networks([default]) == set()
    with pytest.raises(BluegreenError):
        ground.workloads.pull("localhost:1/nobody/has-this:1")
