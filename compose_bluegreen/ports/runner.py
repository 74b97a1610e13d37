"""The port that runs the commands of hooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from compose_bluegreen.domain.release import Release
from compose_bluegreen.ports.engine import Container


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command. ``code`` is its exit code, None after a timeout; ``output`` is the end
    of stdout and stderr."""

    code: int | None
    output: str = ""


@dataclass(frozen=True, slots=True)
class OneOff:
    """A command in a one-off container called ``name``.

    The container has the release's image, environment, networks and volumes, but no network alias.
    ``environment`` is added to that of the release.
    """

    release: Release
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]


class Runner(Protocol):
    """Runs the commands of hooks and waits until they end or time out.

    Values for a command are passed in its environment and never as arguments, because other users
    of a machine can read arguments. Raises ComposeFailed or EngineUnreachable if a command can't
    be started.
    """

    def one_off(self, job: OneOff, timeout: timedelta) -> CommandResult:
        """Runs a command in a one-off container, and does not remove the container."""

    def inside(
        self,
        container: Container,
        words: Sequence[str],
        environment: Mapping[str, str],
        timeout: timedelta,
    ) -> CommandResult:
        """Runs a command in a running container, and kills it at the timeout."""

    def here(
        self, words: Sequence[str], environment: Mapping[str, str], timeout: timedelta
    ) -> CommandResult:
        """Runs a command on the machine of the user, and kills it at the timeout."""

    def trust(self, words: Sequence[str]) -> None:
        """Records that a compose file on this machine has this host command, so that it may run here."""

    def trusts(self, words: Sequence[str]) -> bool:
        """Whether ``trust`` recorded this host command, or the environment allows all of them."""


HOST_VARIABLE = "BLUEGREEN_HOST_HOOKS"
