"""What runs hooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from compose_bluegreen.domain.release import Release
from compose_bluegreen.ports.engine import Container


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended: ``code`` None means that its time was up. ``said`` is the end of both
    its streams."""

    code: int | None
    said: str = ""


@dataclass(frozen=True, slots=True)
class OneOff:
    """A command in a container of its own, called ``name``: the release's image, environment,
    networks and volumes, but none of its network aliases. ``environment`` is added."""

    release: Release
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]


class Runner(Protocol):
    """Runs commands that a release brings along, and waits for their end or for the timeout.

    What they are told is in their environment, never in the arguments of a process of ours. Raises
    ComposeFailed or EngineUnreachable where one can't even begin.
    """

    def one_off(self, job: OneOff, timeout: timedelta) -> CommandResult:
        """In a container of its own, which is still there when it has ended."""

    def inside(
        self,
        container: Container,
        words: Sequence[str],
        told: Mapping[str, str],
        timeout: timedelta,
    ) -> CommandResult:
        """In a running container; one whose time is up may go on there."""

    def here(
        self, words: Sequence[str], told: Mapping[str, str], timeout: timedelta
    ) -> CommandResult:
        """Where this command was given; what isn't done by then is ended."""

    def trust(self, words: Sequence[str]) -> None:
        """A compose file that lies here says this: from now on it may run here."""

    def trusts(self, words: Sequence[str]) -> bool:
        """Whether one ever has, or whoever gave this command says that all may."""


HOST_VARIABLE = "BLUEGREEN_HOST_HOOKS"
