"""The errors that a user sees, with their exit codes.

    BluegreenError ....... 1  refused or failed; the previous version is still live
    ├── UsageError ....... 2  the command line or the compose file is wrong
    │   └── BadSetting ... 2  a key of the compose file is wrong
    ├── NeedsPerson ...... 4  a person must decide what happens next
    ├── LockHeld ......... 5  another deployment of this project is running
    │   └── LockLost ..... 5  another command has taken the lock that this command held
    └── Interrupted ...... 130

An adapter maps the errors of its library to these (``raise … from``). Any other error that
reaches the command line is a bug in compose-bluegreen: exit code 3, with a report.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from compose_bluegreen.domain.hints import Hint

if TYPE_CHECKING:
    from compose_bluegreen.domain.deployment import Deployment


class ExitCode(IntEnum):
    """A contract with scripts. ``python -m doctools generate`` writes the reference page from the docstrings."""

    DONE = 0
    """The command did what you asked."""
    FAILED = 1
    """The command was refused or failed. The previous version is still live."""
    USAGE = 2
    """The command line or the compose file is wrong."""
    BUG = 3
    """A bug in compose-bluegreen. It wrote a report and printed the path."""
    NEEDS_PERSON = 4
    """A person must decide what happens next. The message says which version is live."""
    LOCKED = 5
    """Another deployment of this project is running. The message says whose."""
    INTERRUPTED = 130
    """Ctrl-C, SIGTERM, a closed terminal, or `abort` of a canary or bake. Before the new release is
    live, everything is undone; after that, it stays."""


class BluegreenError(Exception):
    """A failure with a message for the user.

    ``hint`` names the next command or the key to change, ``detail`` is the last output of the
    program that failed.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: Hint | str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint if isinstance(hint, Hint) else Hint(hint)
        self.detail = detail
        self.deployment: Deployment | None = None
        """The deployment that failed, as far as the history has it."""


class UsageError(BluegreenError):
    exit_code = ExitCode.USAGE


class BadSetting(UsageError):
    """A key of the compose file has a value that is not allowed.

    ``location`` names file, service and key.
    """

    def __init__(self, location: str, problem: str, *, hint: Hint | str = "") -> None:
        super().__init__(f"{location}: {problem}", hint=hint)


class NeedsPerson(BluegreenError):
    exit_code = ExitCode.NEEDS_PERSON


class LockHeld(BluegreenError):
    exit_code = ExitCode.LOCKED


class LockLost(LockHeld):
    """This command must change nothing any more, not even to undo: another one can hold the lock now."""


class Interrupted(BluegreenError):
    exit_code = ExitCode.INTERRUPTED


class ComposeFailed(BluegreenError):
    """``docker compose`` ended with an error; ``detail`` is the end of its stderr."""


class HookFailed(BluegreenError):
    """A hook failed; ``detail`` is the end of its output."""


class EngineUnreachable(BluegreenError):
    """The Docker engine doesn't answer."""


class Unhealthy(BluegreenError):
    """A colour did not become healthy, or did not stay so; ``detail`` has its last log lines."""


class ProxyFailed(BluegreenError):
    """HAProxy refused a command or its configuration, or can't be reached."""


class HistoryUnusable(BluegreenError):
    """History can't be read or written."""
