"""Gives commands as a user does, and sees what their exit codes say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from compose_bluegreen.adapters.compose.guarded import GuardedWorkloads
from compose_bluegreen.commands.application import Application
from compose_bluegreen.config.compose_file import Project
from compose_bluegreen.config.requests import (
    DownRequest,
    LockAct,
    PromoteRequest,
    PruneRequest,
    RepairRequest,
    RollbackRequest,
    UpRequest,
)
from compose_bluegreen.domain.errors import BluegreenError, ExitCode
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.workloads import Workloads
from testkit.fakes.engine import FakeEngine
from testkit.fakes.observer import FakeObserver
from testkit.fakes.powers import FakePowers
from testkit.fakes.runner import FakeRunner
from testkit.fakes.site import CALLER, REF
from testkit.simulation.faults import Weakness
from testkit.simulation.gate import Command, gated
from testkit.simulation.lock import GatedLock, SimulatedLock
from testkit.simulation.machine import ProcessClock
from testkit.simulation.ports import CommandProxy, CommandWorkloads
from testkit.simulation.scenario import BAD, GOOD, HOOKS, Order
from testkit.simulation.simulation import Simulation


class Operator:
    """``project`` is the user's file."""

    def __init__(self, simulation: Simulation, project: Project) -> None:
        self._simulation = simulation
        self._project = project
        self._versions = 0

    def give(self, order: Order) -> tuple[Command, int]:
        """The command and its exit code; a crash raises Killed."""
        simulation = self._simulation
        command = Command(f"{order.name}{'' if order.good else ' bad'}", len(simulation.commands))
        simulation.commands.append(command)
        if simulation.scheduler.current:
            simulation.scheduler.current.command = command
        code, why = self._run(command, order)
        simulation.machine.lock.died(command.session)  # with the process
        told = f"ends with {int(code)} {why}"
        simulation.trace.add(simulation.world.time, str(command), told)
        return command, code

    def _run(self, command: Command, order: Order) -> tuple[ExitCode, str]:
        try:
            _call(Application(self._context(command, order)), order, self._project)
        except BluegreenError as error:
            return error.exit_code, error.message
        except Exception as bug:  # noqa: BLE001 - as the command line does
            return ExitCode.BUG, repr(bug)
        return ExitCode.DONE, ""

    def _context(self, command: Command, order: Order) -> Context:
        simulation = self._simulation
        world, through = simulation.world, simulation.through
        lock = SimulatedLock(world, simulation.machine.lock, command.session)
        proxy = CommandProxy(simulation.machine, lock, command, simulation.makers)
        workloads = self._workloads(order, lock)
        runner = FakeRunner(world, HOOKS)

        def gate(*call: Any) -> Any:
            name, act, *given = call
            return through(command, name, act, *given)

        return Context(
            ref=REF,
            caller=CALLER,
            workloads=gated(workloads, "workloads", command, through),
            engine=gated(FakeEngine(world), "engine", command, through),
            proxy=gated(proxy, "proxy", command, through),
            runner=gated(runner, "runner", command, through),
            history=gated(simulation.history, "history", command, through),
            lock=GatedLock(lock, gate),
            clock=ProcessClock(world),
            powers=FakePowers(),
            observer=FakeObserver(),
        )

    def _workloads(self, order: Order, lock: SimulatedLock) -> Workloads:
        """With the guard of the product; its question and the act are one act here."""
        weaknesses = self._simulation.weaknesses
        workloads = CommandWorkloads(self._simulation.world, self._builds(order), weaknesses)
        if Weakness.ACTS_BY_NAME in weaknesses:
            return workloads
        return GuardedWorkloads(workloads, lock.assure).as_workloads

    def _builds(self, order: Order) -> dict[str, str]:
        if order.name != "up":
            return {}
        self._versions += 1
        world, random = self._simulation.world, self._simulation.random
        does = random.choice(GOOD if order.good else BAD)
        version = f"v{self._versions}"
        images = {}
        for service in self._project.services:
            images[service] = world.make_image(f"{service}-{version}", does)
            does = random.choice(GOOD)
        return images


def _call(app: Application, order: Order, project: Project) -> None:
    options = dict(order.options)
    if options.get("patience") is not None:
        options["patience"] = timedelta(seconds=options["patience"])
    acts: dict[str, Callable[[], object]] = {
        "up": lambda: app.up(UpRequest(**options), project),
        "rollback": lambda: app.rollback(RollbackRequest(**options)),
        "promote": lambda: app.promote(PromoteRequest(**options)),
        "abort": app.abort,
        "resume": app.resume,
        "repair": lambda: app.repair(RepairRequest()),
        "prune": lambda: app.prune(PruneRequest()),
        "down": lambda: app.down(DownRequest(**options)),
        "lock release": lambda: app.lock(LockAct.RELEASE),
        "status": app.status,
    }
    acts[order.name]()
