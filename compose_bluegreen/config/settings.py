"""The keys of ``x-bluegreen`` in the compose file, with their types and defaults."""

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
    REMOVED,
    UNGUESSED,
    Count,
    Duration,
    Folder,
    HostName,
    Keys,
    MaybeNoTime,
    Networks,
    Percentage,
    Port,
    Prefix,
    Slowness,
    Snippet,
    Standby,
    StatusRange,
    Timer,
    UrlPath,
    in_full,
    is_port,
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
    numbers = tuple(int(port) for port in ports if is_port(str(port)))
    if not ports or len(numbers) < len(ports):
        raise ValueError("it must be true, or a list of published ports, such as [443]")
    return numbers


class Health(Keys):
    """How HAProxy checks the health of a replica; without ``path`` it only opens a connection."""

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
    """How long an analysis watches the new colour while the old one still runs, and its limits."""

    time: MaybeNoTime = timedelta(0)
    """How long the new colour is watched under traffic while the old colour keeps running. `0s` turns it
    off. `bake: 30s` is short for `bake: {time: 30s}`."""
    errors: Percentage = "5%"
    """The highest percentage of requests answered with a 5xx status. Above it, the traffic goes back to
    the old colour."""
    broken: Percentage = "5%"
    """The highest percentage of requests that reached no replica, or whose answer broke off. Above it,
    the traffic goes back to the old colour."""
    p95: Slowness = "3x"
    """The limit for the 95th percentile of the response time: a multiple of the old colour's such
    as `3x` (which always allows 50 ms more), a duration such as `800ms`, or `off`."""
    requests: Count = 50
    """If there were fewer requests than this, the percentages are computed as if there had been this
    many."""
    restarts: Annotated[int, BeforeValidator(number), Field(ge=0, le=1000)] = 0
    """How often each container may restart during the bake."""


class Canary(Keys):
    """The steps in which traffic moves to the new colour before the switch."""

    steps: Annotated[
        str, BeforeValidator(off), StringConstraints(max_length=500), AfterValidator(canary_steps)
    ] = NO_LIMIT
    """The steps in which traffic moves to the new colour before the switch, such as
    `5%:1m,25%:5m,50%:5m`. `canary: 5%:1m` is short for `canary: {steps: 5%:1m}`."""
    sticky: bool = False
    """Whether a cookie keeps a client on the new colour while the percentage grows."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        return parse(self.steps)


class Preview(Keys):
    """How preview users reach the idle colour before it is live; off by default."""

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
    def _key_is_long_enough(self) -> Self:
        if self.key is not None and len(self.key) < UNGUESSED and not self.only_from:
            raise ValueError(
                f"a key of less than {UNGUESSED} characters is easily guessed:"
                " use a longer key, or list the networks that may use it in only_from"
            )
        return self


class ServiceSettings(Keys):
    """``x-bluegreen`` of one service."""

    port: Port | None = None
    """The container's port that receives the requests and the health checks."""
    mode: Literal["http", "tcp"] = "http"
    """`http`, or `tcp` for any other protocol."""
    traffic: Literal["proxy", "none"] = "proxy"
    """`none` marks a worker, which receives no requests and needs no port."""
    order: Literal["start-first", "stop-first"] = "start-first"
    """`stop-first` stops the old worker before the new one starts, so two never run at the same
    time. It requires `traffic: none`."""
    tls: Annotated[bool | tuple[int, ...], PlainValidator(tls_ports)] = False
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
    bake: Annotated[Bake, BeforeValidator(partial(in_full, "bake"))] = Bake()
    canary: Annotated[Canary, BeforeValidator(partial(in_full, "canary"))] = Canary()
    preview: Preview = Preview()
    hooks: Hooks = Hooks()

    @property
    def is_worker(self) -> bool:
        """Whether it is a worker: it has no port, and the proxy routes no requests to it."""
        return self.traffic == "none"


class Snippets(Keys):
    """Lines added unchanged to these sections of ``haproxy.cfg``."""

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
    monitor: Annotated[int, BeforeValidator(number), Field(ge=0, le=65535)] = 0
    """The port for statistics and metrics on the Docker host's loopback interface. With `0`, Docker
    chooses a free port."""
    monitor_from: Networks = ()
    """Networks that may read statistics and metrics in addition to the Docker host, such as
    `[172.16.0.0/12]`."""
    timeout: Timer = timedelta(hours=1)
    """How long a connection may carry no data before the proxy closes it."""
    trusted_proxies: Networks = ()
    """Networks whose `X-Forwarded-…`, `X-Real-IP` and `Forwarded` headers reach the service, such as
    `[10.0.0.0/8]`. From other clients of a published port the proxy removes them."""
    certificates: Folder | None = None
    """The folder with the certificates for `tls`. Each `*.pem` file holds a certificate, its chain
    and its private key."""
    header_bytes: Annotated[int, BeforeValidator(number), Field(ge=16_384, le=1_048_576)] = 65_536
    """How large the headers of a request or a response may be, in bytes."""
    header_lines: Annotated[int, BeforeValidator(number), Field(ge=101, le=32_767)] = 256
    """How many lines the headers of a request or a response may have."""
    snippets: Snippets = Snippets()

    def routing(self, certificates: str = "") -> ProxySettings:
        """``certificates`` is the digest of the files in the certificates folder."""
        parts = self.snippets.model_dump(by_alias=True)
        return ProxySettings(
            image=self.image,
            monitor=self.monitor,
            timeout_ms=milliseconds(self.timeout),
            trusted_proxies=self.trusted_proxies,
            snippets=tuple((name, text) for name, text in parts.items() if text),
            monitor_from=self.monitor_from,
            certificates=certificates,
            header_bytes=self.header_bytes,
            header_lines=self.header_lines,
        )


class ProjectSettings(ServiceSettings):
    """The top-level ``x-bluegreen``: defaults for all services, the proxy, and notifications."""

    proxy: Proxy = Proxy()
    notify: Annotated[str | None, BeforeValidator(webhook)] = None
    """The URL of a webhook that receives a notification when a deployment ends."""


def milliseconds(duration: timedelta) -> int:
    return max(1, round(duration / timedelta(milliseconds=1)))
