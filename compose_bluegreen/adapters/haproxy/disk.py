"""The routing map on the proxy's volume: what a restart of HAProxy reads."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from compose_bluegreen.adapters.haproxy.config import MAP, STATE, map_text, read_map
from compose_bluegreen.adapters.haproxy.session import Session
from compose_bluegreen.routing import Flow


def flows(shell: Session) -> dict[str, Flow]:
    """None at all where somebody removed it."""
    return read_map(shell.run(f"cat {MAP} 2>/dev/null || true"))


def write_flows(shell: Session, whole: Mapping[str, Flow]) -> None:
    """Whole and synced."""
    new = f"{MAP}.new"
    shell.run(
        f"printf %s {quote(map_text(whole))} > {new} && sync {new} && mv {new} {MAP} && sync {STATE}"
    )
