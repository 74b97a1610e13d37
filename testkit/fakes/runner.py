"""What runs commands: each does what a test says it does, and is noted with what it was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from compose_bluegreen.domain.errors import ComposeFailed
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.runner import CommandResult, OneOff
from testkit.fakes.world import Behaviour, Box, Mark, World


@dataclass(frozen=True, slots=True)
class Command:
    """``takes`` seconds."""

    code: int = 0
    said: str = ""
    takes: float = 0.1


@dataclass(frozen=True, slots=True)
class Done:
    """``where`` is the version in whose one-off container, the container's name, or ``here``."""

    where: str
    words: tuple[str, ...]
    told: Mapping[str, str]


@dataclass(slots=True)
class FakeRunner:
    """``does`` says what a command does, by its words or its first one; others do nothing, well."""

    world: World
    does: dict[str, Command] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    trusted: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def said(self) -> list[str]:
        """Where each ran, and which."""
        return [f"{one.where}: {' '.join(one.words)}" for one in self.done]

    def one_off(self, job: OneOff, timeout: timedelta) -> CommandResult:
        name, image_id = job.name, job.release.image.id
        if image_id not in self.world.behaviours:
            raise ComposeFailed("docker compose up failed", detail=f"No such image: {image_id}")
        mark = Mark(hook_of=self.world.project)
        self.world.put(Box(name, mark, image_id, Behaviour(), started=self.world.time))
        self.world.calls.halfway("runner.one_off")
        version = image_id.removeprefix("sha256:")
        service = job.release.model["services"][job.release.service]
        told = {**(service.get("environment") or {}), **job.environment}
        ran = self._run(version, job.command, told, timeout)
        if ran.code is not None:
            self.world.boxes[name].started = None
        return ran

    def inside(
        self,
        container: Container,
        words: Sequence[str],
        told: Mapping[str, str],
        timeout: timedelta,
    ) -> CommandResult:
        return self._run(container.name, words, told, timeout)

    def here(
        self, words: Sequence[str], told: Mapping[str, str], timeout: timedelta
    ) -> CommandResult:
        return self._run("here", words, told, timeout)

    def trust(self, words: Sequence[str]) -> None:
        self.trusted.add(tuple(words))

    def trusts(self, words: Sequence[str]) -> bool:
        return tuple(words) in self.trusted

    def _run(
        self, where: str, words: Sequence[str], told: Mapping[str, str], timeout: timedelta
    ) -> CommandResult:
        self.done.append(Done(where, tuple(words), dict(told)))
        command = self.does.get(" ".join(words)) or self.does.get(words[0], Command())
        limit = timeout.total_seconds()
        self.world.wait(min(command.takes, limit))
        return CommandResult(command.code if command.takes <= limit else None, command.said)
