"""The keys of ``hooks``: commands that run at moments of a deployment."""

from __future__ import annotations

import shlex
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, model_validator

from compose_bluegreen.config.types import Duration, Keys

COMMANDS = ("run", "exec", "host")


class Moment(StrEnum):
    """When hooks run; the names of the keys."""

    PRE_DEPLOY = "pre_deploy"
    """The image is available and no container of the new release runs."""
    POST_START = "post_start"
    """The new colour has started. A colour that was on standby skips this moment."""
    PRE_SWITCH = "pre_switch"
    """The new colour is healthy and receives no traffic yet."""
    POST_SWITCH = "post_switch"
    """The new colour receives the traffic and is healthy."""
    ON_FAILURE = "on_failure"
    """The deployment was undone or interrupted."""
    ON_ROLLBACK = "on_rollback"
    """The release was rolled back, drained and removed."""


_AFTER_THE_FACT = (Moment.ON_FAILURE, Moment.ON_ROLLBACK)


def _split_command(value: object) -> object:
    """Splits a text into words as Compose does for ``command:``; no shell is involved."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError:
            raise ValueError("a quote is not closed") from None
    if not isinstance(value, list | tuple):
        raise ValueError("it must be a command, as a text or a list of words")  # noqa: TRY004 - pydantic reads ValueError
    command = tuple(str(word) if type(word) is int else word for word in value)
    if not command or not all(isinstance(word, str) and "\0" not in word for word in command):
        raise ValueError("it must be a command, as a text or a list of words")
    if not command[0].strip():
        raise ValueError("the first word must be the name of a program")
    return command


def _true_or_reason(value: object) -> object:
    """Interpolated values are text. A text other than true and false is the reason."""
    if isinstance(value, str):
        return {"true": True, "false": False, "": False}.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise ValueError("it must be true, or the reason as a text")  # noqa: TRY004 - pydantic reads ValueError
    return value


Words = Annotated[tuple[str, ...] | None, BeforeValidator(_split_command)]


class Hook(Keys):
    """One command: in a one-off container of the release, in a running container, or on the host."""

    run: Words = None
    """The command, in a one-off container of the release, as with `docker compose run --rm`: with
    the release's image, entrypoint, environment, networks and volumes. A plain text means `run`."""
    exec: Words = None
    """The command, in the first running container of the deployment's colour. For `pre_deploy` and
    `on_failure`: in the first container of the live colour."""
    host: Words = None
    """The command, on the machine where you type, in the project's folder."""
    timeout: Duration = timedelta(minutes=5)
    """How long the command may take."""
    required: bool = True
    """With `false`, a failure is a warning and the deployment continues."""
    irreversible: Annotated[bool | str, BeforeValidator(_true_or_reason)] = False
    """`true`, or the reason as a text, if the effect of the command can't be undone."""

    @model_validator(mode="after")
    def _one_command(self) -> Self:
        given = [kind for kind in COMMANDS if getattr(self, kind)]
        if len(given) != 1:
            raise ValueError("it must have exactly one of the keys run, exec and host")
        return self

    @property
    def command(self) -> tuple[str, ...]:
        return self.run or self.exec or self.host or ()

    @property
    def why(self) -> str:
        """Why the effect of the command can't be undone, as the user wrote it."""
        return self.irreversible if isinstance(self.irreversible, str) else ""


def _list(value: object) -> object:
    """One hook or a list of hooks; a text is a command for ``run``."""
    if value is None:
        return ()
    hooks = value if isinstance(value, list | tuple) else [value]
    return tuple({"run": hook} if isinstance(hook, str) else hook for hook in hooks)


SomeHooks = Annotated[tuple[Hook, ...], BeforeValidator(_list)]


class Hooks(Keys):
    """Moments and their commands; see docs/reference/hooks.md."""

    pre_deploy: SomeHooks = ()
    """Commands that run before the new colour starts, such as a database migration."""
    post_start: SomeHooks = ()
    """Commands that run once the new colour has started."""
    pre_switch: SomeHooks = ()
    """Commands that run once the new colour is healthy, before it receives traffic."""
    post_switch: SomeHooks = ()
    """Commands that run once the new colour receives the traffic."""
    on_failure: SomeHooks = ()
    """Commands that run when a deployment is undone."""
    on_rollback: SomeHooks = ()
    """Commands that run when this release is rolled back."""

    @model_validator(mode="after")
    def _undo_hooks_are_reversible(self) -> Self:
        for moment in _AFTER_THE_FACT:
            if any(hook.irreversible for hook in self.of_moment(moment)):
                raise ValueError(
                    f"a hook of {moment} can't be irreversible: it runs after the release was undone;"
                    " remove `irreversible`"
                )
        return self

    def of_moment(self, moment: Moment) -> tuple[Hook, ...]:
        hooks: tuple[Hook, ...] = getattr(self, moment.value)
        return hooks
