"""What a schedule is about: services, releases and commands, drawn from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from compose_bluegreen.domain.release import Model
from testkit.fakes.runner import Command as HookCommand
from testkit.fakes.site import a_file, a_service
from testkit.fakes.world import Behaviour

GOOD = (
    Behaviour(healthy_after=0.0),
    Behaviour(healthy_after=0.05),
    Behaviour(healthy_after=0.3),
    Behaviour(healthy_after=0.1, healthcheck=0.2),
)
BAD = (
    Behaviour(healthy_after=1e9),
    Behaviour(healthy_after=1e9, ends_after=0.1, exit_code=1),
    Behaviour(healthy_after=0.0, healthcheck=0.0, declared_sick=0.6),
    Behaviour(healthy_after=0.0, sick_after=0.5),
    Behaviour(healthy_after=0.0, healthcheck=0.0, healthcheck_hangs=True),
)
HOOKS = {
    "true": HookCommand(),
    "false": HookCommand(code=1, takes=0.05),
    "hangs": HookCommand(takes=1e9),
    "long": HookCommand(takes=2.0),
}
_MOMENTS = ("pre_deploy", "post_start", "pre_switch", "post_switch", "on_failure", "on_rollback")


@dataclass(frozen=True, slots=True)
class Order:
    """A command with its options; ``good``: what it builds gets healthy."""

    name: str
    good: bool = True
    options: tuple[tuple[str, Any], ...] = ()


_ORDERS = {
    "up": 30,
    "up bad": 12,
    "up waiting": 8,
    "rollback": 14,
    "promote": 7,
    "abort": 6,
    "repair": 8,
    "resume": 4,
    "lock release": 4,
    "prune": 4,
    "down": 2,
    "status": 5,
}


def a_project(random: Random) -> Model:
    count = random.choices((1, 2, 3), (60, 28, 12))[0]
    names = ("web", "api", "jobs")[:count]
    services = {name: _service(name, number, random) for number, name in enumerate(names)}
    return a_file(**services)


def _service(name: str, number: int, random: Random) -> Model:
    own: dict[str, Any] = {"deploy_timeout": "1s", "keep": random.choice((1, 2, 5))}
    worker = name == "jobs"
    replicas = random.choices((1, 2, 3), (6, 3, 1))[0]
    if worker:
        own["traffic"], own["deploy_timeout"] = "none", "3s"
        if random.random() < 0.5:
            own["order"], replicas = "stop-first", 1
    else:
        _traffic_of(own, number, random)
    own["standby"] = random.choice(("removed", "removed", "stopped", "2s", "10m"))
    if random.random() < 0.25:
        own["hooks"] = _hooks(random)
    port = "" if worker else str(8000 + number)
    return a_service(name, port, own, deploy={"replicas": replicas})


def _traffic_of(own: dict[str, Any], number: int, random: Random) -> None:
    if random.random() < 0.2:
        own["canary"] = {"steps": random.choice(("10%:300ms", "10%:200ms,50%:200ms"))}
    if random.random() < 0.25:
        own["bake"] = "1s"
    if random.random() < 0.2:
        own["preview"] = {"port": 9000 + number}


def _hooks(random: Random) -> dict[str, Any]:
    return {
        moment: {random.choice(("run", "exec")): random.choice(("true", "true", "long", "false"))}
        for moment in _MOMENTS
        if random.random() < 0.4
    }


def orders(random: Random, count: int) -> list[Order]:
    return [order(random) for _ in range(count)]


def order(random: Random) -> Order:
    (name,) = random.choices(list(_ORDERS), list(_ORDERS.values()))
    if name == "up":
        return Order("up", True, (("force", random.random() < 0.2), *_patience(random)))
    if name == "up bad":
        return Order("up", False, _patience(random))
    if name == "up waiting":
        return Order("up", random.random() < 0.8, (("no_switch", True), *_patience(random)))
    if name in ("rollback", "promote", "down"):
        return Order(name, options=_patience(random))
    return Order(name)


def _patience(random: Random) -> tuple[tuple[str, Any], ...]:
    return (("patience", random.choice((None, 1.0, 20.0))),)
