"""One schedule: every call of every command comes through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, NoReturn

from compose_bluegreen.domain.errors import BluegreenError
from testkit.simulation.calls import FENCED, JOURNALLED, aims_of, changes, error_of
from testkit.simulation.faults import Fault, FaultPlan, Weakness
from testkit.simulation.gate import Command
from testkit.simulation.judge import Before, Judge
from testkit.simulation.lock import LockState, SimulatedLock
from testkit.simulation.machine import DiskHistory, Machine, SimulatedWorld
from testkit.simulation.ports import Makers
from testkit.simulation.scheduler import Killed, Scheduler
from testkit.simulation.trace import Trace, Violation
from testkit.simulation.visitor import Visitor

_CALL = 0.002
"""Virtual seconds that a call takes."""

_TOO_MANY = 60_000
_HANGS = 30.0
_HALFWAY = {Fault.CRASH_HALFWAY, Fault.FREEZE_HALFWAY}


@dataclass
class Judged:
    """A call under way: its name, and what was the case before it."""

    name: str
    before: Before


class Simulation:
    """``calm``: nothing goes wrong (yet, or any more)."""

    def __init__(self, seed: int, weaknesses: frozenset[Weakness] = frozenset()) -> None:
        self.random = Random(seed)  # noqa: S311 - it must be the same again
        self.weaknesses = weaknesses
        self.world = SimulatedWorld()
        self.history = DiskHistory()
        self.machine = Machine(self.world, self.history, LockState())
        self.visitor = Visitor(self.world, self.random)
        self.judge = Judge(self.machine, self.visitor)
        self.makers = Makers()
        self.trace = Trace()
        self.faults = FaultPlan(self.random, 0)
        self.happened: list[Fault] = []
        self.scheduler = Scheduler(self.random, self.world, 0.0)
        self.calm = True
        self.calls = 0
        self.commands: list[Command] = []
        self.on_freeze: Callable[[Command], None] = lambda command: None
        self._judged_now: dict[Command, Judged] = {}
        self._halfway: Fault | None = None
        self.violation: Violation | None = None
        self._acts: dict[Fault, Callable[[Command, str], None]] = {
            Fault.CRASH_BEFORE: self._crash,
            Fault.FREEZE: self._freeze,
            Fault.PROXY_RESTART: self._restart_proxy,
            Fault.ENGINE_RESTART: self._restart_engine,
            Fault.MACHINE_RESTART: self._lose_power,
            Fault.DISK_FULL: self._fill_the_disk,
            Fault.SLOW: self._slow,
            Fault.HANG: self._hang,
            Fault.ERROR_BEFORE: self._fail,
            Fault.CLOCK_BACK: lambda command, name: self._set_clock(-1),
            Fault.CLOCK_FORWARD: lambda command, name: self._set_clock(1),
        }
        self.world.sleep = self._sleep
        self.world.halfway.at_halfway = self._at_halfway

    # ── a call ───────────────────────────────────────────────────────────────────────────────

    def through(
        self, command: Command, name: str, act: Callable[..., Any], *given: object, **more: object
    ) -> Any:
        if command.dead:
            raise Killed
        change = changes(name)
        fault = self._begin(command, name, change=change)
        self._wait_for_the_machine(name)
        if not change:
            return self._act(command, name, act, *given, **more)
        result = self._judged(command, name, act, *given, **more)
        self._end(command, name, fault)
        return result

    def _judged(
        self, command: Command, name: str, act: Callable[..., Any], *given: object, **more: object
    ) -> Any:
        judged = self._judged_now[command] = Judged(name, self.judge.before(command, name))
        try:
            result = self._act(command, name, act, *given, **more)
        except BluegreenError as error:
            self.trace.add(self.world.time, str(command), f"{name} refused: {error.message[:60]}")
            self._judge(command, judged, failed=True)
            raise
        finally:
            del self._judged_now[command]
        self.trace.add(self.world.time, str(command), name, given)
        self._judge(command, judged, failed=False)
        return result

    def _begin(self, command: Command, name: str, *, change: bool) -> Fault | None:
        self.calls += 1
        if self.calls > _TOO_MANY:
            self.fail(f"it never ends: {command} is at {name}")
        self.world.time += _CALL
        if self.calm:
            return None
        self.scheduler.maybe_switch()
        if command.dead:
            raise Killed
        self.visitor.visit()
        fault = self.faults.due(self.calls, aims_of(name, change=change))
        if fault:
            self._happen(fault, command, name)
        return fault

    def _act(
        self, command: Command, name: str, act: Callable[..., Any], *given: object, **more: object
    ) -> Any:
        if name.startswith("history."):
            return self._record(command, name, act, *given, **more)
        if name in FENCED and Weakness.UNFENCED_PROXY not in self.weaknesses:
            self._lock_of(command).fence()
        return act(*given, **more)

    def _record(
        self, command: Command, name: str, act: Callable[..., Any], *given: object, **more: object
    ) -> Any:
        method = name.partition(".")[2]
        if method in DiskHistory.WRITES and self.machine.disk_is_full:
            command.unrecorded = True
            raise error_of(name, "disk full")
        journalled = name in JOURNALLED and command.session.holds
        if journalled:
            self._lock_of(command).assure()
        result = act(*given, **more)
        self.history.written(method)
        if method == "begin":
            command.begun.append(result)
        return result

    def _wait_for_the_machine(self, name: str) -> None:
        """Docker's own clients fail at once; the proxy's session waits for it."""
        now, machine, port = self.world.time, self.machine, name.partition(".")[0]
        if port in ("engine", "workloads", "runner") and now < machine.engine_back:
            self._sleep(0.2)
            raise error_of(name, "the engine does not answer")
        back = max(machine.proxy_back, machine.engine_back)
        if port in ("proxy", "lock") and now < back and name != "proxy.colour_addresses":
            self._sleep(back - now)

    def _end(self, command: Command, name: str, fault: Fault | None) -> None:
        if fault is Fault.CRASH_AFTER:
            self.kill(command)
            raise Killed
        if fault is Fault.ERROR_AFTER:
            raise error_of(name, "it failed after it acted")

    def _judge(self, command: Command, judged: Judged, *, failed: bool) -> None:
        try:
            self.judge.after(command, judged.name, judged.before, failed=failed)
        except Violation as violation:
            self.fail(str(violation))

    def fail(self, problem: str) -> NoReturn:
        """The first violation counts; then every command is dead."""
        if self.violation is None:
            self.trace.add(self.world.time, "***", problem)
            self.trace.ends = True
            self.violation = Violation(problem)
        for command in self.commands:
            command.dead = True
        self.scheduler.thaw()
        raise Killed

    # ── what happens ─────────────────────────────────────────────────────────────────────────

    def _happen(self, fault: Fault, command: Command, name: str) -> None:
        self.happened.append(fault)
        self.trace.add(self.world.time, str(command), f"!! {fault} at {name}")
        command.unrecorded = command.unrecorded or name.startswith("history.")
        if fault in _HALFWAY:
            self._halfway = fault
        elif act := self._acts.get(fault):
            act(command, name)

    def _crash(self, command: Command, _name: str) -> None:
        self.kill(command)
        raise Killed

    def _hang(self, _command: Command, name: str) -> None:
        self._sleep(_HANGS)
        raise error_of(name, "no answer within 30 s")

    def _fail(self, _command: Command, name: str) -> None:
        raise error_of(name, "it failed before it acted")

    def _slow(self, _command: Command, _name: str) -> None:
        self._sleep(self.random.choice((0.3, 3.0, 30.0)))

    def _restart_proxy(self, _command: Command, _name: str) -> None:
        self.machine.restart_proxy(keeps_the_lock=not self._holder_sleeps())

    def _restart_engine(self, _command: Command, _name: str) -> None:
        self.machine.restart_engine(keeps_the_lock=not self._holder_sleeps())

    def _fill_the_disk(self, _command: Command, _name: str) -> None:
        self.machine.disk_back = self.world.time + self.random.choice((0.05, 1.0, 20.0))

    def _set_clock(self, sign: int) -> None:
        self.world.offset += sign * timedelta(seconds=self.random.choice((5, 3600, 86_400)))

    def kill(self, command: Command) -> None:
        command.dead = True
        self.machine.lock.died(command.session)

    def _lose_power(self, _command: Command, _name: str) -> None:
        for command in self.commands:
            self.kill(command)
        self.scheduler.thaw()
        lost = self.machine.restart(self.random)
        self.trace.add(self.world.time, "!!", f"{lost} writes of history are lost")
        raise Killed

    def _freeze(self, command: Command, _name: str) -> None:
        process = self.scheduler.current
        if process is None:
            return
        process.frozen = command.frozen = True
        self.on_freeze(command)
        self._away(command, self.scheduler.switch)
        command.frozen = False
        self.trace.add(self.world.time, str(command), "!! continues")

    def _sleep(self, seconds: float) -> None:
        process = self.scheduler.current
        command = process.command if process else None
        if command is None:
            self.world.time += seconds
        else:
            self._away(command, lambda: self.scheduler.sleep(seconds))

    def _away(self, command: Command, wait: Callable[[], None]) -> None:
        """Others act meanwhile: what they do is not for this command to answer for."""
        judged = self._judged_now.get(command)
        if judged:
            self._judge(command, judged, failed=True)
        wait()
        if command.dead:
            raise Killed
        if judged:
            judged.before = self.judge.before(command, judged.name)

    def _at_halfway(self, name: str) -> None:
        """``docker compose`` is a process of its own, and goes on while its parent is stopped."""
        fault, self._halfway = self._halfway, None
        process = self.scheduler.current
        command = process.command if process else None
        if fault is None or command is None or self.calm:
            return
        if fault is Fault.FREEZE_HALFWAY and not name.startswith("proxy."):
            return
        self.trace.add(self.world.time, str(command), f"!! it is halfway in {name}")
        if fault is Fault.CRASH_HALFWAY:
            self.kill(command)
            raise Killed
        self._freeze(command, name)
        if name in FENCED and Weakness.UNFENCED_PROXY not in self.weaknesses:
            self._lock_of(command).fence()

    def _holder_sleeps(self) -> bool:
        shell = self.machine.lock.shell
        return any(one.session is shell and one.frozen for one in self.commands)

    def _lock_of(self, command: Command) -> SimulatedLock:
        return SimulatedLock(self.world, self.machine.lock, command.session)
