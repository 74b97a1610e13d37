"""A shop on one machine, with the commands that a person gives: where most tests begin."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Any

from compose_bluegreen.commands.abort import abort
from compose_bluegreen.commands.down import down
from compose_bluegreen.commands.promote import promote
from compose_bluegreen.commands.repair import Repair, repair
from compose_bluegreen.commands.resume import resume
from compose_bluegreen.commands.rollback import rollback
from compose_bluegreen.commands.up import up
from compose_bluegreen.config.compose_file import Project
from compose_bluegreen.config.project import read
from compose_bluegreen.config.requests import PromoteRequest, RollbackRequest, UpRequest
from compose_bluegreen.domain.caller import Caller
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.release import Model
from compose_bluegreen.inspection.status import Drift, ServiceStatus, Status, status
from compose_bluegreen.ports.context import Context
from compose_bluegreen.steps.source import TellPlan
from testkit.fakes.calls import watched
from testkit.fakes.clock import FakeClock
from testkit.fakes.engine import FakeEngine
from testkit.fakes.history import MemoryHistory
from testkit.fakes.lock import FakeLock
from testkit.fakes.observer import FakeObserver
from testkit.fakes.powers import FakePowers
from testkit.fakes.proxy import FakeProxy
from testkit.fakes.runner import FakeRunner
from testkit.fakes.workloads import FakeWorkloads
from testkit.fakes.world import ENGINE, WELL, Behaviour, World

CALLER = Caller("ada@laptop", "f00dfeed")
REF = ProjectRef(ENGINE, "shop")


def a_service(
    name: str = "web", port: str = "8000", bluegreen: Model | None = None, **more: Any
) -> Model:
    """As ``docker compose config`` writes one; ``port`` is the host's, "" for none."""
    own: Model = {
        "build": {"context": f"/shop/{name}"},
        "image": f"{name}:latest",
        "networks": {"default": None},
        "x-bluegreen": bluegreen or {},
    }
    if port:
        own["ports"] = [{"mode": "ingress", "target": 8080, "published": port, "protocol": "tcp"}]
    else:
        own["expose"] = ["8080"]
    return own | more


def a_file(**services: Model) -> Model:
    return {
        "name": "shop",
        "services": services or {"web": a_service()},
        "networks": {"default": {"name": "shop_default"}},
    }


class Site:
    """``project`` is what the file says now; change ``file`` to edit it."""

    def __init__(self, **services: Model) -> None:
        self.world = World()
        self.file = self.world.config = deepcopy(a_file(**services))
        self.observer = FakeObserver()
        self.history = MemoryHistory()
        self.runner = FakeRunner(self.world)
        self.powers = FakePowers()
        calls = self.world.calls
        self.ctx = Context(
            ref=REF,
            caller=CALLER,
            workloads=watched(FakeWorkloads(self.world), "workloads", calls),
            engine=watched(FakeEngine(self.world), "engine", calls),
            proxy=watched(FakeProxy(self.world), "proxy", calls),
            runner=watched(self.runner, "runner", calls),
            powers=self.powers,
            history=watched(self.history, "history", calls),
            lock=FakeLock(self.world),
            clock=FakeClock(self.world),
            observer=watched(self.observer, "observer", calls),
        )

    @property
    def project(self) -> Project:
        return read(self.file, "compose.yaml")

    # ── commands ─────────────────────────────────────────────────────────────────────────────

    def source(self, version: str, service: str = "web", does: Behaviour = WELL) -> str:
        """The next build of a service gives this version; returns the image's id."""
        self.world.builds[service] = image_id = self.world.make_image(version, does)
        return image_id

    def up(
        self, *services: str, tell_plan: TellPlan | None = None, **order: Any
    ) -> Deployment | None:
        wanted = UpRequest(services=services, **order)
        return up(wanted, self.project, self.ctx, tell_plan)

    def release(self, version: str, service: str = "web", does: Behaviour = WELL) -> Deployment:
        """Builds and deploys one service, which must succeed; then counting begins anew."""
        self.source(version, service, does)
        done = self.up(service)
        assert done is not None
        self.forget()
        return done

    def rollback(
        self, *services: str, tell_plan: TellPlan | None = None, **order: Any
    ) -> Deployment | None:
        wanted = RollbackRequest(services=services, **order)
        return rollback(wanted, self.ctx, tell_plan)

    def down(self, patience: timedelta | None = None) -> None:
        down(self.ctx, patience)

    def resume(self) -> Deployment | None:
        return resume(self.ctx)

    def promote(self, **order: Any) -> Deployment | None:
        return promote(PromoteRequest(**order), self.ctx)

    def abort(self) -> Deployment | None:
        return abort(self.ctx)

    def repair(self, tell_plan: TellPlan | None = None) -> Repair:
        return repair(self.ctx, tell_plan)

    def status(self) -> Status:
        return status(self.ctx)

    def forget(self) -> None:
        self.world.calls.forget()
        self.observer.forget()

    # ── what came of it ──────────────────────────────────────────────────────────────────────

    def serving(self, service: str = "web") -> set[str | None]:
        """Versions that visitors get now."""
        return self.world.answers(service)

    def routed(self, service: str = "web") -> Colour | None:
        return self.ctx.proxy.routes().get(service)

    @property
    def records(self) -> list[Deployment]:
        """Newest first, whole."""
        found = [self.history.get(one.id) for one in self.history.newest("shop")]
        return [one for one in found if one is not None]

    def seen(self, service: str = "web") -> ServiceStatus:
        return next(one for one in self.status().services if one.service == service)

    def drift(self, service: str | None = None) -> dict[str, Drift]:
        """Of a service, or of the project and all services; by kind."""
        found = self.seen(service).drift if service else self.status().all_drift
        return {one.kind: one for one in found}
