"""What the core believes of the Runner, tried on the fake and on the real."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from compose_bluegreen.config.release_builder import release
from compose_bluegreen.domain.errors import ComposeFailed
from compose_bluegreen.domain.release import Image, Release
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.runner import CommandResult, OneOff
from tests.contract.grounds import FAILS, GROUNDS, LASTS, LISTENS, Ground, requested

SOON, AMPLE = timedelta(seconds=3), timedelta(seconds=60)


@pytest.fixture(scope="module", params=GROUNDS)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    yield from requested(request)


@pytest.fixture
def web(ground: Ground) -> Iterator[Release]:
    yield release(ground.project, ground.project.services["web"], ground.image)
    ground.workloads.remove(left(ground))


def left(ground: Ground) -> list[Container]:
    return ground.engine.hook_containers(ground.project.name)


def words(command: str) -> list[str]:
    return command.split(" ", 2)


def job(ground: Ground, web: Release, command: str, **told: str) -> OneOff:
    return OneOff(web, f"{ground.project.name}-hook", tuple(words(command)), told)


def test_a_one_off_tells_how_it_ended_and_is_still_there(ground: Ground, web: Release) -> None:
    ran = ground.runner.one_off(job(ground, web, FAILS), AMPLE)
    assert ran == CommandResult(3, "no such table")
    (found,) = left(ground)
    assert not found.running
    assert found.image_id == ground.image.id
    assert found.name == f"{ground.project.name}-hook"


def test_a_one_off_whose_time_is_up_runs_on_until_it_is_removed(
    ground: Ground, web: Release
) -> None:
    assert ground.runner.one_off(job(ground, web, LASTS), SOON) == CommandResult(None, "begun")
    (found,) = left(ground)
    assert found.running
    ground.workloads.remove([found])
    assert left(ground) == []


def test_nobody_types_anything_to_a_one_off(ground: Ground, web: Release) -> None:
    assert ground.runner.one_off(job(ground, web, LISTENS), AMPLE) == CommandResult(0, "nothing")


def test_one_of_the_same_name_is_made_anew(ground: Ground, web: Release) -> None:
    ground.runner.one_off(job(ground, web, LISTENS), AMPLE)
    assert ground.runner.one_off(job(ground, web, FAILS), AMPLE) == CommandResult(
        3, "no such table"
    )
    assert len(left(ground)) == 1


def test_an_image_that_is_not_there_is_a_failure(ground: Ground, web: Release) -> None:
    gone = replace(web, image=Image("gone", f"sha256:{'0' * 64}"))
    with pytest.raises(ComposeFailed):
        ground.runner.one_off(job(ground, gone, FAILS), AMPLE)


def test_a_command_inside_a_container_tells_how_it_ended(ground: Ground, web: Release) -> None:
    ground.runner.one_off(job(ground, web, LASTS), timedelta(milliseconds=1))
    (running,) = left(ground)
    assert ground.runner.inside(running, words(FAILS), {}, AMPLE) == CommandResult(
        3, "no such table"
    )
    assert ground.runner.inside(running, words(LISTENS), {}, AMPLE) == CommandResult(0, "nothing")
    assert ground.runner.inside(running, words(LASTS), {}, SOON) == CommandResult(None, "begun")


def test_a_command_here_tells_how_it_ended(ground: Ground) -> None:
    assert ground.runner.here(words(FAILS), {}, AMPLE) == CommandResult(3, "no such table")
    assert ground.runner.here(words(LISTENS), {}, AMPLE) == CommandResult(0, "nothing")
    assert ground.runner.here(words(LASTS), {}, SOON) == CommandResult(None, "begun")


def test_what_was_never_trusted_is_not(ground: Ground) -> None:
    assert not ground.runner.trusts(["rm", "a b"])
    ground.runner.trust(["rm", "a b"])
    ground.runner.trust(["rm", "a b"])
    assert ground.runner.trusts(["rm", "a b"])
    assert not ground.runner.trusts(["rm", "a", "b"])
