"""Commands that a release brings along: when they run, where, what they are told, what they stop."""

from __future__ import annotations

import pytest

from compose_bluegreen.domain.errors import BluegreenError, ComposeFailed, HookFailed, Interrupted
from compose_bluegreen.domain.states import Outcome, State
from testkit.failures import (
    assert_the_next_one_works,
    assert_told,
    assert_v1_serves,
    before_the_second,
    failures,
    made,
    outcome,
    the_error,
)
from testkit.fakes.calls import Call, When
from testkit.fakes.runner import Command
from testkit.fakes.site import Site, a_service
from testkit.hooks import EACH, a_shop, left_over, outcomes
from testkit.killing import kill

# ── when and where ───────────────────────────────────────────────────────────────────────────


def test_each_runs_at_its_moment_in_a_container_of_the_new_release() -> None:
    site = a_shop(**EACH)
    assert site.up() is not None
    assert site.observer.keys[:9] == [
        "build:web",
        "hook:pre_deploy:1:web",
        "start",
        "hook:post_start:1:web",
        "health",
        "hook:pre_switch:1:web",
        "switch",
        "verify",
        "hook:post_switch:1:web",
    ]
    moments = ("pre_deploy", "post_start", "pre_switch", "post_switch")
    assert site.runner.said == [f"v2: {one}" for one in moments]
    assert left_over(site) == []


def test_several_run_one_after_another_and_are_told_apart() -> None:
    site = a_shop(pre_deploy=["first --fast", {"host": ["second", "a b"]}])
    site.up()
    assert site.runner.said == ["v2: first --fast", "here: second a b"]
    assert site.observer.keys[1:3] == ["hook:pre_deploy:1:web", "hook:pre_deploy:2:web"]


def test_exec_goes_to_the_new_colour_and_before_that_is_up_to_the_one_that_serves() -> None:
    site = a_shop(**{one: {"exec": "ls"} for one in EACH})
    site.runner.does["ls"] = Command()
    site.up()
    blue, green = "shop-bluegreen-web-blue-1", "shop-bluegreen-web-green-1"
    assert [one.where for one in site.runner.done] == [blue, green, green, green]


def test_exec_with_nothing_up_is_said_and_is_no_failure() -> None:
    site = Site(web=a_service(bluegreen={"hooks": {"pre_deploy": {"exec": "ls"}}}))
    site.source("v1")
    done = site.up()
    assert done is not None
    hook = next(step for step in done.steps if step.key == "hook:pre_deploy:1:web")
    assert hook.detail == "skipped: no container of web is running"
    assert site.runner.done == []


def test_each_service_brings_its_own() -> None:
    hooked = {"hooks": {"pre_deploy": "migrate"}}
    site = Site(web=a_service(bluegreen=hooked), api=a_service("api", port="", bluegreen=hooked))
    site.source("w1"), site.source("a1", "api")
    site.up()
    assert site.runner.said == ["w1: migrate", "a1: migrate"]


def test_without_hooks_nothing_is_asked_for_and_no_hooks_runs_none(serving: Site) -> None:
    serving.release("v2")
    assert [one for one in serving.world.calls.names if one.startswith("runner")] == []
    site = a_shop(**EACH)
    site.up(hooks=False)
    assert site.runner.done == []


def test_the_plan_has_them_with_where_they_run() -> None:
    site = a_shop(
        pre_deploy="migrate --all", post_switch={"exec": "warm"}, pre_switch={"host": "x"}
    )
    plan: dict[str, str] = {}
    site.up(tell_plan=lambda step: plan.__setitem__(step.name, step.cause))
    assert plan["pre_deploy of web"] == "its hook, in a one-off container: migrate"
    assert plan["pre_switch of web"] == "its hook, on this host: x"
    assert plan["post_switch of web"] == "its hook, in web-green: warm"
    assert site.runner.done == []
    assert site.runner.trusted == set(), "a dry run notes nothing"


# ── what they are told ───────────────────────────────────────────────────────────────────────


