"""The routing map on the proxy's volume: what a restart of HAProxy reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from shlex import quote

from compose_bluegreen.adapters.haproxy.config import (
    MAP,
    STATE,
    certificates_folder,
    map_text,
    read_map,
)
from compose_bluegreen.adapters.haproxy.exec_shell import Session
from compose_bluegreen.domain.topology import TrafficSplit


def flows(shell: Session) -> dict[str, TrafficSplit]:
    """None at all where somebody removed it."""
    return read_map(shell.run(f"cat {MAP} 2>/dev/null || true"))


def write_flows(shell: Session, whole: Mapping[str, TrafficSplit]) -> None:
    """Whole and synced."""
    new = f"{MAP}.new"
    shell.run(
        f"printf %s {quote(map_text(whole))} > {new} && sync {new} && mv {new} {MAP} && sync {STATE}"
    )


def forget_certificates(shell: Session, kept: Iterable[str]) -> None:
    """All folders of them but those of these digests: old private keys are kept no longer."""
    words = "|".join(certificates_folder(one) for one in kept if one) or "none"
    shell.run(
        f"cd {STATE} && for folder in {certificates_folder('')}*; do"
        f' case "$folder" in {words}) ;; *) rm -rf "$folder" ;; esac; done'
    )
