"""What the core needs from outside, and nothing else about it.

Compose acts, Engine observes, Proxy routes, Runner runs what a release brings along, History
remembers, Lock excludes, Clock waits, Observer tells.
"""

from __future__ import annotations

from dataclasses import dataclass

from compose_bluegreen.ports.engine import Engine
from compose_bluegreen.ports.history import History
from compose_bluegreen.ports.lock import Lock
from compose_bluegreen.ports.proxy import Proxy
from compose_bluegreen.ports.runner import Runner
from compose_bluegreen.ports.system import Clock, Observer
from compose_bluegreen.ports.workloads import Compose


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside, whole."""

    compose: Compose
    engine: Engine
    proxy: Proxy
    runner: Runner
    history: History
    lock: Lock
    clock: Clock
    observer: Observer
