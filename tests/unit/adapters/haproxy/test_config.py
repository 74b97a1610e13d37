"""``haproxy.cfg`` and the routing map: what is in them, and what never gets there."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compose_bluegreen.adapters.haproxy.config import render, replica_address
from compose_bluegreen.adapters.haproxy.map_files import parse_routes, routes_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.topology import (
    CanaryWeight,
    Check,
    ColourBackend,
    Preview,
    Published,
    Route,
    Topology,
    TrafficSplit,
)
from testkit.haproxy import DOORS, NETWORK, a_route, section, shop

# ── what is in it ────────────────────────────────────────────────────────────────────────────


def test_both_colours_are_there_and_checked_all_the_time() -> None:
    text = render(shop(), NETWORK)
    for colour, seat in (("blue", 16), ("green", 17)):
        servers = [s for s in section(text, f"backend web-{colour}-8080") if "server " in s]
        assert servers == [f"server replica1 10.9.0.{seat}:8080 inter 1000ms rise 2 fall 3"]


def test_each_door_asks_the_map_once_and_then_picks_a_colour() -> None:
    for internal_port in (8080, 10001):
        lines = section(render(shop(), NETWORK), f"frontend door-{internal_port}")
        assert f"bind :{internal_port}" in lines
        assert [line for line in lines if "map_str" in line] == [
            "http-request set-var(txn.way0) str(web),map_str(/var/lib/bluegreen/route.map,none)"
        ]
        assert [line for line in lines if line.startswith("use_backend")] == [
            "use_backend web-blue-8080 if { var(txn.way0) -m str blue }",
            "use_backend web-green-8080 if { var(txn.way0) -m str green }",
        ]
        assert lines[-1] == "default_backend nobody"


def test_which_colour_is_live_is_not_in_it() -> None:
    assert "green" not in section(render(shop(), NETWORK), "defaults")


def test_event_streams_are_marked_for_the_drain() -> None:
    mark = "http-response set-nice 1 if { res.hdr(content-type),lower -m beg text/event-stream }"
    assert mark in section(render(shop(), NETWORK), "frontend door-10001")
    assert mark not in render(shop(a_route(mode="tcp")), NETWORK)


def test_two_services_behind_one_port_are_told_apart_by_the_name_that_was_called() -> None:
    topology = shop(a_route("api", slot=20, internal_port=10002), a_route())
    lines = section(render(topology, NETWORK), "frontend door-8080")
    assert "acl is_way0 req.hdr(host),host_only,lower,rtrim(.) -m str -- api api-alias" in lines
    assert "acl is_way1 req.hdr(host),host_only,lower,rtrim(.) -m str -- web web-alias" in lines
    assert "use_backend api-green-8080 if is_way0 { var(txn.way0) -m str green }" in lines
    alone = section(render(topology, NETWORK), "frontend door-10001")
    assert not any(line.startswith("acl") for line in alone)


def sharing(*routes: Route) -> list[str]:
    """The lines of a published port that all of these share."""
    shared = Published(":8000/tcp", "", "8000", 10001)
    topology = shop(*(replace(one, published=(shared,)) for one in routes))
    return section(render(topology, NETWORK), "frontend door-10001")


def an_api(**more: object) -> Route:
    return replace(a_route("api", slot=20), **more)  # type: ignore[arg-type]


def picks(lines: list[str]) -> list[str]:
    begins = "http-request set-var(txn.service) "
    return [line.removeprefix(begins) for line in lines if line.startswith(begins)]


def test_two_services_behind_one_published_port_are_told_apart_by_host_and_path() -> None:
    lines = sharing(an_api(paths=("/api",)), a_route())
    assert picks(lines) == ["str(web)", "str(api) if { path,concat(/) -m beg -- /api/ }"]
    assert "acl is_way0 var(txn.service) -m str -- api" in lines
    assert "use_backend api-green-8080 if is_way0 { var(txn.way0) -m str green }" in lines
    assert "use_backend web-green-8080 if is_way1 { var(txn.way1) -m str green }" in lines
    assert not any("return status 404" in line for line in lines)


def test_the_more_a_service_says_of_a_request_the_later_it_is_asked() -> None:
    routes = [
        an_api(hosts=("app.example.com",), paths=("/a", "/a/b")),
        replace(a_route("any", slot=30), hosts=("*.example.com",)),
        replace(a_route(), hosts=("app.example.com",)),
    ]
    host = "{ req.hdr(host),host_only,lower,rtrim(.) -m str -- app.example.com }"
    assert picks(sharing(*routes)) == [
        "str(any) if { req.hdr(host),host_only,lower,rtrim(.) -m end -- .example.com }",
        f"str(web) if {host}",
        f"str(api) if {host} {{ path,concat(/) -m beg -- /a/ }}",
        f"str(api) if {host} {{ path,concat(/) -m beg -- /a/b/ }}",
    ]


def test_a_request_that_nobody_wants_is_turned_away() -> None:
    lines = sharing(replace(a_route(), hosts=("app.example.com",)))
    assert picks(lines) == [
        "str(web) if { req.hdr(host),host_only,lower,rtrim(.) -m str -- app.example.com }"
    ]
    (away,) = [line for line in lines if "return status 404" in line]
    assert away.endswith("unless { var(txn.service) -m found }")


def test_who_previews_one_of_them_meets_the_others_as_ever() -> None:
    secret = an_api(paths=("/api",), preview=Preview("hush-hush-hush-hush"))
    lines = sharing(secret, a_route())
    (nobody,) = [line for line in lines if "Nothing waits here" in line]
    assert "if is_way0 knows_way0" in nobody


def test_hosts_are_asked_for_on_published_ports_only() -> None:
    topology = shop(replace(a_route(), hosts=("app.example.com",)))
    assert "example" not in "".join(section(render(topology, NETWORK), "frontend door-8080"))


def test_plain_tcp_is_passed_on_as_it_is() -> None:
    text = render(shop(a_route(mode="tcp")), NETWORK)
    lines = section(text, "frontend door-10001")
    assert "mode tcp" in lines
    assert lines[-1] == "default_backend nobody-tcp"
    assert not any("http-request" in line or "forwardfor" in line for line in lines)
    assert "mode tcp" in section(text, "backend web-blue-8080")


def test_who_waits_how_long_is_counted_where_there_are_requests() -> None:
    text = render(shop(), NETWORK)
    assert "http-request set-var(txn.began) date(0,ms) if { internal.htx.has_eom }" in section(
        text, "frontend door-10001"
    )
    lines = section(text, "backend web-green-8080")
    assert lines[1] == "stick-table type integer size 1k expire 1d store gpc0,gpc0_rate(5m)"
    track = lines.index("http-response track-sc2 var(txn.waited)")
    assert lines[track + 1] == "http-response sc-inc-gpc0(2)"
    assert "waited" not in render(shop(a_route(mode="tcp")), NETWORK)


def test_two_services_that_speak_plain_tcp_cannot_share_a_door() -> None:
    topology = shop(a_route("api", "tcp", slot=20, internal_port=10002), a_route(mode="tcp"))
    with pytest.raises(ProxyFailed, match="api, web share port 8080"):
        render(topology, NETWORK)


def test_a_health_path_is_asked_for_and_its_status_expected() -> None:
    check = Check("/healthz", "200-204", 500, 1500, 1, 2)
    targets = ((Colour.BLUE, ColourBackend((16,), 8080, DOORS, check=check)),)
    lines = section(
        render(shop(replace(a_route(), targets=targets)), NETWORK), "backend web-blue-8080"
    )
    assert "http-check send meth GET uri /healthz ver HTTP/1.1 hdr Host web" in lines
    assert "http-check expect status 200-204" in lines
    assert "timeout check 1500ms" in lines
    assert lines[-1] == "server replica1 10.9.0.16:8080 inter 500ms rise 1 fall 2"


def test_other_ports_of_a_replica_follow_the_one_that_is_checked() -> None:
    internal_ports = ((8080, 8080), (9090, 9090))
    targets = ((Colour.BLUE, ColourBackend((16, 18), 8080, internal_ports)),)
    text = render(shop(replace(a_route(), targets=targets)), NETWORK)
    assert section(text, "backend web-blue-9090")[-2:] == [
        "server replica1 10.9.0.16:9090 no-check track web-blue-8080/replica1",
        "server replica2 10.9.0.18:9090 no-check track web-blue-8080/replica2",
    ]


def test_snippets_stand_in_their_sections() -> None:
    text = render(
        shop(
            snippets=(("global", "maxconn 100"), ("defaults", "backlog 7"), ("frontend", "# mine"))
        ),
        NETWORK,
    )
    assert "maxconn 100" in section(text, "global")
    assert "backlog 7" in section(text, "defaults")
    assert text.count("    # mine\n") == 2


def test_only_trusted_proxies_may_say_how_they_were_called() -> None:
    mine = section(render(shop(), NETWORK), "frontend door-10001")
    assert "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]" in mine
    behind = section(render(shop(trusted_proxies=("10.0.0.0/8",)), NETWORK), "frontend door-10001")
    assert "acl from_a_trusted_proxy src 10.0.0.0/8" in behind


def test_what_a_visitor_says_of_itself_is_removed_unless_it_is_a_trusted_proxy() -> None:
    text = render(shop(), NETWORK)
    assert "http-request del-header X-Forwarded-For" in section(text, "frontend door-10001")
    inside = section(text, "frontend door-8080")
    assert not any("del-header" in line for line in inside), "a proxy of the user's own may call"
    behind = section(render(shop(trusted_proxies=("10.0.0.0/8",)), NETWORK), "frontend door-10001")
    assert "http-request del-header X-Real-IP unless from_a_trusted_proxy" in behind


def test_headers_have_the_limits_that_are_set() -> None:
    assert "tune.bufsize 65536" in section(render(shop(), NETWORK), "global")
    text = render(shop(header_bytes=131_072, header_lines=500), NETWORK)
    assert {"tune.bufsize 131072", "tune.http.maxhdr 500"} <= set(section(text, "global"))


def with_tls(**settings: object) -> Topology:
    published = tuple(replace(one, tls=True) for one in a_route().published)
    mode = str(settings.pop("mode", "http"))
    return shop(replace(a_route(mode=mode), published=published), **settings)


def test_tls_is_spoken_where_it_is_asked_for_and_nowhere_else() -> None:
    text = render(with_tls(certificates="f00d"), NETWORK)
    assert "bind :8080" in section(text, "frontend door-8080")
    assert (
        "bind :10001 ssl crt /var/lib/bluegreen/certificates-f00d/"
        " ssl-min-ver TLSv1.2 alpn h2,http/1.1"
    ) in section(text, "frontend door-10001")
    plain = render(with_tls(certificates="f00d", mode="tcp"), NETWORK)
    (bind,) = [one for one in section(plain, "frontend door-10001") if one.startswith("bind")]
    assert bind.endswith("certificates-f00d/ ssl-min-ver TLSv1.2")


def test_certificates_that_nobody_uses_change_nothing() -> None:
    assert render(shop(certificates="f00d"), NETWORK) == render(shop(), NETWORK)


def test_tls_without_certificates_is_refused() -> None:
    with pytest.raises(ProxyFailed, match="port 8000 must serve TLS"):
        render(with_tls(), NETWORK)


def test_what_a_visitor_of_tls_claims_is_believed_of_trusted_proxies_only() -> None:
    text = render(with_tls(certificates="f00d", trusted_proxies=("10.0.0.0/8",)), NETWORK)
    (rule,) = [one for one in section(text, "frontend door-10001") if "X-Forwarded-Proto %" in one]
    assert rule.startswith("http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]")
    assert rule.endswith("unless from_a_trusted_proxy { req.hdr(X-Forwarded-Proto) -m found }")


def test_a_network_without_room_for_a_seat_is_refused() -> None:
    assert replica_address(IPv4Network("10.9.0.0/28"), 14) == "10.9.0.14"
    with pytest.raises(ProxyFailed, match="no room for replica address number 15"):
        replica_address(IPv4Network("10.9.0.0/28"), 15)


# ── the map ──────────────────────────────────────────────────────────────────────────────────


names = st.from_regex(r"[A-Za-z0-9._-]{1,12}", fullmatch=True)
canary_weights = st.one_of(st.none(), st.builds(CanaryWeight, st.integers(1, 9999), st.booleans()))
flows = st.one_of(
    st.just(TrafficSplit(None)),
    st.builds(TrafficSplit, st.sampled_from(list(Colour)), canary_weights),
)


@given(st.dictionaries(names, flows, max_size=6))
def test_the_map_is_read_as_it_was_written(wanted: dict[str, TrafficSplit]) -> None:
    text = routes_text(wanted)
    assert parse_routes(text) == wanted
    assert parse_routes("".join(f"0x55d0 {line}\n" for line in text.splitlines())) == wanted


@pytest.mark.parametrize("said", ["", "red", "none/green/500", "/", "blue/green/x", "blue/green"])
def test_what_somebody_wrote_there_by_hand_shares_nothing(said: str) -> None:
    (flow,) = parse_routes(f"web {said or '-'}\n").values()
    assert flow.canary_weight is None
    assert flow.live is (Colour.BLUE if said.startswith("blue") else None)


# ── what never gets there ────────────────────────────────────────────────────────────────────


HOSTILE = ["a\nb", "a b", "a;b", "%[env(HOME)]", '"', "'", "$HOME", "#", "a\\", "\r", "", "ü", "{"]
hostile = st.one_of(
    st.sampled_from(HOSTILE),
    st.tuples(names, st.sampled_from([one for one in HOSTILE if one]), names).map("".join),
    st.text().filter(lambda text: not re.fullmatch(r"[A-Za-z0-9._-]+", text)),
)


SPOILT = {
    "project": lambda word: replace(shop(), project=word),
    "service": lambda word: shop(a_route(word)),
    "service without doors": lambda word: shop(
        Route(word, targets=((Colour.BLUE, ColourBackend((16,), 8080, ())),))
    ),
    "alias": lambda word: shop(
        a_route("api", slot=20, internal_port=10002),
        replace(a_route(), networks=(("shop_default", ("web", word)),)),
    ),
    "asked host": lambda word: shop(replace(a_route(), hosts=(word,))),
    "path": lambda word: shop(replace(a_route(), paths=(f"/{word}",))),
    "certificates": lambda word: with_tls(certificates=word),
    "host address": lambda word: shop(
        replace(a_route(), published=(Published(f"{word}:8000/tcp", word, "8000", 10001),))
    ),
}
"""Topologies that have this word where a name belongs."""


HARMLESS = {
    "host address": r"[0-9A-Za-z.:\[\]-]*",
    "asked host": r"(\*\.)?[A-Za-z0-9._-]*",
    "path": r"[A-Za-z0-9._/-]*",
}
"""What may stand there though it is no name: none of it could end a word, a line or a comment."""


@pytest.mark.parametrize("place", SPOILT)
@settings(max_examples=25)  # each one compiles the template
@given(word=hostile)
def test_no_hostile_name_gets_into_the_configuration(place: str, word: str) -> None:
    if place in HARMLESS and re.fullmatch(HARMLESS[place], word):
        return
    with pytest.raises(ProxyFailed):
        render(SPOILT[place](word), NETWORK)


@given(word=hostile)
def test_no_hostile_name_gets_into_the_map(word: str) -> None:
    with pytest.raises(ProxyFailed):
        routes_text({word: TrafficSplit(Colour.BLUE)})
