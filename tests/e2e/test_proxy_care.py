"""The proxy is reloaded and recreated while visitors come."""

from __future__ import annotations

from contextlib import suppress
from http.client import HTTPException

import pytest

from compose_bluegreen.adapters.haproxy.container_spec import image
from compose_bluegreen.domain.topology import Topology
from testkit.stage import SAMPLE, Model, Stage, eventually, free_port, service

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
    assert "nobody answered for " in run.err
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
    running = site.begin("proxy", "recreate", "--progress", "json")
    running.until('"step_began"')
    with site.step(f"it is killed {when} s after it began"):
        eventually(lambda: site.containers() != [], "a moment", every=when)
        running.give_up()
    site.bluegreen("repair").ended(0)
    site.serves("v2")
    site.bluegreen("proxy", "recreate").ended(0)
    site.serves("v2")
    assert [name for name in site.containers() if "proxy" in name] == [site.proxy]
    assert site.drift() == []
