"""Somebody meddles: status names it, ``--check`` tells monitoring, and the cure that is named cures it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from compose_bluegreen.adapters.haproxy.config import MAP
from compose_bluegreen.adapters.haproxy.master_socket import SOCKET
from testkit.commands import Run
from testkit.sources import SAMPLE
from testkit.stage import Model, Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

REPAIR = "docker bluegreen repair"


@pytest.fixture(scope="module")
def grounds(stages: Callable[..., Any]) -> Iterator[Stage]:
    """In its second release, of two images, so that green is live and a rollback has where to go."""
    with stages() as stage:
        _write(stage)
        for version in ("v1", "v2"):
            _release(stage, version)
        yield stage


@pytest.fixture
def site(grounds: Stage) -> Iterator[Stage]:
    """Each scenario leaves it without drift: ``repair`` says so by its exit code."""
    yield grounds
    assert grounds.ask().status == 200


def _write(stage: Stage) -> None:
    stage.write(web=service(f"{stage.port}:8080", image=f"{stage.project}-web"))


def _release(stage: Stage, version: str) -> None:
    """An image of its own, which no registry has."""
    file = stage.folder / f"Dockerfile.{version}"
    file.write_text(f"FROM {SAMPLE}\nENV MADE_FOR={version}\n")
    stage.docker("build", "--quiet", "--tag", f"{stage.project}-web", "--file", str(file), ".")
    stage.up(version)


def _checked(stage: Stage) -> dict[str, Model]:
    """What monitoring gets: each kind's newest."""
    run = stage.bluegreen("status", "--check", "--format", "json")
    status = json.loads(run.out)
    found = [*status["drift"], *(one for each in status["services"] for one in each["drift"])]
    run.ended(1 if found else 0)
    return {one["kind"]: one for one in found}


def _repaired(stage: Stage) -> Run:
    """It says that nothing is left."""
    return stage.bluegreen("repair").ended(0)


# ── what repair cures ────────────────────────────────────────────────────────────────────────


def _live(stage: Stage) -> str:
    return stage.container("green")


def _proxy_is_stopped(stage: Stage) -> None:
    stage.docker("stop", stage.proxy)


def _proxy_is_removed(stage: Stage) -> None:
    stage.docker("rm", "--force", stage.proxy)


def _proxy_leaves(network: str) -> Callable[[Stage], None]:
    def disconnected(stage: Stage) -> None:
        stage.docker("network", "disconnect", f"{stage.project}{network}", stage.proxy)

    return disconnected


def _link_is_removed(stage: Stage) -> None:
    link = f"{stage.companion}_link"
    for name in (stage.proxy, _live(stage)):
        stage.docker("network", "disconnect", "--force", link, name)
    stage.docker("network", "rm", link)


def _map_is_edited_on_disk(stage: Stage) -> None:
    stage.in_the_proxy(f"echo 'web blue' > {MAP}")


def _map_is_removed(stage: Stage) -> None:
    stage.in_the_proxy(f"rm {MAP}")


def _map_is_edited_in_memory(colour: str) -> Callable[[Stage], None]:
    """As somebody would who found HAProxy's socket."""

    def edited(stage: Stage) -> None:
        command = f"@1 set map {MAP} web {colour}"
        stage.in_the_proxy(f"echo '{command}' | socat -t10 - UNIX-CONNECT:{SOCKET}")

    return edited


def _live_is_stopped(stage: Stage) -> None:
    stage.docker("stop", "--time", "1", _live(stage))


def _live_is_removed(stage: Stage) -> None:
    stage.docker("rm", "--force", _live(stage))


def _live_leaves(network: str) -> Callable[[Stage], None]:
    def disconnected(stage: Stage) -> None:
        stage.docker("network", "disconnect", f"{stage.project}{network}", _live(stage))

    return disconnected


def _a_stray_is_started(stage: Stage) -> None:
    """Without the ports: those are taken, and Compose says so."""
    stage.write(web=service(image=SAMPLE))
    stage.compose("up", "--detach", "web").ended(0)
    _write(stage)


def _a_colour_is_left_over(stage: Stage) -> None:
    """As by a deployment whose last step failed."""
    words = _labels(stage, "blue", deployment="1", release="old")
    name = stage.container("blue")
    stage.docker("run", "--detach", "--name", name, *words, SAMPLE)


def _an_image_loses_our_name(stage: Stage) -> None:
    stage.docker("rmi", _kept(stage))


def _labels(stage: Stage, colour: str, **more: str) -> list[str]:
    labels = {"project": stage.project, "service": "web", "colour": colour, **more}
    return [
        word
        for key, text in labels.items()
        for word in ("--label", f"compose-bluegreen.{key}={text}")
    ]


def _kept(stage: Stage) -> str:
    """The tag of ours on what is live."""
    return f"bluegreen/{stage.project}/web:{stage.live()['image_id'].removeprefix('sha256:')[:12]}"


@dataclass(frozen=True, slots=True)
class Case:
    kind: str
    befalls: Callable[[Stage], None]

    def __str__(self) -> str:
        return f"{self.kind} {self.befalls.__name__.strip('_')}"


