"""Named steps, and what undoes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from compose_bluegreen.domain.deployment import Deployment, Kind, NewDeployment
from compose_bluegreen.domain.errors import (
    BluegreenError,
    HistoryUnusable,
    Interrupted,
    LockLost,
    NeedsPerson,
    ProxyFailed,
)
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.domain.step_keys import StepKey, StepKind
from compose_bluegreen.steps.saga import Act, Saga, Step, Undo, run_step
from testkit.fakes.calls import When
from testkit.fakes.lock import FakeLock
from testkit.fakes.site import Site
from testkit.fakes.world import ENGINE, NOON

DRAFT = NewDeployment(ENGINE, "shop", Kind.UP, ("web",), "ada@laptop", NOON)


def a_key(name: str) -> StepKey:
    return StepKey(StepKind.RUN, name)


@dataclass
class Desk:
    """Where steps are done, and undone: ``done`` is what happened, in order."""

    site: Site = field(default_factory=Site)
    done: list[str] = field(default_factory=list)

    def work(self, *acts: Step | Exception | Callable[[Saga], object]) -> None:
        """One saga: runs steps, does something else with it, or meets an error."""
        with Saga(DRAFT, self.site.ctx) as saga:
            for act in acts:
                if isinstance(act, Step):
                    saga.run(act)
                elif isinstance(act, Exception):
                    raise act
                else:
                    act(saga)

    def step(self, name: str, undo: Act | None = None, enters: State | None = None) -> Step:
        taken_back = Undo(f"un{name}", undo or (lambda: self.done.append(f"un{name}")))
        return Step(
            a_key(name), name, "asked for", lambda: self.done.append(name), taken_back, enters
        )

    def failing(self, name: str, error: BaseException, undo: Undo | None = None) -> Step:
        return Step(a_key(name), name, "asked for", _raising(error), undo)

    @property
    def record(self) -> Deployment:
        return self.site.records[0]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def _raising(error: BaseException) -> Callable[[], object]:
    def act() -> object:
        raise error

    return act


def test_steps_are_done_in_order_and_none_is_undone(desk: Desk) -> None:
    desk.work(
        desk.step("a", enters=State.STARTING), desk.step("b", enters=State.SWITCHING), Saga.promote
    )
    assert desk.done == ["a", "b"]
    assert desk.record.state is State.LIVE


def test_undos_run_backwards_from_the_step_that_failed(desk: Desk) -> None:
    with pytest.raises(BluegreenError, match="no"):
        desk.work(desk.step("a"), desk.step("b"), desk.failing("c", BluegreenError("no")))
    assert desk.done == ["a", "b", "unb", "una"]
    assert (desk.record.state, desk.record.reason) == (State.FAILED, "no")


def test_the_step_that_failed_is_undone_itself_for_it_may_have_acted(desk: Desk) -> None:
    undo = Undo("unc", lambda: desk.done.append("unc"))
    with pytest.raises(BluegreenError):
        desk.work(desk.failing("c", BluegreenError("no"), undo))
    assert desk.done == ["unc"]


def test_an_undo_that_fails_stops_the_unwinding(desk: Desk) -> None:
    with pytest.raises(NeedsPerson, match="no; then this undo failed: unb") as stuck:
        desk.work(
            desk.step("a"),
            desk.step("b", undo=_raising(BluegreenError("neither"))),
            desk.failing("c", BluegreenError("no")),
        )
    assert desk.done == ["a", "b"]
    assert stuck.value.detail == "neither"
    assert isinstance(stuck.value.__cause__, BluegreenError)
    assert (desk.record.state, desk.record.reason) == (
        State.STUCK,
        "no; then could not unb: neither",
    )


def test_a_bug_in_an_undo_needs_a_person_too(desk: Desk) -> None:
    with pytest.raises(NeedsPerson, match="KeyError"):
        desk.work(desk.step("a", undo=_raising(TypeError("x"))), KeyError("web"))
    assert "then could not una: TypeError: x" in desk.record.reason


def test_an_interrupt_is_recorded_as_one(desk: Desk) -> None:
    with pytest.raises(Interrupted):
        desk.work(desk.step("a"), Interrupted("interrupted by SIGINT"))
    assert desk.done == ["a", "una"]
    assert (desk.record.state, desk.record.reason) == (State.INTERRUPTED, "interrupted by SIGINT")


def test_a_bug_is_recorded_with_its_kind_and_undone(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError):
        desk.work(desk.step("a"), ZeroDivisionError("by nought"))
    assert desk.done == ["a", "una"]
    assert desk.record.reason == "ZeroDivisionError: by nought"


def test_the_state_is_written_before_the_step_acts(desk: Desk) -> None:
    seen: list[State] = []
    act = Step(
        a_key("a"), "a", "why", lambda: seen.append(desk.record.state), enters=State.STARTING
    )
    desk.work(act, desk.step("b", enters=State.SWITCHING), Saga.promote)
    assert seen == [State.STARTING]


def test_a_state_that_cannot_be_written_stops_the_step(desk: Desk) -> None:
    desk.site.world.calls.fail("history.to", HistoryUnusable("disk full"))
    with pytest.raises(HistoryUnusable):
        desk.work(desk.step("a"), desk.step("b", enters=State.STARTING))
    assert desk.done == ["a", "una"]


def test_each_step_is_recorded_with_its_outcome(desk: Desk) -> None:
    with pytest.raises(BluegreenError):
        desk.work(
            Step(a_key("a"), "a", "why", lambda: "a remark", Undo("una", lambda: None)),
            desk.failing("b", BluegreenError("no", detail="last lines")),
        )
    steps = [(one.key, one.cause, one.outcome, one.detail) for one in desk.record.steps]
    assert steps == [
        ("run:a", "why", Outcome.DONE, "a remark"),
        ("run:b", "asked for", Outcome.FAILED, "no\nlast lines"),
        ("undo:run:a", "undo", Outcome.UNDONE, ""),
    ]
    assert desk.site.observer.ended[1] == ("run:b", Outcome.FAILED, "no")


def test_what_is_attempted_may_fail_with_a_warning(desk: Desk) -> None:
    outcomes: list[bool] = []
    desk.work(
        lambda saga: outcomes.append(saga.attempt(desk.step("a"))),
        lambda saga: outcomes.append(saga.attempt(desk.failing("b", BluegreenError("no")))),
        lambda saga: outcomes.append(saga.attempt(desk.step("c"))),
        Saga.discard,
    )
    assert outcomes == [True, False, True]
    assert desk.done == ["a", "c"]
    assert desk.site.observer.outcome("run:b") is Outcome.WARNED
    assert desk.site.observer.remarks == ["warning: b: no"]


class _NoAnswer(FakeLock):
    """The proxy's container does not answer."""

    def assure(self) -> None:
        raise ProxyFailed("no answer")


