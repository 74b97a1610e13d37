"""Every call that the core makes to the outside, in order, and what shall go wrong with which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn, TypeVar, cast

from compose_bluegreen.domain.errors import Interrupted
from compose_bluegreen.runtime import interrupts

T = TypeVar("T")

_TOO_MANY = 50_000


LOOKS = {
    "engine",
    "observer",
    "workloads.placements",
    "workloads.logs",
    "proxy.topology",
    "proxy.change_to",
    "proxy.networks",
    "proxy.routes",
    "proxy.shown",
    "proxy.routes_at_rest",
    "proxy.colour_addresses",
    "proxy.canary_weights",
    "proxy.health",
    "proxy.in_flight",
    "proxy.traffic_stats",
    "proxy.unanswered",
    "proxy.long_lived",
    "proxy.monitor_address",
    "proxy.change_to_renew",
    "proxy.serving_haproxy",
    "proxy.log",
    "history.check_writable",
    "history.unfinished",
    "history.waiting",
    "history.live",
    "history.newest",
    "history.rollback_candidates",
    "history.get",
}


class When(StrEnum):
    """``HALFWAY`` is inside an act that takes several steps of its own; few acts have one."""

    BEFORE = "before"
    HALFWAY = "halfway"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Call:
    """``nth`` counts from 1 the calls of this name; ``given`` are its arguments."""

    name: str
    nth: int
    given: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}#{self.nth}"

    @property
    def looks(self) -> bool:
        """It changes nothing, so that failing after it is the same as failing before it."""
        return self.name in LOOKS or self.name.partition(".")[0] in LOOKS


@dataclass(slots=True)
class _Plan:
    name: str
    when: When
    nth: int | None
    act: Callable[[], None]
    lasts: bool

    def due(self, name: str, when: When, nth: int) -> bool:
        if (self.name, self.when) != (name, when):
            return False
        return self.nth is None or nth == self.nth or (self.lasts and nth > self.nth)


class Calls:
    """``after_each`` looks at the world whenever a call has changed it, failed or not."""

    def __init__(self) -> None:
        self.made: list[Call] = []
        self.after_each: Callable[[Call], None] = lambda call: None
        self._counts: Counter[str] = Counter()
        self._plans: list[_Plan] = []

    @property
    def names(self) -> list[str]:
        return [call.name for call in self.made]

    def of(self, name: str) -> list[tuple[object, ...]]:
        """What each call of this name was given."""
        return [call.given for call in self.made if call.name == name]

    def forget(self) -> None:
        """From here on a test counts anew; nothing is planned any more."""
        self.made.clear()
        self._counts.clear()
        self._plans.clear()

    def at(
        self,
        name: str,
        act: Callable[[], None],
        *,
        when: When = When.BEFORE,
        nth: int | None = 1,
        lasts: bool = False,
    ) -> None:
        """Something that happens elsewhere at this very moment; ``nth`` None: each time."""
        self._plans.append(_Plan(name, When(when), nth, act, lasts))

    def fail(
        self,
        name: str,
        error: Exception,
        *,
        when: When = When.BEFORE,
        nth: int | None = 1,
        lasts: bool = False,
    ) -> None:
        def raise_it() -> NoReturn:
            raise error

        def interrupt() -> None:
            # As a signal does: behind a shield it is only noted.
            if not interrupts._state.shields:
                raise error

        act = interrupt if isinstance(error, Interrupted) else raise_it
        self.at(name, act, when=when, nth=nth, lasts=lasts)

    def through(self, name: str, given: tuple[object, ...], act: Callable[[], T]) -> T:
        self._counts[name] += 1
        call = Call(name, self._counts[name], given)
        self.made.append(call)
        if len(self.made) > _TOO_MANY:
            raise AssertionError(f"somebody waits for ever, at {call}")
        self._play(name, When.BEFORE)
        try:
            result = act()
        finally:
            if not call.looks:
                self.after_each(call)
        self._play(name, When.AFTER)
        return result

    def halfway(self, name: str) -> None:
        self._play(name, When.HALFWAY)

    def _play(self, name: str, when: When) -> None:
        for plan in list(self._plans):
            if plan.due(name, when, self._counts[name]):
                plan.act()


def watched(port: T, name: str, calls: Calls) -> T:
    """The same port, whose calls go by ``calls``."""
    return cast("T", _Watched(port, name, calls))


class _Watched:
    def __init__(self, port: object, name: str, calls: Calls) -> None:
        self._port = port
        self._name = name
        self._calls = calls

    def __getattr__(self, method: str) -> Callable[..., Any]:
        act = getattr(self._port, method)

        def call(*args: object, **more: object) -> Any:
            name = f"{self._name}.{method}"
            return self._calls.through(name, args, lambda: act(*args, **more))

        return call
