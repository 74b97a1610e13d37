"""What the compose file says about us: the keys of ``x-bluegreen``, their types and defaults."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from compose_bluegreen import durations
from compose_bluegreen.errors import BadSetting
from compose_bluegreen.hook_settings import Hooks, unescaped
from compose_bluegreen.keys import Duration, Keys, duration, positive
from compose_bluegreen.limits import NO_LIMIT, share, slowest_ms
from compose_bluegreen.notices import address
from compose_bluegreen.routing import Check, ProxySettings
from compose_bluegreen.stages import Stage, parse

KEY = "x-bluegreen"
REMOVED: Final = "removed"
STOPPED: Final = "stopped"
_SHOWN = 60
_PORT = re.compile("[0-9]{1,5}")
_UNGUESSED = 12
_K = TypeVar("_K", bound=Keys)


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


def _webhook(value: object) -> str | None:
    if not isinstance(value, str | None):
        raise ValueError("an address as a text")  # noqa: TRY004 - pydantic reads ValueError
    return address(unescaped((value or "",))[0])


def _network(value: object) -> str:
    return str(ip_network(str(value), strict=False))


def _number(value: object) -> object:
    """Interpolated values (``${PORT:-8404}``) arrive as text."""
    if isinstance(value, bool | float):
        raise ValueError("a whole number")  # noqa: TRY004 - pydantic reads ValueError
    return value


_SHORT = {"bake": ("time", "0s"), "canary": ("steps", NO_LIMIT)}
"""``bake: 30s`` is short for ``bake: {time: 30s}``, and YAML reads ``bake: off`` as false."""


def _in_full(key: str, value: object) -> object:
    inner, none = _SHORT[key]
    if value is False:
        return {inner: none}
    return {inner: value} if isinstance(value, str) else value


def _off(value: object) -> object:
    return NO_LIMIT if value is False else value


def _steps(value: str) -> str:
    parse(value)
    return value


def _share(value: str) -> str:
    share(value)
    return value


def _slowness(value: str) -> str:
    slowest_ms(value, None)
    return value


def _tls(value: object) -> bool | tuple[int, ...]:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    ports = value if isinstance(value, list | tuple) else ()
    numbers = tuple(int(one) for one in ports if _PORT.fullmatch(str(one)))
    if not ports or len(numbers) < len(ports) or not all(0 < one < 65536 for one in numbers):
        raise ValueError("true, or some of the published ports, such as [443]")
    return numbers


Timer = Annotated[timedelta, BeforeValidator(lambda value: _timer(positive(duration(value))))]
MaybeNoTime = Annotated[timedelta, BeforeValidator(duration)]
Port = Annotated[int, BeforeValidator(_number), Field(ge=1, le=65535)]
Count = Annotated[int, BeforeValidator(_number), Field(ge=1, le=1000)]
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
Share = Annotated[str, StringConstraints(max_length=20), AfterValidator(_share)]
Slowness = Annotated[
    str,
    BeforeValidator(_off),
    StringConstraints(max_length=40),
    AfterValidator(_slowness),
]
Folder = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
Snippet = Annotated[str, StringConstraints(max_length=20_000)]


class Health(Keys):
    """How HAProxy checks a replica; without ``path`` it opens a connection."""

    path: UrlPath | None = None
    """The path that HAProxy requests with GET, such as `/healthz`. Without it, HAProxy only opens a
    connection."""
    status: Annotated[
        StatusRange,
        BeforeValidator(lambda v: str(v) if isinstance(v, int) and not isinstance(v, bool) else v),
    ] = "200-399"
    """The status codes that count as healthy, such as `200` or `200-204,301`."""
    interval: Timer = timedelta(seconds=1)
    """The time between two checks of a healthy replica. HAProxy checks an unhealthy replica every
    50 ms."""
    timeout: Timer = timedelta(seconds=2)
    """How long one check may take."""
    rise: Count = 2
    """How many checks in a row must pass before a replica is healthy."""
    fall: Count = 3
    """How many checks in a row must fail before a replica is unhealthy."""

    def check(self) -> Check:
        return Check(
            path=self.path,
            status=self.status,
            interval_ms=milliseconds(self.interval),
            timeout_ms=milliseconds(self.timeout),
            rise=self.rise,
            fall=self.fall,
        )


class Bake(Keys):
    """How long the new colour is watched while the old one is warm, and what is too much."""

    time: MaybeNoTime = timedelta(0)
    """How long the new colour is watched under traffic while the old colour stays up. `0s` turns it
    off. `bake: 30s` is short for `bake: {time: 30s}`."""
    errors: Share = "5%"
    """The share of requests answered with a 5xx status above which the traffic goes back."""
    broken: Share = "5%"
    """The share of requests that reached no replica, or whose answer broke off, above which the
    traffic goes back."""
    p95: Slowness = "3x"
    """The limit for the 95th percentile of the response time: a multiple of the old colour's such
    as `3x` (which always allows 50 ms more), a duration such as `800ms`, or `off`."""
    requests: Count = 50
    """If there were fewer requests than this, the shares are computed as if there had been this
    many."""
    restarts: Annotated[int, BeforeValidator(_number), Field(ge=0, le=1000)] = 0
    """How often each container may restart during the bake."""


class Canary(Keys):
    """In which steps the traffic moves before the switch, and whether a visitor stays where he is."""

    steps: Annotated[
        str, BeforeValidator(_off), StringConstraints(max_length=500), AfterValidator(_steps)
    ] = NO_LIMIT
    """The steps in which traffic moves to the new colour before the switch, such as
    `5%:1m,25%:5m,50%:5m`. `canary: 5%:1m` is short for `canary: {steps: 5%:1m}`."""
    sticky: bool = False
    """Whether a cookie keeps a visitor on the new colour as the share grows."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        return parse(self.steps)


