"""A ``topology.json`` that an attacker wrote is refused before any of it is in a configuration."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.adapters.haproxy.topology_document import TopologyDocument
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.topology import (
    Check,
    ColourBackend,
    Preview,
    ProxySettings,
    Published,
    Route,
    Topology,
)

PORT = Published("127.0.0.1:8000/tcp", "127.0.0.1", "8000", 10001)
TARGET = ColourBackend((16,), 8080, ((10001, 8080),), "http", Check("/healthz?a=1", "200-399"))
TOPOLOGY = Topology(
    "shop",
    ProxySettings("haproxy:3.0", trusted_proxies=("10.0.0.0/8",), snippets=(("global", "a\nb"),)),
    (
        Route(
            "web",
            (PORT,),
            (("shop_default", ("web", "shop.internal")),),
            ((Colour.BLUE, TARGET),),
            Preview("0123456789ab", ("10.0.0.0/8",), PORT),
            ("*.example.com",),
            ("/api",),
        ),
    ),
)
GOOD: Any = json.loads(TopologyDocument.of(TOPOLOGY, "0" * 16).text())
LINE = "/a\n    server x 1.2.3.4:1"
ROUTE, BLUE = "topology/routes/0", "topology/routes/0/targets/0/1"


def each(path: str, *values: Any) -> list[tuple[str, Any]]:
    return [(path, value) for value in values]


HOSTILE = [
    ("topology/project", "blog"),
    ("topology/settings/image", "a b"),
    ("topology/settings/image", "a\nb"),
    ("topology/settings/certificates", "../../etc x"),
    ("topology/settings/monitor", -1),
    ("topology/settings/monitor", 10**30),
    ("topology/settings/trusted_proxies", ["0.0.0.0/0 }\n"]),
    ("topology/settings/monitor_from", ["x"]),
    ("topology/settings/snippets", [["backend", "x"]]),
    *each(f"{ROUTE}/service", "a b", "a\nb", "", "%[env(HOME)]", "../x", None),
    *each(f"{ROUTE}/hosts", [LINE], ["a b"], "x", [7]),
    (f"{ROUTE}/paths", [LINE]),
    (f"{ROUTE}/networks", [["a\nb", []]]),
    (f"{ROUTE}/networks", [["a", ["b c"]]]),
    (f"{ROUTE}/published/0/where", "\nx"),
    (f"{ROUTE}/published/0/host_ip", "1.2.3.4 x"),
    (f"{ROUTE}/published/0/door", 70_000),
    (f"{ROUTE}/preview/networks", ["a"]),
    (f"{ROUTE}/preview/port/host_port", "1\n"),
    *each(f"{BLUE}/check/path", LINE, "/a b", "a", "/'", "/#", "/${HOME}"),
    *each(f"{BLUE}/check/status", "200\n", "2٠٠", "", "200 or 1"),
    *each(f"{BLUE}/check/rise", "2\nx", None, []),
    (f"{BLUE}/mode", "http\n"),
    (f"{BLUE}/port", -1),
    (f"{BLUE}/slots", [-5]),
    (f"{BLUE}/slots", [10**9]),
    (f"{BLUE}/doors", [[1, 70_000]]),
    ("topology", None),
    ("format", None),
    ("format", []),
]


def changed(path: str, value: object) -> str:
    """``GOOD`` with another value at this place."""
    fields = deepcopy(GOOD)
    *outer, last = (int(key) if key.isdecimal() else key for key in path.split("/"))
    place = fields
    for key in outer:
        place = place[key]
    place[last] = value
    return json.dumps(fields)


def test_what_is_written_is_read() -> None:
    assert TopologyDocument.parse(json.dumps(GOOD), "shop").domain() == TOPOLOGY


@pytest.mark.parametrize(
    ("path", "value"), HOSTILE, ids=[f"{path}={value!r:.30}" for path, value in HOSTILE]
)
def test_what_no_version_wrote_is_refused(path: str, value: object) -> None:
    with pytest.raises(ProxyFailed, match=r"topology\.json"):
        TopologyDocument.parse(changed(path, value), "shop")


@pytest.mark.parametrize("text", ["", "[" * 100_000, '{"a":' * 100_000, "7", "\ufffd", "null"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ProxyFailed, match=r"topology\.json"):
        TopologyDocument.parse(text, "shop")


@given(path=st.sampled_from(sorted({path for path, _ in HOSTILE})), value=st.text())
def test_no_text_becomes_a_second_word(path: str, value: str) -> None:
    try:
        found = TopologyDocument.parse(changed(path, value), "shop").topology
    except ProxyFailed:
        return
    texts = (found.settings.image or "", found.routes[0].service, found.settings.certificates)
    assert all(len(text.split()) <= 1 for text in texts)
