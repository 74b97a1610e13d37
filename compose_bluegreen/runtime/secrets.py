"""Values that a report of a bug must not repeat: those that a resolved compose file brought along.

They belong to the process, and every thread adds to them: the report of one request may quote what
another has read, and to conceal too much is safe. Values are added only, never removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING

from compose_bluegreen.domain.names import KEY

if TYPE_CHECKING:
    from compose_bluegreen.domain.release import Model

_SHORT = 6
"""Less than that would blank out words and numbers that are no secrets."""

_PASSWORD = re.compile(r"(?<=://)[^/\s@]*@")
_seen: set[str] = set()
_lock = Lock()
"""A set must not grow while another thread goes through it."""


def learn(model: Model) -> None:
    """Remembers what the services' environments, configs and secrets hold."""
    values = {value for value in _values(model) if len(value) >= _SHORT}
    with _lock:
        _seen.update(values)


def conceal(secret: str) -> None:
    """Remembers one more."""
    with _lock:
        _seen.add(secret)


def concealed(text: str) -> str:
    with _lock:
        values = sorted(_seen, key=len, reverse=True)
    for value in values:
        text = text.replace(value, "…")
    return _PASSWORD.sub("…@", text)


def _preview_keys(model: Model) -> Iterator[str]:
    settings = model.get(KEY)
    preview = settings.get("preview") if isinstance(settings, dict) else None
    if isinstance(preview, dict) and isinstance(preview.get("key"), str):
        yield preview["key"]


def _values(model: Model) -> Iterator[str]:
    for one in (model, *(model.get("services") or {}).values()):
        yield from _preview_keys(one)
    for service in (model.get("services") or {}).values():
        environment = service.get("environment") or {}
        if isinstance(environment, dict):
            yield from (str(value) for value in environment.values() if value is not None)
    for kind in ("configs", "secrets"):
        for one in (model.get(kind) or {}).values():
            if isinstance(one, dict) and one.get("content"):
                yield str(one["content"])
