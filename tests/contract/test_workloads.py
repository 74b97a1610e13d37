"""The contract of Workloads: what the core expects of the fake and of Docker Compose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compose_bluegreen.config.release_builder import release
from compose_bluegreen.domain.errors import BluegreenError, ComposeFailed
from compose_bluegreen.domain.names import KEY
from compose_bluegreen.domain.release import Release
from compose_bluegreen.domain.topology import Change
from compose_bluegreen.ports.workloads import ColourRelease, NetworkAttachment
from compose_bluegreen.steps.desired_topology import for_project, with_release
from tests.contract.grounds import Ground
from tests.contract.helpers import GREEN, found_in, start, until_up


def a_colour(ground: Ground, web: Release) -> ColourRelease:
    return ColourRelease(web, GREEN, 1, ground.proxy.colour_addresses("web", GREEN))


def test_a_colour_that_is_started_again_gets_new_containers(running: Ground, web: Release) -> None:
    start(running, web, GREEN, deployment=7)
    start(running, web, GREEN, deployment=8)
    (found,) = found_in(running, GREEN)
    assert found.deployment == 8


def test_a_container_is_put_where_it_belongs_again(running: Ground, web: Release) -> None:
    start(running, web, GREEN)
    colour_addresses = running.proxy.colour_addresses("web", GREEN)
    (green,) = found_in(running, GREEN)
    for place in (
        NetworkAttachment(None, ("web-green",)),
        NetworkAttachment(colour_addresses.addresses[0], ()),
    ):
        running.workloads.connect(green, colour_addresses.network, place)
        (found,) = (
            one for one in running.engine.attached(colour_addresses.network) if one.id == green.id
        )
        assert place.address in (None, found.addresses[colour_addresses.network])
    until_up(running, GREEN)


def test_placements_are_where_started_containers_are(running: Ground, web: Release) -> None:
    colour = a_colour(running, web)
    running.workloads.start_colours([colour])
    (found,) = found_in(running, GREEN)
    (places,) = running.workloads.placements(colour).values()
    assert set(running.workloads.placements(colour)) == {found.name}
    assert set(places) == set(found.addresses)
    for network, place in places.items():
        assert place.address in (None, found.addresses[network])


def test_a_missing_replica_is_started_beside_the_others(ground: Ground, web: Release) -> None:
    web = replace(web, model=web.model | {KEY: web.model[KEY] | {"replicas": 2}})
    ground.proxy.apply(
        with_release(for_project(ground.project, ["web"], None), web, GREEN), Change.CREATE
    )
    colour = a_colour(ground, web)
    ground.workloads.start_colours([colour])
    first, second = found_in(ground, GREEN)
    ground.workloads.remove([second])
    ground.workloads.start_replicas(colour, [second.name])
    found = found_in(ground, GREEN)
    assert [one.name for one in found] == [first.name, second.name]
    assert found[0].id == first.id
    assert all(one.running for one in found)


def test_a_build_gives_its_name_to_a_new_image(ground: Ground) -> None:
    ground.source("v2")
    ground.workloads.build(["web"])
    second = ground.engine.image(ground.built)
    ground.source("v3")
    ground.workloads.build(["web"])
    third = ground.engine.image(ground.built)
    assert second
    assert third
    assert second.id != third.id


def test_a_build_that_fails_moves_no_name(ground: Ground) -> None:
    ground.source("")
    with pytest.raises(ComposeFailed):
        ground.workloads.build(["web"])
    assert ground.engine.image(ground.built) is None


def test_an_image_is_pulled_from_its_registry(ground: Ground) -> None:
    with ground.published() as reference:
        assert ground.engine.image(reference) is None
        ground.workloads.pull(reference)
        ground.workloads.pull(reference)
        assert ground.engine.image(reference) is not None


def test_an_image_that_no_registry_has_cannot_be_pulled(ground: Ground) -> None:
    with pytest.raises(ComposeFailed):
        ground.workloads.pull("localhost:1/nobody/has-this:1")


def test_dependencies_start_in_the_users_own_project_and_only_once(ground: Ground) -> None:
    ground.workloads.start_dependencies(["db"])
    (first,) = ground.engine.compose_containers(ground.project.name, "db")
    assert first.running
    ground.workloads.start_dependencies(["db"])
    (second,) = ground.engine.compose_containers(ground.project.name, "db")
    assert second.id == first.id
    assert ground.engine.compose_containers(ground.project.name, "web") == []


def test_networks_and_volumes_are_created_once_and_nothing_starts(ground: Ground) -> None:
    network, volume = f"{ground.project.name}_own", f"{ground.project.name}_data"
    assert ground.engine.missing_networks([network]) == {network}
    assert ground.engine.missing_volumes([volume]) == {volume}
    for _ in range(2):
        ground.workloads.create_networks_and_volumes(
            {"own": {"name": network}}, {"data": {"name": volume}}
        )
    assert ground.engine.missing_networks([network]) == set()
    assert ground.engine.missing_volumes([volume]) == set()
    assert ground.engine.attached(network) == []


def test_an_image_is_removed_once_no_container_uses_it(running: Ground) -> None:
    running.source("v2")
    running.workloads.build(["web"])
    image = running.engine.image(running.built)
    assert image
    web = release(running.project, running.project.services["web"], image)
    running.workloads.start_colours([a_colour(running, web)])
    assert not running.workloads.remove_image(image.id)
    running.workloads.remove(found_in(running, GREEN))
    assert running.workloads.remove_image(image.id)
    assert running.engine.image(running.built) is None
    assert running.workloads.remove_image(image.id)


def test_an_image_with_two_names_is_not_removed(ground: Ground) -> None:
    ground.source("v2")
    ground.workloads.build(["web"])
    image = ground.engine.image(ground.built)
    assert image
    other = f"bluegreen/{ground.project.name}/web:kept"
    ground.workloads.tag(image.id, other)
    assert not ground.workloads.remove_image(image.id)
    assert sorted(ground.engine.tags(image.id)) == sorted([ground.built, other])
    ground.workloads.untag(other)


def test_removing_can_be_done_twice(running: Ground, web: Release) -> None:
    start(running, web, GREEN)
    green = found_in(running, GREEN)
    running.workloads.remove(green)
    running.workloads.remove(green)
    assert found_in(running, GREEN) == []


def test_a_later_container_of_the_same_name_is_never_meant(running: Ground, web: Release) -> None:
    """A command that lost its lock may act on what it saw before."""
    start(running, web, GREEN, deployment=7)
    seen = found_in(running, GREEN)
    start(running, web, GREEN, deployment=8)
    running.workloads.remove(seen)
    with pytest.raises(BluegreenError):
        running.workloads.stop(seen)
    (green,) = found_in(running, GREEN)
    assert (green.deployment, green.running) == (8, True)


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
        act([found])
        act([found])
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


def test_the_log_of_a_colour_has_the_name_of_its_container(running: Ground, web: Release) -> None:
    start(running, web, GREEN)
    until_up(running, GREEN)
    (green,) = found_in(running, GREEN)
    (line,) = running.workloads.logs([green.name], follow=False, tail=1)
    said, _, text = line.partition(b"|")
    assert b"web-green-1" in said
    assert text.strip()
