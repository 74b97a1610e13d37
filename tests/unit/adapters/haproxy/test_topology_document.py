"""``topology.json`` and the label ``made-for``: what an earlier version wrote is read for ever."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compose_bluegreen.adapters.haproxy import container_spec
from compose_bluegreen.adapters.haproxy.topology_document import FORMAT, TopologyDocument
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.topology import (
    NO_ROUTE,
    Check,
    ColourBackend,
    Preview,
    ProxySettings,
    Published,
    Route,
    Topology,
)
from tests.unit.adapters.haproxy.golden import golden

BLUE, GREEN = Colour.BLUE, Colour.GREEN
NAMES = (("shop_default", ("web",)),)
PORT = Published(":8000/tcp", "", "8000", 10001)
DIGEST = golden("template.digest").strip()


def http(
    *address_offsets: int, internal_ports: tuple[tuple[int, int], ...] = ((10001, 8080),)
) -> ColourBackend:
    return ColourBackend(address_offsets, 8080, internal_ports)


def tcp(*address_offsets: int, internal_port: int = 10001) -> ColourBackend:
    internal_ports = (
        ((internal_port, 5672), (5672, 5672))
        if internal_port == 10001
        else ((internal_port, 5672),)
    )
    return ColourBackend(address_offsets, 5672, internal_ports, "tcp")


def worker(*address_offsets: int) -> ColourBackend:
    return ColourBackend(address_offsets, 0, (), NO_ROUTE)


def replicas_and_checks() -> Topology:
    both = ((10001, 8080), (10002, 9090))
    check = Check("/health?deep=1", "200", 500, 1500, 3, 2)
    api = ColourBackend((16, 17, 18), 9000, ((9000, 9000), (9001, 9001)), check=check)
    api_names = (("shop_back", ("api", "api.internal")), ("shop_default", ("api",)))
    green = ColourBackend((21, 22, 23), 8080, both, check=Check(path="/ready"))
    ports = (
        Published("127.0.0.1:8000/tcp", "127.0.0.1", "8000", 10001),
        Published(":8001->9090/tcp", "", "8001", 10002),
    )
    return Topology(
        "shop",
        ProxySettings(monitor=9101, timeout_ms=300_000),
        (
            Route("api", (), api_names, ((BLUE, api),)),
            Route("web", ports, NAMES, ((BLUE, http(19, 20, internal_ports=both)), (GREEN, green))),
        ),
    )


def hosts_and_paths() -> Topology:
    ports = (Published(":80/tcp", "", "80", 10001),)
    api, web = ((BLUE, http(16)), (GREEN, http(17))), ((BLUE, http(18)), (GREEN, http(19)))
    return Topology(
        "shop",
        routes=(
            Route(
                "api",
                ports,
                (("shop_default", ("api",)),),
                api,
                hosts=("shop.example", "*.shop.example"),
                paths=("/api", "/v2/api"),
            ),
            Route("web", ports, NAMES, web, hosts=("shop.example",)),
        ),
    )


def tls() -> Topology:
    both = ((10001, 8080), (10002, 8080))
    ports = (
        Published(":443/tcp", "", "443", 10001, tls=True),
        Published("[::1]:80/tcp", "::1", "80", 10002),
    )
    settings = ProxySettings(
        certificates="0123456789abcdef",
        trusted_proxies=("10.0.0.0/8", "fd00::/8"),
        monitor_from=("10.1.0.0/16",),
    )
    targets = ((BLUE, http(16, internal_ports=both)), (GREEN, http(17, internal_ports=both)))
    return Topology("shop", settings, (Route("web", ports, NAMES, targets),))


def preview_port_and_key() -> Topology:
    port = Published("127.0.0.1:9000/tcp", "127.0.0.1", "9000", 10002)
    preview = Preview("s3cret~key", ("10.0.0.0/8", "192.168.1.7/32"), port)
    targets = ((BLUE, http(16)), (GREEN, http(17)))
    return Topology("shop", routes=(Route("web", (PORT,), NAMES, targets, preview),))


def preview_port_chosen_by_docker() -> Topology:
    ports = (Published(":8000/tcp", "", "", 10001),)
    preview = Preview(port=Published("127.0.0.1:/tcp", "127.0.0.1", "", 10002))
    return Topology("shop", routes=(Route("web", ports, (), ((GREEN, http(16)),), preview),))


def plain_tcp() -> Topology:
    ports, names = (
        (Published(":5672/tcp", "", "5672", 10001),),
        (("shop_default", ("queue", "mq")),),
    )
    targets = ((BLUE, tcp(16)), (GREEN, tcp(17, 18)))
    return Topology("shop", routes=(Route("queue", ports, names, targets),))


def snippets_and_image() -> Topology:
    snippets = (
        ("defaults", "timeout check 5s\n"),
        ("frontend", 'http-response set-header X-Shop "naïve 漢"\n'),
        ("global", "maxconn 4000\n"),
    )
    settings = ProxySettings(image="registry.example.com/our-haproxy:3.0", snippets=snippets)
    return Topology("shop", settings, (Route("web", (PORT,), NAMES, ((BLUE, http(16)),)),))


def several_services() -> Topology:
    inside = ((8080, 8080),)
    ports = (
        Published("0.0.0.0:8000/tcp", "0.0.0.0", "8000", 10001),  # noqa: S104 - as in the golden file
        Published("[::]:8000/tcp", "::", "8000", 10003),
    )
    names = (("my-shop_2_default", ("web", "shop.local")), ("front", ("web",)))
    api = ((BLUE, http(16, internal_ports=inside)), (GREEN, http(17, internal_ports=inside)))
    queue = (Published(":5672/tcp", "", "5672", 10002),)
    web = ((BLUE, http(20, 21)), (GREEN, http(22, 23, 24)))
    return Topology(
        "my-shop_2",
        ProxySettings(monitor=0),
        (
            Route("api", (), (("my-shop_2_default", ("api",)),), api),
            Route("mailer", targets=((GREEN, worker(18)),)),
            Route(
                "queue",
                queue,
                (("my-shop_2_default", ("queue",)),),
                ((BLUE, tcp(19, internal_port=10002)),),
            ),
            Route("web", ports, names, web, Preview("k")),
        ),
    )


TOPOLOGIES = {
    "empty": Topology("shop"),
    "plain": Topology(
        "shop", routes=(Route("web", (PORT,), NAMES, ((BLUE, http(16)), (GREEN, http(17)))),)
    ),
    "replicas_and_checks": replicas_and_checks(),
    "hosts_and_paths": hosts_and_paths(),
    "tls": tls(),
    "preview_port_and_key": preview_port_and_key(),
    "preview_port_chosen_by_docker": preview_port_chosen_by_docker(),
    "tcp": plain_tcp(),
    "worker": Topology(
        "shop",
        routes=(Route("mailer", targets=((BLUE, worker(16, 17)), (GREEN, worker(18, 19)))),),
    ),
    "snippets_and_image": snippets_and_image(),
    "several_services": several_services(),
}
each_topology = pytest.mark.parametrize("name", TOPOLOGIES)


def parse(text: str) -> TopologyDocument:
    return TopologyDocument.parse(text, "my-shop_2" if "my-shop_2" in text else "shop")


def without_format(document: TopologyDocument) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(document.text())
    assert fields.pop("format") == FORMAT
    return fields


@each_topology
def test_a_file_of_78b6a6f_describes_the_same_topology(name: str) -> None:
    document = parse(golden(f"topology.{name}.json"))
    assert document.domain() == TOPOLOGIES[name]
    assert document.template == DIGEST


@each_topology
def test_an_upgrade_needs_no_reload(name: str) -> None:
    stored = parse(golden(f"topology.{name}.json"))
    assert stored.means_the_same_as(TopologyDocument.of(TOPOLOGIES[name], DIGEST))


def without_later_keys(document: Any, stored: Any) -> Any:
    if isinstance(stored, dict):
        return {key: without_later_keys(document[key], stored[key]) for key in stored}
    if isinstance(stored, list):
        pairs = zip(document, stored, strict=True)
        return [without_later_keys(*pair) for pair in pairs]
    return document


@each_topology
def test_78b6a6f_finds_in_a_new_file_what_it_wrote_itself(name: str) -> None:
    """It ignores settings that came later."""
    document = without_format(TopologyDocument.of(TOPOLOGIES[name], DIGEST))
    stored = json.loads(golden(f"topology.{name}.json"))
    assert without_later_keys(document, stored) == stored


@each_topology
def test_what_is_written_is_read_back(name: str) -> None:
    document = TopologyDocument.of(TOPOLOGIES[name], "another")
    assert parse(document.text()) == document
    assert document.domain() == TOPOLOGIES[name]


@each_topology
def test_the_label_of_the_container_is_that_of_78b6a6f(name: str) -> None:
    """Another value would replace the container of every user, with a gap."""
    expected = json.loads(golden("made-for.json"))[name]
    document = parse(golden(f"topology.{name}.json"))
    assert document.made_for(document.topology.settings.image) == expected
    service = container_spec.model(TOPOLOGIES[name])["services"][container_spec.SERVICE]
    assert service["labels"]["compose-bluegreen.made-for"] == expected


def test_another_template_or_topology_is_another_document() -> None:
    document = TopologyDocument.of(TOPOLOGIES["plain"], DIGEST)
    assert not document.means_the_same_as(TopologyDocument.of(TOPOLOGIES["plain"], "another"))
    assert not document.means_the_same_as(TopologyDocument.of(TOPOLOGIES["tls"], DIGEST))


def test_another_number_alone_is_no_other_document() -> None:
    document = TopologyDocument.of(TOPOLOGIES["plain"], DIGEST)
    other = TopologyDocument(document.template, document.topology, format=FORMAT + 1)
    assert document.means_the_same_as(other)


def test_a_file_from_before_a_field_existed_gets_its_default() -> None:
    """Versions before 78b6a6f knew neither hosts nor previews."""
    text = golden("topology.plain.json")
    fields = json.loads(text)
    route = fields["topology"]["routes"][0]
    for field in ("hosts", "paths", "preview"):
        del route[field]
    del fields["topology"]["settings"]["certificates"]
    assert parse(json.dumps(fields)) == parse(text)


def test_fields_of_a_later_version_are_ignored() -> None:
    fields = json.loads(golden("topology.plain.json"))
    fields["topology"]["routes"][0]["weight"] = 7
    assert parse(json.dumps(fields)).domain() == TOPOLOGIES["plain"]


def test_a_newer_format_is_refused_with_the_cure() -> None:
    fields = json.loads(golden("topology.plain.json")) | {"format": FORMAT + 1}
    with pytest.raises(ProxyFailed, match=f"format {FORMAT + 1}.* newer version") as refused:
        parse(json.dumps(fields))
    assert "pip install --upgrade compose-bluegreen" in hint_text(refused.value.hint)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '{"template": "x"}',
        '{"format": "2", "template": "x", "topology": {}}',
        '{"template": "x", "topology": {"project": "shop", "routes": [{"published": []}]}}',
        '{"template": "x", "topology": {"project": "shop", "routes": 7}}',
        golden("topology.plain.json").replace('"blue"', '"red"'),
    ],
)
def test_a_damaged_file_is_refused_with_the_cure(text: str) -> None:
    with pytest.raises(ProxyFailed, match="cannot be read") as refused:
        parse(text)
    assert "docker compose --project-name shop-bluegreen down --volumes" in hint_text(
        refused.value.hint
    )
