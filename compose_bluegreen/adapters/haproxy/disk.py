"""The routing map on the proxy's volume: what a restart of HAProxy reads."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from compose_bluegreen.adapters.haproxy.config import MAP, STATE, map_text, read_map
from compose_bluegreen.adapters.haproxy.session import Session
from compose_bluegreen.domain import Colour

Routes = Mapping[str, Colour | None]


def routes(shell: Session) -> dict[str, Colour | None]:
    """None at all where somebody removed it."""
    return read_map(shell.run(f"cat {MAP} 2>/dev/null || true"))


def write_routes(shell: Session, whole: Routes) -> None:
    """Whole and synced."""
    new = f"{MAP}.new"
    shell.run(
        f"printf %s {quote(map_text(whole))} > {new} && sync {new} && mv {new} {MAP} && sync {STATE}"
    )
