"""The contract of the engine: what the core expects of the fake and of Docker's API."""

from __future__ import annotations

from datetime import timedelta

from compose_bluegreen.domain.release import Release
from compose_bluegreen.ports.engine import FailedProbe
from tests.contract.grounds import Ground
from tests.contract.helpers import BLUE, GREEN, found_in, start, until_up

AMPLE = timedelta(seconds=30)


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


def test_what_is_not_there_is_told_without_an_error(ground: Ground) -> None:
    assert ground.engine.image("nobody/has-this:1") is None
    assert ground.engine.built_at("sha256:" + "0" * 64) is None
    assert ground.engine.tags("sha256:" + "0" * 64) == []
    assert ground.engine.missing_networks(["nobody-has-this"]) == {"nobody-has-this"}
    assert ground.engine.attached("nobody-has-this") == []
    assert ground.engine.missing_volumes(["nobody-has-this"]) == {"nobody-has-this"}
    default = f"{ground.project.name}_default"
    assert ground.engine.missing_networks([default]) == set()


def test_an_engine_says_which_one_it_is(ground: Ground) -> None:
    assert ground.engine.identity() == ground.ctx.engine_id
    assert ground.engine.identity().strip()


def test_the_proxy_is_found_by_its_project(running: Ground) -> None:
    found = running.engine.proxy_container(running.project.name)
    assert found is not None
    assert (found.name, found.is_proxy) == (f"{running.project.name}-bluegreen-proxy", True)
    assert found.running
    assert found.published
    assert running.engine.proxy_container("another-project") is None


def test_images_of_containers_are_in_use_even_when_these_have_stopped(
    running: Ground, web: Release
) -> None:
    running.source("v2")
    running.workloads.build(["web"])
    unused = running.engine.image(running.built)
    assert unused
    start(running, web, GREEN)
    running.workloads.stop(found_in(running, GREEN))
    assert running.image.id in running.engine.used_images()
    assert unused.id not in running.engine.used_images()


def test_a_health_check_is_run_now_and_its_output_reported(running: Ground) -> None:
    found = []
    for passes, colour in ((True, BLUE), (False, GREEN)):
        start(running, running.checked(passes), colour)
        until_up(running, colour)
        found += found_in(running, colour)
    healthy, unhealthy = found
    assert running.engine.probe(healthy, AMPLE) is None
    assert running.engine.probe(unhealthy, AMPLE)
    said = running.engine.probe_all([unhealthy, healthy, unhealthy], AMPLE)
    assert [one is None for one in said] == [False, True, False]
    assert running.engine.probe_all([], AMPLE) == []
    running.workloads.stop([unhealthy])
    assert running.engine.probe(unhealthy, AMPLE)
    running.workloads.remove([unhealthy])
    assert running.engine.probe(unhealthy, AMPLE) == FailedProbe("the container is gone")


def test_a_container_without_a_health_check_passes(running: Ground, web: Release) -> None:
    start(running, web, GREEN)
    (found,) = found_in(running, GREEN)
    assert found.health is None
    assert running.engine.probe(found, AMPLE) is None


def test_the_last_lines_of_a_log_outlive_the_process_and_not_the_container(
    running: Ground, web: Release
) -> None:
    start(running, web, GREEN)
    until_up(running, GREEN)
    (found,) = found_in(running, GREEN)
    running.workloads.stop([found])
    assert running.engine.log_tail(found).strip()
    assert len(running.engine.log_tail(found, 1).splitlines()) == 1
    running.workloads.remove([found])
    assert running.engine.log_tail(found).startswith("(no log: ")
