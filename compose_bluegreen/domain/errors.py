"""What can go wrong, the exit code of it, and the next command.

    BluegreenError ....... 1  refused or failed; what served before still serves
    ├── UsageError ....... 2  the command line or the compose file is wrong
    │   └── BadSetting ... 2  … and this is the key
    ├── NeedsPerson ...... 4  nobody but a person can tell what should happen now
    ├── LockHeld ......... 5  another deployment of this project is under way
    │   └── LockLost ..... 5  … and it has taken our place
    └── Interrupted ...... 130

A foreign error is mapped to one of these by the adapter that met it (``raise … from``).
Anything else that reaches the door is a bug of ours: exit code 3, with a report.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """A contract with scripts. The reference page is generated from the docstrings below."""

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
    """A failure that a person can understand.

    ``hint`` is the next command or the cure, ``detail`` what a failing program said last.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail


class UsageError(BluegreenError):
    exit_code = ExitCode.USAGE


class BadSetting(UsageError):
    """A key of the compose file that we can't accept; ``where`` names file, service and key."""

    def __init__(self, where: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{where}: {problem}", hint=hint)


class NeedsPerson(BluegreenError):
    exit_code = ExitCode.NEEDS_PERSON


class LockHeld(BluegreenError):
    exit_code = ExitCode.LOCKED


class LockLost(LockHeld):
    """Nothing may be touched any more, not even to undo: somebody else deploys, or may."""


class Interrupted(BluegreenError):
    exit_code = ExitCode.INTERRUPTED


class ComposeFailed(BluegreenError):
    """``docker compose`` ended with an error; ``detail`` is the end of its stderr."""


class HookFailed(BluegreenError):
    """A command that a release brings along; ``detail`` is the end of what it said."""


class EngineUnreachable(BluegreenError):
    """The Docker engine doesn't answer."""


class Unhealthy(BluegreenError):
    """A colour that did not become, or did not stay, healthy; ``detail`` is its last log lines."""


class ProxyFailed(BluegreenError):
    """HAProxy refused a command or its configuration, or can't be reached."""


class HistoryUnusable(BluegreenError):
    """The history can't be read or written."""
