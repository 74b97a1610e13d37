"""What a report of a bug must not repeat: values that a resolved compose file brought along."""

from __future__ import annotations

import re
from collections.abc import Iterator

from compose_bluegreen.domain.release import Model

_SHORT = 6
"""Less than that would blank out words and numbers that are no secrets."""

_PASSWORD = re.compile(r"(?<=://)[^/\s@]*@")
_seen: set[str] = set()


def learn(model: Model) -> None:
    """Remembers what the services' environments, configs and secrets hold."""
    _seen.update(value for value in _values(model) if len(value) >= _SHORT)


def conceal(secret: str) -> None:
    """Remembers one more."""
    _seen.add(secret)


def concealed(text: str) -> str:
    for value in sorted(_seen, key=len, reverse=True):
        text = text.replace(value, "…")
    return _PASSWORD.sub("…@", text)


def _preview_keys(model: Model) -> Iterator[str]:
    settings = model.get("x-bluegreen")
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
