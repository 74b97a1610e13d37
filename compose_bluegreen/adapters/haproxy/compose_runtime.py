"""What the proxy needs from Docker Compose, which adapters/compose/client.py has."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from compose_bluegreen.domain.release import Model


class ComposeRuntime(Protocol):
    """Each method raises ComposeFailed."""

    def alone(self) -> AbstractContextManager[None]: ...

    def wait_for_orphans(self) -> None: ...

    def build_model(self, model: Model, *, renew: bool = False) -> None: ...

    def pull(self, reference: str) -> None: ...

    def bring_up(self, model: Model, *, start: bool = True) -> None: ...

    def take_down(self, model: Model) -> None: ...

    def start_proxy(self, name: str) -> None: ...

    def remove_proxy(self, name: str) -> None: ...
