"""Services that nobody sends requests to: they are released with the rest, and never twice."""

from __future__ import annotations

import pytest

from compose_bluegreen.adapters.compose.specs import colour_model
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.config.project import read
from compose_bluegreen.config.release_builder import release
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BadSetting, BluegreenError, NeedsPerson, Unhealthy
from compose_bluegreen.domain.release import Image, Model
from compose_bluegreen.domain.states import State
from compose_bluegreen.ports.workloads import ColourAddresses, ColourRelease
from testkit.failures import QUICK, failures, made, outcome, the_error
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site, a_file, a_service
from testkit.fakes.world import Behaviour
from testkit.killing import kill

OLD, NEW = "shop-bluegreen-jobs-blue-1", "shop-bluegreen-jobs-green-1"


def a_worker(order: str = "stop-first", **more: object) -> Model:
    own = {"traffic": "none", "order": order}
    return a_service("jobs", port="", bluegreen=own) | {"expose": []} | dict(more)


def unreleased(order: str = "stop-first") -> Site:
    """``web`` and its worker, whose first version is ready to be built."""
    site = Site(web=a_service(), jobs=a_worker(order))
    site.source("w1", does=QUICK), site.source("j1", "jobs", does=QUICK)
    site.twice = []  # type: ignore[attr-defined]
    keep = site.world.calls.after_each

    def look(call: Call) -> None:
        keep(call)
        ours = [name for name in site.world.running() if "-jobs-" in name]
        if len(ours) > 1:
            site.twice.append(call)  # type: ignore[attr-defined]

    site.world.calls.after_each = look
    return site


def live(order: str = "stop-first") -> Site:
    """Both are live on blue; the second version is ready to be built."""
    site = unreleased(order)
    assert site.up() is not None
    site.source("w2", does=QUICK), site.source("j2", "jobs", does=QUICK)
    site.forget()
    return site


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_one_that_fails_while_it_bakes_goes_and_the_old_one_works_again(order: str) -> None:
    site = live(order)
    site.file["services"]["jobs"]["x-bluegreen"]["bake"] = "30s"
    site.source("j2", "jobs", does=Behaviour(ends_after=10, exit_code=7))
    with pytest.raises(Unhealthy, match=r"jobs-green with traffic: .* ended with exit code 7"):
        site.up()
    assert working(site) == ["j1"]
    assert site.serving() == {"w1"}
    site.source("w2", does=QUICK), site.source("j3", "jobs", does=QUICK)
    done = site.up()
    assert done is not None
    (bake,) = [step for step in done.steps if step.key == "bake"]
    assert bake.detail == "jobs-green healthy; receives no requests"
    assert (working(site), site.serving()) == (["j3"], {"w2"})
    if order == "stop-first":
        assert twice(site) == []


def twice(site: Site) -> list[Call]:
    """Acts after which two of the worker ran."""
    found: list[Call] = site.twice  # type: ignore[attr-defined]
    return found


def working(site: Site) -> list[str]:
    """Versions of the worker that run."""
    boxes = (site.world.boxes[name] for name in site.world.running() if "-jobs-" in name)
    return [box.image_id.removeprefix("sha256:") for box in boxes]


def the_next_one_works(site: Site) -> None:
    site.forget()
    site.world.owner = None
    site.source("w9", does=QUICK), site.source("j9", "jobs", does=QUICK)
    if site.records[0].state is State.STUCK:
        assert isinstance(outcome(site.up), NeedsPerson)
        site.abort()
        assert working(site) in (["j1"], ["j2"])
        site.source("w9", does=QUICK), site.source("j9", "jobs", does=QUICK)
    assert site.up() is not None
    assert (site.serving("web"), working(site)) == ({"w9"}, ["j9"])
    assert len(site.world.running()) == 2


def test_a_worker_needs_no_port_and_gets_no_way_in_the_proxy() -> None:
    site = live()
    topology = site.ctx.proxy.topology()
    route = topology.route("jobs") if topology else None
    assert route is not None
    assert (route.published, route.networks, route.internal_ports) == ((), (), ())
    assert site.routed("jobs") is Colour.BLUE
    assert site.drift() == {}


def test_one_that_stops_first_is_exchanged_right_before_the_switch_of_all() -> None:
    site = live()
    site.up()
    assert site.observer.keys[2:11] == [
        "start",
        "health",
        "stop_first:stop",
        "stop_first:start",
        "stop_first:health",
        "switch",
        "verify",
        "drain",
        "retire:remove",
    ]
    assert (site.serving("web"), working(site), twice(site)) == ({"w2"}, ["j2"], [])
    assert site.world.calls.of("proxy.route_to") == [({"web": Colour.GREEN, "jobs": Colour.GREEN},)]
    assert site.drift() == {}


def test_one_that_starts_first_is_released_like_any_other() -> None:
    site = live("start-first")
    site.up()
    assert "start web-green and jobs-green" in site.observer.names
    assert "drain web-blue" in site.observer.names
    assert "retire:remove" in site.observer.keys
    assert working(site) == ["j2"]


