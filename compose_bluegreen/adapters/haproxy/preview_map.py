"""The map of what may be previewed: on the proxy's volume, and in HAProxy's memory.

A map of its own: whatever goes wrong with it, nobody's request goes elsewhere by it but a preview.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from shlex import quote

from compose_bluegreen.adapters.haproxy.config import PREVIEW, STATE
from compose_bluegreen.adapters.haproxy.exec_shell import Session
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.topology import Topology

Shown = Mapping[str, Colour]
Tell = Callable[[str], str]
"""One command of HAProxy's, and what it says."""

FILE = PREVIEW.rpartition("/")[2]


def text(shown: Shown) -> str:
    return "".join(f"{service} {colour}\n" for service, colour in sorted(shown.items()))


def read(said: str) -> dict[str, Colour]:
    words = (line.split() for line in said.splitlines())
    return {one[-2]: Colour(one[-1]) for one in words if len(one) > 1 and one[-1] in set(Colour)}


def previewed(topology: Topology | None) -> set[str]:
    """The services whose idle colour anybody may reach."""
    return {route.service for route in topology.routes if route.preview} if topology else set()


def on_disk(shell: Session) -> dict[str, Colour]:
    return read(shell.run(f"cat {PREVIEW} 2>/dev/null || true"))


def write(shell: Session, shown: Shown) -> None:
    """Whole and synced."""
    new = f"{PREVIEW}.new"
    shell.run(
        f"printf %s {quote(text(shown))} > {new} && sync {new} && mv {new} {PREVIEW} && sync {STATE}"
    )


def load(tell: Tell, shown: Shown) -> None:
    """All in one commit."""
    version = tell(f"prepare map {PREVIEW}").strip().rpartition(" ")[2]
    if not version.isdecimal():
        raise ProxyFailed("HAProxy refused a new map of previews", hint=Hint(Action.STATUS))
    commands = [f"add map @{version} {PREVIEW} {line}" for line in text(shown).splitlines()]
    said = "".join(tell(one) for one in [*commands, f"commit map @{version} {PREVIEW}"])
    if said.strip():
        raise ProxyFailed("HAProxy refused a command", detail=said.strip())
