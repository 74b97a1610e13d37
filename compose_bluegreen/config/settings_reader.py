"""Reads settings from the compose file or from history, and writes them for history."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cache, lru_cache
from typing import Any, TypeVar, get_args

from pydantic import (
    ValidationError,
)
from pydantic_core import ErrorDetails

from compose_bluegreen.config.settings import ProjectSettings, ServiceSettings
from compose_bluegreen.config.types import (
    SHORT,
    Keys,
    in_full,
)
from compose_bluegreen.domain import durations
from compose_bluegreen.domain.errors import BadSetting
from compose_bluegreen.domain.names import KEY

_SHOWN = 60

_K = TypeVar("_K", bound=Keys)


def project_settings(raw: object, location: str) -> ProjectSettings:
    """``raw`` is the value of the top-level key; raises BadSetting."""
    return _read(ProjectSettings, _mapping(raw, location), location)


def service_settings(
    raw: object, defaults: ProjectSettings, location: str
) -> ServiceSettings | None:
    """None if the service is not released (``x-bluegreen: false``). Raises BadSetting."""
    if raw is False:
        return None
    service_keys = _mapping({} if raw is True else raw, location)
    # A short form is written in full, so that it replaces only a part of the inherited mapping.
    service_keys = service_keys | {
        key: in_full(key, service_keys[key]) for key in SHORT.keys() & service_keys.keys()
    }
    inherited = defaults.model_dump(exclude={"proxy", "notify"}, exclude_unset=True)
    return _read(ServiceSettings, _merged(inherited, service_keys), location)


def stored(settings: ServiceSettings) -> dict[str, Any]:
    """The settings as history keeps them: plain JSON that ``restored`` reads again."""
    plain: dict[str, Any] = _plain(settings.model_dump())
    return plain


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return durations.show(value)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value


def restored(plain: dict[str, Any]) -> ServiceSettings:
    """Ignores keys of other versions of this plugin, because their meaning is unknown here."""
    return _restored(json.dumps(plain))


@lru_cache(maxsize=256)
def _restored(text: str) -> ServiceSettings:
    """A deployment asks some twenty times for the same few settings, which never change."""
    return ServiceSettings.model_validate(_known(ServiceSettings, json.loads(text)))


def _known(kind: type[Keys], plain: dict[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in plain.items() if key in kind.model_fields}
    for key, value in known.items():
        inner = _keys_of(kind, key)
        if inner is not kind:
            known[key] = _all_known(inner, value)
    return known


def _all_known(kind: type[Keys], value: Any) -> Any:
    if isinstance(value, list):
        return [_all_known(kind, item) for item in value]
    return _known(kind, value) if isinstance(value, dict) else value


def _mapping(raw: object, location: str) -> dict[str, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise BadSetting(
            location,
            f"{raw!r:.60} is not a mapping",
            hint=f"write `{KEY}: {{}}`, or a mapping of its keys",
        )
    return raw


def _merged(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    merged = base | override
    for key in base.keys() & override.keys():
        if isinstance(base[key], dict) and isinstance(override[key], dict):
            merged[key] = _merged(base[key], override[key])
    return merged


def _read(kind: type[_K], raw: dict[str, Any], location: str) -> _K:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise _bad_setting(kind, error, location) from error


def _bad_setting(kind: type[Keys], error: ValidationError, location: str) -> BadSetting:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        owner = kind
        for part in first["loc"][:-1]:
            owner = _keys_of(owner, str(part))
        known = ", ".join(sorted(field.alias or name for name, field in owner.model_fields.items()))
        return BadSetting(
            f"{location}.{key}", "unknown key", hint=f"use one of these keys: {known}"
        )
    message = first["msg"].removeprefix("Value error, ")
    return BadSetting(f"{location}.{key}", f"{_shown(first)} is not allowed: {message}")


def _shown(error: ErrorDetails) -> str:
    """The refused value, except those of snippets, hooks, the preview key and the webhook: they can
    contain passwords."""
    secret = {"snippets", "preview", "hooks", "notify"}.intersection(map(str, error["loc"]))
    value = "the value (not shown, it can be secret)" if secret else repr(error["input"])
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"


@cache
def _keys_of(owner: type[Keys], key: str) -> type[Keys]:
    """The type of the mapping under this key, or of each mapping in the list under it."""
    inner = owner.model_fields[key].annotation if key in owner.model_fields else None
    keys = next(iter(get_args(inner)), inner)
    return keys if isinstance(keys, type) and issubclass(keys, Keys) else owner