def test_only_the_worker_changed() -> None:
    site = live()
    site.source("w1")
    site.up()
    assert (site.serving("web"), working(site), twice(site)) == ({"w1"}, ["j2"], [])
    assert site.records[0].state is State.LIVE


def test_one_without_a_healthcheck_must_go_on_running_for_a_while() -> None:
    site = live()
    site.source("j3", "jobs", does=Behaviour(ends_after=1.5, exit_code=3))
    with pytest.raises(Unhealthy, match="jobs-green-1 ended with exit code 3"):
        site.up()
    assert (site.serving("web"), working(site), twice(site)) == ({"w1"}, ["j1"], [])
    assert site.drift() == {}


def test_one_with_a_healthcheck_must_pass_it() -> None:
    site = live()
    site.source("j3", "jobs", does=Behaviour(healthy_after=0.0, healthcheck=4.0))
    began = site.world.time
    site.up()
    assert site.world.time - began >= 4.0
    assert working(site) == ["j3"]


def test_a_rollback_exchanges_it_too() -> None:
    site = live()
    site.up()
    site.rollback()
    assert (site.serving("web"), working(site), twice(site)) == ({"w1"}, ["j1"], [])


def test_beside_one_that_somebody_runs_by_hand_none_is_started() -> None:
    site = unreleased()
    site.world.networks.add("shop_default")
    site.world.run_by_hand("jobs", "j0")
    with pytest.raises(BluegreenError, match="is a running worker of jobs") as refused:
        site.up()
    assert hint_text(refused.value.hint).startswith("docker compose rm --stop --force jobs")


def test_what_starts_only_at_the_switch_cannot_wait_for_it() -> None:
    site = live()
    site.source("w1")
    with pytest.raises(BluegreenError, match="jobs has order: stop-first"):
        site.up(no_switch=True)
    assert working(site) == ["j1"]


def test_held_back_it_is_exchanged_when_it_is_promoted() -> None:
    site = live()
    site.up(no_switch=True)
    assert working(site) == ["j1"]
    assert site.drift() == {}
    assert site.world.names_of("sha256:j2") == ["bluegreen/shop/jobs:j2"], "it is kept meanwhile"
    assert site.world.names["jobs:latest"] == "sha256:j1"
    site.promote()
    assert (site.serving("web"), working(site), twice(site)) == ({"w2"}, ["j2"], [])


# ── whatever happens ─────────────────────────────────────────────────────────────────────────

_seen = live()
CALLS = [call for call in made(_seen, _seen.up) if not call.looks]


@pytest.mark.parametrize(("call", "when", "kind"), failures(CALLS, ["error"]), ids=str)
def test_whatever_fails_one_works_and_never_two(call: Call, when: When, kind: str) -> None:
    site = live()
    site.world.calls.fail(call.name, the_error(kind, call), when=when, nth=call.nth)
    raised = outcome(site.up)
    assert raised is None or isinstance(raised, BluegreenError)
    assert site.world.outages == []
    if site.records[0].state is not State.STUCK:
        assert (site.serving("web"), working(site)) in (({"w1"}, ["j1"]), ({"w2"}, ["j2"]))
    the_next_one_works(site)
    assert twice(site) == []


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_killed_anywhere_there_are_never_two_and_the_next_command_has_one(call: Call) -> None:
    site = live()
    kill(site, call)
    assert site.world.outages == []
    assert len(working(site)) <= 1
    site.repair()
    assert (site.serving("web"), working(site)) in (({"w1"}, ["j1"]), ({"w2"}, ["j2"]))
    the_next_one_works(site)
    assert twice(site) == []


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_killed_anywhere_and_aborted_there_are_never_two(call: Call) -> None:
    site = live()
    kill(site, call)
    raised = outcome(site.abort)
    assert raised is None or "no deployment of shop is interrupted" in str(raised)
    assert (site.serving("web"), working(site)) in (({"w1"}, ["j1"]), ({"w2"}, ["j2"]))
    assert twice(site) == []


# ── what it is made of ───────────────────────────────────────────────────────────────────────


def test_without_a_proxy_before_it_the_name_means_whichever_runs() -> None:
    networks = {"default": {"aliases": ["queue"]}}
    project = read(a_file(jobs=a_worker(networks=networks)), "compose.yaml")
    made_of = release(project, project.services["jobs"], Image("i", "sha256:1"))
    model = colour_model(
        ColourRelease(made_of, Colour.BLUE, 7, ColourAddresses("link", ("10.9.0.16",)))
    )
    aliases = model["services"]["jobs-blue-1"]["networks"]["default"]["aliases"]
    assert aliases == ["jobs-blue", "jobs", "queue"]


def test_a_worker_publishes_nothing() -> None:
    with pytest.raises(BadSetting, match="with `traffic: none` the proxy publishes no port"):
        read(a_file(jobs=a_service("jobs", bluegreen={"traffic": "none"})), "compose.yaml")


def test_what_has_traffic_never_stops_first() -> None:
    with pytest.raises(BadSetting, match="a service with traffic can't be stopped first"):
        read(a_file(web=a_service(bluegreen={"order": "stop-first"})), "compose.yaml")
