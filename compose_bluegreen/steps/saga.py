"""Named steps, and what undoes them.

An undo is registered before its step acts, for a step can fail after it acted: every undo can be
done twice. An undo that fails stops the unwinding: what is still up may be what serves.

Each step and each undo first makes sure that the lock is still ours. Where it isn't, nothing is
touched any more: whoever has it now settles what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from compose_bluegreen.domain.deployment import (
    DeployedService,
    Deployment,
    NewDeployment,
    StepRecord,
)
from compose_bluegreen.domain.errors import (
    BluegreenError,
    HistoryUnusable,
    Interrupted,
    LockLost,
    NeedsPerson,
)
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.plan import PlannedStep
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.domain.step_keys import StepKey
from compose_bluegreen.ports.context import Context
from compose_bluegreen.runtime.interrupts import shielded

Act = Callable[[], object]
"""Does it; a text that it returns is a remark for the record."""


@dataclass(frozen=True, slots=True)
class Undo:
    """``can_wait``: whatever is left if it fails, what serves isn't in danger and the next command
    clears it away. Its failure is a warning, and no person is needed."""

    name: str
    act: Act
    can_wait: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """``cause`` says why it is needed; ``enters`` is the state written before it acts. A failure of
    what isn't ``required`` is a warning. ``services`` are those that it is about. ``skip`` is asked
    right before it acts: if it answers True, the step is left out and not recorded."""

    key: StepKey
    name: str
    cause: str
    act: Act
    undo: Undo | None = None
    enters: State | None = None
    required: bool = True
    services: tuple[str, ...] = ()
    skip: Callable[[], bool] | None = None

    @property
    def planned(self) -> PlannedStep:
        """The step without what acts: what can be printed, stored and compared."""
        undo = self.undo.name if self.undo else ""
        key, about = self.key, self.services or self.key.services
        return PlannedStep(key, about, self.name, self.cause, undo, self.enters, self.required)


@dataclass(frozen=True, slots=True)
class _Owed:
    """An undo that is registered, with the key of its step."""

    step: StepKey
    undo: Undo


@dataclass(frozen=True, slots=True)
class OnFailure:
    """Steps that are taken on the way back, once what was begun after it is undone. ``steps`` gets
    the reason; a failure of one is a warning."""

    steps: Callable[[str], Iterable[Step]]


class Saga:
    """One deployment's steps, each told to the observer and kept in history."""

    def __init__(
        self, of: NewDeployment | Deployment, ctx: Context, *, stays_open: bool = False
    ) -> None:
        """A new one, or one that was begun before and goes on. ``stays_open``: it isn't over when
        it fails here, for some of what was done before isn't undone."""
        self._at = ctx
        self._stays_open = stays_open
        self._undos: list[_Owed | OnFailure] = []
        self._open = True
        self.deployment = ctx.history.begin(of) if isinstance(of, NewDeployment) else of.id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self._open and not isinstance(error, LockLost):
            with shielded(self._at.observer.remark):
                self._unwind(error)

    def parts(self, parts: list[DeployedService]) -> None:
        self._at.history.parts(self.deployment, parts)

    def register_undo(self, step: StepKey, undo: Undo) -> None:
        """For a step that an earlier command ran."""
        self._undos.append(_Owed(step, undo))

    def register_on_failure(self, farewell: OnFailure) -> None:
        self._undos.append(farewell)

    def run(self, step: Step, worst: Outcome = Outcome.FAILED) -> None:
        """``worst`` is what history says of it if it raises."""
        if step.skip and step.skip():
            return
        if not step.required:
            self.attempt(step)
            return
        self._at.lock.assure()
        if step.enters:
            self._at.history.to(self.deployment, step.enters, self._at.clock.now())
        if step.undo:
            self._undos.append(_Owed(step.key, step.undo))
        self._told(step, Outcome.DONE, worst)

    def attempt(self, step: Step) -> bool:
        """Runs a step whose failure is a warning: the deployment stands whatever it does."""
        self._at.lock.assure()
        try:
            self._told(step, Outcome.DONE, worst=Outcome.WARNED)
        except (Interrupted, LockLost):
            raise
        except BluegreenError as error:
            self._at.observer.remark(f"warning: {step.name}: {error.message}")
            return False
        return True

    def leave_waiting(self) -> None:
        """A person decides: nothing is undone by itself any more."""
        self._open = False

    def promote(self) -> None:
        """From here on nothing is undone: the new release is live and written down as such."""
        with shielded(self._at.observer.remark):
            self._at.lock.assure()
            try:
                self._at.history.promote(self.deployment, self._at.clock.now())
            except Exception as error:
                # Written all the same? Then undoing it would make history lie.
                if not self._is(State.LIVE):
                    raise
                self._at.observer.remark(f"warning: {_headline(error)}")
            self._open = False

    def _is(self, state: State) -> bool:
        try:
            found = self._at.history.get(self.deployment)
        except HistoryUnusable:
            return False
        return found is not None and found.state is state

    def discard(self) -> None:
        """Forgets a deployment that turned out to change nothing."""
        self._at.history.discard(self.deployment)
        self._open = False

    def _told(self, step: Step, best: Outcome, worst: Outcome = Outcome.FAILED) -> None:
        ctx = self._at
        record = StepRecord(str(step.key), step.name, step.cause, Outcome.RUNNING, ctx.clock.now())
        number = ctx.history.step(self.deployment, record)
        try:
            remark = run_step(step, ctx, best, worst)
        except LockLost:
            raise  # the record, too, is for whoever has the lock now
        except BaseException as error:
            ctx.history.step_ended(
                self.deployment, number, worst, ctx.clock.now(), _last_words(error)
            )
            raise
        ctx.history.step_ended(self.deployment, number, best, ctx.clock.now(), remark)

    def _unwind(self, error: BaseException) -> None:
        reason = _headline(error)
        if isinstance(error, Interrupted) and self._undos:
            owed = (one for one in reversed(self._undos) if isinstance(one, _Owed))
            names = ", then ".join(one.undo.name for one in owed)
            self._at.observer.remark(f"{reason}: {names}")
        while self._undos:
            last = self._undos.pop()
            if isinstance(last, OnFailure):
                self._say(last, reason)
                continue
            undo = last.undo
            try:
                self._at.lock.assure()
                self._undo(last.step, undo)
            except LockLost as lost:
                raise lost from error
            except Exception as failed:  # noqa: BLE001 - whatever it is, it ends here
                if undo.can_wait and not isinstance(failed, NeedsPerson):
                    said = f"could not {undo.name}: {_headline(failed)}"
                    self._at.observer.remark(f"warning: {said}; the next up does")
                    reason = f"{reason}; then {said}"
                    continue
                self._stuck(f"{reason}; then could not {undo.name}: {_headline(failed)}")
                raise NeedsPerson(
                    f"{reason}; undoing it failed at: {undo.name}",
                    detail=_headline(failed),
                    hint=Hint(
                        "nothing more was touched; ",
                        Action.STATUS,
                        " shows what serves, ",
                        Action.RESUME,
                        " finishes it, ",
                        Action.ABORT,
                        " takes it away",
                    ),
                ) from error
        if self._stays_open:
            return
        self._end(State.INTERRUPTED if isinstance(error, Interrupted) else State.FAILED, reason)

    def _say(self, farewell: OnFailure, reason: str) -> None:
        for step in farewell.steps(reason):
            try:
                self.attempt(step)
            except LockLost:
                raise
            except Exception as failed:  # noqa: BLE001 - whatever it is, the undoing goes on
                self._at.observer.remark(f"warning: {step.name}: {_headline(failed)}")

    def _undo(self, step: StepKey, undo: Undo) -> None:
        """An undo goes on though history can't be written: what serves matters more."""
        try:
            self._told(Step(step.undo, undo.name, "undo", undo.act), Outcome.UNDONE)
        except HistoryUnusable as error:
            self._at.observer.remark(f"warning: not recorded: {error.message}")
            undo.act()

    def _stuck(self, reason: str) -> None:
        if not self._is(State.STUCK):  # it may be the second time
            self._end(State.STUCK, reason)

    def _end(self, state: State, reason: str) -> None:
        try:
            self._at.history.to(self.deployment, state, self._at.clock.now(), reason)
        except HistoryUnusable as error:
            self._at.observer.remark(
                f"warning: deployment {self.deployment} not recorded: {error.message}"
            )