def test_they_are_told_what_is_deployed_and_what_served_before() -> None:
    site = a_shop(pre_switch={"host": "x"}, post_switch="y")
    site.file["services"]["web"]["environment"] = {"DATABASE": "shop"}
    site.up()
    on_host, inside = (one.told for one in site.runner.done)
    assert on_host == {
        "BLUEGREEN_HOOK": "pre_switch",
        "BLUEGREEN_PROJECT": "shop",
        "BLUEGREEN_SERVICE": "web",
        "BLUEGREEN_DEPLOYMENT": "2",
        "BLUEGREEN_COLOUR": "green",
        "BLUEGREEN_PREVIOUS_COLOUR": "blue",
        "BLUEGREEN_IMAGE": "web:latest",
        "BLUEGREEN_IMAGE_ID": "sha256:v2",
        "BLUEGREEN_PREVIOUS_IMAGE": "web:latest",
        "BLUEGREEN_PREVIOUS_IMAGE_ID": "sha256:v1",
        "BLUEGREEN_REASON": "",
    }
    assert inside == {**on_host, "BLUEGREEN_HOOK": "post_switch", "DATABASE": "shop"}


def test_a_dollar_reaches_a_command_as_the_file_means_it() -> None:
    """Compose prints it twice, and reads it once."""
    site = a_shop(pre_deploy={"run": ["echo", "$$HOME"]}, post_start={"host": ["echo", "$$HOME"]})
    site.up()
    assert site.runner.said == ["v2: echo $HOME", "here: echo $HOME"]


def test_what_a_hook_said_is_in_the_record() -> None:
    site = a_shop(pre_deploy="migrate")
    site.runner.does["migrate"] = Command(said="0001 done\n0002 done")
    done = site.up()
    assert done is not None
    assert done.steps[1].detail == "0001 done\n0002 done"


# ── when they fail ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("moment", ["pre_deploy", "post_start", "pre_switch", "post_switch"])
def test_one_that_fails_ends_the_deployment_and_what_served_serves(moment: str) -> None:
    site = a_shop(**{moment: "false", "on_failure": "clean"})
    site.runner.does["false"] = Command(code=3, said="no such table")
    with pytest.raises(HookFailed, match=f"{moment} of web ended with exit code 3") as failed:
        site.up()
    assert failed.value.detail == "no such table"
    assert site.serving() == {"v1"}
    assert site.world.running() == ["shop-bluegreen-web-blue-1"]
    assert site.world.outages == []
    assert left_over(site) == []
    record = site.records[0]
    assert (record.state, record.reason) == (State.FAILED, failed.value.message)
    assert site.runner.said[-1] == "v2: clean"
    assert site.runner.done[-1].told["BLUEGREEN_REASON"] == failed.value.message
    assert outcomes(site)["hook:on_failure:1:web"] is Outcome.DONE


def test_one_that_is_not_required_is_a_warning_before_and_after_the_switch() -> None:
    hook = {"run": "false", "required": False}
    site = a_shop(pre_switch=hook, post_switch=hook)
    site.runner.does["false"] = Command(code=1)
    assert site.up() is not None
    assert site.serving() == {"v2"}
    assert outcomes(site)["hook:pre_switch:1:web"] is Outcome.WARNED
    assert outcomes(site)["hook:post_switch:1:web"] is Outcome.WARNED


def test_one_that_takes_too_long_is_ended() -> None:
    site = a_shop(pre_deploy={"run": "sleep", "timeout": "2s"})
    site.runner.does["sleep"] = Command(takes=60)
    with pytest.raises(HookFailed, match="did not end within 2s"):
        site.up()
    assert left_over(site) == []


def test_of_one_inside_a_container_it_is_said_that_it_may_go_on() -> None:
    site = a_shop(post_start={"exec": "sleep", "timeout": "2s"})
    site.runner.does["sleep"] = Command(takes=60)
    with pytest.raises(HookFailed, match="may still run there"):
        site.up()


def test_on_failure_comes_when_all_is_undone_but_the_image_is_still_there() -> None:
    site = a_shop(pre_switch="false", on_failure="clean")
    site.runner.does["false"] = Command(code=1)
    with pytest.raises(HookFailed):
        site.up()
    assert site.observer.keys[-3:] == [
        "undo:start",
        "hook:on_failure:1:web",
        "undo:build:web",
    ]


