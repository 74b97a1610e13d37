"""Hooks of a rollback, of a promotion and of a resumed deployment."""

from __future__ import annotations

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import HookFailed
from compose_bluegreen.domain.states import Outcome, State
from testkit.fakes.calls import Call, When
from testkit.fakes.runner import Command
from testkit.hooks import EACH, a_shop, outcomes
from testkit.killing import kill


def test_a_rollback_prepares_nothing_and_ends_with_what_the_release_taken_back_wants() -> None:
    """``v2`` alone knows what it did; what ``v1`` prepares was prepared when it was new."""
    site = a_shop(**EACH)
    site.release("v2")
    site.release("v3")
    site.runner.done.clear()
    assert site.rollback() is not None
    assert site.serving() == {"v2"}
    assert site.runner.said == [
        "v2: post_start",
        "v2: pre_switch",
        "v2: post_switch",
        "v3: on_rollback",
    ]
    told = site.runner.done[-1].told
    assert (told["BLUEGREEN_IMAGE_ID"], told["BLUEGREEN_PREVIOUS_IMAGE_ID"]) == (
        "sha256:v2",
        "sha256:v3",
    )
    names = site.observer.keys
    assert names.index("retire:remove") < names.index("hook:on_rollback:1:web")


def test_going_forward_again_prepares_again() -> None:
    site = a_shop(**EACH)
    site.release("v2")
    site.rollback()
    site.runner.done.clear()
    site.rollback(to=2)
    moments = ("pre_deploy", "post_start", "pre_switch", "post_switch")
    assert site.runner.said == [f"v2: {one}" for one in moments]


def test_an_on_rollback_that_fails_is_a_warning_and_the_rollback_stands() -> None:
    site = a_shop(on_rollback="false")
    site.release("v2")
    site.runner.does["false"] = Command(code=1)
    done = site.rollback()
    assert done is not None
    assert (done.state, site.serving()) == (State.LIVE, {"v1"})
    assert outcomes(site)["hook:on_rollback:1:web"] is Outcome.WARNED


@pytest.mark.parametrize("after", ["up", "resume"])
def test_a_rollback_that_was_killed_has_its_hooks_by_whoever_finishes_it(after: str) -> None:
    site = a_shop(pre_deploy="prepare", on_rollback="undo")
    site.release("v2")
    site.release("v3")
    site.runner.done.clear()
    kill(site, Call("proxy.route_to", 1), When.AFTER, site.rollback)
    getattr(site, after)()
    assert site.runner.said[0] == "v3: undo"
    assert "v2: prepare" not in site.runner.said


def test_a_rollback_that_was_killed_before_the_switch_prepares_nothing_when_it_is_resumed() -> None:
    site = a_shop(pre_deploy="prepare", on_rollback="undo")
    site.release("v2")
    site.release("v3")
    site.runner.done.clear()
    kill(site, Call("workloads.start_colours", 1), act=site.rollback)
    site.resume()
    assert site.serving() == {"v2"}
    assert site.runner.said == ["v3: undo"]


def test_the_plan_of_a_rollback_has_them() -> None:
    site = a_shop(**EACH)
    site.release("v2")
    plan: list[str] = []
    site.rollback(tell_plan=lambda step: plan.append(str(step.key)))
    assert "hook:on_rollback:1:web" in plan
    site.rollback()
    assert site.observer.keys == plan


def test_what_history_alone_wants_to_run_here_is_refused_before_anything_moves() -> None:
    """Whoever may write to the engine's journal must not command the machine of who rolls back."""
    site = a_shop(on_rollback={"host": ["rm", "-rf", "here"]})
    site.release("v2")
    site.runner.trusted.clear()
    with pytest.raises(HookFailed, match="no compose file on this host contained it") as refused:
        site.rollback()
    assert "BLUEGREEN_HOST_HOOKS=1" in hint_text(refused.value.hint)
    assert site.serving() == {"v2"}
    assert len(site.records) == 2
    assert site.rollback(hooks=False) is not None
    assert site.runner.done == []


def test_what_is_not_trusted_ends_a_resume_before_anything_moves() -> None:
    site = a_shop(pre_switch={"host": "x"})
    kill(site, Call("workloads.start_colours", 1))
    site.runner.trusted.clear()
    with pytest.raises(HookFailed, match="no compose file on this host"):
        site.resume()
    assert site.runner.done == []
    assert site.serving() == {"v1"}
    site.runner.trust(["x"])
    assert site.resume() is not None
    assert site.serving() == {"v2"}


def test_and_a_promotion_which_goes_on_waiting() -> None:
    site = a_shop(post_switch={"host": "x"})
    site.up(no_switch=True)
    site.runner.trusted.clear()
    with pytest.raises(HookFailed, match="no compose file on this host"):
        site.promote()
    assert (site.serving(), site.records[0].state) == ({"v1"}, State.WAITING)
    site.runner.trust(["x"])
    assert site.promote() is not None
    assert site.serving() == {"v2"}


def test_a_promotion_can_do_without() -> None:
    site = a_shop(post_switch={"host": "x"})
    site.up(no_switch=True)
    site.runner.trusted.clear()
    assert site.promote(hooks=False) is not None
    assert (site.serving(), site.runner.done) == ({"v2"}, [])


def test_one_that_fails_when_it_is_resumed_has_its_on_failure_too() -> None:
    site = a_shop(pre_switch="false", on_failure="clean")
    kill(site, Call("workloads.start_colours", 1))
    site.runner.does["false"] = Command(code=1)
    with pytest.raises(HookFailed):
        site.resume()
    assert site.runner.said == ["v2: false", "v2: clean"]
    assert site.serving() == {"v1"}