class Preview(Keys):
    """Who may reach the idle colour before it is live; nobody, unless it is said."""

    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]+$", max_length=200)] | None = (
        None
    )
    """Requests with this key in the `X-Bluegreen` header or the `bluegreen-preview` cookie go to
    the new version while it is healthy but not yet live."""
    only_from: Networks = ()
    """The networks from which the key is accepted, such as `[10.0.0.0/8]`. A key of fewer than 12
    characters requires this setting."""
    port: Port | None = None
    """A port on the Docker host's loopback interface that only reaches the new version before it is
    live."""

    @model_validator(mode="after")
    def _is_not_guessed(self) -> Self:
        if self.key is not None and len(self.key) < _UNGUESSED and not self.only_from:
            raise ValueError(
                f"a key of less than {_UNGUESSED} characters is easily guessed;"
                " use a longer one, or name the networks that may use it with only_from"
            )
        return self


class ServiceSettings(Keys):
    """``x-bluegreen`` of one service. ``tls`` is spoken on all published ports, or on these."""

    port: Port | None = None
    """The container's port that receives the requests and the health checks."""
    mode: Literal["http", "tcp"] = "http"
    """`http`, or `tcp` for any other protocol."""
    traffic: Literal["proxy", "none"] = "proxy"
    """`none` marks a worker, which receives no requests and needs no port."""
    order: Literal["start-first", "stop-first"] = "start-first"
    """`stop-first` stops the old worker before the new one starts, so two never run at the same
    time. It requires `traffic: none`."""
    tls: Annotated[bool | tuple[int, ...], PlainValidator(_tls)] = False
    """`true` makes the proxy speak TLS and HTTP/2 on all published ports of the service. A list
    such as `[443]` names some of them."""
    hosts: tuple[HostName, ...] = ()
    """The host names that belong to this service, such as `[app.example.com, "*.app.example.com"]`.
    With them, several services can share a published port."""
    paths: tuple[Prefix, ...] = ()
    """The path prefixes that belong to this service, such as `[/api]`."""
    health: Health = Health()
    deploy_timeout: Duration = timedelta(minutes=2)
    """How long the new colour may take to become healthy."""
    drain_timeout: MaybeNoTime = timedelta(seconds=30)
    """How long in-flight requests may continue after the switch. `0s` cuts them at once."""
    long_connections: Literal["drain", "close"] = "drain"
    """What happens after the switch to WebSockets, event streams and, with `mode: tcp`, all
    connections. `drain` keeps them until `drain_timeout`; `close` closes them after
    `close_after`."""
    close_after: MaybeNoTime = timedelta(seconds=5)
    """With `long_connections: close`, how long after the switch the connections are closed.
    In-flight requests are always awaited."""
    keep: Count = 5
    """How many releases keep their image for a rollback. Older images are removed, with the tags
    they were released by."""
    standby: Standby = REMOVED
    """What happens to the old colour after the switch: `removed`; `stopped` until the next release;
    or a duration such as `10m` for which it stays up. A rollback to a standby colour only needs
    a health check and a switch."""
    bake: Annotated[Bake, BeforeValidator(partial(_in_full, "bake"))] = Bake()
    canary: Annotated[Canary, BeforeValidator(partial(_in_full, "canary"))] = Canary()
    preview: Preview = Preview()
    hooks: Hooks = Hooks()

    @property
    def works_unasked(self) -> bool:
        """Nobody sends it requests: it has no port, and nothing is routed to it."""
        return self.traffic == "none"