def test_an_on_failure_that_fails_stops_no_undo_and_is_a_warning() -> None:
    site = a_shop(pre_switch="false", on_failure=["false", {"host": "tell"}])
    site.runner.does["false"] = Command(code=1)
    with pytest.raises(HookFailed, match="pre_switch"):
        site.up()
    assert outcomes(site)["hook:on_failure:1:web"] is Outcome.WARNED
    assert outcomes(site)["hook:on_failure:2:web"] is Outcome.DONE
    assert site.observer.keys[-1] == "undo:build:web"
    assert site.records[0].state is State.FAILED


@pytest.mark.parametrize("error", [ComposeFailed("boom"), RuntimeError("a bug")])
def test_not_even_a_bug_in_an_on_failure_stops_the_undoing(error: Exception) -> None:
    site = a_shop(pre_switch={"host": "false"}, on_failure="clean")
    site.runner.does["false"] = Command(code=1)
    site.world.calls.fail("runner.one_off", error)
    with pytest.raises(HookFailed, match="pre_switch"):
        site.up()
    assert site.observer.keys[-1] == "undo:build:web"
    assert site.world.names["web:latest"] == "sha256:v1"


@pytest.mark.parametrize("when", [When.BEFORE, When.HALFWAY, When.AFTER])
def test_an_interrupt_in_a_hook_leaves_no_container(when: When) -> None:
    site = a_shop(pre_switch="long", on_failure={"host": "tell"})
    site.world.calls.fail("runner.one_off", Interrupted("interrupted by SIGINT"), when=when)
    with pytest.raises(Interrupted):
        site.up()
    assert left_over(site) == []
    assert site.serving() == {"v1"}
    assert site.runner.done[-1].told["BLUEGREEN_REASON"] == "interrupted by SIGINT"


def test_a_container_that_cannot_be_removed_is_a_warning_and_goes_with_the_next_command() -> None:
    site = a_shop(pre_deploy="migrate")
    site.world.calls.fail("workloads.remove", BluegreenError("busy"))
    assert site.up() is not None
    assert left_over(site) == ["shop-bluegreen-pre_deploy-of-web-2"]
    assert any("next up removes it" in one for one in site.observer.remarks)
    site.up()
    assert left_over(site) == []


@pytest.mark.parametrize("after", ["up", "rollback", "abort", "resume", "down"])
def test_the_container_of_a_command_that_was_killed_goes_with_the_next(after: str) -> None:
    site = a_shop(post_switch="long")
    site.release("v2")
    site.source("v3")
    kill(site, Call("runner.one_off", 1), When.HALFWAY)
    assert left_over(site) == ["shop-bluegreen-post_switch-of-web-3"]
    getattr(site, after)()
    assert left_over(site) == []


def test_of_one_that_was_killed_after_the_switch_nobody_says_that_its_hooks_have_run() -> None:
    site = a_shop(post_switch=["short", "long"])
    kill(site, Call("runner.one_off", 2), When.HALFWAY)
    site.up()
    assert site.serving() == {"v2"}
    (remark,) = [one for one in site.observer.remarks if "stays live" in one]
    assert remark.endswith("; post_switch 2 of web did not finish")


def _hooked() -> Site:
    site = before_the_second()
    hooks = {"pre_deploy": "a", "post_start": {"exec": "b"}, "pre_switch": {"host": "c"}}
    site.file["services"]["web"]["x-bluegreen"] = {"hooks": {**hooks, "post_switch": "d"}}
    return site


_first = _hooked()
OF_HOOKS = [one for one in made(_first, _first.up) if one.name.startswith("runner")]


@pytest.mark.parametrize(("call", "when", "kind"), failures(OF_HOOKS), ids=str)
def test_whatever_fails_at_a_hook_what_served_serves(call: Call, when: When, kind: str) -> None:
    site = _hooked()
    error = the_error(kind, call)
    site.world.calls.fail(call.name, error, when=when, nth=call.nth)
    raised = outcome(site.up)
    assert raised is not None
    assert site.world.outages == []
    assert_v1_serves(site)
    assert_told(site, raised, error)
    assert_the_next_one_works(site)


@pytest.mark.parametrize("call", OF_HOOKS, ids=str)
def test_whoever_is_killed_at_a_hook_the_next_one_works(call: Call) -> None:
    site = _hooked()
    kill(site, call)
    assert site.world.outages == []
    assert_the_next_one_works(site)
