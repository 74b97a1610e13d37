"""What the core needs from outside, and nothing else about it.

Compose acts, Engine observes, Proxy routes, Runner runs what a release brings along, History
remembers, Lock excludes, Clock waits, Observer tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from compose_bluegreen.domain import (
    Colour,
    Deployment,
    Draft,
    Image,
    Model,
    Outcome,
    Part,
    State,
    StepRecord,
)
from compose_bluegreen.routing import Change, Share, Topology
from compose_bluegreen.tally import Tally


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container belongs on a network; ``address`` None: wherever Docker puts it."""

    address: str | None
    aliases: tuple[str, ...]


class Compose(Protocol):
    """What changes things: the user's own ``docker compose``, with the same result as by hand.

    Every method raises ComposeFailed with the end of what Compose said.
    """

    def build(self, services: Sequence[str]) -> None: ...

    def pull(self, reference: str) -> None: ...

    def start_dependencies(self, services: Sequence[str]) -> None:
        """``up -d`` of these services in the user's own project."""

    def create_networks_and_volumes(
        self, config: Model, networks: Sequence[str], volumes: Sequence[str]
    ) -> None:
        """These keys of the user's resolved file, as Compose would, without any container."""

    def start_colour(self, model: Model) -> None:
        """Brings up this stand-alone model, always with new containers, never building."""

    def remove(self, containers: Sequence[str], *, keep_volumes: bool = False) -> None:
        """Stops and removes containers with their anonymous volumes; those gone are no error."""

    def stop(self, containers: Sequence[str]) -> None: ...

    def start(self, containers: Sequence[str]) -> None: ...

    def connect(self, container: str, network: str, place: Place) -> None:
        """Puts a container on a network again; one that is elsewhere on it moves."""

    def tag(self, image_id: str, reference: str) -> None: ...

    def untag(self, reference: str) -> None:
        """Removes one name of an image, and the image with its last name; no error if missing."""

    def remove_image(self, image_id: str) -> bool:
        """False where a container still uses it."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine sees it now.

    ``exit_code`` is 0 while it runs, whatever it ended with before it was restarted. ``health`` is
    Docker's own word (``starting``, ``healthy``, ``unhealthy``) or None without a
    HEALTHCHECK; ``addresses`` maps network names to IP addresses; ``published`` are host ports.
    """

    id: str
    name: str
    labels: Mapping[str, str]
    image_id: str
    status: str
    exit_code: int
    restarts: int
    health: str | None
    started_at: datetime | None
    addresses: Mapping[str, str]
    published: frozenset[str] = frozenset()

    @property
    def running(self) -> bool:
        return self.status == "running"


class Engine(Protocol):
    """What looks, without a process per look. Raises EngineUnreachable."""

    def identity(self) -> str:
        """The engine's own id: two hosts never share it."""

    def image(self, reference: str) -> Image | None:
        """By tag, digest or id; None where the engine doesn't have it."""

    def containers(self, labels: Mapping[str, str]) -> list[Container]:
        """All that bear these labels, running or not, by name."""

    def attached(self, network: str) -> list[Container]:
        """All that run on this network, by name; none where it is gone."""

    def probe(self, container: Container) -> str | None:
        """Runs the container's own HEALTHCHECK command now: None if it passed, else its output."""

    def probe_all(self, containers: Sequence[Container]) -> list[str | None]:
        """The same of several, side by side; the answers in the same order."""

    def log_tail(self, container: Container, lines: int = 20) -> str: ...

    def tags(self, image_id: str) -> list[str]:
        """All names of an image."""

    def tagged(self, repository: str) -> dict[str, str]:
        """Tag (``repository:tag``) to image id, for one repository."""

    def missing_networks(self, names: Iterable[str]) -> set[str]: ...

    def missing_volumes(self, names: Iterable[str]) -> set[str]: ...


NO_TRAFFIC = "no traffic"
"""In the place of HAProxy's word, of what nobody asks: HAProxy doesn't look at it."""


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """One replica as HAProxy sees it; ``status`` is its word (``UP``, ``DOWN 1/2``, …)."""

    address: str
    status: str
    check: str

    @property
    def up(self) -> bool:
        return self.status in ("UP", NO_TRAFFIC)


