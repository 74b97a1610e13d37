"""The proxy by itself: reloaded without loss, recreated with a gap that is told, put back if it fails."""

from __future__ import annotations

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.commands import proxy
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, ComposeFailed, LockHeld
from compose_bluegreen.domain.states import Outcome
from compose_bluegreen.ports.lock import LockOwner
from testkit.fakes.site import Site
from testkit.fakes.world import NOON


def _publish_9000_too(site: Site) -> None:
    port = {"mode": "ingress", "target": 9090, "published": "9000", "protocol": "tcp"}
    site.file["services"]["web"]["ports"].append(port)


def test_a_reload_makes_true_what_the_file_says(serving: Site) -> None:
    serving.file["x-bluegreen"] = {"proxy": {"timeout": "5m"}}
    proxy.reload(serving.project, serving.ctx)
    topology = serving.ctx.proxy.topology()
    assert topology is not None
    assert topology.settings.timeout_ms == 300_000
    assert serving.observer.keys == ["proxy:reload"]
    assert serving.routed() is Colour.BLUE


def test_a_reload_is_done_though_nothing_changed(serving: Site) -> None:
    """What its snippets name may have: a certificate, a list of addresses."""
    proxy.reload(serving.project, serving.ctx)
    assert serving.observer.keys == ["proxy:reload"]


def test_what_takes_a_new_container_is_refused_by_a_reload(serving: Site) -> None:
    _publish_9000_too(serving)
    with pytest.raises(BluegreenError, match="need a new proxy container") as refused:
        proxy.reload(serving.project, serving.ctx)
    assert hint_text(refused.value.hint).startswith("docker bluegreen proxy recreate")
    assert serving.observer.keys == []


def test_recreating_tells_the_gap(serving: Site) -> None:
    _publish_9000_too(serving)
    proxy.recreate(serving.project, serving.ctx)
    assert serving.observer.ended == [("proxy:recreate", Outcome.DONE, "downtime: 0.25 s")]
    assert serving.world.holder_of(":9000") == "shop-bluegreen-proxy"
    assert serving.serving() == {"v1"}


def test_a_new_port_leads_to_what_is_live_though_nothing_is_released(serving: Site) -> None:
    _publish_9000_too(serving)
    proxy.recreate(serving.project, serving.ctx)
    topology = serving.ctx.proxy.topology()
    assert topology is not None
    route = topology.route("web")
    assert route is not None
    new = next(one.internal_port for one in route.published if one.host_port == "9000")
    for _, target in route.targets:
        assert target.behind(new) == 9090


def test_the_image_is_pulled_before_anything_moves(serving: Site) -> None:
    serving.file["x-bluegreen"] = {"proxy": {"image": "registry.example/haproxy:3"}}
    with pytest.raises(ComposeFailed):
        proxy.recreate(serving.project, serving.ctx, pull=True)
    assert serving.observer.keys == ["proxy:image"]
    assert serving.serving() == {"v1"}


def test_the_default_image_is_built_again_before_haproxy_is_replaced(
    serving: Site,
) -> None:
    proxy.recreate(serving.project, serving.ctx, pull=True)
    assert serving.observer.keys == ["proxy:image", "proxy:hand_over"]
    box = serving.world.proxy_box()
    assert box is not None
    assert box.image_id == "sha256:haproxy-renewed"
    assert serving.serving() == {"v1"}


def test_without_pull_the_image_stays(serving: Site) -> None:
    proxy.recreate(serving.project, serving.ctx)
    assert serving.observer.keys == ["proxy:hand_over"]
    box = serving.world.proxy_box()
    assert box is not None
    assert box.image_id == "sha256:haproxy"


def test_an_image_that_cannot_be_built_changes_nothing(serving: Site) -> None:
    error = ComposeFailed("building the proxy's image failed", detail="no such host")
    serving.world.calls.fail("proxy.renew_image", error)
    with pytest.raises(ComposeFailed, match="building"):
        proxy.recreate(serving.project, serving.ctx, pull=True)
    assert serving.observer.keys == ["proxy:image"]
    assert serving.serving() == {"v1"}


def test_one_that_fails_gives_way_to_the_one_that_served(serving: Site) -> None:
    serving.world.run_by_hand("other", "x", ":9000")
    _publish_9000_too(serving)
    with pytest.raises(ComposeFailed):
        proxy.recreate(serving.project, serving.ctx)
    assert serving.serving() == {"v1"}
    assert serving.world.holder_of(":8000") == "shop-bluegreen-proxy"
    serving.world.outages.clear()


def test_during_a_deployment_neither_is_done(serving: Site) -> None:
    serving.world.owner = LockOwner("bob@elsewhere", "up web", NOON)
    for act in (proxy.reload, proxy.recreate):
        with pytest.raises(LockHeld):
            act(serving.project, serving.ctx)


def test_without_a_proxy_the_command_that_makes_one_is_named(site: Site) -> None:
    with pytest.raises(BluegreenError, match="no proxy") as refused:
        proxy.reload(site.project, site.ctx)
    assert "docker bluegreen up" in hint_text(refused.value.hint)