class Snippets(Keys):
    """Lines added to these sections of ``haproxy.cfg``, as they are."""

    global_: Snippet = Field(default="", alias="global")
    """Lines added unchanged to HAProxy's `global` section."""
    defaults: Snippet = ""
    """Lines added unchanged to HAProxy's `defaults` section."""
    frontend: Snippet = ""
    """Lines added unchanged to each `frontend` with `mode: http`."""


class Proxy(Keys):
    """``proxy:`` of the top-level ``x-bluegreen``."""

    image: Annotated[str, StringConstraints(pattern=r"^[^\s$]+$", max_length=512)] | None = None
    """Another image for the proxy. `haproxy/Dockerfile` in the repository lists what it must
    contain."""
    monitor: Annotated[int, BeforeValidator(_number), Field(ge=0, le=65535)] = 0
    """The port for statistics and metrics on the Docker host's loopback interface. With `0`, Docker
    chooses a free port."""
    monitor_from: Networks = ()
    """Networks that may read statistics and metrics in addition to the Docker host, such as
    `[172.16.0.0/12]`."""
    timeout: Timer = timedelta(hours=1)
    """How long a connection may be silent before the proxy closes it."""
    trusted_proxies: Networks = ()
    """Networks whose `X-Forwarded-Proto` header the proxy trusts, such as `[10.0.0.0/8]`."""
    certificates: Folder | None = None
    """The folder with the certificates for `tls`. Each `*.pem` file holds a certificate, its chain
    and its private key."""
    snippets: Snippets = Snippets()

    def routing(self, certificates: str = "") -> ProxySettings:
        """``certificates`` is the digest of what is in that folder."""
        parts = self.snippets.model_dump(by_alias=True)
        return ProxySettings(
            image=self.image,
            monitor=self.monitor,
            timeout_ms=milliseconds(self.timeout),
            trusted_proxies=self.trusted_proxies,
            snippets=tuple((name, text) for name, text in parts.items() if text),
            monitor_from=self.monitor_from,
            certificates=certificates,
        )


class ProjectSettings(ServiceSettings):
    """The top-level ``x-bluegreen``: defaults for all services, the proxy, and who is told."""

    proxy: Proxy = Proxy()
    notify: Annotated[str | None, BeforeValidator(_webhook)] = None
    """The URL of a webhook that receives a notification when a deployment ends."""


def milliseconds(duration: timedelta) -> int:
    return max(1, round(duration / timedelta(milliseconds=1)))


def project_settings(raw: object, where: str) -> ProjectSettings:
    """``raw`` is the value of the top-level key; raises BadSetting."""
    return _read(ProjectSettings, _mapping(raw, where), where)


def service_settings(raw: object, defaults: ProjectSettings, where: str) -> ServiceSettings | None:
    """None where the service doesn't opt in. Raises BadSetting."""
    if raw is False:
        return None
    own = _mapping({} if raw is True else raw, where)
    # In full, for of what is inherited only a part may be another.
    own = own | {key: _in_full(key, own[key]) for key in _SHORT.keys() & own.keys()}
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
