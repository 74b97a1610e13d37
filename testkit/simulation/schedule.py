"""A schedule from its seed: a world, two or three operators at once, faults, and the end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from compose_bluegreen.config.project import read
from compose_bluegreen.domain.errors import ExitCode
from compose_bluegreen.domain.states import UNFINISHED, WENT_LIVE, State
from testkit.simulation.convergence import Convergence
from testkit.simulation.faults import Fault, FaultPlan, Weakness
from testkit.simulation.gate import Command
from testkit.simulation.operator import Operator
from testkit.simulation.scenario import Order, a_project, order, orders
from testkit.simulation.scheduler import Killed, Process, Scheduler
from testkit.simulation.simulation import Simulation
from testkit.simulation.trace import Violation

_RELEASED = {"up", "rollback", "promote", "resume"}


@dataclass(frozen=True, slots=True)
class Result:
    """``problem`` is "" where every invariant held."""

    seed: int
    problem: str
    trace: str
    calls: int
    faults: tuple[Fault, ...]


def simulate(seed: int, weaknesses: frozenset[Weakness] = frozenset()) -> Result:
    schedule = Schedule(seed, weaknesses)
    problem = ""
    try:
        schedule.run()
    except Violation as violation:
        problem = str(violation)
    simulation = schedule.simulation
    trace = str(simulation.trace) if problem else ""
    return Result(seed, problem, trace, simulation.calls, tuple(simulation.happened))


class Schedule:
    def __init__(self, seed: int, weaknesses: frozenset[Weakness]) -> None:
        self.simulation = Simulation(seed, weaknesses)
        self._random = self.simulation.random
        world = self.simulation.world
        world.config = a_project(self._random)
        self._operator = Operator(self.simulation, read(world.config, "compose.yaml"))
        self.simulation.on_freeze = self._somebody_helps

    def run(self) -> None:
        with suppress(Killed):
            self._before()
            self._at_once()
            Convergence(self.simulation, self._operator).check()
        if self.simulation.violation:
            raise self.simulation.violation

    def _before(self) -> None:
        """The releases of the past; sometimes there are none, sometimes one waits."""
        for _ in range(self._random.choices((0, 1, 2, 3), (15, 35, 35, 15))[0]):
            self._operator.give(Order("up"))
        if self._random.random() < 0.1:
            self._operator.give(Order("up", options=(("no_switch", True),)))

    def _at_once(self) -> None:
        simulation, random = self.simulation, self._random
        restless = random.choice((0.02, 0.1, 0.3, 0.6))
        simulation.scheduler = Scheduler(random, simulation.world, restless)
        simulation.faults = FaultPlan(random, random.choices((0, 1, 2, 4), (10, 35, 35, 20))[0])
        for number in range(random.choice((2, 2, 3))):
            some = orders(random, random.choice((1, 1, 2, 3)))
            self._add(f"operator {number}", some)
        simulation.calm = False
        simulation.scheduler.run()
        simulation.calm = True
        if simulation.violation:
            raise Killed

    def _add(self, name: str, some: Sequence[Order]) -> None:
        def act(process: Process) -> None:
            for one in some:
                self._give(one)

        self.simulation.scheduler.add(Process(name, act))

    def _give(self, one: Order) -> None:
        try:
            command, code = self._operator.give(one)
        except Killed:
            return
        with suppress(Killed):
            self._check_exit_code(command, one, code)

    def _somebody_helps(self, command: Command) -> None:
        """Who waits for a command that was stopped releases its lock and goes on."""
        random = self._random
        if self.simulation.machine.lock.shell is command.session and random.random() < 0.85:
            some = [Order("lock release")]
            some += [
                order(random) if random.random() < 0.3 else Order("up")
                for _ in range(random.choice((0, 1, 2, 2, 3)))
            ]
            self._add("helper", some)

    def _check_exit_code(self, command: Command, one: Order, code: int) -> None:
        simulation = self.simulation
        if code == ExitCode.BUG:
            simulation.fail(f"{command} ended with a bug")
        states = [
            found.state
            for number in command.begun
            if (found := simulation.history.get(number)) is not None
        ]
        if code == ExitCode.DONE and one.name in _RELEASED and states:
            fine = WENT_LIVE | ({State.WAITING} if dict(one.options).get("no_switch") else set())
            later = {State.INTERRUPTED} if State.WAITING in fine else set()
            if states[-1] not in fine | later:
                simulation.fail(f"{command} said that it is done, and it is {states[-1]}")
        wrong = WENT_LIVE if command.unrecorded else WENT_LIVE | UNFINISHED
        if code == ExitCode.FAILED and states and states[-1] in wrong:
            simulation.fail(f"{command} said that it failed, and it is {states[-1]}")
