"""Imports libraries that a command will need while it waits for the engine, or for Compose.

Call ``arrived`` before such an import: two threads that import one library from two ends get parts
of it. Several requests in one process share the imports: each module is imported once. The thread is
no daemon: Python must not end in the middle of an import.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from threading import Event, Lock, Thread

HISTORY = "compose_bluegreen.adapters.history.synced_reader"
WHALES = "python_on_whales"

_PATIENCE = 60.0
"""Seconds."""

_under_way: dict[str, Event] = {}
_lock = Lock()


def ahead(*modules: str) -> None:
    """Starts the imports, one after the other, of those that nothing has started before."""
    with _lock:
        new = {name: Event() for name in modules if name not in _under_way}
        _under_way.update(new)
    if new:
        Thread(target=_import, args=(new,), name="ahead").start()


def arrived(module: str) -> None:
    """Waits for the end of an import that ``ahead`` has started, for a minute at most."""
    if coming := _under_way.get(module):
        coming.wait(_PATIENCE)


def _import(modules: dict[str, Event]) -> None:
    for name, done in modules.items():
        with suppress(
            BaseException
        ):  # the import for use raises it again; no thread may wait for ever
            import_module(name)
        done.set()
