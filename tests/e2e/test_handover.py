"""HAProxy is replaced by that of another image while visitors come, and no request is lost."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from http.client import HTTPException

import pytest

from compose_bluegreen.adapters.haproxy.container_spec import beside_name
from compose_bluegreen.adapters.haproxy.proxy_image import image
from compose_bluegreen.domain.topology import Topology
from testkit.idle import Http1Client, idle_clients
from testkit.stage import Model, Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def site(shared: Stage) -> Stage:
    """In its second release, so that the colour that serves is not the one of an empty map."""
    _write(shared)
    shared.up("v1")
    shared.up("v2")
    return shared


def _write(stage: Stage, **proxy: object) -> None:
    web: Model = service(f"{stage.port}:8080")
    stage.write(top={"x-bluegreen": {"proxy": proxy}}, web=web)


def _serves(stage: Stage, version: str) -> bool:
    with suppress(OSError, HTTPException):
        return stage.ask().version == version
    return False


def _haproxies(stage: Stage) -> list[str]:
    """The containers that run a HAProxy beside the proxy's own container."""
    return [name for name in stage.containers() if "-haproxy-" in name]


def _serving(stage: Stage) -> str:
    (name,) = _haproxies(stage)
    return name


def test_a_new_image_takes_over_without_a_gap(site: Stage) -> None:
    proxy = site.inspect(site.proxy)["Id"]
    mine = f"{site.project}-haproxy:1"
    site.docker("tag", image(Topology("any")), mine)
    for number, reference in enumerate((mine, None, mine), start=1):
        _write(site, **({"image": reference} if reference else {}))
        with site.step(f"to {reference or 'the default image'}"), site.load():
            run = site.bluegreen("proxy", "recreate").ended(0)
        assert "downtime" not in run.err
        assert _haproxies(site) == [beside_name(site.project, number)]
        assert site.inspect(site.proxy)["Id"] == proxy
    assert site.inspect(_serving(site))["Config"]["Image"] == mine
    with site.step("releases, reloads and rollbacks go on"), site.load() as load:
        site.up("v3")
        _write(site, image=mine, timeout="7m")
        site.up("v4")
        site.bluegreen("rollback").ended(0)
    assert load.report().versions == ["v2", "v3", "v4"]
    assert site.drift() == []
    site.up("v2")


def test_a_release_with_another_image_takes_over_before_its_switch(site: Stage) -> None:
    other = f"{site.project}-haproxy:2"
    site.docker("tag", image(Topology("any")), other)
    _write(site, image=other)
    with site.load():
        run = site.up("v5")
    assert "hand over" in run.err
    assert site.inspect(_serving(site))["Config"]["Image"] == other
    site.up("v2")


def test_idle_clients_get_one_more_answer_from_the_old_one(site: Stage) -> None:
    with idle_clients(50, lambda: Http1Client(site.port)) as idle:
        running = site.begin("proxy", "recreate")
        before = _haproxies(site)
        eventually(lambda: len(_haproxies(site)) > len(before), "another one")
        eventually(lambda: idle.ask() == {(200, "v2"): 50}, "their answers")
        running.end().ended(0)
        assert idle.ask() == {(200, "v2"): 50}
    assert len(_haproxies(site)) == 1


def test_one_that_does_not_start_leaves_the_old_one_that_serves(site: Stage) -> None:
    before = _serving(site)
    broken = f"{site.project}-haproxy:broken"
    (site.folder / "broken").mkdir()
    (site.folder / "broken" / "Dockerfile").write_text(
        f"FROM {image(Topology('any'))}\nUSER root\nRUN rm -f $(command -v haproxy)\nUSER haproxy\n"
    )
    site.docker("build", "--tag", broken, str(site.folder / "broken"))
    _write(site, image=broken)
    with site.load():
        run = site.bluegreen("proxy", "recreate").ended(1)
    assert "does not start, and the old one still serves" in run.err
    assert "haproxy" in run.err
    assert _serving(site) == before
    _write(site, image=f"{site.project}-haproxy:2")
    assert site.drift() == []


@pytest.mark.parametrize("how", ["restart --time 1", "kill"])
def test_where_the_proxy_starts_again_it_serves_at_once(how: str, site: Stage) -> None:
    """The other one stays stopped: it must not take over in the middle of a command."""
    _write(site, image=f"{site.project}-haproxy:2")
    site.docker(*how.split(), site.proxy)
    site.docker("start", site.proxy)
    eventually(lambda: _serves(site, "v2"), "v2")
    assert not site.inspect(_serving(site))["State"]["Running"]
    assert [each["kind"] for each in site.drift()] == ["proxy_substituted"]
    site.up("v6")
    assert _serves(site, "v6")
    assert site.inspect(_serving(site))["State"]["Running"]
    assert site.drift() == []
    site.up("v2")


def test_where_it_dies_the_one_before_serves_at_once(site: Stage) -> None:
    proxy = site.inspect(site.proxy)["State"]["StartedAt"]
    os.kill(site.inspect(_serving(site))["State"]["Pid"], signal.SIGKILL)
    eventually(lambda: _serves(site, "v2"), "v2", every=0.01)
    assert site.inspect(site.proxy)["State"]["StartedAt"] == proxy, "the lock and the ports stay"
    assert [each["kind"] for each in site.drift()] == ["proxy_substituted"]
    with site.step("repair lets another one take over"), site.load():
        site.bluegreen("repair").ended(0)
    assert site.inspect(_serving(site))["State"]["Running"]
    site.bluegreen("proxy", "reload").ended(0)
    assert site.drift() == []


def test_where_it_dies_during_a_release_no_switch_is_lost(site: Stage) -> None:
    running = site.begin("up", "--progress", "json", VERSION="v7", START_DELAY="2")
    running.until('"step_began", "key": "health"')
    os.kill(site.inspect(_serving(site))["State"]["Pid"], signal.SIGKILL)
    running.end().ended(0)
    site.serves("v7")
    site.bluegreen("repair").ended(0)
    site.serves("v7")
    assert site.drift() == []
    site.up("v2")


@pytest.mark.parametrize("when", [0.3, 0.6, 0.9, 1.5])
def test_a_hand_over_that_is_killed_is_settled_by_the_next_command(
    when: float, site: Stage
) -> None:
    with idle_clients(5, lambda: Http1Client(site.port)), site.load():
        running = site.begin("proxy", "recreate", "--progress", "json")
        running.until('"step_began"')
        with site.step(f"it is killed {when} s after it began"):
            eventually(lambda: site.containers() != [], "a moment", every=when)
            running.give_up()
        assert _serves(site, "v2")
        site.up(f"after-{when}")
        assert _serves(site, f"after-{when}")
    assert len(_haproxies(site)) == 1
    assert site.drift() == []
    site.up("v2")


def test_a_new_port_needs_a_new_container_and_none_beside_it(site: Stage) -> None:
    before = site.inspect(site.proxy)["Id"]
    mine = f"{site.project}-haproxy:1"
    web: Model = service(f"{site.port}:8080", "8080")
    site.write(top={"x-bluegreen": {"proxy": {"image": mine}}}, web=web)
    run = site.bluegreen("proxy", "recreate").ended(0)
    assert "downtime: " in run.err
    assert _haproxies(site) == []
    assert site.inspect(site.proxy)["Id"] != before
    assert site.inspect(site.proxy)["Config"]["Image"] == mine
    site.serves("v2")
