"""HAProxy's master socket: every command goes to all workers that still serve anybody.

After a reload an old worker goes on with the connections it has, with a routing map of its own in
memory. A switch that left it out would let a kept-alive connection reach the old colour.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from shlex import quote

from compose_bluegreen.adapters.haproxy.config import MAP, STATE, map_text, read_map
from compose_bluegreen.adapters.haproxy.session import NotReady, Session, SessionLost
from compose_bluegreen.domain import Colour
from compose_bluegreen.errors import ProxyFailed

_SOCAT = f"socat -t10 - UNIX-CONNECT:{STATE}/master.sock"


class Steering:
    def __init__(self, session: Session) -> None:
        self._session = session

    def workers(self) -> list[str]:
        """Process ids, the current one first. Raises ProxyFailed where there is none."""
        rows = (line.split() for line in self._master("show proc").splitlines())
        found = [row[0] for row in rows if len(row) > 1 and row[1] == "worker"]
        if not found:
            raise NotReady("HAProxy runs no worker", hint="docker bluegreen status")
        return found

    def routes(self) -> dict[str, Colour | None]:
        """The map in the memory of the current worker: where new requests go."""
        return read_map(self._worker(self.workers()[0], f"show map {MAP}"))

    def routes_on_disk(self) -> dict[str, Colour | None]:
        return read_map(self._session.run(f"cat {MAP}"))

    def write_routes(self, routes: Mapping[str, Colour | None]) -> None:
        """To the disk, whole and synced, so that any restart of HAProxy reads them."""
        new = f"{MAP}.new"
        self._session.run(
            f"printf %s {quote(map_text(routes))} > {new} && sync {new} && mv {new} {MAP} && sync {STATE}"
        )

    def load_routes(self, routes: Mapping[str, Colour | None]) -> None:
        """Into memory: one commit a worker, which its threads see all at once, then read back."""
        for worker in self.workers():
            try:
                self._load(worker, routes)
            except ProxyFailed:
                if worker in self.workers():
                    raise  # otherwise it was an old one, and it has finished

    def in_flight(self, backends: Iterable[str]) -> int:
        """Being served or queued, in all workers: WebSockets count, idle keep-alive doesn't."""
        wanted = set(backends)
        return sum(
            int(row["scur"] or 0) + int(row["qcur"] or 0)
            for worker in self.workers()
            for row in self._stat(worker)
            if row["svname"] == "BACKEND" and row["# pxname"] in wanted
        )

    def servers(self, backend: str) -> list[dict[str, str]]:
        """``show stat`` rows of one backend's servers, in the current worker."""
        rows = self._stat(self.workers()[0])
        return [
            row
            for row in rows
            if row["# pxname"] == backend and row["svname"] not in ("BACKEND", "FRONTEND")
        ]

    def tell(self, commands: Iterable[str]) -> None:
        """Commands whose success is silence or a remark of ours, to the current worker."""
        self._worker(self.workers()[0], *commands)

    def reload(self) -> None:
        before = self.workers()[0]
        said = self._master("reload")
        if "Success=0" in said or self.workers()[0] == before:
            raise ProxyFailed(
                "HAProxy refused its new configuration; the old one serves", detail=said.strip()
            )

    def _load(self, worker: str, routes: Mapping[str, Colour | None]) -> None:
        said = self._worker(worker, f"prepare map {MAP}")
        version = said.strip().rpartition(" ")[2]
        if not version.isdecimal():
            raise ProxyFailed("HAProxy refused a new routing map", detail=said.strip())
        lines = [f"add map @{version} {MAP} {line}" for line in map_text(routes).splitlines()]
        self._silently(worker, *lines, f"commit map @{version} {MAP}")
        loaded = read_map(self._worker(worker, f"show map {MAP}"))
        if loaded != dict(routes):
            raise ProxyFailed(f"HAProxy routes {loaded}, not {dict(routes)} as told")

    def _stat(self, worker: str) -> list[dict[str, str]]:
        text = self._worker(worker, "show stat").strip()
        return list(csv.DictReader(text.splitlines()))

    def _silently(self, worker: str, *commands: str) -> None:
        said = self._worker(worker, *commands).strip()
        if said:
            raise ProxyFailed("HAProxy refused a command", detail=said)

    def _worker(self, worker: str, *commands: str) -> str:
        return self._master(*(f"@!{worker} {command}" for command in commands))

    def _master(self, *commands: str) -> str:
        try:
            return self._session.run(f"printf '%s\\n' {quote('; '.join(commands))} | {_SOCAT}")
        except SessionLost:
            raise
        except ProxyFailed as error:
            raise NotReady("HAProxy doesn't answer", detail=error.detail) from error
