"""HAProxy's master socket: every command goes to all workers that still serve anybody.

After a reload an old worker goes on with the connections it has, with a routing map of its own in
memory. A switch that left it out would let a kept-alive connection reach the old colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from compose_bluegreen.adapters.haproxy import map_files, preview_map, session_table
from compose_bluegreen.adapters.haproxy.config import MAP, map_text, read_map
from compose_bluegreen.adapters.haproxy.exec_shell import NotReady, Session
from compose_bluegreen.adapters.haproxy.master_socket import SOCKET, Master
from compose_bluegreen.adapters.haproxy.stats import rows, traffic_stats
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.topology import TrafficSplit
from compose_bluegreen.domain.traffic_stats import TrafficStats

_RELOAD = f"echo reload | socat -t30 - UNIX-CONNECT:{SOCKET}"


class Steering:
    """``session`` is the shell that holds the lock, if this command does: what changes anything asks
    it first, for it ends when the lock is taken away."""

    def __init__(self, session: Session, master: Master) -> None:
        self._session = session
        self._master = master

    def workers(self) -> list[str]:
        """Process ids, the current one first. Raises ProxyFailed where there is none."""
        rows = (line.split() for line in self._master.ask("show proc")[0].splitlines())
        found = [row[0] for row in rows if len(row) > 1 and row[1] == "worker"]
        if not found:
            raise NotReady("HAProxy runs no worker", hint=Hint(Action.STATUS))
        return found

    def flows(self) -> dict[str, TrafficSplit]:
        """The map in the memory of the current worker: where new requests go."""
        return read_map(self._worker(self.workers()[0], f"show map {MAP}")[0])

    def direct(self, changed: Mapping[str, TrafficSplit]) -> None:
        """First to the disk, then into memory: whatever dies between, the disk is what was told."""
        written = map_files.flows(self._session)
        whole = written | dict(changed)
        # A switch that failed for a full disk must be taken back on it: the disk never knew of it.
        if whole != written:
            map_files.write_flows(self._session, whole)
        self.load(whole)

    def settle(self) -> None:
        """Somebody died between disk and memory: what serves goes on, after a restart too."""
        flows = self.flows()
        if flows != map_files.flows(self._session):
            map_files.write_flows(self._session, flows)

    def load(self, flows: Mapping[str, TrafficSplit]) -> None:
        """Into memory: one commit a worker, which its threads see all at once, then read back."""
        self._session.run(":")
        for worker in self.workers():
            try:
                self._load(worker, flows)
            except ProxyFailed:
                if worker in self.workers():
                    raise  # otherwise it was an old one, and it has finished

    def preview(self, shown: Mapping[str, Colour]) -> None:
        """Written first, so that a restart forgets nothing that is shown."""
        preview_map.write(self._session, shown)
        for worker in self.workers():
            try:
                preview_map.load(partial(self._say, worker), shown)
            except ProxyFailed:
                if worker == self.workers()[0]:
                    raise  # an old one may have no such map, and serves nobody new

    def in_flight(self, backends: Iterable[str]) -> int:
        """Being served or queued, in all workers: WebSockets count, idle keep-alive doesn't."""
        wanted = set(backends)
        return sum(
            int(row["scur"] or 0) + int(row["qcur"] or 0)
            for worker in self.workers()
            for row in self._stat(worker)
            if row["svname"] == "BACKEND" and row["# pxname"] in wanted
        )

    def traffic_stats(self, backends: Iterable[str]) -> TrafficStats:
        """Of the current worker: an old one only finishes what it began."""
        names = sorted(backends)
        worker = self.workers()[0]
        stat, *tables = self._worker(worker, "show stat", *(f"show table {one}" for one in names))
        return traffic_stats(stat, names, tables)

    def long_lived(self, backends: Iterable[str]) -> int:
        """Of these, those that have no end of their own, in all workers."""
        wanted = frozenset(backends)
        shown = (self._worker(worker, "show sess all")[0] for worker in self.workers())
        return sum(session_table.long_lived(text, wanted) for text in shown)

    def hang_up(self, servers: Iterable[str]) -> None:
        """Ends all connections to these (``backend/server``), in all workers."""
        self._session.run(":")
        commands = [f"shutdown sessions server {one}" for one in servers]
        for worker in self.workers():
            # An old worker may know of fewer replicas, and then says so.
            self._worker(worker, *commands)

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
        self._session.run(":")
        self._worker(self.workers()[0], *commands)

    def reload(self) -> None:
        """HAProxy ends all connections to its master, so the answer comes by one that asks no more."""
        before = self.workers()[0]
        said = self._session.run(_RELOAD)
        self._master.reopen()
        if "Success=0" in said or self.workers()[0] == before:
            raise ProxyFailed(
                "HAProxy refused its new configuration; the old one serves", detail=said.strip()
            )

    def _load(self, worker: str, flows: Mapping[str, TrafficSplit]) -> None:
        said = self._worker(worker, f"prepare map {MAP}")[0]
        version = said.strip().rpartition(" ")[2]
        if not version.isdecimal():
            raise ProxyFailed("HAProxy refused a new routing map", detail=said.strip())
        lines = [f"add map @{version} {MAP} {line}" for line in map_text(flows).splitlines()]
        *told, shown = self._worker(
            worker, *lines, f"commit map @{version} {MAP}", f"show map {MAP}"
        )
        if refused := "".join(told).strip():
            raise ProxyFailed("HAProxy refused a command", detail=refused)
        loaded = read_map(shown)
        if loaded != dict(flows):
            raise ProxyFailed(f"HAProxy routes {loaded}, not {dict(flows)} as told")

    def _say(self, worker: str, command: str) -> str:
        return self._worker(worker, command)[0]

    def _stat(self, worker: str) -> list[dict[str, str]]:
        return rows(self._worker(worker, "show stat")[0])

    def _worker(self, worker: str, *commands: str) -> list[str]:
        return self._master.ask(*(f"@!{worker} {command}" for command in commands))