@dataclass(frozen=True, slots=True)
class Seats:
    """A network that only the proxy and the colours share, and an address there for each replica.

    Addresses that never change mean that the proxy finds every colour again after any restart,
    with nobody's help.
    """

    network: str
    addresses: tuple[str, ...]


class Proxy(Protocol):
    """HAProxy, the one truth about traffic. Raises ProxyFailed."""

    def topology(self) -> Topology | None:
        """What it is configured for; None where there is no proxy."""

    def change_to(self, wanted: Topology) -> Change:
        """What it takes to get there. Looks only."""

    def alone(self, wanted: Topology) -> AbstractContextManager[None]:
        """Inside, nobody else makes this proxy or what it stands on, at any machine."""

    def apply(self, wanted: Topology, change: Change) -> float:
        """Brings the proxy up or makes it know ``wanted``, by the means that ``change`` names.

        Returns the seconds in which nobody answered. A new container that fails gives way to the
        one that served.
        """

    def remove(self) -> None:
        """The proxy, its state and its networks."""

    def networks(self) -> tuple[str, ...]:
        """Names of all that its container belongs on; none where there is no proxy."""

    def join(self, network: str) -> None:
        """Puts its container on one of them again, with the names that it bears there."""

    def routes(self) -> dict[str, Colour | None]:
        """Which colour of each service is live, read where traffic goes by it."""

    def routes_at_rest(self) -> dict[str, Colour | None]:
        """What a restart of the proxy would read: the same, unless somebody edited one of them."""

    def route_to(self, routes: Mapping[str, Colour | None]) -> None:
        """One atomic act for all services named: disk first, then memory, then read back.

        All of their traffic goes there; it ends what ``share`` began.
        """

    def shares(self) -> dict[str, Share]:
        """Of services whose other colour gets a part of the traffic, beside the live one."""

    def share(self, shares: Mapping[str, Share]) -> None:
        """As atomic: the live colour of each service named gives that much to the other one."""

    def show(self, service: str, colour: Colour) -> None:
        """Lets who may preview the service reach an idle colour that is proven, until it is parked
        or the service is routed anew. Nothing where nobody may."""

    def shown(self) -> dict[str, Colour]:
        """The idle colours that can be reached so."""

    def park(self, service: str, colour: Colour) -> None:
        """Stops watching an idle colour's addresses: nothing there may be believed any more."""

    def watch(self, service: str, colour: Colour) -> None:
        """Watches an idle colour's addresses, each down until checked anew."""

    def seats(self, service: str, colour: Colour) -> Seats:
        """Where the containers of a colour must sit for the proxy to find them."""

    def health(self, service: str, colour: Colour) -> list[ServerHealth]: ...

    def in_flight(self, service: str, colour: Colour) -> int:
        """Requests and long connections that are being served or wait in a queue."""

    def tally(self, service: str, colour: Colour) -> Tally:
        """What was asked of a colour since HAProxy runs, and what came of it."""

    def long_lived(self, service: str, colour: Colour) -> int:
        """How many of these have no end of their own: WebSockets, event streams, plain TCP."""

    def hang_up(self, service: str, colour: Colour) -> None:
        """Ends all that is in flight there, at once."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: ``code`` None means that its time was up. ``said`` is the end of both
    its streams."""

    code: int | None
    said: str = ""


class Runner(Protocol):
    """Runs commands that a release brings along, and waits for their end or for the timeout.

    What they are told is in their environment, never in the arguments of a process of ours. Raises
    ComposeFailed or EngineUnreachable where one can't even begin.
    """

    def one_off(self, model: Model, timeout: timedelta) -> Ran:
        """Of this one container, which is still there when it has ended."""

    def inside(
        self,
        container: Container,
        words: Sequence[str],
        told: Mapping[str, str],
        timeout: timedelta,
    ) -> Ran:
        """In a running container; one whose time is up may go on there."""

    def here(self, words: Sequence[str], told: Mapping[str, str], timeout: timedelta) -> Ran:
        """Where this command was given; what isn't done by then is ended."""

    def trust(self, words: Sequence[str]) -> None:
        """A compose file that lies here says this: from now on it may run here."""

    def trusts(self, words: Sequence[str]) -> bool:
        """Whether one ever has, or whoever gave this command says that all may."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: ``actor`` as user@host, ``what`` they do, since when (UTC)."""

    actor: str
    what: str
    since: datetime


