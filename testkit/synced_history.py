"""Two machines that record deployments of one engine, each in a history of its own."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from compose_bluegreen.adapters.history import Scope, open_history
from compose_bluegreen.adapters.history.synced_history import JournalledHistory
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import (
    DeployedService,
    Deployment,
    Kind,
    NewDeployment,
    StepRecord,
)
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.release import Image, Release
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.ports.lock import LockOwner
from testkit.fakes.journal import FakeJournal, OpenLock

ENGINE, PROJECT = "ABCD:EFGH", "shop"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=3)
HOLDER = LockOwner("ada@laptop", "up web", NOON)


@dataclass(slots=True)
class Machine:
    """A state folder; each command opens its history anew, as a process does."""

    folder: Path
    journal: FakeJournal
    opened: ExitStack
    engine: str = ENGINE
    kept: int = 200
    remarks: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "history.db"

    def command(self) -> JournalledHistory:
        self.remarks.clear()
        local = open_history(str(self.file), {}, Scope(self.engine, PROJECT))
        self.opened.callback(local.close)
        return JournalledHistory(local, self.journal, OpenLock(), self.remarks.append, self.kept)

    def release(self, image: str, *services: str, **more: object) -> int:
        """An ``up`` that succeeds."""
        history = self.command()
        with history.hold(HOLDER):
            deployment = self.begin(history, *services, **more)
            parts = [a_part(image, service) for service in services or ("web",)]
            switch(history, deployment, parts)
            history.promote(deployment, LATER)
            number = history.step(deployment, a_step("drain web-blue"))
            history.step_ended(deployment, number, Outcome.DONE, LATER)
        return deployment

    def fail(self) -> int:
        history = self.command()
        with history.hold(HOLDER):
            deployment = self.begin(history)
            history.to(deployment, State.FAILED, LATER, "never healthy")
        return deployment

    def begin(self, history: JournalledHistory, *services: str, **more: object) -> int:
        new_deployment = NewDeployment(
            self.engine, PROJECT, Kind.UP, services or ("web",), "ada@laptop", NOON
        )
        return history.begin(replace(new_deployment, **more))  # type: ignore[arg-type]

    def touch(self) -> None:
        """Any command that takes the lock."""
        with self.command().hold(HOLDER):
            pass

    def story(self) -> list[Deployment]:
        """Newest first, whole, as a command without the lock sees it."""
        history = self.command()
        found = [history.get(one.id) for one in history.newest(PROJECT)]
        return [one for one in found if one]

    def told(self) -> list[tuple[int, State]]:
        return [(one.id, one.state) for one in self.story()]

    def live(self) -> int | None:
        found = self.command().live(ProjectRef(self.engine, PROJECT), "web")
        return found.id if found else None

    def targets(self) -> list[int]:
        return [
            one.id
            for one in self.command().rollback_candidates(ProjectRef(self.engine, PROJECT), "web")
        ]


def a_part(image: str, service: str = "web") -> DeployedService:
    model = {
        "name": PROJECT,
        "services": {service: {"environment": {"GREETING": "Grüße 'n\n%s"}}},
        "x-bluegreen": {"replicas": 1, "published": {}, "built": True},
    }
    release = Release(service, Image("shop/web", f"sha256:{image}"), model, {}, f"print-{image}")
    return DeployedService(release, Colour.BLUE)


def a_step(name: str) -> StepRecord:
    return StepRecord("start", name, "because", Outcome.RUNNING, NOON)


def switch(history: JournalledHistory, deployment: int, parts: list[DeployedService]) -> None:
    history.parts(deployment, parts)
    for state in (State.STARTING, State.SWITCHING):
        history.to(deployment, state, NOON)
        number = history.step(deployment, a_step(f"step of {state}"))
        history.step_ended(deployment, number, Outcome.DONE, LATER, "said")


def killed_while_starting(machine: Machine) -> int:
    history = machine.command()
    with history.hold(HOLDER):
        deployment = machine.begin(history)
        history.parts(deployment, [a_part("2")])
        history.to(deployment, State.STARTING, NOON)
        history.step(deployment, a_step("start web-green"))
        machine.journal.down = True  # nothing that it would do at its end is done
    machine.journal.down = False
    return deployment
