"""Whatever stands in a compose file that Compose accepts: it is released, or refused untouched."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from compose_bluegreen.adapters.haproxy.config import render
from compose_bluegreen.commands.up import up
from compose_bluegreen.config.project import read
from compose_bluegreen.config.requests import UpRequest
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.release import Model
from testkit.fakes.site import Site, a_file, a_service

NETWORK = IPv4Network("172.30.0.0/16")
FILE = "compose.yaml"
PIECES = (
    "\n",
    ";",
    "%[env(HOME)]",
    '"',
    "'",
    "#",
    "\\",
    "{",
    "$x",
    " ",
    "\0",
    "é",
    "٢",
    "../",
    "-",
)
hostile = st.one_of(
    st.text(max_size=12),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["web", "/a", "200", ""]),
        st.sampled_from(PIECES),
        st.sampled_from(["b", "\n    server x 1.2.3.4:1", ""]),
    ),
)
names = st.from_regex(r"[a-zA-Z0-9._-]{1,12}", fullmatch=True)
numbers = st.one_of(st.integers(-2, 70000), st.sampled_from(["", "80-90", "8080", "0", "x"]))
ports = st.fixed_dictionaries(
    {"target": st.integers(1, 65535)},
    optional={
        "published": numbers.map(str),
        "host_ip": st.sampled_from(["", "127.0.0.1", "::1", "::ffff:1.2.3.4"]),
        "protocol": st.sampled_from(["tcp", "tcp", "tcp", "udp"]),
        "mode": st.sampled_from(["ingress", "host"]),
    },
)
settings_of_ours = st.one_of(
    st.none(),
    st.booleans(),
    hostile,
    st.fixed_dictionaries(
        {},
        optional={
            "port": st.one_of(numbers, hostile),
            "mode": st.one_of(st.sampled_from(["http", "tcp"]), hostile),
            "keep": st.one_of(numbers, hostile),
            "traffic": st.one_of(st.sampled_from(["none", "proxy"]), hostile),
            "order": st.one_of(st.sampled_from(["stop-first", "start-first"]), hostile),
            "standby": st.one_of(st.sampled_from(["stopped", "removed", "10m"]), hostile),
            "canary": st.one_of(hostile, st.sampled_from(["5%:1m,50%:1m", False])),
            "bake": st.one_of(
                hostile,
                st.sampled_from(["30s", False]),
                st.fixed_dictionaries(
                    {}, optional={"time": hostile, "errors": hostile, "p95": hostile}
                ),
            ),
            "hooks": st.dictionaries(
                st.sampled_from(["pre_deploy", "pre_switch"]),
                st.one_of(hostile, st.fixed_dictionaries({"host": hostile}), st.lists(hostile)),
                max_size=1,
            ),
            "tls": st.one_of(st.booleans(), st.lists(numbers, max_size=2), hostile),
            "hosts": st.lists(
                st.one_of(st.sampled_from(["a.example.com", "*.example.com"]), hostile), max_size=2
            ),
            "paths": st.lists(st.one_of(st.sampled_from(["/", "/a", "/a/b"]), hostile), max_size=2),
            "long_connections": st.one_of(st.sampled_from(["drain", "close"]), hostile),
            "close_after": st.one_of(st.just("5s"), hostile),
            "health": st.one_of(
                hostile,
                st.fixed_dictionaries(
                    {},
                    optional={
                        "path": st.one_of(hostile, hostile.map("/{}".format)),
                        "status": hostile,
                        "interval": hostile,
                    },
                ),
            ),
        },
    ),
)
# As ``docker compose config`` writes them: of the right types, with values that it doesn't look into.
service = st.fixed_dictionaries(
    # Compose itself refuses a service that has neither an image nor a build.
    {"image": st.one_of(*[st.just("web:latest")] * 5, hostile.filter(bool))},
    optional={
        "ports": st.lists(ports, max_size=3),
        "expose": st.lists(numbers.map(str), max_size=2),
        "networks": st.one_of(
            st.none(),
            st.dictionaries(
                st.sampled_from(["default", "back"]),
                st.one_of(
                    st.none(),
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "aliases": st.lists(st.one_of(*[names] * 4, hostile), max_size=2),
                            "ipv4_address": st.one_of(*[st.just("")] * 5, hostile),
                        },
                    ),
                ),
                max_size=2,
            ),
        ),
        "environment": st.dictionaries(hostile, st.one_of(st.none(), hostile), max_size=3),
        "labels": st.dictionaries(hostile, hostile, max_size=2),
        "deploy": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "replicas": st.integers(0, 4),
                    "mode": st.one_of(*[st.just("replicated")] * 4, hostile),
                },
            ),
        ),
        "scale": st.integers(0, 3),
        "depends_on": st.dictionaries(
            st.sampled_from(["web", "db"]),
            st.fixed_dictionaries({"condition": hostile}, optional={"required": st.booleans()}),
            max_size=2,
        ),
        "healthcheck": st.one_of(st.none(), st.just({"disable": True})),
        "network_mode": st.sampled_from(["", "", "", "host"]),
        "pid": st.one_of(*[st.just("host")] * 4, hostile),
        "volumes": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["volume", "bind"]), "target": hostile},
                optional={"source": hostile},
            ),
            max_size=2,
        ),
        "configs": st.lists(st.fixed_dictionaries({"source": hostile}), max_size=1),
        "x-bluegreen": st.one_of(st.just({}), st.just(None), settings_of_ours),
    },
)
top: st.SearchStrategy[Model | None] = st.one_of(
    st.none(),
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "keep": numbers,
            "proxy": st.fixed_dictionaries(
                {},
                optional={
                    "image": hostile,
                    "monitor": numbers,
                    "trusted_proxies": st.lists(
                        st.one_of(st.just("10.0.0.0/8"), hostile), max_size=2
                    ),
                    "certificates": st.one_of(st.just("./certs"), hostile),
                    "monitor_from": st.lists(
                        st.one_of(st.just("fe80::%a/64"), hostile), max_size=2
                    ),
                },
            ),
        },
    ),
)


def a_project(services: Model, ours: Model | None) -> Model:
    file = a_file(**services)
    file["networks"]["back"] = {"name": "shop_back"}
    return file if ours is None else file | {"x-bluegreen": ours}


files = st.builds(a_project, st.dictionaries(names, service, max_size=3), top)


def moved(site: Site) -> list[str]:
    """What any command may do to find out that it must refuse is to look."""
    return [str(call) for call in site.world.calls.made if not call.looks]


# Without shrinking: what fails is small already, and CI need not wait for the smallest.
@settings(max_examples=250, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(file=files)
def test_no_compose_file_ends_in_a_traceback_or_is_refused_too_late(file: Model) -> None:
    site = Site(web=a_service())
    site.world.make_image("v1")
    for name, own in file["services"].items():
        site.world.names[own["image"] or f"shop-{name}"] = "sha256:v1"
    site.file = site.world.config = file
    if refused := refusal(site, file):
        event("refused by the file" if refused.startswith(FILE) else "refused: " + refused[:60])
        assert moved(site) == []
    else:
        event("released")
    topology = site.ctx.proxy.topology()
    if topology:
        assert_clean(render(topology, NETWORK))


def refusal(site: Site, file: Model) -> str:
    """What a person is told; empty where it was released."""
    try:
        project = read(file, FILE)
        digest = "f00d" if project.settings.proxy.certificates else ""
        up(UpRequest(), replace(project, certificates=digest), site.ctx)
    except BluegreenError as error:
        return error.message or "nothing was said"
    return ""


def assert_clean(text: str) -> None:
    """Nothing from a file began a line of its own, or a fetch that HAProxy would evaluate."""
    for line in text.splitlines():
        assert "1.2.3.4:1" not in line
        assert "env(HOME)" not in line
        assert "\0" not in line
