"""Between a command and its ports: here others may act, faults happen, and each act is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

from testkit.simulation.lock import Session

T = TypeVar("T")


@dataclass(eq=False)
class Command:
    """One that was given: ``dead`` once it was killed. ``begun`` are its deployments.

    ``unrecorded``: a write of its history failed, so that its records may be behind.
    """

    name: str
    number: int
    session: Session = field(default_factory=Session)
    dead: bool = False
    frozen: bool = False
    unrecorded: bool = False
    begun: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.number}:{self.name}"


class Through(Protocol):
    def __call__(
        self, command: Command, name: str, act: Callable[..., Any], *given: object, **more: object
    ) -> Any: ...


def gated(port: T, name: str, command: Command, through: Through) -> T:
    """The same port, each of whose calls goes ``through``."""
    return cast("T", _Gated(port, name, command, through))


class _Gated:
    def __init__(self, port: object, name: str, command: Command, through: Through) -> None:
        self._port = port
        self._name = name
        self._command = command
        self._through = through

    def __getattr__(self, method: str) -> Callable[..., Any]:
        act, through, command = getattr(self._port, method), self._through, self._command
        name = f"{self._name}.{method}"

        def call(*given: object, **more: object) -> Any:
            return through(command, name, act, *given, **more)

        self.__dict__[method] = call
        return call
