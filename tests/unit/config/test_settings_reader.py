"""Whatever stands under ``x-bluegreen``: it is settings, or it is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.config.settings import ProjectSettings, ServiceSettings
from compose_bluegreen.config.settings_reader import (
    project_settings,
    restored,
    service_settings,
    stored,
)
from compose_bluegreen.domain.errors import BadSetting
from compose_bluegreen.domain.release import Model

WHERE = "compose.yaml: services.web.x-bluegreen"
TOP = "compose.yaml: x-bluegreen"

KEYS = [
    *ServiceSettings.model_fields,
    *("pre_deploy", "on_failure", "run", "exec", "host", "required", "irreversible"),
    *("path", "status", "interval", "timeout", "rise", "fall"),
    *("time", "errors", "broken", "p95", "requests", "restarts"),
    *("key", "only_from"),
    *("steps", "sticky"),
    *("proxy", "image", "monitor", "trusted_proxies", "snippets", "global", "frontend"),
    *("proxy", "notify", "image", "monitor", "trusted_proxies", "snippets", "global", "frontend"),
]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["http", "tcp", "1m30s", "/healthz", "200-399", "8080", "10.0.0.0/8", "5%", "3x"]
    ),
)
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=5), st.integers(), st.booleans())
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=12,
)
mappings = st.dictionaries(keys, anything, max_size=6)


def outcome(reading: Callable[[], ServiceSettings | None]) -> object:
    try:
        return reading()
    except BadSetting as refused:
        return refused


@given(raw=st.one_of(mappings, anything), top=mappings)
def test_whatever_stands_there_is_settings_or_refused(raw: object, top: Model) -> None:
    defaults = outcome(lambda: project_settings(top, TOP))
    if isinstance(defaults, BadSetting):
        assert defaults.message.startswith(TOP)
    given = defaults if isinstance(defaults, ProjectSettings) else ProjectSettings()
    found = outcome(lambda: service_settings(raw, given, WHERE))
    if isinstance(found, BadSetting):
        assert found.message.startswith(WHERE)
    else:
        assert found is None or isinstance(found, ServiceSettings)


def durations(least: timedelta, most: timedelta = timedelta(days=20)) -> st.SearchStrategy[str]:
    return st.integers(least // _MS, most // _MS).map(lambda ms: f"{ms}ms")


_MS = timedelta(milliseconds=1)
ports, counts = st.integers(1, 65535), st.integers(1, 1000)
canary_weights = st.integers(0, 10_000).map(lambda part: f"{part / 100}%")
steps = st.sampled_from(["off", "5%:1m", "1%:500ms, 99.9%:1h30m"])
bakes = st.fixed_dictionaries(
    {},
    optional={
        "time": durations(timedelta(0)),
        "errors": canary_weights,
        "broken": canary_weights,
        "p95": st.one_of(durations(_MS), st.sampled_from(["1x", "2.5x", "off", False])),
        "requests": counts,
        "restarts": st.integers(0, 1000),
    },
)
commands = st.from_regex(r"[a-z]{1,5}( [a-z$'0-9=-]{0,3}x)?", fullmatch=True).filter(
    lambda text: text.count("'") % 2 == 0
)
words = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=5), max_size=3)
hooks = st.builds(
    lambda kind, command, rest: {kind: command, **rest},
    st.sampled_from(["run", "exec", "host"]),
    st.one_of(commands, words.map(lambda more: ["x", *more])),
    st.fixed_dictionaries(
        {},
        optional={
            "timeout": durations(_MS),
            "required": st.booleans(),
            "irreversible": st.one_of(st.booleans(), st.text(max_size=9)),
        },
    ),
)
good: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "port": st.one_of(ports, ports.map(str)),
        "mode": st.sampled_from(["http", "tcp"]),
        "keep": counts,
        "preview": st.fixed_dictionaries(
            {},
            optional={
                "key": st.from_regex(r"[A-Za-z0-9._~-]{12,40}", fullmatch=True),
                "only_from": st.lists(st.sampled_from(["10.0.0.0/8", "::1/128"]), max_size=2),
                "port": ports,
            },
        ),
        "hosts": st.lists(st.from_regex(r"(\*\.)?[a-z0-9]{1,9}\.[a-z]{2,3}", fullmatch=True)),
        "paths": st.lists(st.from_regex(r"/|(/[a-z0-9._~-]{1,9}){1,3}/?", fullmatch=True)),
        "tls": st.one_of(st.booleans(), st.lists(ports, min_size=1, max_size=3)),
        "deploy_timeout": durations(_MS),
        "drain_timeout": durations(timedelta(0)),
        "traffic": st.sampled_from(["proxy", "none"]),
        "order": st.sampled_from(["start-first", "stop-first"]),
        "standby": st.one_of(st.sampled_from(["removed", "stopped"]), durations(_MS)),
        "canary": st.one_of(
            steps, st.fixed_dictionaries({"steps": steps, "sticky": st.booleans()})
        ),
        "bake": st.one_of(durations(timedelta(0)), st.booleans().filter(lambda on: not on), bakes),
        "hooks": st.dictionaries(
            st.sampled_from(["pre_deploy", "post_start", "pre_switch", "post_switch"]),
            st.one_of(commands, hooks, st.lists(st.one_of(commands, hooks), max_size=3)),
            max_size=2,
        ),
        "long_connections": st.sampled_from(["drain", "close"]),
        "close_after": durations(timedelta(0)),
        "health": st.fixed_dictionaries(
            {},
            optional={
                "path": st.from_regex(r"/[a-z0-9/._?=&-]{0,20}", fullmatch=True),
                "status": st.integers(100, 599),
                "interval": durations(_MS),
                "timeout": durations(_MS),
                "rise": counts,
                "fall": counts,
            },
        ),
    },
)


@given(raw=good)
def test_settings_come_back_from_history_as_they_were(raw: Model) -> None:
    found = service_settings(raw, ProjectSettings(), WHERE)
    assert found is not None
    assert restored(stored(found)) == found
