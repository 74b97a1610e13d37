"""What the mappings of settings are made of."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from compose_bluegreen.config.limits import NO_LIMIT, percentage, slowest_ms
from compose_bluegreen.domain import durations

_PRINTABLE = re.compile(r"[!-~]{1,2000}")


def address(text: str) -> str | None:
    """Of a webhook; None for an empty text. Raises ValueError, which doesn't repeat it."""
    if not text.strip():
        return None
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1)
    except ValueError:
        good = False
    if not good or not _PRINTABLE.fullmatch(text):
        raise ValueError("an address that begins with https:// or http://")
    return text


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

REMOVED: Final = "removed"

STOPPED: Final = "stopped"

PORT = re.compile("[0-9]{1,5}")

UNGUESSED = 12


def _standby(value: object) -> object:
    if value in (REMOVED, STOPPED):
        return value
    time = positive(duration(value))
    if time > timedelta(days=365):
        raise ValueError("at most 8760h; what is stopped stays until the next release")
    return time


def _timer(value: timedelta) -> timedelta:
    if value > timedelta(days=24):
        raise ValueError("at most 24d, for HAProxy counts no further")
    return value


def _upwards(value: str) -> str:
    for part in value.split(","):
        first, _, last = part.partition("-")
        if last and last < first:
            raise ValueError(f"{part} ends before it begins")
    return value


def webhook(value: object) -> str | None:
    if not isinstance(value, str | None):
        raise ValueError("an address as a text")  # noqa: TRY004 - pydantic reads ValueError
    return address(unescaped((value or "",))[0])


def _network(value: object) -> str:
    return str(ip_network(str(value), strict=False))


def number(value: object) -> object:
    """Interpolated values (``${PORT:-8404}``) arrive as text."""
    if isinstance(value, bool | float):
        raise ValueError("a whole number")  # noqa: TRY004 - pydantic reads ValueError
    return value


SHORT = {"bake": ("time", "0s"), "canary": ("steps", NO_LIMIT)}
"""``bake: 30s`` is short for ``bake: {time: 30s}``, and YAML reads ``bake: off`` as false."""


def in_full(key: str, value: object) -> object:
    inner, none = SHORT[key]
    if value is False:
        return {inner: none}
    return {inner: value} if isinstance(value, str) else value


def off(value: object) -> object:
    return NO_LIMIT if value is False else value


def _share(value: str) -> str:
    percentage(value)
    return value


def _slowness(value: str) -> str:
    slowest_ms(value, None)
    return value


Timer = Annotated[timedelta, BeforeValidator(lambda value: _timer(positive(duration(value))))]

MaybeNoTime = Annotated[timedelta, BeforeValidator(duration)]

Port = Annotated[int, BeforeValidator(number), Field(ge=1, le=65535)]

Count = Annotated[int, BeforeValidator(number), Field(ge=1, le=1000)]

Standby = Annotated[timedelta | Literal["removed", "stopped"], BeforeValidator(_standby)]

# These two reach HAProxy's configuration: nothing that could end a word or a line there.
UrlPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/%?=&:@,+-]*$", max_length=512)]

# And these: what a visitor asks for, compared as text.
HostName = Annotated[
    str,
    StringConstraints(
        to_lower=True,
        max_length=253,
        pattern=r"^(\*\.)?([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$",
    ),
]

Prefix = Annotated[
    str,
    StringConstraints(max_length=512, pattern=r"^(/[A-Za-z0-9._~-]+)*/?$", min_length=1),
    AfterValidator(lambda value: value.rstrip("/") or "/"),
]

_CODES = r"[1-5][0-9][0-9](-[1-5][0-9][0-9])?"

StatusRange = Annotated[
    str,
    StringConstraints(pattern=rf"^{_CODES}(,{_CODES})*$", max_length=200),
    AfterValidator(_upwards),
]

Networks = tuple[Annotated[str, BeforeValidator(_network)], ...]

Percentage = Annotated[str, StringConstraints(max_length=20), AfterValidator(_share)]

Slowness = Annotated[
    str,
    BeforeValidator(off),
    StringConstraints(max_length=40),
    AfterValidator(_slowness),
]

Folder = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]

Snippet = Annotated[str, StringConstraints(max_length=20_000)]


def unescaped(words: tuple[str, ...]) -> tuple[str, ...]:
    """Compose leaves ``$$`` as it is in what it prints; only its own reading makes it one."""
    return tuple(one.replace("$$", "$") for one in words)
