"""When the proxy itself must change: reloaded, started, or made anew where Docker leaves no choice."""

from __future__ import annotations

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, ComposeFailed
from compose_bluegreen.domain.states import State
from testkit.fakes.site import Site


def test_a_new_port_needs_a_new_proxy_and_is_refused_without_the_flag(serving: Site) -> None:
    _publish_9000_too(serving)
    with pytest.raises(BluegreenError, match="the proxy needs a new container") as refused:
        serving.up()
    assert "--recreate-proxy" in hint_text(refused.value.hint)
    assert serving.observer.keys == []
    assert len(serving.records) == 1


def test_a_new_port_comes_with_the_flag(serving: Site) -> None:
    _publish_9000_too(serving)
    assert serving.up(recreate_proxy=True) is not None
    assert serving.observer.keys[1:3] == ["proxy:recreate", "start"]
    proxy = serving.world.proxy_box()
    assert proxy is not None
    assert proxy.published == {":8000", ":9000"}
    assert serving.routed() is Colour.GREEN


def test_a_new_proxy_that_cannot_start_gives_way_to_the_one_that_served(serving: Site) -> None:
    serving.world.run_by_hand("other", "x", ":9000")
    _publish_9000_too(serving)
    with pytest.raises(ComposeFailed, match="starting the proxy failed"):
        serving.up(recreate_proxy=True)
    assert serving.serving() == {"v1"}
    assert [one.state for one in serving.records] == [State.FAILED, State.LIVE]
    serving.world.outages.clear()  # the gap that was agreed to


def test_other_checks_are_a_reload_that_loses_nothing(serving: Site) -> None:
    serving.file["services"]["web"]["x-bluegreen"] = {"health": {"path": "/healthz"}}
    assert serving.up() is not None
    assert "proxy:reload" in serving.observer.keys


def test_settings_of_the_proxy_alone_are_applied_without_a_deployment(serving: Site) -> None:
    serving.file["x-bluegreen"] = {"proxy": {"timeout": "5m"}}
    assert serving.up() is None
    assert serving.observer.keys == ["build:web", "proxy:reload"]
    assert len(serving.records) == 1


def test_a_proxy_that_has_stopped_is_started_before_anything_else(serving: Site) -> None:
    proxy = serving.world.proxy_box()
    assert proxy is not None
    proxy.started = None
    serving.source("v2")
    assert serving.up() is not None
    assert serving.observer.keys[0] == "proxy:start"
    assert serving.serving() == {"v2"}
    serving.world.outages.clear()


def test_a_proxy_that_somebody_removed_comes_back_and_serves_before_anything_else(
    serving: Site,
) -> None:
    serving.world.boxes.pop("shop-bluegreen-proxy")
    serving.source("v2")
    served: list[set[str | None]] = []
    serving.world.calls.at("workloads.build", lambda: served.append(serving.serving()))
    assert serving.up() is not None
    assert serving.observer.keys[0] == "proxy:create"
    assert served == [{"v1"}]
    assert serving.serving() == {"v2"}
    serving.world.outages.clear()


def _publish_9000_too(site: Site) -> None:
    port = {"mode": "ingress", "target": 9090, "published": "9000", "protocol": "tcp"}
    site.file["services"]["web"]["ports"].append(port)
