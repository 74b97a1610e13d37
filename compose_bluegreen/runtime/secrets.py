"""Secret values of resolved compose files, which a bug report must not contain.

There is one set for the whole process, because the report of one thread can quote what another
thread has read. Values are only added, never removed: to conceal too much is safe.
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
"""Shorter values are not concealed: they would also blank out words and numbers that are no secrets."""

_PASSWORD = re.compile(r"(?<=://)[^/\s@]*@")
_seen: set[str] = set()
_lock = Lock()
"""A set must not grow while another thread iterates over it."""


def learn(model: Model) -> None:
    """Adds the values of the services' environments, configs and secrets."""
    values = {value for value in _values(model) if len(value) >= _SHORT}
    with _lock:
        _seen.update(values)


def conceal(secret: str) -> None:
    """Adds one value."""
    with _lock:
        _seen.add(secret)


def concealed(text: str) -> str:
    """The text with all known secret values replaced."""
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
    for settings in (model, *(model.get("services") or {}).values()):
        yield from _preview_keys(settings)
    for service in (model.get("services") or {}).values():
        environment = service.get("environment") or {}
        if isinstance(environment, dict):
            yield from (str(value) for value in environment.values() if value is not None)
    for kind in ("configs", "secrets"):
        for source in (model.get(kind) or {}).values():
            if isinstance(source, dict) and source.get("content"):
                yield str(source["content"])
