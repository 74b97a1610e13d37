"""Loops that wait: each ends with what it waited for, with its deadline, or at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import Unhealthy
from compose_bluegreen.domain.topology import ColourBackend
from compose_bluegreen.steps import health
from compose_bluegreen.steps.health import until_healthy
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour

NEVER = 9e9
BLUE = "shop-bluegreen-web-blue-1"
SOON = timedelta(seconds=2)


def starting(site: Site, does: Behaviour, *, restarted: bool = True) -> None:
    """The containers of blue begin anew, and do this."""
    box = site.world.boxes[BLUE]
    box.behaviour = does
    if restarted:
        box.started = site.world.time
        site.world.notes.believed.clear()  # HAProxy has looked meanwhile


def wait(site: Site) -> str:
    return until_healthy("web", Colour.BLUE, SOON, site.ctx)


# ── a colour ─────────────────────────────────────────────────────────────────────────────────


def test_it_is_over_as_soon_as_haproxy_sees_every_replica(serving: Site) -> None:
    starting(serving, Behaviour(healthy_after=1.0))
    began = serving.world.time
    assert wait(serving) == ""
    assert 1.0 <= serving.world.time - began < 1.05
    serving.world.outages.clear()


def test_a_healthcheck_is_run_by_us_as_soon_as_haproxy_sees_the_replica(serving: Site) -> None:
    """Docker would tell after its interval only."""
    starting(serving, Behaviour(healthy_after=0.5, healthcheck=0))
    began = serving.world.time
    assert wait(serving) == "HEALTHCHECK passed"
    assert serving.world.time - began < 0.6
    assert len(serving.world.calls.of("engine.probe_all")) == 1
    serving.world.outages.clear()


def test_a_healthcheck_that_docker_has_seen_pass_is_not_run_again(serving: Site) -> None:
    starting(serving, Behaviour(healthcheck=0), restarted=False)
    serving.ctx.clock.sleep(5)
    assert wait(serving) == "HEALTHCHECK passed"
    assert serving.world.calls.of("engine.probe_all") == []


def test_a_healthcheck_that_fails_though_haproxy_is_content_is_waited_for(serving: Site) -> None:
    starting(serving, Behaviour(healthcheck=NEVER))
    with pytest.raises(Unhealthy, match="its HEALTHCHECK says: connection refused"):
        wait(serving)
    serving.world.outages.clear()


def test_a_healthcheck_that_hangs_ends_with_the_deadline_and_is_named(serving: Site) -> None:
    starting(serving, Behaviour(healthcheck=NEVER, healthcheck_hangs=True))
    began = serving.world.time
    with pytest.raises(Unhealthy, match=r"its HEALTHCHECK hangs: it did not end within 1\.9s"):
        wait(serving)
    assert serving.world.time - began < SOON.total_seconds() + 2
    serving.world.outages.clear()


def test_the_pause_between_two_runs_of_a_healthcheck_grows(serving: Site) -> None:
    """Without a limit it ran 50 times a second, and an application that starts had no CPU left."""
    starting(serving, Behaviour(healthcheck=NEVER))
    with pytest.raises(Unhealthy):
        until_healthy("web", Colour.BLUE, timedelta(seconds=30), serving.ctx)
    assert 8 <= len(serving.world.calls.of("engine.probe_all")) <= 12
    serving.world.outages.clear()


def test_the_deadline_tells_what_is_missing_and_the_last_lines(serving: Site) -> None:
    starting(serving, Behaviour(healthy_after=NEVER, log="waiting for the database\n"))
    with pytest.raises(Unhealthy) as late:
        wait(serving)
    assert late.value.message.startswith("web-blue was not healthy within 2s: HAProxy says DOWN")
    assert late.value.detail == "waiting for the database\n"
    assert "--timeout" in hint_text(late.value.hint)
    assert 2.0 <= serving.world.time < 3.0
    serving.world.outages.clear()


def test_a_container_that_ended_is_given_up_at_once(serving: Site) -> None:
    starting(serving, Behaviour(healthy_after=NEVER, ends_after=0.3, exit_code=2, log="bye"))
    with pytest.raises(Unhealthy, match=f"{BLUE} ended with exit code 2") as ended:
        wait(serving)
    assert ended.value.detail == "bye"
    assert serving.world.time < 1
    serving.world.outages.clear()


def test_a_crash_loop_is_given_up_after_three_crashes(serving: Site) -> None:
    starting(serving, Behaviour(healthy_after=NEVER, crashes_every=0.1, exit_code=137))
    with pytest.raises(Unhealthy, match=f"{BLUE} crashed 3 times$"):
        wait(serving)
    serving.world.outages.clear()


def test_between_two_crashes_docker_knows_how_the_last_one_ended(serving: Site) -> None:
    starting(serving, Behaviour(crashes_every=0.1))
    (box,) = [one for one in serving.ctx.colour_containers() if one.name == BLUE]
    crashed = replace(box, status="restarting", exit_code=137, restarts=3)
    with pytest.raises(Unhealthy, match="crashed 3 times, the last time with exit code 137"):
        health._give_up_on(crashed, serving.ctx)
    serving.world.outages.clear()


def test_what_docker_calls_unhealthy_is_given_up_at_once(serving: Site) -> None:
    starting(serving, Behaviour(healthy_after=NEVER, healthcheck=0, declared_sick=0.5))
    with pytest.raises(Unhealthy, match="its HEALTHCHECK failed too often"):
        wait(serving)
    assert serving.world.time < 1
    serving.world.outages.clear()


def test_a_colour_without_containers_is_never_healthy(serving: Site) -> None:
    with pytest.raises(Unhealthy, match="web-green was not healthy"):
        until_healthy("web", Colour.GREEN, SOON, serving.ctx)


def test_a_colour_that_haproxy_has_no_seats_for_is_never_healthy(serving: Site) -> None:
    known = serving.world.notes.topology
    assert known is not None
    (route,) = known.routes
    empty = ColourBackend((), 8080, ((8080, 8080),))
    serving.world.notes.topology = known.with_route(route.with_backend(Colour.GREEN, empty))
    with pytest.raises(Unhealthy, match="HAProxy has no server for it"):
        until_healthy("web", Colour.GREEN, SOON, serving.ctx)


def test_the_replicas_of_a_worker_settle_at_the_same_time() -> None:
    """Each was waited for after the one before it: three took six seconds."""
    worker = {"traffic": "none"}
    site = Site(jobs=a_service("jobs", "", worker, deploy={"replicas": 3}))
    site.source("v1", "jobs")
    began = site.ctx.clock.monotonic()
    assert site.up() is not None
    assert 2 <= site.ctx.clock.monotonic() - began < 3
