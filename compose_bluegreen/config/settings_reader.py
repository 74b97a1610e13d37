"""Reads settings from a compose file or from history, and writes them for history."""

from __future__ import annotations

from datetime import timedelta
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


def project_settings(raw: object, where: str) -> ProjectSettings:
    """``raw`` is the value of the top-level key; raises BadSetting."""
    return _read(ProjectSettings, _mapping(raw, where), where)


def service_settings(raw: object, defaults: ProjectSettings, where: str) -> ServiceSettings | None:
    """None where the service doesn't opt in. Raises BadSetting."""
    if raw is False:
        return None
    own = _mapping({} if raw is True else raw, where)
    # In full, for of what is inherited only a part may be another.
    own = own | {key: in_full(key, own[key]) for key in SHORT.keys() & own.keys()}
    inherited = defaults.model_dump(exclude={"proxy", "notify"}, exclude_unset=True)
    return _read(ServiceSettings, _merged(inherited, own), where)


def stored(settings: ServiceSettings) -> dict[str, Any]:
    """As history keeps them: plain JSON that ``restored`` reads again."""
    plain: dict[str, Any] = _plain(settings.model_dump())
    return plain


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return durations.show(value)
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return value


def restored(plain: dict[str, Any]) -> ServiceSettings:
    """A key that another version wrote is passed over: what it meant is not ours to guess."""
    return ServiceSettings.model_validate(_known(ServiceSettings, plain))


def _known(kind: type[Keys], plain: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in plain.items() if key in kind.model_fields}
    for key, value in found.items():
        inner = _keys_of(kind, key)
        if inner is not kind:
            found[key] = _all_known(inner, value)
    return found


def _all_known(kind: type[Keys], value: Any) -> Any:
    if isinstance(value, list):
        return [_all_known(kind, each) for each in value]
    return _known(kind, value) if isinstance(value, dict) else value


def _mapping(raw: object, where: str) -> dict[str, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise BadSetting(
            where, f"{raw!r:.60} is not a mapping", hint=f"write `{KEY}: {{}}` or some of its keys"
        )
    return raw


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    both = base | own
    for key in base.keys() & own.keys():
        if isinstance(base[key], dict) and isinstance(own[key], dict):
            both[key] = _merged(base[key], own[key])
    return both


def _read(kind: type[_K], raw: dict[str, Any], where: str) -> _K:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise _bad_setting(kind, error, where) from error


def _bad_setting(kind: type[Keys], error: ValidationError, where: str) -> BadSetting:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        owner = kind
        for part in first["loc"][:-1]:
            owner = _keys_of(owner, str(part))
        known = ", ".join(sorted(field.alias or name for name, field in owner.model_fields.items()))
        return BadSetting(f"{where}.{key}", "unknown key", hint=f"known keys are {known}")
    message = first["msg"].removeprefix("Value error, ")
    return BadSetting(f"{where}.{key}", f"{_shown(first)} is not allowed: {message}")


def _shown(error: ErrorDetails) -> str:
    """Never what stands among the snippets or the hooks, opens the preview, or where notices go: they
    may hold passwords."""
    secret = {"snippets", "preview", "hooks", "notify"}.intersection(map(str, error["loc"]))
    said = "what stands there" if secret else repr(error["input"])
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"


def _keys_of(owner: type[Keys], key: str) -> type[Keys]:
    """Of the mapping under that key, or of each in the list there."""
    inner = owner.model_fields[key].annotation if key in owner.model_fields else None
    found = next(iter(get_args(inner)), inner)
    return found if isinstance(found, type) and issubclass(found, Keys) else owner
