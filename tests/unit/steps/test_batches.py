"""Which services start side by side, and in which compose files."""

from __future__ import annotations

from copy import deepcopy

from compose_bluegreen.adapters.compose.specs import colour_model, merged
from compose_bluegreen.config.project import read
from compose_bluegreen.config.release_builder import release
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.release import Image, Model, Release, after, in_order
from compose_bluegreen.ports.workloads import ColourAddresses, ColourRelease
from compose_bluegreen.steps.batches import waves
from testkit.fakes.site import a_file, a_service

STARTED, HEALTHY = "service_started", "service_healthy"


def released(**needs: dict[str, str]) -> list[Release]:
    """Services, each with what it depends on and how."""
    services = {
        name: a_service(
            name, port="", depends_on={other: {"condition": how} for other, how in after.items()}
        )
        for name, after in needs.items()
    }
    project = read(a_file(**services), "compose.yaml")
    return [release(project, one, Image("i", "sha256:1")) for one in project.services.values()]


def names(found: list[list[Release]]) -> list[list[str]]:
    return [[one.service for one in wave] for wave in found]


def pairs(releases: list[Release]) -> list[tuple[Release, Model]]:
    return [
        (
            one,
            colour_model(
                ColourRelease(one, Colour.GREEN, 7, ColourAddresses("link", (f"10.9.0.{16 + n}",)))
            ),
        )
        for n, one in enumerate(releases)
    ]


def test_what_needs_nobody_starts_at_once() -> None:
    assert names(waves(released(web={}, api={}, shop={}))) == [["web", "api", "shop"]]


def test_what_must_be_healthy_first_is_a_wave_before() -> None:
    found = released(web={"api": HEALTHY}, api={"db": HEALTHY}, db={}, jobs={"api": STARTED})
    assert names(waves(found)) == [["db"], ["api", "jobs"], ["web"]]


def test_a_plain_dependency_is_no_reason_to_wait() -> None:
    assert names(waves(released(web={"api": STARTED}, api={}))) == [["web", "api"]]


def test_what_isnt_released_now_is_waited_for_by_nobody() -> None:
    web, _ = released(web={"api": HEALTHY}, api={})
    assert names(waves([web])) == [["web"]]


def test_a_wave_is_one_file_in_which_each_comes_after_what_it_needs() -> None:
    found = released(web={"api": STARTED}, api={})
    [file] = merged(pairs(found))
    assert list(file["services"]) == ["api-green-1", "web-green-1"]
    needed = {"api-green-1": {"condition": STARTED}}
    assert file["services"]["web-green-1"]["depends_on"] == needed
    assert "depends_on" not in file["services"]["api-green-1"]
    assert file["networks"].keys() == {"default", "bluegreen-link"}


def test_what_two_days_mean_by_one_name_is_kept_apart() -> None:
    one, other = pairs(released(web={}, api={}))
    other[1]["networks"]["default"] = {"name": "another_default", "external": True}
    files = merged([one, other])
    assert [list(file["services"]) for file in files] == [["web-green-1"], ["api-green-1"]]
    assert [file["networks"]["default"]["name"] for file in files] == [
        "shop_default",
        "another_default",
    ]


def test_volumes_of_all_of_a_file_are_in_it() -> None:
    one, other = pairs(released(web={}, api={}))
    one[1]["volumes"] = {"data": {"name": "shop_data", "external": True}}
    other[1]["volumes"] = {"logs": {"name": "shop_logs", "external": True}}
    [file] = merged([one, other])
    assert file["volumes"].keys() == {"data", "logs"}


def test_merging_changes_no_model() -> None:
    found = pairs(released(web={"api": STARTED}, api={}))
    before = deepcopy(found)
    merged(found)
    assert found == before


def test_a_circle_ends_all_the_same() -> None:
    found = released(web={"api": STARTED}, api={"web": STARTED})
    assert [one.service for one in in_order(found)] == ["web", "api"]


def test_a_release_remembers_what_it_comes_after() -> None:
    web, api = released(web={"api": HEALTHY}, api={})
    assert after(web) == {"api": HEALTHY}
    assert after(api) == {}
