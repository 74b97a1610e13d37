"""Releases that are never well, or not for long: they fail, and what served before serves on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import Unhealthy
from compose_bluegreen.domain.states import Outcome, State
from testkit.fakes.calls import When
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour

SOON = timedelta(seconds=3)
NEVER = 9e9


def test_one_that_never_gets_healthy_never_sees_traffic(serving: Site) -> None:
    serving.source("v2", does=Behaviour(healthy_after=NEVER, log="Traceback\nKeyError: 'DB'\n"))
    with pytest.raises(Unhealthy, match="not healthy within 3s") as failed:
        serving.up(timeout=SOON)
    assert "KeyError: 'DB'" in failed.value.detail
    assert serving.serving() == {"v1"}
    assert serving.world.running() == ["shop-bluegreen-web-blue-1"]
    assert serving.world.calls.of("proxy.route_to") == []
    (record, _) = serving.records
    assert record.state is State.FAILED
    assert "not healthy within 3s" in record.reason
    assert "KeyError" in next(s.detail for s in record.steps if s.outcome is Outcome.FAILED)


def test_what_haproxy_believed_of_the_colour_before_is_not_believed_of_a_new_release(
    serving: Site,
) -> None:
    serving.release("v2")
    serving.source("v3", does=Behaviour(healthy_after=NEVER))
    with pytest.raises(Unhealthy):
        serving.up(timeout=SOON)
    assert serving.serving() == {"v2"}


def test_the_timeout_of_the_command_goes_before_that_of_the_file(serving: Site) -> None:
    serving.source("v2", does=Behaviour(healthy_after=NEVER))
    with pytest.raises(Unhealthy, match="within 3s"):
        serving.up(timeout=SOON)


def test_one_that_turns_sick_under_traffic_is_switched_back_and_drained(serving: Site) -> None:
    serving.source("v2", does=Behaviour(healthy_after=0.05, sick_after=0.1))
    serving.world.calls.at(
        "proxy.route_to", lambda: serving.world.busy("web", Colour.GREEN, 2), when=When.AFTER
    )
    serving.world.calls.at("proxy.route_to", lambda: serving.ctx.clock.sleep(1), when=When.AFTER)
    with pytest.raises(Unhealthy):
        serving.up(timeout=timedelta(seconds=1))
    assert serving.serving() == {"v1"}
    assert serving.world.cut == []
    assert serving.observer.keys[-3:] == [
        "undo:switch",
        "undo:start",
        "undo:build:web",
    ]


def test_a_crash_loop_is_given_up_at_once_with_its_last_lines(serving: Site) -> None:
    serving.source(
        "v2", does=Behaviour(healthy_after=NEVER, crashes_every=0.2, exit_code=1, log="boom")
    )
    with pytest.raises(Unhealthy, match="crashed 3 times") as failed:
        serving.up()
    assert failed.value.detail == "boom"
    assert serving.world.time < 2


def test_the_timeout_of_the_file_holds_where_the_command_names_none() -> None:
    site = Site(web=a_service(bluegreen={"deploy_timeout": "1s500ms"}))
    site.source("v1", does=Behaviour(healthy_after=NEVER))
    with pytest.raises(Unhealthy, match=r"within 1.5s"):
        site.up()


def test_the_healthcheck_of_the_image_must_pass_too(serving: Site) -> None:
    """HAProxy sees an open port; it knows better."""
    serving.source("v2", does=Behaviour(healthcheck=NEVER))
    with pytest.raises(Unhealthy, match="its HEALTHCHECK says: connection refused"):
        serving.up(timeout=SOON)
    assert serving.serving() == {"v1"}


def test_one_sick_replica_fails_them_all() -> None:
    site = Site(web=a_service(deploy={"replicas": 2}))
    site.release("v1")
    site.source("v2")

    def one_is_slow() -> None:
        box = site.world.boxes["shop-bluegreen-web-green-2"]
        box.behaviour = Behaviour(healthy_after=NEVER)

    site.world.calls.at("workloads.start_colours", one_is_slow, when=When.AFTER)
    with pytest.raises(Unhealthy, match="HAProxy says DOWN"):
        site.up(timeout=SOON)
    assert site.serving() == {"v1"}
    assert site.world.outages == []
