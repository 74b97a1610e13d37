"""How much of each kind of load, and where it ends."""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, field, fields
from typing import Any, Self

from testkit.load.record import Kind


def _option(default: float, help_: str) -> Any:
    return field(default=default, metadata={"help": help_})


@dataclass(frozen=True, slots=True)
class _Options:
    """A dataclass of numbers, each of them an option of the command line."""

    @classmethod
    def declare(cls, parser: ArgumentParser, title: str) -> None:
        group = parser.add_argument_group(title)
        for each in fields(cls):
            group.add_argument(
                f"--{each.name.replace('_', '-')}",
                type=type(each.default),
                default=each.default,
                metavar="N",
                help=f"{each.metadata['help']} (default: {each.default:g})",
            )

    @classmethod
    def chosen(cls, arguments: Namespace) -> Self:
        return cls(**{each.name: getattr(arguments, each.name) for each in fields(cls)})

    def as_options(self) -> list[str]:
        return [
            f"--{each.name.replace('_', '-')}={getattr(self, each.name)}" for each in fields(self)
        ]


@dataclass(frozen=True, slots=True)
class Mix(_Options):
    """Zero switches a kind off."""

    new_per_s: float = _option(200.0, "new connections a second, one GET each")
    keep_alive: int = _option(8, "kept connections, GETs one after another")
    keep_alive_per_s: float = _option(50.0, "GETs a second on each of them; 0 is flat out")
    long_per_s: float = _option(2.0, "long requests a second")
    long_ms: int = _option(3000, "how long each of them takes")
    posts_per_s: float = _option(10.0, "POSTs a second whose echo is checked, in all")
    post_connections: int = _option(2, "kept connections they go over")
    post_bytes: int = _option(1024, "size of a POST's body")
    web_sockets: int = _option(2, "open WebSockets")
    messages_per_s: float = _option(10.0, "messages a second on each of them")
    downloads_per_s: float = _option(0.0, "chunked downloads a second")
    download_bytes: int = _option(1_000_000, "size of a download")

    @classmethod
    def only(cls, **wanted: float) -> Self:
        """Nothing but what is named; sizes and paces keep their defaults."""
        off = {"new_per_s", "keep_alive", "long_per_s", "posts_per_s", "web_sockets"}
        return cls(**dict.fromkeys(off, 0) | wanted)  # type: ignore[arg-type]

    @property
    def kinds(self) -> frozenset[Kind]:
        """What will be seen in the records."""
        amounts = {
            Kind.NEW: self.new_per_s,
            Kind.KEEP_ALIVE: self.keep_alive,
            Kind.LONG: self.long_per_s,
            Kind.POST: self.posts_per_s,
            Kind.DOWNLOAD: self.downloads_per_s,
            Kind.HANDSHAKE: self.web_sockets,
            Kind.MESSAGE: self.web_sockets,
        }
        return frozenset(kind for kind, amount in amounts.items() if amount)


@dataclass(frozen=True, slots=True)
class Bounds(_Options):
    seconds: float = _option(600.0, "seconds after which the load ends by itself")
    max_requests: int = _option(500_000, "requests after which it ends by itself")
    timeout: float = _option(15.0, "seconds a request may take")
    grace: float = _option(20.0, "seconds that requests in flight have at the end")
    flowing_within: float = _option(30.0, "seconds until each kind must have had an answer")
