"""What the mappings of settings are made of."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from compose_bluegreen import durations


class Keys(BaseModel):
    """A mapping in the compose file; what it doesn't know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def duration(value: object) -> timedelta:
    """Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("a duration as compose writes it, such as 1m30s or 500ms")  # noqa: TRY004 - pydantic reads ValueError
    return durations.parse(value)


def positive(value: timedelta) -> timedelta:
    """Raises ValueError."""
    if value <= timedelta(0):
        raise ValueError("more than nothing, such as 500ms")
    return value


Duration = Annotated[timedelta, BeforeValidator(lambda value: positive(duration(value)))]
