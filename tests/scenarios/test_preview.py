"""Preview: who may reach the idle colour, what they reach, and that nobody else does."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from compose_bluegreen.adapters.haproxy.config import render
from compose_bluegreen.adapters.haproxy.map_files import parse_previews, previews_text
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.cli.output import status as shown
from compose_bluegreen.cli.terminal import Terminal
from compose_bluegreen.config.compose_file import Project
from compose_bluegreen.config.project import read
from compose_bluegreen.config.settings import ProjectSettings
from compose_bluegreen.config.settings_reader import project_settings, service_settings
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BadSetting, BluegreenError, ProxyFailed, Unhealthy
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.topology import Preview, Published, Route, Topology
from compose_bluegreen.inspection.status import Previewed
from compose_bluegreen.runtime.secrets import concealed, learn
from compose_bluegreen.steps.desired_topology import for_project
from testkit.failures import QUICK, outcome
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site, a_file, a_service
from testkit.fakes.world import Behaviour
from testkit.haproxy import NETWORK, a_route, section, shop
from testkit.killing import kill

KEY = "a-key-nobody-guesses"
WHERE = "compose.yaml: services.web.x-bluegreen"
SICK = Behaviour(sick_after=0.0)


# ── the settings ─────────────────────────────────────────────────────────────────────────────


def refused(**preview: object) -> BadSetting:
    with pytest.raises(BadSetting) as caught:
        service_settings({"preview": preview}, ProjectSettings(), WHERE)
    return caught.value


def test_without_a_word_nobody_may() -> None:
    found = service_settings({}, ProjectSettings(), WHERE)
    assert found is not None
    assert (found.preview.key, found.preview.only_from, found.preview.port) == (None, (), None)


def test_a_key_that_is_easily_guessed_needs_the_networks_that_may_use_it() -> None:
    assert "is easily guessed" in refused(key="idle").message
    known = {"key": "idle", "only_from": ["127.0.0.0/8"]}
    found = service_settings({"preview": known}, ProjectSettings(), WHERE)
    assert found is not None
    assert found.preview.key == "idle"


@pytest.mark.parametrize(
    "key", ["", "two words and more", "line\nbreak-and-more", "a{b}cdefghijkl"]
)
def test_a_key_is_one_word_of_a_configuration(key: str) -> None:
    assert f"{WHERE}.preview.key" in refused(key=key).message


@pytest.mark.parametrize(
    "preview", [{"key": "s3cret"}, {"key": "s3cret two"}, {"key": ["s3cret"]}, "s3cret"]
)
def test_no_message_repeats_a_key(preview: object) -> None:
    with pytest.raises(BadSetting) as caught:
        service_settings({"preview": preview}, ProjectSettings(), WHERE)
    assert "s3cret" not in caught.value.message + hint_text(caught.value.hint)


def test_no_report_repeats_a_key() -> None:
    learn({"x-bluegreen": {"preview": {"key": "for-all-of-them"}}, "services": {}})
    learn(a_file(web=a_service(bluegreen={"preview": {"key": KEY}})))
    assert concealed(f"{KEY} for-all-of-them") == "… …"


def test_a_service_adds_to_what_the_file_says_for_all() -> None:
    top = project_settings({"preview": {"key": KEY}}, "compose.yaml: x-bluegreen")
    found = service_settings({"preview": {"port": 9000}}, top, WHERE)
    assert found is not None
    assert (found.preview.key, found.preview.port) == (KEY, 9000)


def test_over_plain_tcp_there_is_no_header() -> None:
    own = {"mode": "tcp", "preview": {"key": KEY}}
    with pytest.raises(BadSetting, match=r"preview\.key") as caught:
        read(a_file(web=a_service(bluegreen=own)), "compose.yaml")
    assert hint_text(caught.value.hint) == "use preview.port"


def test_a_preview_port_is_nobody_elses() -> None:
    def previewed(port: int) -> Model:
        return {"preview": {"port": port}}

    for services in (
        {"web": a_service(bluegreen=previewed(8000))},
        {"web": a_service(bluegreen=previewed(8001)), "api": a_service("api", "8001")},
        {
            "web": a_service(bluegreen=previewed(9000)),
            "api": a_service("api", "", bluegreen=previewed(9000)),
        },
    ):
        with pytest.raises(BadSetting, match=r"preview\.port"):
            read(a_file(**services), "compose.yaml")


# ── what the proxy is told ───────────────────────────────────────────────────────────────────


def project(**preview: object) -> Project:
    return read(a_file(web=a_service(bluegreen={"preview": preview})), "compose.yaml")


def the_route(topology: Topology) -> Route:
    found = topology.route("web")
    assert found is not None
    return found


def test_a_port_is_published_on_the_loopback_and_keeps_its_door() -> None:
    topology = for_project(project(port=9000), ["web"], None)
    port = Published("127.0.0.1:9000/tcp", "127.0.0.1", "9000", 10002)
    assert the_route(topology).preview == Preview(port=port)
    assert topology.published[1] == port
    again = for_project(project(port=9000, key=KEY), ["web"], topology)
    assert the_route(again).preview == Preview(KEY, (), port)
    assert again.container == topology.container


def test_a_new_port_needs_a_new_container_and_a_new_key_does_not() -> None:
    before = for_project(project(), ["web"], None)
    assert for_project(project(key=KEY), ["web"], before).container == before.container
    assert for_project(project(port=9000), ["web"], before).container != before.container


def test_what_is_no_longer_said_is_taken_back() -> None:
    before = for_project(project(key=KEY, port=9000), ["web"], None)
    assert the_route(for_project(project(), ["web"], before)).preview is None


def previewed(route: Route | None = None, **preview: object) -> str:
    own = replace(route or a_route(), preview=Preview(**preview))  # type: ignore[arg-type]
    return render(shop(own), NETWORK)


def test_without_the_setting_no_request_can_ask_for_it() -> None:
    text = render(shop(), IPv4Network("10.9.0.0/24"))
    assert "preview" not in text
    assert "X-Bluegreen" not in text


def test_the_key_counts_in_a_header_or_a_cookie_at_each_door() -> None:
    for internal_port in (8080, 10001):
        lines = section(previewed(key=KEY), f"frontend door-{internal_port}")
        assert f"acl knows_way0 req.hdr(X-Bluegreen) -m str -- {KEY}" in lines
        assert f"acl knows_way0 req.cook(bluegreen-preview) -m str -- {KEY}" in lines
        assert (
            "http-request set-var(txn.way0) str(web),map_str(/var/lib/bluegreen/preview.map,none)"
            " if knows_way0"
        ) in lines


def test_the_key_counts_only_from_its_networks() -> None:
    lines = section(previewed(key="idle", networks=("10.0.0.0/8", "::1/128")), "frontend door-8080")
    assert "acl from_way0 src 10.0.0.0/8 ::1/128" in lines
    assert all(line.find("from_way0") > 0 for line in lines if " if knows_way0" in line)


def test_behind_the_port_there_is_only_what_is_shown_and_only_for_the_host() -> None:
    port = Published("127.0.0.1:9000/tcp", "127.0.0.1", "9000", 10009)
    lines = section(previewed(port=port), "frontend door-10009")
    assert "route.map" not in " ".join(lines)
    assert any("status 403" in line and line.endswith("unless may_look") for line in lines)
    assert any("status 503" in line for line in lines)
    assert "use_backend web-green-8080 if { var(txn.way0) -m str green }" in lines
    plain = section(previewed(a_route(mode="tcp"), port=port), "frontend door-10009")
    assert "tcp-request content reject unless may_look" in plain


def test_nothing_gets_into_the_configuration_as_a_key() -> None:
    with pytest.raises(ProxyFailed):
        previewed(key="a b")


@pytest.mark.parametrize(
    "said",
    ["web green\napi blue\n", "0x55 web green\n0x56 api blue\n\n", "web green\napi blue\nx y"],
)
def test_the_map_is_read_as_it_was_written(said: str) -> None:
    shown = {"api": Colour.BLUE, "web": Colour.GREEN}
    assert parse_previews(said) == shown
    assert parse_previews(previews_text(shown)) == shown


# ── what may be seen when ────────────────────────────────────────────────────────────────────


@pytest.fixture
def site() -> Site:
    """``v1`` serves, ``v2`` is ready to be built, and who knows the key may preview it."""
    new = Site(web=a_service(bluegreen={"preview": {"key": KEY}}))
    new.release("v1")
    new.source("v2", does=QUICK)
    return new


def seen(site: Site) -> set[str | None]:
    return site.world.previews("web")


def test_what_waits_can_be_seen_and_visitors_never_meet_it(site: Site) -> None:
    assert seen(site) == {None}
    site.up(no_switch=True)
    assert (seen(site), site.serving()) == ({"v2"}, {"v1"})
    assert "preview" in site.observer.keys


def test_status_says_how_to_see_what_waits(site: Site) -> None:
    assert site.seen().preview is None
    site.up(no_switch=True)
    assert site.seen().preview == Previewed(Colour.GREEN, None, by_key=True)
    assert "preview: web-green by its key\n" in shown(site.status(), None, "table", Terminal())
    site.promote()
    assert site.seen().preview is None


def test_status_has_the_port_of_a_preview() -> None:
    site = Site(web=a_service(bluegreen={"preview": {"port": 9000, "key": KEY}}))
    site.release("v1")
    site.source("v2", does=QUICK)
    site.up(no_switch=True)
    said = shown(site.status(), None, "table", Terminal())
    assert "preview: web-green 127.0.0.1:9000 or by its key\n" in said
    assert KEY not in said + shown(site.status(), None, "json")


def test_nothing_is_shown_that_is_not_proven(site: Site) -> None:
    before: list[set[str | None]] = []
    site.world.calls.at("proxy.health", lambda: before.append(seen(site)), nth=None)
    site.up(no_switch=True)
    assert before
    assert {*before[0], *before[-1]} == {None}


def test_nothing_is_shown_of_one_that_failed(site: Site) -> None:
    site.source("v2", does=SICK)
    assert isinstance(outcome(lambda: site.up(no_switch=True)), Unhealthy)
    assert seen(site) == {None}


def test_what_is_live_is_nothing_to_preview(site: Site) -> None:
    site.up(no_switch=True)
    site.promote()
    assert (seen(site), site.serving()) == ({None}, {"v2"})


def test_what_is_aborted_is_nothing_to_preview(site: Site) -> None:
    site.up(no_switch=True)
    site.abort()
    assert seen(site) == {None}


def test_a_plain_release_can_be_seen_before_its_switch(site: Site) -> None:
    met: list[set[str | None]] = []
    site.world.calls.at("proxy.route_to", lambda: met.append(seen(site)))
    site.up()
    assert met == [{"v2"}]
    assert (seen(site), site.serving()) == ({None}, {"v2"})


def test_a_release_that_is_switched_back_is_nothing_to_preview(site: Site) -> None:
    site.world.calls.fail("proxy.health", Unhealthy("sick"), nth=2)
    assert isinstance(outcome(site.up), Unhealthy)
    assert (seen(site), site.serving()) == ({None}, {"v1"})


@pytest.mark.parametrize("when", list(When))
def test_what_a_killed_one_showed_is_hidden_before_its_colour_is_used_again(
    when: When, site: Site
) -> None:
    kill(site, Call("proxy.route_to", 1), when)
    site.source("v3", does=QUICK)
    met: list[set[str | None]] = []
    site.world.calls.at("workloads.start_colours", lambda: met.append(seen(site)))
    site.up()
    assert met == [{None}]


def test_a_proxy_that_is_started_again_shows_it_still(site: Site) -> None:
    site.up(no_switch=True)
    proxy = site.world.proxy_box()
    assert proxy is not None
    proxy.started = None
    assert seen(site) == {None}
    site.repair()
    assert seen(site) == {"v2"}


def test_a_new_key_is_a_reload_and_a_new_port_must_be_agreed_to(site: Site) -> None:
    site.file["services"]["web"]["x-bluegreen"] = {"preview": {"key": f"{KEY}2"}}
    site.source("v1")
    site.forget()
    assert site.up() is None
    assert site.observer.keys[-1] == "proxy:reload"
    site.file["services"]["web"]["x-bluegreen"] = {"preview": {"port": 9000}}
    with pytest.raises(BluegreenError, match="the proxy needs a new container"):
        site.up()
    assert site.up(recreate_proxy=True) is None
    assert site.world.holder_of("127.0.0.1:9000") == "shop-bluegreen-proxy"


def test_after_down_a_rollback_brings_it_back(site: Site) -> None:
    site.up()
    site.down()
    site.world.outages.clear()
    site.rollback(to=1)
    topology = site.ctx.proxy.topology()
    assert topology is not None
    assert the_route(topology).preview == Preview(KEY)


def test_without_the_setting_the_page_has_no_step_of_it() -> None:
    site = Site()
    site.release("v1")
    site.release("v2")
    site.source("v3")
    site.up(no_switch=True)
    assert not any(step.startswith("show") for step in site.observer.keys)
    assert "proxy.show" not in site.world.calls.names
