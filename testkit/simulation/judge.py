"""The invariants: what must hold after each act, whatever happened."""

from __future__ import annotations

from compose_bluegreen.domain.states import State
from testkit.fakes.site import REF
from testkit.simulation.gate import Command
from testkit.simulation.machine import Machine
from testkit.simulation.trace import Violation
from testkit.simulation.visitor import Visitor

_JUST_RESTARTED = 30.0

_MOVES = frozenset(
    {
        "workloads.remove",
        "workloads.stop",
        "workloads.start",
        "workloads.start_colours",
        "workloads.start_replicas",
        "workloads.connect",
    }
)
"""With the proxy's, they can take an answer from a visitor."""

Before = tuple[dict[str, bool], int, object]


class Judge:
    """``before`` an act of a command, and ``after`` it, whether it failed or not."""

    def __init__(self, machine: Machine, visitor: Visitor) -> None:
        self._machine = machine
        self._world = machine.world
        self._visitor = visitor

    def before(self, command: Command, name: str) -> Before:
        moves = name in _MOVES or name.startswith("proxy.")
        answered = self._visitor.answered() if moves else {}
        outsider = self._is_stale(command) or self._is_intruder(command)
        standing = self._standing() if outsider else None
        return answered, len(self._world.cut), standing

    def after(self, command: Command, name: str, before: Before, *, failed: bool) -> None:
        answered, cut, standing = before
        if standing is not None and self._standing() != standing:
            raise Violation(
                f"{command} changed something by {name} though it has lost the lock"
                if self._is_stale(command)
                else f"{command} changed something by {name} while another command has the lock"
            )
        if command.name.startswith("down"):
            return
        if len(self._world.cut) > cut:
            raise Violation(f"{command} cut requests in flight by {name}")
        if answered:
            self._compare(command, name, answered)
        if name == "history.promote" and not failed:
            self._promoted(command)

    def _compare(self, command: Command, name: str, answered: dict[str, bool]) -> None:
        now = self._visitor.answered()
        for service, was in answered.items():
            if was and not now.get(service) and not self._excused(service, name):
                raise Violation(f"nobody answers for {service} any more: {command} did {name}")

    def _excused(self, service: str, name: str) -> bool:
        """A first release was undone; or the containers are where they should be, and only not well:
        their own fault, or that of a restart a moment ago."""
        colour = self._world.notes.memory.get(service)
        if colour is None and name == "proxy.route_to":
            return self._machine.history.live(REF, service) is None
        boxes = self._world.colour(service, colour) if colour else []
        restarted = self._world.time - self._machine.moved < _JUST_RESTARTED
        return bool(boxes) and all(
            box.started is not None and (restarted or not box.running(self._world.time))
            for box in boxes
        )

    def _promoted(self, command: Command) -> None:
        """Recorded as live is only what has the traffic."""
        routes = self._world.notes.memory
        for deployment in self._machine.history.newest(self._world.project):
            if deployment.state is not State.LIVE:
                continue
            for part in deployment.parts:
                if part.live and routes.get(part.service) is not part.colour:
                    raise Violation(
                        f"{command} recorded {deployment.id} as live with {part.service}-"
                        f"{part.colour}, and {routes.get(part.service)} has the traffic"
                    )

    def _is_stale(self, command: Command) -> bool:
        """Without a proxy there is no lock; then only what the other command's proxy has counts."""
        return self._world.proxy_runs() and self._machine.lock.is_stale(command.session)

    def _is_intruder(self, command: Command) -> bool:
        shell = self._machine.lock.shell
        return shell is not None and shell is not command.session

    def _standing(self) -> object:
        """All that a command without the lock must leave alone."""
        world, notes = self._world, self._world.notes
        return (
            notes.topology,
            dict(notes.disk),
            dict(notes.memory),
            dict(notes.disk_shares),
            dict(notes.canary_weights),
            set(notes.parked),
            dict(notes.shown),
            {box.id: box.started for box in world.boxes.values()},
            dict(world.names),
            set(world.behaviours),
        )