class Wish(StrEnum):
    """What may be asked of a deployment that only watches."""

    PROMOTE = "promote"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Wished:
    """``actor`` as user@host."""

    wish: Wish
    actor: str


class Lock(Protocol):
    """Excludes other deployments of the same project, on the engine itself."""

    def hold(self, holder: Holder) -> AbstractContextManager[None]:
        """Raises LockHeld at once, which names who holds it. It ends with its holder."""

    def assure(self) -> None:
        """Raises LockLost if the lock that this command held is its own no longer."""

    def holder(self) -> Holder | None:
        """Who holds it now. Looks only, and waits for nobody."""

    def listen(self) -> AbstractContextManager[None]:
        """Inside, others can ask something of this command, which holds it."""

    def wished(self) -> Wished | None:
        """What they have asked, since it listens."""

    def wish(self, wished: Wished) -> bool:
        """Asks it of whoever holds the lock; False where nobody listens."""

    def release(self) -> Holder | None:
        """By force: whose it was. That command touches nothing any more (LockLost)."""


class History(Protocol):
    """What was intended and what came of it. Raises HistoryUnusable.

    Of one project on one engine, within which the ids of deployments count.
    A change that the state table forbids raises WrongTransition.
    """

    def check_writable(self) -> None:
        """Proves that a deployment could be recorded now."""

    def begin(self, draft: Draft) -> int:
        """A new deployment in state PREPARING; its id."""

    def discard(self, deployment: int) -> None:
        """Forgets a deployment that turned out to change nothing, while it is PREPARING."""

    def parts(self, deployment: int, parts: Sequence[Part]) -> None:
        """What it releases, known once the images are."""

    def to(self, deployment: int, state: State, at: datetime, reason: str = "") -> None:
        """The guarded door. An end state sets ``finished_at``."""

    def promote(self, deployment: int, at: datetime) -> None:
        """To LIVE, all at once: its parts are live, those they replace no longer are.

        A deployment that loses its last live part becomes SUPERSEDED, or ROLLED_BACK where the
        promoted one is its rollback (``rollback_of``).
        """

    def removed(self, engine: str, project: str, at: datetime) -> None:
        """Nothing of this project is live any more: LIVE becomes REMOVED."""

    def step(self, deployment: int, step: StepRecord) -> int:
        """Writes a step that begins; its number within the deployment."""

    def step_ended(
        self, deployment: int, number: int, outcome: Outcome, at: datetime, detail: str = ""
    ) -> None: ...

    def get(self, deployment: int) -> Deployment | None:
        """With parts and steps."""

    def newest(
        self, project: str, *, service: str | None = None, limit: int | None = None
    ) -> list[Deployment]:
        """Newest first, with parts whose ``release.model`` is empty, without steps."""

    def unfinished(self, engine: str, project: str) -> list[Deployment]: ...

    def waiting(self, engine: str, project: str) -> list[Deployment]:
        """Proven, without traffic, until a person decides; newest first, with parts and steps."""

    def live(self, engine: str, project: str, service: str) -> Deployment | None: ...

    def proven(
        self, engine: str, project: str, service: str, *, limit: int | None = None
    ) -> list[Deployment]:
        """Deployments of this service in a PROVEN state, newest first, with whole parts.

        Without those whose part here was replaced by a rollback, though other parts of theirs
        may serve on.
        """


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds."""

    def sleep(self, seconds: float) -> None: ...


class Observer(Protocol):
    """Tells a person what happens while it happens."""

    def step_began(self, name: str, cause: str) -> None: ...

    def step_ended(self, name: str, outcome: Outcome, seconds: float, detail: str = "") -> None: ...

    def remark(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside, whole."""

    compose: Compose
    engine: Engine
    proxy: Proxy
    runner: Runner
    history: History
    lock: Lock
    clock: Clock
    observer: Observer
