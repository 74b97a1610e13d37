"""The types of the values of settings."""

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
    """The URL of a webhook; None for an empty text.

    Raises ValueError, whose message does not contain the URL, because it can be secret.
    """
    if not text.strip():
        return None
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1)
    except ValueError:
        good = False
    if not good or not _PRINTABLE.fullmatch(text):
        raise ValueError("it must be a URL that begins with https:// or http://")
    return text


class Keys(BaseModel):
    """A mapping in the compose file; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def duration(value: object) -> timedelta:
    """Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("it must be a duration with units, such as 1m30s or 500ms")  # noqa: TRY004 - pydantic reads ValueError
    return durations.parse(value)


def positive(value: timedelta) -> timedelta:
    """Raises ValueError."""
    if value <= timedelta(0):
        raise ValueError("it must be greater than zero, such as 500ms")
    return value


Duration = Annotated[timedelta, BeforeValidator(lambda value: positive(duration(value)))]

REMOVED: Final = "removed"

STOPPED: Final = "stopped"

_PORT = re.compile("[0-9]{1,5}")

UNGUESSED = 12


def is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and 0 < int(text) < 65536


def _standby(value: object) -> object:
    if value in (REMOVED, STOPPED):
        return value
    time = positive(duration(value))
    if time > timedelta(days=365):
        raise ValueError(
            "it must be at most 8760h; with `stopped`, the old colour stays until the next release"
        )
    return time


def _timer(value: timedelta) -> timedelta:
    if value > timedelta(days=24):
        raise ValueError("it must be at most 24d, the longest time that HAProxy can measure")
    return value


def _upwards(value: str) -> str:
    for part in value.split(","):
        first, _, last = part.partition("-")
        if last and last < first:
            raise ValueError(
                f"the first number of the range {part} must not be greater than the second"
            )
    return value


def webhook(value: object) -> str | None:
    if not isinstance(value, str | None):
        raise ValueError("it must be a URL as a text")  # noqa: TRY004 - pydantic reads ValueError
    return address(unescaped((value or "",))[0])


def _network(value: object) -> str:
    return str(ip_network(str(value), strict=False))


def number(value: object) -> object:
    """Interpolated values (``${PORT:-8404}``) arrive as text."""
    if isinstance(value, bool | float):
        raise ValueError("it must be a whole number")  # noqa: TRY004 - pydantic reads ValueError
    return value


SHORT = {"bake": ("time", "0s"), "canary": ("steps", NO_LIMIT)}
"""``bake: 30s`` is short for ``bake: {time: 30s}``. YAML reads ``bake: off`` as false."""


def in_full(key: str, value: object) -> object:
    inner, off_value = SHORT[key]
    if value is False:
        return {inner: off_value}
    return {inner: value} if isinstance(value, str) else value


def off(value: object) -> object:
    return NO_LIMIT if value is False else value


def _percentage(value: str) -> str:
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

# These two are written to HAProxy's configuration, so they have no characters that end a word or a
# line there.
UrlPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/%?=&:@,+-]*$", max_length=512)]

# These too. HAProxy compares them with the host and the path of a request as text.
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

Percentage = Annotated[str, StringConstraints(max_length=20), AfterValidator(_percentage)]

Slowness = Annotated[
    str,
    BeforeValidator(off),
    StringConstraints(max_length=40),
    AfterValidator(_slowness),
]

Folder = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]

Snippet = Annotated[str, StringConstraints(max_length=20_000)]


def unescaped(command: tuple[str, ...]) -> tuple[str, ...]:
    """Replaces ``$$`` by ``$``, because ``docker compose config`` prints it as it is in the file."""
    return tuple(word.replace("$$", "$") for word in command)
