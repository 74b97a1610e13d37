"""Several services behind one published port: whose a request is, and what nobody could tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.config.compose_file import Project
from compose_bluegreen.config.project import read
from compose_bluegreen.config.release_builder import release
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BadSetting, BluegreenError
from compose_bluegreen.domain.release import Image, Model, Release
from compose_bluegreen.domain.route_conflicts import PortUser, RouteMatch, find_conflicts
from compose_bluegreen.domain.topology import Topology
from compose_bluegreen.steps.desired_topology import for_project, with_release
from testkit.fakes.site import Site, a_file, a_service

FILE = "compose.yaml"


def a_project(**settings: Model) -> Project:
    """Services that all publish 8000."""
    services = {name: a_service(name, bluegreen=own) for name, own in settings.items()}
    return read(a_file(**services) | {"x-bluegreen": {"proxy": {"certificates": "./c"}}}, FILE)


def released(of: Project, service: str) -> Release:
    return release(of, of.services[service], Image(f"{service}:latest", "sha256:1"))


def deployed(of: Project, now: Topology | None = None) -> Topology:
    topology = for_project(of, list(of.services), now)
    for service in of.services:
        topology = with_release(topology, released(of, service), Colour.BLUE)
    return topology


# ── what is allowed ──────────────────────────────────────────────────────────────────────────


def test_they_share_a_door_and_the_port_is_published_once() -> None:
    topology = deployed(a_project(web={}, api={"paths": ["/api"]}))
    (published,) = topology.published
    assert published.key == ":8000/tcp"
    assert [published.internal_port in route.internal_ports for route in topology.routes] == [
        True,
        True,
    ]


def test_one_more_behind_a_port_changes_no_door() -> None:
    before = deployed(a_project(web={}))
    both = a_project(web={}, api={"paths": ["/api"]})
    assert deployed(both, before).published == before.published


def test_ports_that_docker_chooses_are_never_shared() -> None:
    port = [{"target": 8080, "protocol": "tcp"}]
    of = read(a_file(web=a_service(ports=port), api=a_service("api", ports=port)), FILE)
    assert len({one.internal_port for one in deployed(of).published}) == 2


@pytest.mark.parametrize(
    ("web", "api"),
    [
        ({}, {"hosts": ["api.example.com"]}),
        ({}, {"paths": ["/api"]}),
        ({"hosts": ["app.example.com"]}, {"hosts": ["api.example.com"]}),
        ({"hosts": ["*.example.com"]}, {"hosts": ["api.example.com"]}),
        ({"hosts": ["*.example.com"]}, {"hosts": ["example.com"]}),
        ({"hosts": ["a.b.c"]}, {"hosts": ["a.b.c"], "paths": ["/api"]}),
        ({"paths": ["/"]}, {"paths": ["/api"]}),
        ({"paths": ["/api"]}, {"paths": ["/api/v2"]}),
        ({"paths": ["/api"]}, {"paths": ["/apis"]}),
        ({"hosts": ["a.b.c"], "paths": ["/x"]}, {"hosts": ["d.e.f"], "paths": ["/x"]}),
        ({"tls": True}, {"tls": ["8000"], "paths": ["/api"]}),
    ],
)
def test_what_can_be_told_apart_is_accepted(web: Model, api: Model) -> None:
    assert len(deployed(a_project(web=web, api=api)).published) == 1


def test_hosts_are_compared_as_visitors_write_them() -> None:
    of = a_project(web={"hosts": ["App.Example.COM"], "paths": ["/api/", "/"]})
    assert of.services["web"].settings.hosts == ("app.example.com",)
    assert of.services["web"].settings.paths == ("/api", "/")


# ── what is refused ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("web", "api", "key", "said"),
    [
        ({}, {}, "api.x-bluegreen.hosts", "some requests match both"),
        ({"hosts": ["a.b"]}, {"hosts": ["a.b"]}, "api.x-bluegreen.paths", "a.b"),
        ({"paths": ["/x"]}, {"paths": ["/y", "/x/"]}, "api.x-bluegreen.hosts", "any host/x"),
        ({"hosts": ["a.b"]}, {"paths": ["/api"]}, "api.x-bluegreen.hosts", "a.b; any host/api"),
        (
            {"hosts": ["*.b.c"], "paths": ["/x/y"]},
            {"hosts": ["a.b.c"], "paths": ["/x"]},
            "api.x-bluegreen.hosts",
            "*.b.c/x/y; a.b.c/x",
        ),
        ({}, {"mode": "tcp", "port": 1}, "api.x-bluegreen.mode", "`mode: tcp`"),
        ({"tls": True}, {"paths": ["/api"]}, "api.x-bluegreen.tls", "only one of them uses TLS"),
    ],
)
def test_what_nobody_could_tell_apart_is_refused_with_its_cure(
    web: Model, api: Model, key: str, said: str
) -> None:
    if api.get("mode") == "tcp":
        # Or the port inside the project would be refused before.
        service = a_service("api", bluegreen=api, ports=[_port(9)])
    else:
        service = a_service("api", bluegreen=api)
    services = a_file(web=a_service(bluegreen=web), api=service)
    with pytest.raises(BadSetting) as refused:
        read(services | {"x-bluegreen": {"proxy": {"certificates": "./c"}}}, FILE)
    assert refused.value.message.startswith(f"compose.yaml: services.{key}: ")
    assert said in refused.value.message
    assert "(8000)" in refused.value.message
    assert hint_text(refused.value.hint)


def _port(target: int) -> Model:
    return {"target": target, "published": "8000", "protocol": "tcp"}


@pytest.mark.parametrize(
    ("own", "key", "said"),
    [
        ({"hosts": ["a.b"], "mode": "tcp"}, "hosts", "can't read hosts or paths"),
        ({"paths": ["/a"], "mode": "tcp"}, "paths", "can't read hosts or paths"),
        ({"hosts": ["a b"]}, "hosts.0", "not allowed"),
        ({"hosts": ["a.*.b"]}, "hosts.0", "not allowed"),
        ({"hosts": ["http://a.b"]}, "hosts.0", "not allowed"),
        ({"hosts": [""]}, "hosts.0", "not allowed"),
        ({"paths": ["api"]}, "paths.0", "not allowed"),
        ({"paths": ["/a//b"]}, "paths.0", "not allowed"),
        ({"paths": ["/a b"]}, "paths.0", "not allowed"),
        ({"paths": ["/a?b"]}, "paths.0", "not allowed"),
        ({"paths": ["/a\n"]}, "paths.0", "not allowed"),
        ({"hosts": ["a.b\n"]}, "hosts.0", "not allowed"),
    ],
)
def test_what_the_proxy_cannot_ask_for_is_refused(own: Model, key: str, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        a_project(web=own)
    assert refused.value.message.startswith(f"compose.yaml: services.web.x-bluegreen.{key}: ")
    assert said in refused.value.message


def test_hosts_without_a_port_are_refused() -> None:
    web = a_service(port="", bluegreen={"hosts": ["a.b"]})
    with pytest.raises(BadSetting, match="publishes no port"):
        read(a_file(web=web), FILE)


def test_a_service_that_the_file_forgot_still_has_its_port() -> None:
    before = deployed(a_project(old={}))
    with pytest.raises(BluegreenError, match="old and web are both behind port 8000") as refused:
        for_project(a_project(web={}), ["web"], before)
    assert "docker bluegreen down" in hint_text(refused.value.hint)


# ── releases ─────────────────────────────────────────────────────────────────────────────────


def test_other_hosts_are_a_reload_and_no_release() -> None:
    site = Site(web=a_service(), api=a_service("api", bluegreen={"paths": ["/api"]}))
    for service in ("web", "api"):
        site.source("v1", service)
    site.up()
    site.forget()
    site.file["services"]["api"]["x-bluegreen"] = {"paths": ["/v2"]}
    assert site.up() is None
    assert "proxy:reload" in site.observer.keys
    topology = site.ctx.proxy.topology()
    route = topology.route("api") if topology else None
    assert route
    assert route.paths == ("/v2",)


def test_after_down_a_rollback_brings_hosts_and_port_along() -> None:
    site = Site(web=a_service(), api=a_service("api", bluegreen={"paths": ["/api"]}))
    for service in ("web", "api"):
        site.source("v1", service)
    done = site.up()
    assert done
    site.down()
    site.rollback(to=done.id)
    topology = site.ctx.proxy.topology()
    assert topology
    assert len(topology.published) == 1
    assert {route.service: route.paths for route in topology.routes} == {
        "api": ("/api",),
        "web": (),
    }


# ── whatever they say ────────────────────────────────────────────────────────────────────────

hosts = st.sampled_from(["", "a.x", "b.x", "*.x", "*.a.x", "c.a.x", "x"])
paths = st.sampled_from(["", "/p", "/p/q", "/pq", "/r"])
claims = st.builds(RouteMatch, hosts, paths)


def fits(claim: RouteMatch, host: str, path: str) -> bool:
    below = claim.host.startswith("*.") and host.endswith(claim.host[1:])
    prefix = path == claim.path or path.startswith(f"{claim.path}/")
    return (below or claim.host in ("", host)) and (not claim.path or prefix)


def sharer(name: str, claim: RouteMatch) -> PortUser:
    return PortUser(name, (claim.host,) if claim.host else (), (claim.path,) if claim.path else ())


@given(one=claims, other=claims, data=st.data())
def test_of_two_that_may_share_one_says_more_wherever_both_fit(
    one: RouteMatch, other: RouteMatch, data: Any
) -> None:
    found = list(find_conflicts([sharer("one", one), sharer("other", other)]))
    host = data.draw(st.sampled_from(["a.x", "b.x", "d.x", "c.a.x", "x", "y"]))
    path = data.draw(st.sampled_from(["/", "/p", "/p/q", "/p/q/r", "/pq", "/r", "/s"]))
    if not found and fits(one, host, path) and fits(other, host, path):
        assert one.rank != other.rank
        more, less = sorted([one, other], key=lambda claim: claim.rank, reverse=True)
        for each in ("a.x", "b.x", "d.x", "c.a.x", "x", "y"):
            assert not fits(more, each, path) or fits(less, each, path)
