"""Steps and their undos.

An undo is registered before its step acts, because a step can fail after it acted. So each undo can run
twice. An undo that fails ends the unwinding, because the containers that still run may be live.

Each step and each undo first checks that this command still holds the lock. If it does not, it changes
nothing more: the new lock owner settles the rest.
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
from compose_bluegreen.domain.states import UNFINISHED, Outcome, State, WrongTransition
from compose_bluegreen.domain.step_keys import StepKey
from compose_bluegreen.ports.context import Context
from compose_bluegreen.runtime.interrupts import shielded

Act = Callable[[], object]
"""Does the work of a step. A text that it returns is the remark for the record."""


@dataclass(frozen=True, slots=True)
class Undo:
    """``can_wait``: a failure is only a warning, because it does not affect the live colour and the
    next command removes what is left."""

    name: str
    act: Act
    can_wait: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """``cause`` says why the step is needed. ``enters`` is the state that is written before it acts. A
    failure of a step that is not ``required`` is a warning. ``services`` are the services that it
    changes. ``skip`` is called right before it acts: if it returns True, the step is left out and not
    recorded."""

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
        """The step as data, which can be printed, stored and compared."""
        undo = self.undo.name if self.undo else ""
        key, about = self.key, self.services or self.key.services
        return PlannedStep(key, about, self.name, self.cause, undo, self.enters, self.required)


@dataclass(frozen=True, slots=True)
class _RegisteredUndo:
    """An undo that is registered, with the key of its step."""

    step: StepKey
    undo: Undo


@dataclass(frozen=True, slots=True)
class OnFailure:
    """Steps that run during the unwinding, after the undo of all steps that were registered later.
    ``steps`` gets the reason of the failure. A failure of one of them is a warning."""

    steps: Callable[[str], Iterable[Step]]


class Saga:
    """Runs the steps of one deployment; reports each to the observer and records it in history."""

    def __init__(
        self, of: NewDeployment | Deployment, ctx: Context, *, stays_open: bool = False
    ) -> None:
        """Begins a new deployment, or continues an interrupted one. ``stays_open``: a failure does not
        end the deployment, because steps of an earlier command are not undone."""
        self._ctx = ctx
        self._stays_open = stays_open
        self._undos: list[_RegisteredUndo | OnFailure] = []
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
            if isinstance(error, WrongTransition):
                self._refuse_if_settled(error)
            with shielded(self._ctx.observer.remark):
                self._unwind(error)

    def parts(self, parts: list[DeployedService]) -> None:
        self._ctx.history.parts(self.deployment, parts)

    def register_undo(self, step: StepKey, undo: Undo) -> None:
        """For a step that an earlier command ran."""
        self._undos.append(_RegisteredUndo(step, undo))

    def register_on_failure(self, on_failure: OnFailure) -> None:
        self._undos.append(on_failure)

    def run(self, step: Step, worst: Outcome = Outcome.FAILED) -> None:
        """``worst`` is the outcome in history if the step raises."""
        if step.skip and step.skip():
            return
        if not step.required:
            self.attempt(step)
            return
        self._ctx.lock.assure()
        if step.enters:
            self._ctx.history.to(self.deployment, step.enters, self._ctx.clock.now())
        if step.undo:
            self._undos.append(_RegisteredUndo(step.key, step.undo))
        self._run_recorded(step, Outcome.DONE, worst)

    def attempt(self, step: Step) -> bool:
        """Runs a step whose failure is only a warning for the deployment."""
        try:
            self._ctx.lock.assure()
            self._run_recorded(step, Outcome.DONE, worst=Outcome.WARNED)
        except (Interrupted, LockLost):
            raise
        except BluegreenError as error:
            self._ctx.observer.remark(f"warning: {step.name}: {error.message}")
            return False
        return True

    def leave_waiting(self) -> None:
        """Keeps the deployment for a person to decide: no undo runs any more."""
        self._open = False

    def promote(self) -> None:
        """Records the release as live. From here on, no undo runs."""
        with shielded(self._ctx.observer.remark):
            self._ctx.lock.assure()
            try:
                self._ctx.history.promote(self.deployment, self._ctx.clock.now())
            except Exception as error:
                # If history recorded it despite the error, an undo would make history wrong.
                if not self._is(State.LIVE):
                    raise
                self._ctx.observer.remark(f"warning: {_headline(error)}")
            self._open = False

    def _is(self, state: State) -> bool:
        try:
            deployment = self._ctx.history.get(self.deployment)
        except HistoryUnusable:
            return False
        return deployment is not None and deployment.state is state

    def discard(self) -> None:
        """Deletes a deployment that changes nothing."""
        self._ctx.history.discard(self.deployment)
        self._open = False

    def _run_recorded(self, step: Step, best: Outcome, worst: Outcome = Outcome.FAILED) -> None:
        ctx = self._ctx
        record = StepRecord(str(step.key), step.name, step.cause, Outcome.RUNNING, ctx.clock.now())
        number = ctx.history.step(self.deployment, record)
        try:
            remark = run_step(step, ctx, best, worst)
        except LockLost:
            raise  # only the new lock owner may write the record
        except BaseException as error:
            ctx.history.step_ended(
                self.deployment, number, worst, ctx.clock.now(), _last_words(error)
            )
            raise
        ctx.history.step_ended(self.deployment, number, best, ctx.clock.now(), remark)

    def _unwind(self, error: BaseException) -> None:
        reason = _headline(error)
        if isinstance(error, Interrupted) and self._undos:
            registered = (
                entry for entry in reversed(self._undos) if isinstance(entry, _RegisteredUndo)
            )
            names = ", then ".join(entry.undo.name for entry in registered)
            self._ctx.observer.remark(f"{reason}: {names}")
        while self._undos:
            last = self._undos.pop()
            if isinstance(last, OnFailure):
                self._run_on_failure(last, reason)
                continue
            undo = last.undo
            try:
                self._ctx.lock.assure()
                self._undo(last.step, undo)
            except LockLost as lost:
                raise lost from error
            except Exception as failed:  # noqa: BLE001 - any error must end the unwinding here
                if undo.can_wait and not isinstance(failed, NeedsPerson):
                    failure = f"could not {undo.name}: {_headline(failed)}"
                    self._ctx.observer.remark(f"warning: {failure}; the next up will")
                    reason = f"{reason}; then {failure}"
                    continue
                self._stuck(f"{reason}; then could not {undo.name}: {_headline(failed)}")
                raise NeedsPerson(
                    f"{reason}; then this undo failed: {undo.name}",
                    detail=_headline(failed),
                    hint=Hint(
                        "nothing else was changed; ",
                        Action.STATUS,
                        " shows what is live, ",
                        Action.RESUME,
                        " finishes it, ",
                        Action.ABORT,
                        " removes it",
                    ),
                ) from error
        if self._stays_open:
            return
        self._end(State.INTERRUPTED if isinstance(error, Interrupted) else State.FAILED, reason)

    def _run_on_failure(self, on_failure: OnFailure, reason: str) -> None:
        for step in on_failure.steps(reason):
            try:
                self.attempt(step)
            except LockLost:
                raise
            except Exception as failed:  # noqa: BLE001 - the unwinding must continue
                self._ctx.observer.remark(f"warning: {step.name}: {_headline(failed)}")

    def _undo(self, step: StepKey, undo: Undo) -> None:
        """Runs the undo even if history can't be written, because the live colour matters more."""
        try:
            self._run_recorded(Step(step.undo, undo.name, "undo", undo.act), Outcome.UNDONE)
        except HistoryUnusable as error:
            self._ctx.observer.remark(f"warning: not recorded: {error.message}")
            undo.act()

    def _stuck(self, reason: str) -> None:
        if not self._is(State.STUCK):  # an earlier command may have recorded it
            self._end(State.STUCK, reason)

    def _end(self, state: State, reason: str) -> None:
        try:
            self._ctx.history.to(self.deployment, state, self._ctx.clock.now(), reason)
        except HistoryUnusable as error:
            self._ctx.observer.remark(
                f"warning: deployment {self.deployment} not recorded: {error.message}"
            )
        except WrongTransition as error:
            self._refuse_if_settled(error)
            raise

    def _refuse_if_settled(self, error: WrongTransition) -> None:
        """Raises LockLost if another command has ended this deployment, as after a `down` by others:
        without a proxy there is no lock that could tell it."""
        record = self._ctx.history.get(self.deployment)
        if record and record.state not in UNFINISHED | {State.WAITING, State.STUCK}:
            raise LockLost(
                f"another command has ended deployment {self.deployment}: it is {record.state}",
                hint=Hint("nothing more was changed; ", Action.STATUS, " shows the live colours"),
            ) from error


def run_step(
    step: Step, ctx: Context, best: Outcome = Outcome.DONE, worst: Outcome = Outcome.FAILED
) -> str:
    """Runs the step, reports it to the observer, and returns the remark."""
    began = ctx.clock.monotonic()
    key = str(step.key)
    ctx.observer.step_began(key, step.name, step.cause)
    try:
        result = step.act()
    except BaseException as error:
        seconds = ctx.clock.monotonic() - began
        ctx.observer.step_ended(key, step.name, worst, seconds, _headline(error))
        raise
    remark = result if isinstance(result, str) else ""
    ctx.observer.step_ended(key, step.name, best, ctx.clock.monotonic() - began, remark)
    return remark


def run_before_the_lock(step: Step, new_deployment: NewDeployment, ctx: Context) -> None:
    """Records the step in history only if it fails: an unfinished record without a lock would count as
    killed."""
    try:
        run_step(step, ctx)
    except BluegreenError as error:
        # Without the lock, another command may take the record for one of a killed command.
        with shielded(ctx.observer.remark), suppress(HistoryUnusable, WrongTransition):
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
