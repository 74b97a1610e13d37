"""The reference of the settings and the hooks, from the types that read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel

from compose_bluegreen.config.hook_settings import Hook, Moment
from compose_bluegreen.config.settings import ProjectSettings, ServiceSettings
from compose_bluegreen.domain import durations
from doctools.docstrings import of_attributes
from doctools.markdown import code, table


@dataclass(frozen=True, slots=True)
class Setting:
    """``key`` is dotted; ``default`` as a person writes it, None where there is nothing to write."""

    key: str
    default: str | None
    description: str


def every_setting() -> list[Setting]:
    return list(_settings(ProjectSettings))


def of_services() -> str:
    known = {one.key for one in _settings(ServiceSettings)}
    return _table(one for one in every_setting() if one.key in known)


def of_projects() -> str:
    known = {one.key for one in _settings(ServiceSettings)}
    return _table(one for one in every_setting() if one.key not in known)


def of_hooks() -> str:
    return _table(_settings(Hook))


def moments() -> str:
    meaning = of_attributes(Moment)
    rows = ((code(one.value), meaning[one.name]) for one in Moment)
    return table(("moment", "when the hook runs"), rows)


def _table(settings: Iterator[Setting]) -> str:
    rows = (
        (code(one.key), code(one.default) if one.default else "not set", one.description)
        for one in settings
    )
    return table(("key", "default", "meaning"), rows)


def _settings(model: type[BaseModel], above: str = "") -> Iterator[Setting]:
    meaning = of_attributes(model)
    for name, field in model.model_fields.items():
        key = above + (field.alias or name)
        if isinstance(field.default, BaseModel):
            yield from _settings(type(field.default), f"{key}.")
        else:
            yield Setting(key, _written(field.default), meaning[name])


def _written(default: object) -> str | None:
    match default:
        case timedelta():
            return durations.show(default)
        case bool():
            return str(default).lower()
        case None | "" | ():
            return None
    return str(default)
