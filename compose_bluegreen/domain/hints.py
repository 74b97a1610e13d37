"""What a person can do next, as a value: each user interface words it in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """A command that helps."""

    UP = "up"
    ROLLBACK = "rollback"
    HISTORY = "history"
    SHOW = "show"
    STATUS = "status"
    REPAIR = "repair"
    LOGS = "logs"
    DOWN = "down"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"
    LOCK_STATUS = "lock status"
    PROXY_RECREATE = "proxy recreate"
    HELP = "help"


class Flag(StrEnum):
    """An option without a value."""

    FORCE = "force"
    TAKE_OVER = "take-over"
    NO_SWITCH = "no-switch"


@dataclass(frozen=True, slots=True)
class Command:
    """An action on something: on a ``service``, a ``deployment``, with an ``image`` or with flags."""

    action: Action
    services: tuple[str, ...] = ()
    deployment: int | None = None
    image: str | None = None
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True, init=False)
class Hint:
    """Commands, and the words between them: ``Hint(Action.RESUME, " finishes it")``."""

    parts: tuple[Command | str, ...]

    def __init__(self, *parts: Action | Command | str) -> None:
        whole = (Command(part) if isinstance(part, Action) else part for part in parts if part)
        object.__setattr__(self, "parts", tuple(whole))

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __str__(self) -> str:
        """For a log, where no user interface words it."""
        return "".join(
            part if isinstance(part, str) else " ".join((part.action, *part.services))
            for part in self.parts
        )

    @property
    def commands(self) -> tuple[Command, ...]:
        return tuple(part for part in self.parts if isinstance(part, Command))


RESUME_OR_ABORT = Hint(Action.RESUME, " finishes it, ", Action.ABORT, " removes it")
