"""The user's file as Compose resolved it: what is ours in it, and what two colours can't share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.config.compose_file import ManagedService, Project, PublishedPort, host
from compose_bluegreen.config.project import read
from compose_bluegreen.domain.errors import UsageError
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
    where = [one.key for one in web(ports=ports).published]
    assert where == [":8000/tcp", "127.0.0.1:8001/tcp", ":/tcp->81", "::1:8002/tcp"]
    assert [host(one) for one in where] == [
        ("", "8000"),
        ("127.0.0.1", "8001"),
        ("", ""),
        ("::1", "8002"),
    ]


@given(st.ip_addresses().map(str), st.integers(1, 65535).map(str), st.integers(1, 65535))
def test_where_a_port_is_published_can_be_read_back(ip: str, port: str, target: int) -> None:
    assert host(PublishedPort(ip, port, target).key) == (ip, port)
    assert host(PublishedPort("", "", target).key) == ("", "")


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
        ("db", "service 'db' of compose.yaml has no x-bluegreen", "docker compose up -d db"),
        ("nil", "compose.yaml has no service 'nil'", "services with x-bluegreen: web"),
    ],
)
def test_a_service_that_is_not_ours_is_refused(name: str, said: str, hint: str) -> None:
    found = project(web=a_service(), db={"image": "postgres:18"})
    with pytest.raises(UsageError) as refused:
        found.pick([name])
    assert refused.value.message == said
    assert hint in hint_text(refused.value.hint)


def test_a_file_without_a_released_service_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no service of compose\.yaml has x-bluegreen") as refused:
        project(db={"image": "postgres:18"}).pick(())
    assert "x-bluegreen: {}" in hint_text(refused.value.hint)


def test_port_0_lets_docker_choose() -> None:
    (found,) = web(ports=[{"target": 80, "published": "0"}]).published
    assert found.key == ":/tcp->80"
