"""``x-bluegreen``: what may stand there, and what is said of everything else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.config.settings import ProjectSettings, ServiceSettings
from compose_bluegreen.config.settings_reader import (
    project_settings,
    restored,
    service_settings,
    stored,
)
from compose_bluegreen.domain.errors import BadSetting, ExitCode
from compose_bluegreen.domain.topology import CanaryWeight
from testkit.settings import TOP, WHERE, read, settings

# ── what may stand there ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("raw", [{}, None, True])
def test_nothing_but_the_key_is_needed(raw: object) -> None:
    found = settings(raw)
    assert found == ServiceSettings()
    assert (found.port, found.mode, found.keep) == (None, "http", 5)
    assert (found.deploy_timeout, found.drain_timeout) == (
        timedelta(minutes=2),
        timedelta(seconds=30),
    )


def test_false_opts_out() -> None:
    assert read(False) is None


def test_each_key_is_read() -> None:
    found = settings(
        {
            "port": 9000,
            "mode": "tcp",
            "health": {
                "path": "/healthz?deep=1",
                "status": 204,
                "interval": "500ms",
                "timeout": "1.5s",
                "rise": 1,
                "fall": 2,
            },
            "deploy_timeout": "1m30s",
            "drain_timeout": "0s",
            "keep": 1,
            "bake": {"time": "30s", "errors": "0.5%", "broken": "0%", "p95": "800ms"},
            "canary": {"steps": "5%:1m,50%:2m", "sticky": True},
        }
    )
    assert (found.port, found.mode, found.keep) == (9000, "tcp", 1)
    assert (found.deploy_timeout, found.drain_timeout) == (timedelta(seconds=90), timedelta(0))
    bake = found.bake
    assert (bake.time, bake.errors, bake.broken) == (timedelta(seconds=30), "0.5%", "0%")
    assert (bake.p95, bake.requests, bake.restarts) == ("800ms", 50, 0)
    assert found.canary.sticky
    assert [str(CanaryWeight(one.parts)) for one in found.canary.stages] == ["5%", "50%"]
    check = found.health.check()
    assert (check.path, check.status) == ("/healthz?deep=1", "204")
    assert (check.interval_ms, check.timeout_ms, check.rise, check.fall) == (500, 1500, 1, 2)


def test_how_long_it_bakes_can_be_said_in_a_word() -> None:
    assert settings({"bake": "30s"}).bake.time == timedelta(seconds=30)
    assert settings({"bake": {"p95": False}}).bake.p95 == "off"
    top = project_settings({"bake": {"time": "30s", "errors": "1%"}}, TOP)
    assert settings({"canary": "5%:1m"}).canary.steps == "5%:1m"
    assert settings({"canary": False}).canary.stages == ()
    longer, none = settings({"bake": "2m"}, top).bake, settings({"bake": False}, top).bake
    assert (longer.time, longer.errors) == (timedelta(minutes=2), "1%")
    assert (none.time, none.errors) == (timedelta(0), "1%")


def test_interpolated_numbers_arrive_as_text() -> None:
    found = settings({"port": "9000", "keep": "3", "health": {"rise": "1", "status": "200"}})
    assert (found.port, found.keep, found.health.rise, found.health.status) == (9000, 3, 1, "200")


@pytest.mark.parametrize("status", ["200", "200-399", "200,204", "200-204,301"])
def test_a_status_is_a_code_or_a_range_or_several(status: str) -> None:
    assert settings({"health": {"status": status}}).health.status == status


def test_the_top_level_gives_defaults_which_a_service_refines() -> None:
    top = project_settings(
        {"keep": 9, "health": {"path": "/up", "rise": 4}, "proxy": {"monitor": 8404}}, TOP
    )
    found = settings({"health": {"rise": 1}}, top)
    assert (found.keep, found.health.path, found.health.rise) == (9, "/up", 1)


def test_the_proxys_own_settings_reach_the_proxy() -> None:
    top = project_settings(
        {
            "proxy": {
                "image": "haproxy:3.2",
                "monitor": "8404",
                "timeout": "5m",
                "trusted_proxies": ["10.0.0.0/8", "192.168.1.7"],
                "snippets": {"global": "    maxconn 100", "frontend": ""},
            }
        },
        TOP,
    )
    routing = top.proxy.routing()
    assert (routing.image, routing.monitor, routing.timeout_ms) == ("haproxy:3.2", 8404, 300_000)
    assert routing.trusted_proxies == ("10.0.0.0/8", "192.168.1.7/32")
    assert routing.snippets == (("global", "    maxconn 100"),)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("removed", "removed"),
        ("stopped", "stopped"),
        ("10m", timedelta(minutes=10)),
        ("1500ms", timedelta(seconds=1.5)),
    ],
)
def test_how_long_what_served_before_stays(written: str, found: object) -> None:
    assert settings({"standby": written}).standby == found


def test_by_default_what_served_before_goes() -> None:
    assert settings({}).standby == "removed"


# ── what is refused, and how ─────────────────────────────────────────────────────────────────


REFUSED: list[tuple[object, str, str]] = [
    ({"prot": 1}, ".prot", "unknown key"),
    ({"health": {"pth": "/"}}, ".health.pth", "unknown key"),
    ({"port": 0}, ".port", "0 is not allowed"),
    ({"port": 70000}, ".port", "70000 is not allowed"),
    ({"port": True}, ".port", "a whole number"),
    ({"port": 80.5}, ".port", "a whole number"),
    ({"port": "http"}, ".port", "'http' is not allowed"),
    ({"mode": "udp"}, ".mode", "'udp' is not allowed: Input should be 'http' or 'tcp'"),
    ({"keep": 0}, ".keep", "0 is not allowed"),
    ({"deploy_timeout": 90}, ".deploy_timeout", "a duration with units"),
    ({"deploy_timeout": "90"}, ".deploy_timeout", "write 90s for seconds"),
    ({"deploy_timeout": "soon"}, ".deploy_timeout", "is not a duration"),
    ({"deploy_timeout": "0s"}, ".deploy_timeout", "greater than zero"),
    ({"standby": "0s"}, ".standby", "greater than zero"),
    ({"standby": "9000h"}, ".standby", "at most 8760h"),
    ({"standby": "up"}, ".standby", "is not a duration"),
    ({"standby": True}, ".standby", "a duration with units"),
    ({"bake": "soon"}, ".bake.time", "is not a duration"),
    ({"canary": "5%"}, ".canary.steps", "is not a canary step"),
    ({"canary": "50%:1m,5%:1m"}, ".canary.steps", "greater than the previous one"),
    ({"canary": ["5%:1m"]}, ".canary", "should be a valid dictionary"),
    ({"bake": 30}, ".bake", "should be a valid dictionary"),
    ({"bake": {"errors": "5"}}, ".bake.errors", "such as 5%"),
    ({"bake": {"errors": 0.05}}, ".bake.errors", "valid string"),
    ({"bake": {"broken": "101%"}}, ".bake.broken", "it must be a percentage"),
    ({"bake": {"p95": "3"}}, ".bake.p95", "such as 3x"),
    ({"bake": {"p95": "0.5x"}}, ".bake.p95", "1x or more"),
    ({"bake": {"for": "30s"}}, ".bake.for", "unknown key"),
    ({"drain_timeout": "-1s"}, ".drain_timeout", "is not a duration"),
    ({"health": []}, ".health", "is not allowed"),
    ({"health": {"path": "healthz"}}, ".health.path", "'healthz' is not allowed"),
    ({"health": {"path": "/a b"}}, ".health.path", "'/a b' is not allowed"),
    ({"health": {"path": "/a\nserver x"}}, ".health.path", "is not allowed"),
    ({"health": {"path": "/a\n"}}, ".health.path", "is not allowed"),
    ({"health": {"status": "2xx"}}, ".health.status", "'2xx' is not allowed"),
    ({"health": {"status": "200\n"}}, ".health.status", "is not allowed"),
    ({"health": {"status": True}}, ".health.status", "True is not allowed"),
    ({"health": {"interval": "1000h"}}, ".health.interval", "at most 24d"),
    ({"health": {"timeout": "1000h"}}, ".health.timeout", "at most 24d"),
    ({"proxy": {}}, ".proxy", "unknown key"),
    ("yes", "", "'yes' is not a mapping"),
    (7, "", "7 is not a mapping"),
]


@pytest.mark.parametrize(("raw", "key", "said"), REFUSED)
def test_what_is_refused_names_file_service_key_and_what_is_wrong(
    raw: object, key: str, said: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        read(raw)
    assert refused.value.message.startswith(f"{WHERE}{key}: ")
    assert said in refused.value.message
    assert refused.value.exit_code is ExitCode.USAGE


def test_an_unknown_key_tells_which_are_known() -> None:
    with pytest.raises(BadSetting) as refused:
        read({"health": {"pth": "/"}})
    assert (
        hint_text(refused.value.hint)
        == "use one of these keys: fall, interval, path, rise, status, timeout"
    )


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ({"proxy": {"image": "haproxy 3"}}, ".proxy.image"),
        ({"proxy": {"image": "$IMAGE"}}, ".proxy.image"),
        ({"proxy": {"monitor": -1}}, ".proxy.monitor"),
        ({"proxy": {"timeout": "1000h"}}, ".proxy.timeout"),
        ({"proxy": {"trusted_proxies": ["everybody"]}}, ".proxy.trusted_proxies.0"),
        ({"proxy": {"trusted_proxies": "10.0.0.0/8"}}, ".proxy.trusted_proxies"),
        ({"proxy": {"snippets": {"backend": ""}}}, ".proxy.snippets.backend"),
        ({"proxy": {"snippets": {"global": 7}}}, ".proxy.snippets.global"),
        (True, ""),
    ],
)
def test_what_is_refused_at_the_top_level_names_its_key(raw: object, key: str) -> None:
    with pytest.raises(BadSetting) as refused:
        project_settings(raw, TOP)
    assert refused.value.message.startswith(f"{TOP}{key}: ")


def test_an_unknown_snippet_tells_the_names_as_they_are_written() -> None:
    with pytest.raises(BadSetting) as refused:
        project_settings({"proxy": {"snippets": {"global_": ""}}}, TOP)
    assert hint_text(refused.value.hint) == "use one of these keys: defaults, frontend, global"


def test_what_history_keeps_is_plain() -> None:
    plain = stored(settings({"deploy_timeout": "90s"}))
    assert plain["deploy_timeout"] == "1m30s"
    assert plain["health"]["interval"] == "1s"


def test_a_key_that_a_newer_version_wrote_is_passed_over() -> None:
    plain = stored(ServiceSettings())
    newer = {**plain, "sidecars": 2, "health": {**plain["health"], "grpc": True}}
    assert restored(newer) == ServiceSettings()


@pytest.mark.parametrize("status", ["٢٠٠", "2٠٠", "399-200", "200,500-400", "200\n", "200 "])
def test_a_status_that_haproxy_would_misread_is_refused(status: str) -> None:
    with pytest.raises(BadSetting, match=r"health\.status"):
        service_settings({"health": {"status": status}}, ProjectSettings(), WHERE)


def test_what_stands_among_the_snippets_is_never_repeated() -> None:
    with pytest.raises(BadSetting) as refused:
        project_settings({"proxy": {"snippets": {"global": ["hush"]}}}, WHERE)
    assert "hush" not in refused.value.message


def test_a_long_value_is_told_in_short() -> None:
    with pytest.raises(BadSetting) as refused:
        service_settings({"mode": "x" * 500}, ProjectSettings(), WHERE)
    assert len(refused.value.message) < 200


# ── who is told ──────────────────────────────────────────────────────────────────────────────


def test_a_webhook_may_be_named_or_left_empty_by_a_variable() -> None:
    assert project_settings({"notify": "https://a/$$b"}, TOP).notify == "https://a/$b"
    assert project_settings({"notify": ""}, TOP).notify is None
    assert project_settings({}, TOP).notify is None


@pytest.mark.parametrize("wrong", ["hush", 5, ["https://hush/"]])
def test_a_webhook_that_cannot_be_is_refused_without_being_repeated(wrong: object) -> None:
    with pytest.raises(BadSetting, match=r"x-bluegreen\.notify") as refused:
        project_settings({"notify": wrong}, TOP)
    assert "hush" not in refused.value.message


def test_where_notices_go_is_no_setting_of_a_release() -> None:
    top = project_settings({"notify": "https://hush/", "keep": 3}, TOP)
    assert "hush" not in str(stored(settings({}, top)))
    with pytest.raises(BadSetting, match="unknown key"):
        read({"notify": "https://hush/"})