@pytest.mark.parametrize(
    "case",
    [
        Case("proxy_stopped", _proxy_is_stopped),
        Case("proxy_gone", _proxy_is_removed),
        Case("proxy_disconnected", _proxy_leaves("-bluegreen_front")),
        Case("proxy_disconnected", _proxy_leaves("-bluegreen_link")),
        Case("proxy_disconnected", _proxy_leaves("_default")),
        Case("network_gone", _link_is_removed),
        Case("map_differs", _map_is_edited_on_disk),
        Case("map_differs", _map_is_removed),
        Case("routed_to_nothing", _map_is_edited_in_memory("blue")),
        Case("not_routed", _map_is_edited_in_memory("none")),
        Case("live_stopped", _live_is_stopped),
        Case("live_gone", _live_is_removed),
        Case("live_disconnected", _live_leaves("-bluegreen_link")),
        Case("live_disconnected", _live_leaves("_default")),
        Case("stray", _a_stray_is_started),
        Case("leftover", _a_colour_is_left_over),
        Case("image_unnamed", _an_image_loses_our_name),
    ],
    ids=str,
)
def test_what_has_one_cure_is_told_and_repaired(case: Case, site: Stage) -> None:
    case.befalls(site)
    done = json.loads(site.bluegreen("repair", "--format", "json").ended(0).out)
    drift = next(one for one in done["cured"] if one["kind"] == case.kind)
    assert (drift["repairable"], drift["cure"]) == (True, REPAIR)
    assert done["left"] == []
    found = site.ask()
    assert (found.status, found.version, found.colour) == (200, "v2", "green")


def test_nothing_to_repair_is_said(site: Stage) -> None:
    assert _checked(site) == {}
    assert _repaired(site).out == "nothing to repair\n"


# ── what a person must cure, by the command that is named ────────────────────────────────────


def test_a_paused_container(site: Stage) -> None:
    site.docker("pause", _live(site))
    drift = _checked(site)["live_paused"]
    assert site.bluegreen("repair").ended(4).out.splitlines()[-1] == f"  next: {drift['cure']}"
    site.docker(*drift["cure"].removeprefix("docker ").split())
    eventually(lambda: _checked(site) == {}, "nothing drifts")


def test_a_copy_that_bears_all_labels(site: Stage) -> None:
    """On no network of ours, so that nobody is served by it."""
    copy = f"{site.project}-copy"
    site.docker("run", "--detach", "--name", copy, *_labels(site, "green", deployment="2"), SAMPLE)
    assert _checked(site)["impostor"]["cure"] == f"docker rm -f {copy}"
    site.bluegreen("repair").ended(4)
    site.docker("rm", "--force", copy)
    assert _checked(site) == {}


def test_a_live_container_that_somebody_made_anew_without_our_labels(site: Stage) -> None:
    name, link = _live(site), f"{site.companion}_link"
    address = site.inspect(name)["NetworkSettings"]["Networks"][link]["IPAddress"]
    site.docker("rm", "--force", name)
    site.docker("run", "--detach", "--name", name, "--network", link, "--ip", address, SAMPLE)
    drift = _checked(site)["unlabelled"]
    assert drift["cure"] == f"docker bluegreen up --force, then docker rm -f {name}"
    site.bluegreen("repair").ended(4)
    with site.load():
        site.up("v2", "--force")
        site.docker("rm", "--force", name)
    assert _checked(site) == {}


def test_a_live_container_whose_labels_are_another_deployment_s(site: Stage) -> None:
    colour = site.ask().colour
    name, link = site.container(colour), f"{site.companion}_link"
    networks = site.inspect(name)["NetworkSettings"]["Networks"]
    words = _labels(site, colour, deployment="99", release="other")
    site.docker("rm", "--force", name)
    site.docker(
        "run", "--detach", "--name", name, "--network", link, "--ip", networks[link]["IPAddress"],
        *words, SAMPLE,
    )  # fmt: skip
    assert "99" in _checked(site)["history_differs"]["cause"]
    site.bluegreen("repair").ended(4)
    site.up("v2", "--force")
    assert _checked(site) == {}


def test_a_network_of_the_user_s_own(site: Stage) -> None:
    network, colour = f"{site.project}_default", site.ask().colour
    for name in (site.proxy, site.container(colour)):
        site.docker("network", "disconnect", "--force", network, name)
    site.docker("network", "rm", network)
    drift = _checked(site)["network_gone"]
    assert drift["cure"] == f"docker bluegreen up --force, then {REPAIR}"
    site.bluegreen("repair").ended(4)
    site.up("v2", "--force")
    _repaired(site)
    assert _checked(site) == {}


def test_an_image_that_a_rollback_needs_and_nobody_has(site: Stage) -> None:
    """As ``docker system prune --all`` does to it."""
    _release(site, "v3")
    back = site.status()["services"][0]["rollback_to"]
    image = next(one["image_id"] for one in site.history() if one["id"] == back)
    site.docker("rmi", "--force", image)
    assert f"go to deployment {back}, but its image" in _checked(site)["rollback_gone"]["cause"]
    site.bluegreen("repair").ended(4)
    _release(site, "v4")
    assert _checked(site) == {}


def test_a_proxy_that_is_gone_with_all_that_it_knew(site: Stage) -> None:
    site.docker("rm", "--force", site.proxy)
    site.docker("volume", "rm", f"{site.companion}_state")
    assert _checked(site)["proxy_lost"]["cure"].startswith("docker bluegreen up --force creates")
    site.bluegreen("repair").ended(4)
    site.up("v5", "--force")
    site.serves("v5")
    _repaired(site)
    assert _checked(site) == {}
