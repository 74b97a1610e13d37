"""The proxy is reloaded and recreated while visitors come."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from shutil import which

import pytest

from compose_bluegreen.adapters.haproxy.container_spec import beside_name
from compose_bluegreen.adapters.haproxy.proxy_image import image
from compose_bluegreen.domain.topology import Topology
from testkit.sources import SAMPLE
from testkit.stage import Model, Stage, free_port, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def site(shared: Stage) -> Stage:
    """In its second release, so that the colour that serves is not the one of an empty map."""
    _write(shared)
    shared.up("v1")
    shared.up("v2")
    return shared


def _write(stage: Stage, *ports: str, **proxy: object) -> None:
    web: Model = service(f"{stage.port}:8080", *ports)
    stage.write(top={"x-bluegreen": {"proxy": proxy}}, web=web)


def _version(stage: Stage, port: int) -> str:
    with suppress(OSError, HTTPException):
        return stage.ask(port=port).version
    return ""


def _container(stage: Stage) -> str:
    found: str = stage.inspect(stage.proxy)["Id"]
    return found


def test_a_reload_loses_nothing(site: Stage) -> None:
    before = _container(site)
    with site.load():
        for timeout in ("5m", "6m"):
            _write(site, timeout=timeout)
            site.bluegreen("proxy", "reload").ended(0)
    assert _container(site) == before
    site.serves("v2")
    assert site.drift() == []


def test_a_configuration_that_haproxy_refuses_changes_nothing(site: Stage) -> None:
    _write(site, snippets={"frontend": "no such word"})
    with site.load():
        run = site.bluegreen("proxy", "reload").ended(1)
    assert "HAProxy doesn't accept the configuration" in run.err
    site.serves("v2")


def test_a_new_port_and_a_new_image_come_with_a_gap_that_is_told(site: Stage) -> None:
    """All is proven beside the old one; the new one has its name, its routes and the lock."""
    port, before = free_port(), _container(site)
    mine = f"{site.project}-haproxy:1"
    site.docker("tag", image(Topology("any")), mine)
    _write(site, f"{port}:8080", image=mine)
    assert "proxy recreate" in site.bluegreen("proxy", "reload").ended(1).err
    run = site.bluegreen("proxy", "recreate").ended(0)
    assert "downtime: " in run.err
    assert _container(site) != before
    assert site.inspect(site.proxy)["Config"]["Image"] == mine
    for each in (site.port, port):
        site.serves("v2", port=each)
    with site.step("it serves again when it is restarted"):
        site.docker("restart", site.proxy)
        eventually(lambda: _version(site, port) == "v2", "v2")
    with site.step("once more, and back"):
        _write(site)
        site.bluegreen("proxy", "recreate").ended(0)
        site.serves("v2")
    assert site.drift() == []
    assert "New worker" in site.bluegreen("proxy", "logs", "--tail", "50").ended(0).out


def _docker(folder: Path, change: str) -> dict[str, str]:
    """Variables by which a command finds another docker first: it changes the words of a build."""
    docker = folder / "docker"
    docker.write_text(
        f'#!/bin/sh\ncase " $* " in *" build "*) {change} ;; esac\nexec {which("docker")} "$@"\n'
    )
    docker.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_the_default_image_is_built_again_and_haproxy_of_it_takes_over(
    site: Stage, tmp_path: Path
) -> None:
    """Whether a registry answers depends on the machine, so docker is not asked to pull here."""
    _write(site)
    no_pull = 'for word; do shift; [ "$word" = --pull ] || set -- "$@" "$word"; done'
    container, before = _container(site), site.inspect(site.proxy)["Image"]
    renewed = beside_name(site.project, 1)
    built_before = site.status()["proxy_image_built_at"]
    run = site.bluegreen("proxy", "recreate", "--pull", **_docker(tmp_path, no_pull)).ended(0)
    assert "build the proxy's image again" in run.err
    assert _container(site) == container
    after = site.inspect(renewed)["Image"]
    assert after != before
    assert after == site.image(image(Topology("any")))
    assert site.status()["proxy_image_built_at"] > built_before
    told = rf"{renewed}: HAProxy \d+\.\d+\S*, its image was built on \d{{4}}-"
    assert re.search(told, site.bluegreen("doctor").out)
    site.serves("v2")
    assert site.drift() == []
    site.begin_docker("rmi", before).end()  # another proxy may still use it


def test_a_registry_that_does_not_answer_is_reported_and_nothing_changes(
    site: Stage, tmp_path: Path
) -> None:
    _write(site)
    container = _container(site)
    no_registry = 'set -- "$@" --build-arg BASE=localhost:1/nothing/debian'
    with site.load():
        run = site.bluegreen("proxy", "recreate", "--pull", **_docker(tmp_path, no_registry))
    assert "building the proxy's image failed" in run.ended(1).err
    assert "localhost:1" in run.err
    assert "connection refused" in run.err
    assert _container(site) == container
    site.serves("v2")


def test_an_own_image_that_nobody_has_is_reported_and_nothing_changes(site: Stage) -> None:
    container = _container(site)
    _write(site, image="localhost:1/nothing/haproxy:1")
    for words in ((), ("--pull",)):
        run = site.bluegreen("proxy", "recreate", *words).ended(1)
        assert "docker pull localhost:1/nothing/haproxy:1 failed" in run.err
    assert _container(site) == container
    site.serves("v2")


def test_one_that_fails_gives_way_to_the_one_that_served(site: Stage) -> None:
    port = free_port()
    rival = f"{site.project}-rival"
    site.docker("run", "--detach", "--name", rival, "--publish", f"{port}:8080", SAMPLE)
    before = _container(site)
    _write(site, f"{port}:8080")
    assert site.bluegreen("proxy", "recreate").ended(1).err.count("port is already allocated")
    assert _container(site) == before
    site.serves("v2")
    site.docker("rm", "--force", rival)
    with site.step("and now it can"):
        site.bluegreen("proxy", "recreate").ended(0)
        site.serves("v2", port=port)
    assert site.drift() == []


@pytest.mark.parametrize("when", [0.5, 1.5])
def test_one_that_is_killed_while_it_recreates_leaves_one_that_serves(
    when: float, site: Stage
) -> None:
    """Wherever it dies: the old one serves, or the new one, or `repair` starts the old one."""
    _write(site)  # the test before may have left a file that cannot be applied
    running = site.begin("proxy", "recreate", "--progress", "json")
    running.until('"step_began"')
    with site.step(f"it is killed {when} s after it began"):
        eventually(lambda: site.containers() != [], "a moment", every=when)
        running.give_up()
    site.bluegreen("repair").ended(0)
    site.serves("v2")
    site.bluegreen("proxy", "recreate").ended(0)
    site.serves("v2")
    proxies = [name for name in site.containers() if "proxy" in name]
    assert site.proxy in proxies
    assert not [name for name in proxies if name.endswith("-next")]
    assert len([name for name in proxies if "-haproxy-" in name]) <= 1
    assert site.drift() == []