def test_after_the_promotion_a_lock_that_does_not_answer_is_a_warning(desk: Desk) -> None:
    """An exit code 1 would say that the previous version is live."""
    ctx = desk.site.ctx
    desk.site.ctx = replace(ctx, lock=_NoAnswer(desk.site.world))
    with Saga(DRAFT, desk.site.ctx) as saga:
        assert not saga.attempt(desk.step("a"))
        saga.discard()
    assert desk.done == []
    assert desk.site.observer.remarks == ["warning: a: no answer"]


def test_a_deployment_that_another_command_has_ended_is_not_ended_again(desk: Desk) -> None:
    """Without a proxy no lock tells it."""

    def others_settle_it(_saga: Saga) -> None:
        desk.site.history.to(1, State.INTERRUPTED, NOON, "down removed its containers")

    with pytest.raises(LockLost, match="another command has ended deployment 1: it is interrupted"):
        desk.work(others_settle_it, desk.step("a", enters=State.STARTING))
    with pytest.raises(LockLost, match="another command has ended deployment 2"):
        desk.work(
            lambda _saga: desk.site.history.to(2, State.INTERRUPTED, NOON), BluegreenError("boom")
        )
    assert desk.done == []


@pytest.mark.parametrize("error", [Interrupted("ctrl-c"), ZeroDivisionError()])
def test_an_attempt_hides_neither_an_interrupt_nor_a_bug(desk: Desk, error: Exception) -> None:
    with pytest.raises(type(error)):
        desk.work(lambda saga: saga.attempt(desk.failing("a", error)))


def test_after_the_promotion_nothing_is_undone(desk: Desk) -> None:
    with pytest.raises(BluegreenError):
        desk.work(
            desk.step("a", enters=State.STARTING),
            desk.step("b", enters=State.SWITCHING),
            Saga.promote,
            BluegreenError("too late"),
        )
    assert desk.done == ["a", "b"]
    assert desk.record.state is State.LIVE


@pytest.mark.parametrize("error", [HistoryUnusable("no answer"), Interrupted("ctrl-c")])
def test_a_promotion_that_was_written_all_the_same_stands(desk: Desk, error: Exception) -> None:
    desk.site.world.calls.fail("history.promote", error, when=When.AFTER)
    desk.work(
        desk.step("a", enters=State.STARTING), desk.step("b", enters=State.SWITCHING), Saga.promote
    )
    assert desk.done == ["a", "b"]
    assert desk.record.state is State.LIVE


def test_a_promotion_that_was_not_written_is_undone(desk: Desk) -> None:
    desk.site.world.calls.fail("history.promote", HistoryUnusable("disk full"))
    with pytest.raises(HistoryUnusable):
        desk.work(
            desk.step("a", enters=State.STARTING),
            desk.step("b", enters=State.SWITCHING),
            Saga.promote,
        )
    assert desk.done == ["a", "b", "unb", "una"]
    assert desk.record.state is State.FAILED


def test_a_discarded_deployment_leaves_no_record_and_undoes_nothing(desk: Desk) -> None:
    desk.work(desk.step("a"), Saga.discard)
    assert desk.done == ["a"]
    assert desk.site.records == []


def test_an_undo_goes_on_though_history_cannot_be_written(desk: Desk) -> None:
    with pytest.raises(BluegreenError):
        desk.work(
            desk.step("a"),
            lambda saga: desk.site.world.calls.fail(
                "history.step", HistoryUnusable("disk full"), nth=None
            ),
            lambda saga: desk.site.world.calls.fail(
                "history.to", HistoryUnusable("disk full"), nth=None
            ),
            BluegreenError("no"),
        )
    assert desk.done == ["a", "una"]
    assert desk.site.observer.remarks == [
        "warning: not recorded: disk full",
        "warning: deployment 1 not recorded: disk full",
    ]


def test_what_is_told_takes_as_long_as_it_took(desk: Desk) -> None:
    clock = desk.site.ctx.clock
    assert (
        run_step(Step(a_key("wait"), "wait", "why", lambda: clock.sleep(1.5)), desk.site.ctx) == ""
    )
    assert desk.site.observer.causes == {"run:wait": "why"}
    assert desk.site.observer.outcome("run:wait") is Outcome.DONE
