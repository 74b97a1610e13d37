"""Imports what a command will need while it waits for the engine, or for Compose.

Whoever wants it then asks ``arrived`` first, for two threads that import one library from two ends
get halves of it. No daemon: Python must not end in the middle of a library's making.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from threading import Event, Thread

HISTORY = "compose_bluegreen.adapters.history.synced_reader"
WHALES = "python_on_whales"

_under_way: dict[str, Event] = {}


def ahead(*modules: str) -> None:
    """One after the other, in this order."""
    new = {name: Event() for name in modules}
    _under_way.update(new)
    Thread(target=_import, args=(new,), name="ahead").start()


def arrived(module: str) -> None:
    """Waits until it is here, if it is on its way."""
    if coming := _under_way.get(module):
        coming.wait()


def _import(modules: dict[str, Event]) -> None:
    for name, here in modules.items():
        with suppress(BaseException):  # told where it is imported for use; nobody may wait for ever
            import_module(name)
        here.set()
