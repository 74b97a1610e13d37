"""Deaths by ``kill -9``, one after another, at moments that a seed chooses; what must hold after each.

Used by ``test_kills.py``, which has some dozens, and by ``python -m bench.kills``, which has hundreds.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count, cycle, pairwise
from pathlib import Path
from random import Random

from testkit.commands import Run, Running
from testkit.stage import Model, Stage, service
from testkit.waiting import eventually


class Act(StrEnum):
    UP = "up"
    ROLLBACK = "rollback"
    UNDO = "undo"
    """Of an ``up`` that was interrupted once the switch had begun."""
    HOLD = "up --no-switch"
    PROMOTE = "promote"
    """Of what waits since."""
    DOWN = "down"


class Victim(StrEnum):
    PLUGIN = "plugin"
    DOCKER = "docker"
    """Its plugin lives on, notices, and undoes."""
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Death:
    """``at``: the share of its lines of progress that come before (of an undo's own lines).
    ``inside``: the share of the time to its next line, 0 at the boundary of a step. Both are below 1,
    so the command is still under way. ``after`` is the next command."""

    act: Act
    victim: Victim
    at: float
    inside: float
    after: Act

    def __str__(self) -> str:
        where = f"{self.at:.0%}" + (f" + {self.inside:.0%} of a step" if self.inside else "")
        return f"{self.act}, {self.victim} killed at {where}, then {self.after}"


_AFTER = {Act.PROMOTE: [Act.UP, Act.ROLLBACK, Act.PROMOTE, Act.PROMOTE], Act.DOWN: [Act.UP]}


def deaths(seed: int, shares: dict[Act, int]) -> Iterator[Death]:
    """As many of each act; their lines go evenly over all steps, every other at a boundary."""
    chance = Random(seed)  # noqa: S311 - it must be the same again
    found = []
    for act, number in shares.items():
        for each in range(number):
            inside = chance.random() if each % 2 else 0.0
            victim = chance.choice([Victim.PLUGIN, Victim.BOTH, Victim.BOTH, Victim.DOCKER])
            after = chance.choice(_AFTER.get(act, [Act.UP, Act.UP, Act.ROLLBACK]))
            found.append(Death(act, victim, each / number, inside, after))
    chance.shuffle(found)
    return iter(found)


@dataclass(slots=True)
class Kills:
    """On a stage that runs the plugin through ``docker``; ``told`` has a line for each. With
    ``reloads``, every other death is in a release that reloads the proxy: its check is another one."""

    stage: Stage
    reloads: bool = False
    told: list[str] = field(default_factory=list)
    settled: Counter[str] = field(default_factory=Counter)
    killed: int = 0
    can_go_back: bool = True
    at_steps: Counter[str] = field(default_factory=Counter)
    _checks: Iterator[str] = field(default_factory=lambda: cycle(("/healthz", "/")))
    _versions: Iterator[int] = field(default_factory=lambda: count(1))
    _rehearsed: dict[Act, list[float]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Two releases, so that there is one to go back to."""
        self._write()
        for _ in range(2):
            self.stage.up(self._version())

    def die(self, death: Death) -> None:
        """Raises AssertionError where anything isn't as it must be."""
        if death.act is Act.ROLLBACK and not self.can_go_back:
            self.stage.up(self._version())
        if death.act not in self._rehearsed:
            self._rehearsed[death.act] = self._rehearse(death.act)
        if self.reloads and len(self.told) % 2:
            self._write()
        before = self.stage.ask().version
        wanted = self._version()
        try:
            died, step = self._killed(death, wanted)
            self.killed += died
            self.at_steps[step] += died
            how = self._settled(death, before, wanted)
            self.settled[how] += 1
            self.told.append(f"{death} (at {step}): {how}")
        except BaseException as error:
            error.add_note(f"{len(self.told) + 1}: {death}")
            raise

    def _write(self) -> None:
        """The compose file, each time with the other check."""
        own = {"health": {"path": next(self._checks)}, "drain_timeout": "5s"}
        self.stage.write(web=service(f"{self.stage.port}:8080", **{"x-bluegreen": own}))

    # ── before ───────────────────────────────────────────────────────────────────────────────

    def _rehearse(self, act: Act) -> list[float]:
        """How many seconds each line of progress takes where nobody dies."""
        running, _, first = self._begun(act, self._version())
        run = running.end()
        moments = [one.moment for one in run.heard[first:]]
        began = run.heard[first - 1].moment if first else run.began
        if act is Act.DOWN:
            self.prepare()
        else:
            self.stage.up(self._version())  # ends what a hold left waiting
        return [later - earlier for earlier, later in pairwise([began, *moments])]

    def _begun(self, act: Act, version: str) -> tuple[Running, int, int]:
        """With the plugin's process, and how many of its lines came before those of the act."""
        words = "up" if act is Act.UNDO else act
        if act is Act.PROMOTE:
            self.stage.up(version, "--no-switch")
        # A colour that takes a little: what waits for it is a step that can be killed inside.
        running = self.stage.begin(
            *words.split(), "--progress", "json", VERSION=version, START_DELAY="0.3"
        )
        plugin = _child(running)
        first = 0
        if act is Act.UNDO:
            first = _after(running, '"step_began", "key": "switch"')
            _signal(plugin, signal.SIGTERM)
        return running, plugin, first

    def _killed(self, death: Death, version: str) -> tuple[bool, str]:
        """Whether it came in time, and at which step."""
        lasts = self._rehearsed[death.act]
        line = int(death.at * len(lasts))
        running, plugin, first = self._begun(death.act, version)
        _until(running, first + line)
        time.sleep(death.inside * lasts[line])
        alive = running.process.poll() is None
        if death.victim is not Victim.DOCKER:
            _signal(plugin, signal.SIGKILL)
        if death.victim is not Victim.PLUGIN:
            running.signal(signal.SIGKILL)
        running.process.wait()
        eventually(lambda: _is_gone(plugin), "the end of the plugin", every=0.01)
        return alive, _step(running)

    # ── after ────────────────────────────────────────────────────────────────────────────────

    def _settled(self, death: Death, before: str, wanted: str) -> str:
        if death.act is Act.DOWN:
            return self._after_down()
        found = self._once_the_lock_is_free()
        (one,) = found["services"]
        assert one["live"], "the proxy routes to exactly one colour"
        self.can_go_back = one["rollback_to"] is not None
        served = self.stage.ask().version
        pending = [each for each in found["drift"] if each["kind"] == "unfinished"]
        run = self._next(death.after, wanted)
        self._is_clean()
        if not pending:
            return "nothing was left to settle"
        said = [line for line in run.err.splitlines() if "stopped" in line and "deployment" in line]
        assert said, f"{run}\nsays nothing of {pending}"
        if "stays" in said[0]:
            return "kept: it had the traffic and was well"
        assert served == before or "again" in said[0], f"{served}, not {before}\n{run}"
        return "taken back" if "again" in said[0] else "cleared away: it had no traffic"

    def _after_down(self) -> str:
        """Traffic is lost by intent; what is left must be no obstacle."""
        again = self.stage.bluegreen("down")
        assert again.code in {0, 1}, again
        assert again.code == 0 or "compose-bluegreen runs nothing for" in again.err, again
        assert self.stage.colours() == []
        for _ in range(2):
            self.stage.up(self._version())
        self._is_clean()
        return "taken down by the next down" if again.code == 0 else "down was done"

    def _next(self, act: Act, wanted: str) -> Run:
        if act is Act.PROMOTE:
            return self._promoted(wanted)
        if act is Act.ROLLBACK and self.can_go_back:
            run = self.stage.bluegreen("rollback")
            if "no earlier release" not in run.err:
                return run.ended(0)
            self.stage.up(self._version())  # the killed one was the rollback to the first release
            return run
        version = self._version()
        run = self.stage.up(version)
        self.stage.serves(version)
        return run

    def _promoted(self, wanted: str) -> Run:
        """Given again: it is live, or was undone and says that nothing waits."""
        run = self.stage.bluegreen("promote")
        assert run.code == 0 or (run.code == 1 and "is waiting for promotion" in run.err), run
        if run.code == 0:
            self.stage.serves(wanted)
        return run

    def _is_clean(self) -> None:
        found = self.stage.status()
        assert not found["drift"], found["drift"]
        (one,) = found["services"]
        assert not one["drift"], one["drift"]
        self.can_go_back = one["rollback_to"] is not None

    def _once_the_lock_is_free(self) -> Model:
        """It ends with its holder, but Docker has to notice."""
        seen: list[Model] = []

        def is_free() -> bool:
            seen.append(self.stage.status())
            return seen[-1]["under_way"] is None

        eventually(is_free, "a lock that is free")
        return seen[-1]

    def _version(self) -> str:
        return f"v{next(self._versions)}"


def _child(docker: Running) -> int:
    """The plugin's process."""
    found: list[int] = []

    def seen() -> bool:
        for task in Path(f"/proc/{docker.process.pid}/task").glob("*/children"):
            with suppress(OSError):
                found.extend(map(int, task.read_text().split()))
        # Before it runs a plugin, docker asks it who it is: that one doesn't stay.
        found[:] = [pid for pid in found if _is_ours(pid)]
        return bool(found) or docker.process.poll() is not None

    eventually(seen, "the plugin", every=0.005)
    assert found, docker.err
    return found[0]


def _is_ours(pid: int) -> bool:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return b"compose_bluegreen" in words and b"bluegreen" in words
    return False


def _until(running: Running, lines: int) -> None:
    ended = running.process.poll
    eventually(lambda: len(running.heard) >= lines or ended() is not None, "progress", every=0.001)


def _after(running: Running, text: str) -> int:
    """How many lines there are up to that one."""
    running.until(text)
    return next(number for number, one in enumerate(running.heard, 1) if text in one.line)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_gone(pid: int) -> bool:
    """Or nobody has asked for its exit code yet."""
    with suppress(OSError):
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            == "Z"
        )
    return True


def _step(running: Running) -> str:
    """The last that began, without the names of colours."""
    steps: Sequence[str] = [
        json.loads(one.line)["step"] for one in running.heard if '"step_began"' in one.line
    ]
    return (
        steps[-1].replace("-blue", "").replace("-green", "") if steps else "before its first step"
    )