def run_step(
    step: Step, ctx: Context, best: Outcome = Outcome.DONE, worst: Outcome = Outcome.FAILED
) -> str:
    """Acts, tells the observer, and returns the remark."""
    began = ctx.clock.monotonic()
    key = str(step.key)
    ctx.observer.step_began(key, step.name, step.cause)
    try:
        said = step.act()
    except BaseException as error:
        seconds = ctx.clock.monotonic() - began
        ctx.observer.step_ended(key, step.name, worst, seconds, _headline(error))
        raise
    remark = said if isinstance(said, str) else ""
    ctx.observer.step_ended(key, step.name, best, ctx.clock.monotonic() - began, remark)
    return remark


def run_before_the_lock(step: Step, new_deployment: NewDeployment, ctx: Context) -> None:
    """History hears of it only if it failed: what is unfinished and holds no lock counts as killed."""
    try:
        run_step(step, ctx)
    except BluegreenError as error:
        with shielded(ctx.observer.remark), suppress(HistoryUnusable):
            _record_failure(step, new_deployment, error, ctx)
        raise


def _record_failure(
    step: Step, new_deployment: NewDeployment, error: BluegreenError, ctx: Context
) -> None:
    deployment, now = ctx.history.begin(new_deployment), ctx.clock.now()
    record = StepRecord(str(step.key), step.name, step.cause, Outcome.RUNNING, now)
    number = ctx.history.step(deployment, record)
    ctx.history.step_ended(deployment, number, Outcome.FAILED, now, _last_words(error))
    state = State.INTERRUPTED if isinstance(error, Interrupted) else State.FAILED
    ctx.history.to(deployment, state, now, _headline(error))


def _headline(error: BaseException) -> str:
    return (
        error.message if isinstance(error, BluegreenError) else f"{type(error).__name__}: {error}"
    )


def _last_words(error: BaseException) -> str:
    detail = error.detail if isinstance(error, BluegreenError) else ""
    return f"{_headline(error)}\n{detail}".strip()
