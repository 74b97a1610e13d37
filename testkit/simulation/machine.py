"""The machine under a schedule: a world whose parts restart, whose disk fills, whose clock is set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from testkit.fakes.calls import Calls
from testkit.fakes.history import MemoryHistory
from testkit.fakes.world import NOON, Box, World
from testkit.simulation.lock import LockState

_BOOT, _ENGINE, _PROXY = 5.0, 2.0, 0.5
"""Seconds until it is there again."""


class Halfway(Calls):
    """The fakes say here when an act of several steps is between two of them."""

    def __init__(self) -> None:
        super().__init__()
        self.at_halfway: Callable[[str], None] = lambda name: None

    def halfway(self, name: str) -> None:
        self.at_halfway(name)


class SimulatedWorld(World):
    """``sleep`` lets others act meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.halfway = Halfway()
        self.calls = self.halfway
        self.sleep: Callable[[float], None] = super().wait
        self.offset = timedelta()

    def wait(self, seconds: float) -> None:
        self.sleep(seconds)


class ProcessClock:
    """Like SystemClock: what is set while a command runs does not change what it measures."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._offset = world.offset

    def now(self) -> datetime:
        return NOON + self._offset + timedelta(seconds=self._world.time)

    def monotonic(self) -> float:
        return self._world.time

    def sleep(self, seconds: float) -> None:
        self._world.wait(seconds)


class DiskHistory(MemoryHistory):
    """Every state is synced (decision 0029); what came after the last one may be lost with the power."""

    SYNCED = frozenset({"begin", "discard", "to", "promote", "removed"})
    WRITES = SYNCED | {"parts", "step", "step_ended", "check_writable"}

    def __init__(self) -> None:
        super().__init__()
        self._unsynced = [(dict(self._rows), set(self._taken_back))]

    def written(self, method: str) -> None:
        now = (dict(self._rows), set(self._taken_back))
        if method in self.SYNCED:
            self._unsynced = [now]
        elif method in self.WRITES:
            self._unsynced.append(now)

    def lose_power(self, random: Random) -> int:
        """How many writes are lost: none, some or all that were not synced."""
        kept = random.randrange(len(self._unsynced))
        lost = len(self._unsynced) - 1 - kept
        rows, taken_back = self._unsynced[kept]
        self._rows, self._taken_back = dict(rows), set(taken_back)
        self._unsynced = [(rows, taken_back)]
        return lost


@dataclass(eq=False)
class Machine:
    """``engine_back`` and ``disk_back`` are when they work again; ``moved`` when the last event was."""

    world: SimulatedWorld
    history: DiskHistory
    lock: LockState
    engine_back: float = 0.0
    proxy_back: float = 0.0
    disk_back: float = 0.0
    moved: float = field(default=-1e9)

    @property
    def disk_is_full(self) -> bool:
        return self.world.time < self.disk_back

    def restart_proxy(self, *, keeps_the_lock: bool, seconds: float = _PROXY) -> None:
        box = self.world.proxy_box()
        if box is not None and box.started is not None:
            self._start(box, self.world.time + seconds)
            self.proxy_back = self.world.time + seconds
            self._load_proxy()
            self.lock.restarted(keeps_the_lock)

    def restart_engine(self, *, keeps_the_lock: bool) -> None:
        self._restart_all(_ENGINE, keeps_the_lock=keeps_the_lock)

    def restart(self, random: Random) -> int:
        """The power fails. Returns how many writes of history are lost."""
        self._restart_all(_BOOT, keeps_the_lock=False)
        self.disk_back = self.world.time
        return self.history.lose_power(random)

    def _restart_all(self, seconds: float, *, keeps_the_lock: bool) -> None:
        """Containers that ran start again (``restart: always``); one-off ones do not."""
        world, back = self.world, self.world.time + seconds
        for box in world.boxes.values():
            if box.running(world.time) and not box.mark.is_proxy:
                if box.mark.hook_of:
                    box.started = None
                else:
                    self._start(box, back)
        self.restart_proxy(keeps_the_lock=keeps_the_lock, seconds=seconds)
        self.engine_back = back

    def _start(self, box: Box, at: float) -> None:
        box.started = at
        self.world.requests = [one for one in self.world.requests if one.box != box.name]
        self.moved = at

    def _load_proxy(self) -> None:
        notes = self.world.notes
        notes.memory, notes.canary_weights = dict(notes.disk), dict(notes.disk_shares)
        notes.parked.clear()
        notes.believed.clear()
        self.world.tallies.clear()
