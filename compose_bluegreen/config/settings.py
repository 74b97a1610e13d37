"""What the compose file says about us: the keys of ``x-bluegreen``, their types and defaults."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    StringConstraints,
    model_validator,
)

from compose_bluegreen.config.canary_stages import Stage, parse
from compose_bluegreen.config.hook_settings import Hooks
from compose_bluegreen.config.limits import NO_LIMIT
from compose_bluegreen.config.types import (
    PORT,
    REMOVED,
    UNGUESSED,
    Count,
    Duration,
    Folder,
    HostName,
    Keys,
    MaybeNoTime,
    Networks,
    Port,
    Prefix,
    Share,
    Slowness,
    Snippet,
    Standby,
    StatusRange,
    Timer,
    UrlPath,
    in_full,
    number,
    off,
    webhook,
)
from compose_bluegreen.domain.topology import Check, ProxySettings


def canary_steps(value: str) -> str:
    parse(value)
    return value


def tls_ports(value: object) -> bool | tuple[int, ...]:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    ports = value if isinstance(value, list | tuple) else ()
    numbers = tuple(int(one) for one in ports if PORT.fullmatch(str(one)))
    if not ports or len(numbers) < len(ports) or not all(0 < one < 65536 for one in numbers):
        raise ValueError("true, or some of the published ports, such as [443]")
    return numbers


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
    errors: Share = "5%"
    broken: Share = "5%"
    p95: Slowness = "3x"
    requests: Count = 50
    restarts: Annotated[int, BeforeValidator(number), Field(ge=0, le=1000)] = 0


class Canary(Keys):
    """In which steps the traffic moves before the switch, and whether a visitor stays where he is."""

    steps: Annotated[
        str, BeforeValidator(off), StringConstraints(max_length=500), AfterValidator(canary_steps)
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
        if self.key is not None and len(self.key) < UNGUESSED and not self.only_from:
            raise ValueError(
                f"a key of less than {UNGUESSED} characters is easily guessed;"
                " use a longer one, or name the networks that may use it with only_from"
            )
        return self


class ServiceSettings(Keys):
    """``x-bluegreen`` of one service. ``tls`` is spoken on all published ports, or on these."""

    port: Port | None = None
    mode: Literal["http", "tcp"] = "http"
    traffic: Literal["proxy", "none"] = "proxy"
    order: Literal["start-first", "stop-first"] = "start-first"
    tls: Annotated[bool | tuple[int, ...], PlainValidator(tls_ports)] = False
    hosts: tuple[HostName, ...] = ()
    paths: tuple[Prefix, ...] = ()
    health: Health = Health()
    deploy_timeout: Duration = timedelta(minutes=2)
    drain_timeout: MaybeNoTime = timedelta(seconds=30)
    long_connections: Literal["drain", "close"] = "drain"
    close_after: MaybeNoTime = timedelta(seconds=5)
    keep: Count = 5
    standby: Standby = REMOVED
    bake: Annotated[Bake, BeforeValidator(partial(in_full, "bake"))] = Bake()
    canary: Annotated[Canary, BeforeValidator(partial(in_full, "canary"))] = Canary()
    preview: Preview = Preview()
    hooks: Hooks = Hooks()

    @property
    def works_unasked(self) -> bool:
        """Nobody sends it requests: it has no port, and nothing is routed to it."""
        return self.traffic == "none"


class Snippets(Keys):
    """Lines added to these sections of ``haproxy.cfg``, as they are."""

    global_: Snippet = Field(default="", alias="global")
    defaults: Snippet = ""
    frontend: Snippet = ""


class Proxy(Keys):
    """``proxy:`` of the top-level ``x-bluegreen``."""

    image: Annotated[str, StringConstraints(pattern=r"^[^\s$]+$", max_length=512)] | None = None
    monitor: Annotated[int, BeforeValidator(number), Field(ge=0, le=65535)] = 0
    monitor_from: Networks = ()
    timeout: Timer = timedelta(hours=1)
    trusted_proxies: Networks = ()
    certificates: Folder | None = None
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
    notify: Annotated[str | None, BeforeValidator(webhook)] = None


def milliseconds(duration: timedelta) -> int:
    return max(1, round(duration / timedelta(milliseconds=1)))
