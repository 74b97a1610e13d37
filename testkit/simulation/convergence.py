"""The end: everything works again, and the next commands must lead to a good state."""

from __future__ import annotations

from compose_bluegreen.domain.errors import ExitCode
from testkit.fakes.site import REF
from testkit.simulation.operator import Operator
from testkit.simulation.scenario import Order
from testkit.simulation.simulation import Simulation
from testkit.simulation.visitor import Visitor

_TRIES = 5
_RELEASE = Order("up", options=(("force", True), ("hooks", False)))


class Convergence:
    def __init__(self, simulation: Simulation, operator: Operator) -> None:
        self._simulation = simulation
        self._operator = operator

    def check(self) -> None:
        simulation = self._simulation
        simulation.trace.add(simulation.world.time, "", "── all is well again ──")
        simulation.machine.disk_back = 0.0
        simulation.world.time += 60.0
        if not simulation.happened and self._lock_was_left_alone():
            self._one_truth(settled=False)
        if simulation.random.random() < 0.5:
            _, code = self._operator.give(Order("repair"))
            if code not in (ExitCode.DONE, ExitCode.NEEDS_PERSON):
                simulation.fail(f"repair ended with {int(code)}")
        self._release()
        self._one_truth(settled=True)

    def _release(self) -> None:
        """A person decides where a person is needed."""
        for _ in range(_TRIES):
            _, code = self._operator.give(_RELEASE)
            if code == ExitCode.DONE:
                return
            if code != ExitCode.NEEDS_PERSON:
                break
            self._operator.give(Order(self._simulation.random.choice(("abort", "resume"))))
        self._simulation.fail("the next up does not converge")

    def _lock_was_left_alone(self) -> bool:
        return all(one.name != "lock release" for one in self._simulation.commands)

    def _one_truth(self, *, settled: bool) -> None:
        """The map that visitors follow, its file, the history and the containers agree."""
        simulation = self._simulation
        notes, history = simulation.world.notes, simulation.history
        if unfinished := history.unfinished(REF):
            simulation.fail(f"deployment {unfinished[0].id} is {unfinished[0].state} for ever")
        if notes.disk != notes.memory:
            simulation.fail(f"the map's file says {notes.disk}, the memory {notes.memory}")
        if notes.canary_weights or notes.disk_shares:
            simulation.fail(f"a canary goes on for ever: {notes.canary_weights}")
        for service, colour in notes.memory.items():
            self._agrees(service, colour)
        if settled:
            for service, answered in (
                Visitor(simulation.world, simulation.random).answered().items()
            ):
                if not answered:
                    simulation.fail(f"nobody answers for {service} at the end")

    def _agrees(self, service: str, colour: object) -> None:
        simulation = self._simulation
        live = simulation.history.live(REF, service)
        part = live.part(service) if live else None
        if (part.colour if part else None) is not colour:
            recorded = f"{part.colour} of {live.id}" if part and live else "nothing"
            simulation.fail(f"{service}: {colour} has the traffic, history says {recorded}")
        if part is None:
            return
        boxes = simulation.world.colour(service, part.colour)
        if any(box.mark.fingerprint != part.release.fingerprint for box in boxes):
            simulation.fail(f"{service}-{colour} runs another release than history says")
