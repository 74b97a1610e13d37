"""Irreversible changes: effects of hooks that a rollback does not undo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compose_bluegreen.config.hook_settings import Moment
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import Action, Command, Flag, Hint
from compose_bluegreen.domain.release import Release
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps.hooks import NamedHook, hooks_of

_A_FEW = 10
"""Deployments. Nearly always the target of the rollback is among them."""


@dataclass(frozen=True, slots=True)
class IrreversibleChange:
    """An irreversible hook that has begun. It counts even if it or its deployment failed."""

    deployment: int
    named_hook: NamedHook

    def __str__(self) -> str:
        why = f": {self.named_hook.hook.why}" if self.named_hook.hook.why else ""
        return f"{self.named_hook.name} in deployment {self.deployment}{why}"


def since(service: str, deployment: int, ctx: Context) -> Iterator[IrreversibleChange]:
    """The irreversible changes after that deployment, newest first."""
    records = ctx.history.newest(ctx.project, service=service, limit=_A_FEW)
    if len(records) == _A_FEW and records[-1].id > deployment:
        records = ctx.history.newest(ctx.project, service=service)
    for record in records:
        if record.id <= deployment:
            return
        part = record.part(service)
        if record.engine == ctx.engine_id and part and (named_hooks := _irreversible(part.release)):
            yield from _done(record.id, named_hooks, ctx)


def refuse(irreversible_changes: Sequence[IrreversibleChange], target: int) -> None:
    """Raises BluegreenError if there are any."""
    if irreversible_changes:
        raise BluegreenError(
            f"a rollback to deployment {target} is not safe:"
            f" {'; '.join(map(str, irreversible_changes))}"
            " can't be undone",
            hint=Hint(
                "if the older release works with that change, ",
                Command(Action.ROLLBACK, flags=(Flag.FORCE,)),
            ),
        )


def _irreversible(release: Release) -> list[NamedHook]:
    return [
        named_hook
        for moment in Moment
        for named_hook in hooks_of(release, moment)
        if named_hook.hook.irreversible
    ]


def _done(
    deployment: int, named_hooks: Sequence[NamedHook], ctx: Context
) -> Iterator[IrreversibleChange]:
    whole: Deployment | None = ctx.history.get(deployment)
    begun = {step.key for step in whole.steps} if whole else set()
    for named_hook in named_hooks:
        if str(named_hook.key) in begun:
            yield IrreversibleChange(deployment, named_hook)
