"""TLS at the proxy, as far as the core knows of it: where it is spoken, and by what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.commands import proxy as proxy_care
from compose_bluegreen.commands.up import up
from compose_bluegreen.config.compose_file import Project
from compose_bluegreen.config.project import read
from compose_bluegreen.config.requests import UpRequest
from compose_bluegreen.domain.errors import BadSetting
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.topology import Change, Topology
from testkit.fakes.site import Site, a_file, a_service

FILE = "compose.yaml"
PORTS = [
    {"target": 8080, "published": "80", "protocol": "tcp"},
    {"target": 8080, "published": "443", "protocol": "tcp"},
]


def a_web(tls: Any) -> Model:
    return a_service(ports=PORTS, bluegreen={"tls": tls})


def a_project(web: Model, certificates: str = "f00d") -> Project:
    proxy = {"proxy": {"certificates": "./certs"}} if certificates else {}
    return replace(read(a_file(web=web) | {"x-bluegreen": proxy}, FILE), certificates=certificates)


def spoken(topology: Topology | None) -> dict[str, bool]:
    assert topology is not None
    return {one.host_port: one.tls for one in topology.published}


def release(site: Site, project: Project) -> None:
    site.file = {**site.file, "services": dict(project.config["services"])}
    up(UpRequest(), project, site.ctx)


@pytest.fixture
def secure() -> Site:
    """Released with TLS on 443."""
    site = Site(web=a_web([443]))
    site.source("v1")
    release(site, a_project(a_web([443])))
    site.forget()
    return site


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        (False, {"80": False, "443": False}),
        ([443], {"80": False, "443": True}),
        (["443"], {"80": False, "443": True}),
        (True, {"80": True, "443": True}),
        ("true", {"80": True, "443": True}),
    ],
)
def test_it_is_spoken_on_the_ports_that_are_named(tls: Any, expected: dict[str, bool]) -> None:
    site = Site(web=a_web(tls))
    site.source("v1")
    release(site, a_project(a_web(tls)))
    assert spoken(site.ctx.proxy.topology()) == expected


def test_other_certificates_are_a_reload_even_if_nothing_is_released(secure: Site) -> None:
    other = a_project(a_web([443]), certificates="beef")
    assert up(UpRequest(), other, secure.ctx) is None
    assert secure.observer.keys[-1] == "proxy:reload"
    topology = secure.ctx.proxy.topology()
    assert topology is not None
    assert topology.settings.certificates == "beef"


def test_a_reload_by_hand_takes_them_too(secure: Site) -> None:
    proxy_care.reload(a_project(a_web([443]), "beef"), secure.ctx)
    topology = secure.ctx.proxy.topology()
    assert topology is not None
    assert topology.settings.certificates == "beef"
    assert secure.observer.keys == ["proxy:reload"]


def test_to_speak_it_on_a_port_that_is_published_already_is_a_reload(secure: Site) -> None:
    proxy_care.reload(a_project(a_web(True)), secure.ctx)
    assert spoken(secure.ctx.proxy.topology()) == {"80": True, "443": True}


def test_a_rollback_leaves_it_as_it_is(secure: Site) -> None:
    secure.source("v2")
    up(UpRequest(), a_project(a_web([443]), "beef"), secure.ctx)
    before = secure.ctx.proxy.topology()
    assert before is not None
    secure.rollback()
    assert secure.ctx.proxy.change_to(before) is not Change.RECREATE
    topology = secure.ctx.proxy.topology()
    assert topology is not None
    assert topology.settings.certificates == "beef"
    assert spoken(topology) == {"80": False, "443": True}


@pytest.mark.parametrize(
    ("web", "said", "hint"),
    [
        (a_web([8443]), "the service doesn't publish 8443", "`ports:`"),
        (a_service(port="", bluegreen={"tls": True}), "publishes no port", "`ports:`"),
        (a_web([]), "is not allowed: it must be true, or a list of published ports", ""),
        (a_web(443), "is not allowed: it must be true, or a list of published ports", ""),
        (a_web(["https"]), "is not allowed: it must be true, or a list of published ports", ""),
        (a_web([70000]), "is not allowed: it must be true, or a list of published ports", ""),
    ],
)
def test_what_cannot_be_is_refused(web: Model, said: str, hint: str) -> None:
    with pytest.raises(BadSetting) as refused:
        a_project(web)
    assert refused.value.message.startswith("compose.yaml: services.web.x-bluegreen.tls: ")
    assert said in refused.value.message
    assert hint in hint_text(refused.value.hint)


def test_without_certificates_it_is_refused_and_the_setting_is_named() -> None:
    with pytest.raises(BadSetting) as refused:
        a_project(a_web([443]), certificates="")
    assert refused.value.message.startswith("compose.yaml: services.web.x-bluegreen.tls: ")
    assert "certificates: ./certs" in hint_text(refused.value.hint)
