"""The maps that HAProxy asks for each request: ``route.map`` and ``preview.map``.

Each is a file on the proxy's volume, which HAProxy reads when it starts, and a copy in the memory of
each worker. The map of previews is a map of its own: whatever goes wrong with it, no request but a
preview goes elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from shlex import quote

from compose_bluegreen.adapters.haproxy.config import MAP, PREVIEW, STATE, word
from compose_bluegreen.adapters.haproxy.exec_shell import ExecShell
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.topology import CanaryWeight, Topology, TrafficSplit

Ask = Callable[..., list[str]]
"""Sends commands to one worker and returns the answer to each."""


class MapFile:
    def __init__(self, path: str) -> None:
        self.path = path
        self.name = path.rpartition("/")[2]

    def read(self, shell: ExecShell) -> str:
        """From the volume; empty where the file was removed."""
        return shell.run(f"cat {self.path} 2>/dev/null || true")

    def write(self, shell: ExecShell, text: str) -> None:
        """Whole and synced, or not at all."""
        new = f"{self.path}.new"
        shell.run(
            f"printf %s {quote(text)} > {new} && chmod 640 {new} && sync {new}"
            f" && mv {new} {self.path} && sync {STATE}"
        )

    def load(self, ask: Ask, text: str) -> str:
        """Into memory: one commit, which all threads of the worker see at once. Returns what the
        worker then has there."""
        (prepared,) = ask(f"prepare map {self.path}")
        version = prepared.strip().rpartition(" ")[2]
        if not version.isdecimal():
            raise ProxyFailed(
                f"HAProxy refused a new {self.name}",
                detail=prepared.strip(),
                hint=Hint(Action.STATUS),
            )
        lines = [f"add map @{version} {self.path} {line}" for line in text.splitlines()]
        commit = f"commit map @{version} {self.path}"
        *answers, loaded = ask(*lines, commit, f"show map {self.path}")
        if refused := "".join(answers).strip():
            raise ProxyFailed("HAProxy refused a command", detail=refused)
        return loaded


ROUTES = MapFile(MAP)
PREVIEWS = MapFile(PREVIEW)


def routes_text(splits: Mapping[str, TrafficSplit]) -> str:
    return "".join(f"{word(name)} {_entry(split)}\n" for name, split in sorted(splits.items()))


def parse_routes(text: str) -> dict[str, TrafficSplit]:
    """The opposite of ``routes_text``. It also reads ``show map``."""
    splits: dict[str, TrafficSplit] = {}
    for service, entry in _entries(text):
        splits.setdefault(service, _split(entry))
    return splits


def previews_text(shown: Mapping[str, Colour]) -> str:
    return "".join(f"{service} {colour}\n" for service, colour in sorted(shown.items()))


def parse_previews(text: str) -> dict[str, Colour]:
    colours = set(Colour)
    return {service: Colour(entry) for service, entry in _entries(text) if entry in colours}


def previewed(topology: Topology | None) -> set[str]:
    """The services whose idle colour can be previewed."""
    return {route.service for route in topology.routes if route.preview} if topology else set()


def unrouted(topology: Topology) -> dict[str, TrafficSplit]:
    """An entry for each service, with no live colour yet."""
    return {route.service: TrafficSplit(None) for route in topology.routes}


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Service and value of each line; in the answer to ``show map`` a pointer precedes them."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 2:
            yield fields[-2], fields[-1]


def _entry(split: TrafficSplit) -> str:
    """``green``, or ``green/blue/500/sticky``: blue gets 500 of 10,000 while green is live."""
    weight = split.canary_weight
    if split.live is None or weight is None:
        return str(split.live or "none")
    sticky = "/sticky" if weight.sticky else ""
    return f"{split.live}/{split.live.other}/{weight.parts}{sticky}"


def _split(entry: str) -> TrafficSplit:
    """Where a user edited the map by hand, a canary weight that cannot be read is none."""
    live, *more = entry.split("/")
    if live not in set(Colour):
        return TrafficSplit(None)
    if len(more) < 2 or not more[1].isdecimal():
        return TrafficSplit(Colour(live))
    return TrafficSplit(Colour(live), CanaryWeight(int(more[1]), sticky=more[2:] == ["sticky"]))
