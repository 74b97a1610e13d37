"""What each call of a port is: whether it changes something, and what may stop it."""

from __future__ import annotations

from compose_bluegreen.domain.errors import (
    BluegreenError,
    ComposeFailed,
    EngineUnreachable,
    HistoryUnusable,
    ProxyFailed,
)
from testkit.fakes.calls import LOOKS
from testkit.simulation.faults import Aim

FENCED = frozenset(
    {
        "proxy.route_to",
        "proxy.set_canary_weights",
        "proxy.show",
        "proxy.park",
        "proxy.watch",
        "proxy.hang_up",
    }
)
"""They go through the shell that holds the lock (decision 0064)."""

JOURNALLED = frozenset(
    {"history.begin", "history.discard", "history.to", "history.promote", "history.removed"}
)
"""The holder of the lock asks for it, then writes the local history, then the journal."""

_LOOKS = LOOKS | {
    "lock.assure",
    "lock.owner",
    "lock.listen",
    "lock.stop_listening",
    "lock.requested_signal",
    "lock.signal",
    "runner",
    "clock",
}

_ERRORS: dict[str, type[BluegreenError]] = {
    "workloads": ComposeFailed,
    "engine": EngineUnreachable,
    "proxy": ProxyFailed,
    "runner": ComposeFailed,
    "history": HistoryUnusable,
    "lock": ProxyFailed,
}


def changes(name: str) -> bool:
    return name not in _LOOKS and name.partition(".")[0] not in _LOOKS


def error_of(name: str, problem: str) -> BluegreenError:
    return _ERRORS[name.partition(".")[0]](f"{name}: {problem}")


def aims_of(name: str, *, change: bool) -> tuple[Aim, ...]:
    if not change:
        return ("any",)
    acts = name.startswith(("proxy.", "workloads."))
    return ("any", "change", "act") if acts else ("any", "change")
