"""The user's file as Compose resolved it: what is ours in it, and what two colours can't share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.config.compose_file import ManagedService, Project, PublishedPort, host
from compose_bluegreen.config.project import read
from compose_bluegreen.domain.errors import BadSetting, UsageError
from compose_bluegreen.domain.image_reference import is_reference
from compose_bluegreen.domain.release import Model
from testkit.fakes.site import a_file, a_service

FILE = "compose.yaml"


def project(**services: Model) -> Project:
    return read(a_file(**services), FILE)


def web(**more: Any) -> ManagedService:
    return project(web=a_service(**more)).services["web"]


def test_ours_are_the_services_that_opted_in() -> None:
    off = a_service("off", port="") | {"x-bluegreen": False}
    found = project(web=a_service(), db={"image": "postgres:18"}, off=off)
    assert list(found.services) == ["web"]


def test_a_key_without_a_value_opts_in() -> None:
    assert "web" in project(web=a_service() | {"x-bluegreen": None}).services


def test_the_port_to_route_to_is_the_first_that_is_published() -> None:
    assert web().port == 8080
    assert web(port="", expose=["9000", "9001"]).port == 9000
    assert web(bluegreen={"port": 7000}).port == 7000


def test_published_ports_are_remembered_by_address_and_port() -> None:
    ports = [
        {"target": 80, "published": "8000", "protocol": "tcp"},
        {"target": 80, "published": "8001", "protocol": "tcp", "host_ip": "127.0.0.1"},
        {"target": 81, "protocol": "tcp"},
        {"target": 82, "published": "8002", "host_ip": "::1"},
    ]
    where = [one.where for one in web(ports=ports).published]
    assert where == [":8000/tcp", "127.0.0.1:8001/tcp", ":/tcp->81", "::1:8002/tcp"]
    assert [host(one) for one in where] == [
        ("", "8000"),
        ("127.0.0.1", "8001"),
        ("", ""),
        ("::1", "8002"),
    ]


@given(st.ip_addresses().map(str), st.integers(1, 65535).map(str), st.integers(1, 65535))
def test_where_a_port_is_published_can_be_read_back(ip: str, port: str, target: int) -> None:
    assert host(PublishedPort(ip, port, target).where) == (ip, port)
    assert host(PublishedPort("", "", target).where) == ("", "")


@pytest.mark.parametrize(
    ("more", "count"),
    [({}, 1), ({"scale": 3}, 3), ({"deploy": {"replicas": 2}}, 2), ({"deploy": {}}, 1)],
)
def test_replicas_are_counted_as_compose_counts_them(more: Model, count: int) -> None:
    assert web(**more).replicas == count


def test_networks_come_with_the_aliases_given_there() -> None:
    networks = {"front": {"aliases": ["www", "shop"]}, "back": None}
    assert web(networks=networks).networks == (("front", ("www", "shop")), ("back", ()))


def test_without_networks_there_is_the_default_one() -> None:
    own = a_service()
    del own["networks"]
    found = read(a_file(web=own), FILE)
    assert found.services["web"].networks == (("default", ()),)
    assert found.network_name("default") == "shop_default"


# ── which services are meant ─────────────────────────────────────────────────────────────────


def test_without_names_all_of_ours_are_meant() -> None:
    found = project(web=a_service(), api=a_service("api", port=""), db={"image": "postgres"})
    assert [one.name for one in found.pick(())] == ["web", "api"]
    assert [one.name for one in found.pick(["api", "api"])] == ["api"]


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("db", "service 'db' of compose.yaml doesn't opt in", "docker compose up -d db"),
        ("nil", "compose.yaml has no service 'nil'", "services with x-bluegreen: web"),
    ],
)
def test_a_service_that_is_not_ours_is_refused(name: str, said: str, hint: str) -> None:
    found = project(web=a_service(), db={"image": "postgres:18"})
    with pytest.raises(UsageError) as refused:
        found.pick([name])
    assert refused.value.message == said
    assert hint in hint_text(refused.value.hint)


def test_a_file_in_which_nobody_opts_in_is_refused() -> None:
    with pytest.raises(UsageError, match="opts in") as refused:
        project(db={"image": "postgres:18"}).pick(())
    assert "x-bluegreen: {}" in hint_text(refused.value.hint)


# ── what two colours can't share ─────────────────────────────────────────────────────────────

UDP = {"target": 53, "published": "53", "protocol": "udp"}
RANGE = {"target": 80, "published": "8000-8010", "protocol": "tcp"}
REFUSED: list[tuple[Model, str, str]] = [
    ({"network_mode": "host"}, "network_mode", "networks of their own"),
    ({"links": ["db"]}, "links", "use the service's name"),
    ({"volumes_from": ["db"]}, "volumes_from", "use a named volume"),
    ({"mac_address": "02:42:ac:11:00:02"}, "mac_address", "can't both have it"),
    (
        {"networks": {"default": {"ipv4_address": "172.20.0.9"}}},
        "networks.default.ipv4_address",
        "can't both have it",
    ),
    ({"networks": {"default": {"ipv6_address": "::9"}}}, "networks.default.ipv6_address", "both"),
    ({"pid": "service:db"}, "pid", "names one container"),
    ({"ipc": "container:x"}, "ipc", "names one container"),
    ({"deploy": {"mode": "global"}}, "deploy.mode", "'global' can't be released"),
    ({"deploy": {"replicas": 0}}, "deploy.replicas", "0 leaves nothing to release"),
    ({"scale": 0}, "deploy.replicas", "0 leaves nothing to release"),
    ({"ports": [UDP]}, "ports", "udp can't be switched"),
    ({"ports": [RANGE]}, "ports", "the range 8000-8010 for one port"),
    ({"expose": ["53/udp"]}, "expose", "'53/udp' can't be switched"),
    ({"expose": ["8000-8010"]}, "expose", "'8000-8010' can't be switched"),
    ({"ports": [], "expose": []}, "x-bluegreen.port", "no port to route to"),
]


@pytest.mark.parametrize(("more", "key", "said"), REFUSED)
def test_what_two_colours_cannot_share_is_refused_by_name(more: Model, key: str, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        web(**more)
    assert refused.value.message.startswith(f"{FILE}: services.web.{key}: ")
    assert said in refused.value.message


def test_a_service_that_is_not_ours_may_have_all_of_it() -> None:
    odd = {"image": "x", "network_mode": "host", "links": ["web"]}
    assert list(project(web=a_service(), odd=odd).services) == ["web"]


def test_two_services_that_speak_plain_tcp_cannot_share_a_port() -> None:
    tcp = {"mode": "tcp"}
    with pytest.raises(BadSetting, match="web and api both listen on 8080") as refused:
        project(web=a_service(bluegreen=tcp), api=a_service("api", port="9000", bluegreen=tcp))
    assert refused.value.message.startswith(f"{FILE}: services.web.x-bluegreen.port: ")


def test_two_services_that_speak_http_can_share_a_port() -> None:
    assert len(project(web=a_service(), api=a_service("api", port="9000")).services) == 2


def test_dependencies_are_those_that_are_required() -> None:
    wanted = {
        "db": {"condition": "service_healthy", "required": True},
        "mail": {"condition": "service_started", "required": False},
        "old": {},
    }
    assert web(depends_on=wanted).dependencies == {
        "db": "service_healthy",
        "old": "service_started",
    }


# ── names and numbers that Compose doesn't look into ─────────────────────────────────────────


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"image": "--help"}, "image"),
        ({"image": "../../info"}, "image"),
        ({"image": "web latest"}, "image"),
        ({"networks": {"default": {"aliases": ["web\n    server x 1.2.3.4:1"]}}}, "aliases"),
        ({"networks": {"default": {"aliases": ["%[env(HOME)]"]}}}, "aliases"),
        ({"port": "", "expose": ["0"]}, "expose"),
        ({"port": "", "expose": ["٢"]}, "expose"),
        ({"ports": [{"target": 80, "published": "x"}]}, "ports"),
        ({"ports": [{"target": 80, "published": "70000"}]}, "ports"),
    ],
)
def test_what_would_reach_a_command_or_the_proxy_as_something_else_is_refused(
    more: Model, key: str
) -> None:
    with pytest.raises(BadSetting, match=rf"^compose.yaml: services\.web\..*{key}"):
        web(**more)


def test_port_0_lets_docker_choose() -> None:
    (found,) = web(ports=[{"target": 80, "published": "0"}]).published
    assert found.where == ":/tcp->80"


@pytest.mark.parametrize(
    "reference",
    [
        "web",
        "web:latest",
        "localhost:5000/web",
        "[::1]:5000/team/web:1.4_x",
        "r.example/web@sha256:" + "ab" * 32,
        "sha256:" + "ab" * 32,
        "a--b__c.d/e",
    ],
)
def test_what_docker_would_pull_is_a_reference(reference: str) -> None:
    assert is_reference(reference)


@pytest.mark.parametrize(
    "text", ["", "-q", "Web", "web:", "a b", "a\n", "/a", "a//b", "a/../b", "web:" + "x" * 129, "é"]
)
def test_what_it_would_not_is_none(text: str) -> None:
    assert not is_reference(text)


def test_what_is_released_to_stay_is_nothing_to_wait_for_the_end_of() -> None:
    needs = {"api": {"condition": "service_completed_successfully", "required": True}}
    services = {"web": a_service(depends_on=needs), "api": a_service("api", port="")}
    with pytest.raises(BadSetting, match="api is released to stay, so it never completes"):
        read(a_file(**services), "compose.yaml")
