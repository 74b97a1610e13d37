"""A service that cannot run in two colours is refused by file, service and key."""

from __future__ import annotations

from typing import Any

import pytest

from compose_bluegreen.config.compose_file import ManagedService, Project
from compose_bluegreen.config.project import read
from compose_bluegreen.domain.errors import BadSetting
from compose_bluegreen.domain.release import Model
from testkit.fakes.site import a_file, a_service

FILE = "compose.yaml"


def project(**services: Model) -> Project:
    return read(a_file(**services), FILE)


def web(**more: Any) -> ManagedService:
    return project(web=a_service(**more)).services["web"]


UDP = {"target": 53, "published": "53", "protocol": "udp"}
RANGE = {"target": 80, "published": "8000-8010", "protocol": "tcp"}
REFUSED: list[tuple[Model, str, str]] = [
    ({"network_mode": "host"}, "network_mode", "network of its own"),
    ({"links": ["db"]}, "links", "use the service's name"),
    ({"volumes_from": ["db"]}, "volumes_from", "use a named volume"),
    ({"mac_address": "02:42:ac:11:00:02"}, "mac_address", "can't both have it"),
    (
        {"networks": {"default": {"ipv4_address": "172.20.0.9"}}},
        "networks.default.ipv4_address",
        "can't both have it",
    ),
    ({"networks": {"default": {"ipv6_address": "::9"}}}, "networks.default.ipv6_address", "both"),
    ({"pid": "service:db"}, "pid", "belongs to one container"),
    ({"ipc": "container:x"}, "ipc", "belongs to one container"),
    ({"deploy": {"mode": "global"}}, "deploy.mode", "'global' can't be released"),
    ({"deploy": {"replicas": 0}}, "deploy.replicas", "with 0 replicas there is nothing to release"),
    ({"scale": 0}, "deploy.replicas", "with 0 replicas there is nothing to release"),
    ({"ports": [UDP]}, "ports", "udp can't be switched"),
    ({"ports": [RANGE]}, "ports", "the range 8000-8010 for one port"),
    ({"expose": ["53/udp"]}, "expose", "'53/udp' can't be switched"),
    ({"expose": ["8000-8010"]}, "expose", "'8000-8010' can't be switched"),
    ({"ports": [], "expose": []}, "x-bluegreen.port", "the service has no port for requests"),
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


def test_what_is_released_to_stay_is_nothing_to_wait_for_the_end_of() -> None:
    needs = {"api": {"condition": "service_completed_successfully", "required": True}}
    services = {"web": a_service(depends_on=needs), "api": a_service("api", port="")}
    with pytest.raises(BadSetting, match="api is a released service that keeps running"):
        read(a_file(**services), "compose.yaml")
