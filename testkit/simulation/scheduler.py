"""Who acts: one process has the baton, and a seeded random number says who gets it next.

Each process is a thread, so that the product runs as it is; only one of them ever runs. Time is the
world's, and goes on only when everybody sleeps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

from testkit.fakes.world import World
from testkit.simulation.gate import Command

_HANGS = 120.0
"""Real seconds after which a schedule counts as a bug of the simulator."""


class Killed(BaseException):
    """A command is dead: nothing of it runs any more, so none of its ``except`` clauses may act."""


class Process:
    """Somebody who gives commands, one after the other."""

    def __init__(self, name: str, act: Callable[[Process], None]) -> None:
        self.name = name
        self.act = act
        self.baton = threading.Lock()
        self.baton.acquire()
        self.command: Command | None = None
        self.wakes = 0.0
        self.frozen = False
        self.ended = False


class Scheduler:
    """``restless`` is how often the baton changes hands though nobody has to wait."""

    def __init__(self, random: Random, world: World, restless: float) -> None:
        self.current: Process | None = None
        self._random = random
        self._world = world
        self._restless = restless
        self._processes: list[Process] = []
        self._main = threading.Lock()
        self._main.acquire()
        self._bug: BaseException | None = None

    def add(self, process: Process) -> None:
        self._processes.append(process)
        threading.Thread(target=self._live, args=(process,), daemon=True).start()

    def run(self) -> None:
        """Until every process has ended."""
        self._hand_over(None)
        if not self._main.acquire(timeout=_HANGS):
            raise AssertionError(f"the simulator hangs, {self.current and self.current.name} acts")
        if self._bug is not None:
            raise self._bug

    def maybe_switch(self) -> None:
        """Between two acts of the process that has the baton."""
        if len(self._processes) > 1 and self._random.random() < self._restless:
            self.switch()

    def sleep(self, seconds: float) -> None:
        if self.current is None:
            self._world.time += seconds
            return
        self.current.wakes = self._world.time + seconds
        self.switch()

    def switch(self) -> None:
        """Gives the baton away, until it comes back."""
        me = self.current
        if me is not None:
            chosen = self._choose()
            if chosen is not me:
                self._give(chosen)
                me.baton.acquire()

    def thaw(self) -> None:
        """Nobody is stopped any more."""
        for process in self._processes:
            process.frozen = False

    def _live(self, process: Process) -> None:
        process.baton.acquire()
        try:
            process.act(process)
        except BaseException as bug:  # noqa: BLE001 - raised again in the main thread
            self._bug = self._bug or bug
        process.ended = True
        self._processes.remove(process)
        self._hand_over(process)

    def _hand_over(self, _ended: Process | None) -> None:
        if self._processes and self._bug is None:
            self._give(self._choose())
        else:
            self.current = None
            self._main.release()

    def _give(self, process: Process | None) -> None:
        assert process is not None
        self.current = process
        process.baton.release()

    def _choose(self) -> Process:
        while True:
            awake = [one for one in self._processes if not one.frozen]
            if not awake:
                # Everybody else is done: whoever was stopped continues.
                self._random.choice(self._processes).frozen = False
                continue
            ready = [one for one in awake if one.wakes <= self._world.time]
            if ready:
                return ready[0] if len(ready) == 1 else self._random.choice(ready)
            self._world.time = min(one.wakes for one in awake)
