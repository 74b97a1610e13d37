"""HAProxy's runtime API: every command goes to all workers that still serve a client.

After a reload an old worker keeps its open connections, with a routing map of its own in memory. A
switch that left it out would let a kept-alive connection reach the old colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from compose_bluegreen.adapters.haproxy import session_table
from compose_bluegreen.adapters.haproxy.exec_shell import ExecShell, NotReady
from compose_bluegreen.adapters.haproxy.map_files import (
    PREVIEWS,
    ROUTES,
    parse_routes,
    previews_text,
    routes_text,
)
from compose_bluegreen.adapters.haproxy.master_socket import FIND_SOCKET, MasterSocket, ask_in
from compose_bluegreen.adapters.haproxy.old_worker import IdleServer
from compose_bluegreen.adapters.haproxy.stats import rows, traffic_stats
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.topology import TrafficSplit
from compose_bluegreen.domain.traffic_stats import TrafficStats

_PROCESSES = ("master", "worker")
_RELOAD = f"{FIND_SOCKET}; echo reload | socat -t30 - UNIX-CONNECT:$at"


class RuntimeApi:
    """``shell`` is the shell that holds the lock, if this command does. Each change goes through it:
    the shell ends when another command takes the lock, and then nothing is changed any more. What
    only looks goes through ``master``, which is faster."""

    def __init__(self, shell: ExecShell, master: MasterSocket) -> None:
        self._shell = shell
        self._master = master

    def workers(self) -> list[str]:
        """Process ids, the current worker first. Raises NotReady where there is none."""
        lines = (line.split() for line in self._master.ask("show proc")[0].splitlines())
        workers = [fields[0] for fields in lines if len(fields) > 1 and fields[1] == "worker"]
        if not workers:
            raise NotReady("HAProxy runs no worker", hint=Hint(Action.STATUS))
        return workers

    def processes(self) -> list[str]:
        """Process ids of the master and its workers. Raises NotReady where there is none."""
        lines = (line.split() for line in self._master.ask("show proc")[0].splitlines())
        return [fields[0] for fields in lines if len(fields) > 1 and fields[1] in _PROCESSES]

    def version(self) -> str:
        """Of the master, as in ``3.0.11``; empty where it does not say it."""
        for line in self._master.ask("show proc")[0].splitlines():
            fields = line.split()
            if len(fields) > 1 and fields[1] == "master":
                return fields[-1].partition("-")[0]
        return ""

    def splits(self) -> dict[str, TrafficSplit]:
        """The map in the memory of the current worker: where new requests go."""
        return parse_routes(self._ask(self.workers()[0], f"show map {ROUTES.path}")[0])

    def route(self, changed: Mapping[str, TrafficSplit]) -> None:
        """First to the disk, then into memory: if a process dies in between, the disk is right."""
        written = parse_routes(ROUTES.read(self._shell))
        splits = written | dict(changed)
        # A switch that failed for a full disk must be undone on it: the disk never knew of it.
        if splits != written:
            ROUTES.write(self._shell, routes_text(splits))
        self.load(splits)

    def settle(self) -> None:
        """Where a command died between disk and memory, the colours that are live in memory stay
        live, after a restart too."""
        splits = self.splits()
        if splits != parse_routes(ROUTES.read(self._shell)):
            ROUTES.write(self._shell, routes_text(splits))

    def load(self, splits: Mapping[str, TrafficSplit]) -> None:
        """Into the memory of each worker, and read back."""
        for worker in self.workers():
            try:
                self._load(worker, splits)
            except ProxyFailed:
                if worker in self.workers():
                    raise  # otherwise it was an old one, and it has finished

    def preview(self, shown: Mapping[str, Colour]) -> None:
        """To the disk first, so that a restart keeps every preview."""
        PREVIEWS.write(self._shell, previews_text(shown))
        for worker in self.workers():
            try:
                PREVIEWS.load(partial(self._change, worker), previews_text(shown))
            except ProxyFailed:
                if worker == self.workers()[0]:
                    raise  # an old worker may have no such map, and serves no new client

    def in_flight(self, backends: Iterable[str]) -> int:
        """In-flight or queued requests, in all workers. WebSockets count, idle keep-alive
        connections do not."""
        names = set(backends)
        return sum(
            int(row["scur"] or 0) + int(row["qcur"] or 0)
            for worker in self.workers()
            for row in self._stat(worker)
            if row["svname"] == "BACKEND" and row["# pxname"] in names
        )

    def traffic_stats(self, backends: Iterable[str]) -> TrafficStats:
        """Of the current worker: an old one only finishes its connections."""
        names = sorted(backends)
        worker = self.workers()[0]
        stat, *tables = self._ask(worker, "show stat", *(f"show table {name}" for name in names))
        return traffic_stats(stat, names, tables)

    def long_lived(self, backends: Iterable[str]) -> int:
        """In-flight requests that have no end of their own, in all workers."""
        names = frozenset(backends)
        tables = (self._ask(worker, "show sess all")[0] for worker in self.workers())
        return sum(session_table.long_lived(table, names) for table in tables)

    def unanswered(self, backends: Iterable[str]) -> dict[str, timedelta]:
        """Of the current worker, like the statistics. By HAProxy's name of the request, its age."""
        table = self._ask(self.workers()[0], "show sess all")[0]
        return session_table.unanswered(table, frozenset(backends))

    def hang_up(self, servers: Iterable[str]) -> None:
        """Ends all connections to these servers (``backend/server``), in all workers."""
        commands = [f"shutdown sessions server {server}" for server in servers]
        for worker in self.workers():
            # An old worker may know fewer replicas, and then reports the others as unknown.
            self._change(worker, *commands)

    def servers(self, backend: str) -> list[dict[str, str]]:
        """``show stat`` rows of one backend's servers, in the current worker."""
        return [
            row
            for row in self._stat(self.workers()[0])
            if row["# pxname"] == backend and row["svname"] not in ("BACKEND", "FRONTEND")
        ]

    def send(self, commands: Iterable[str]) -> None:
        """To the current worker. These commands succeed with an empty answer or a remark."""
        self._change(self.workers()[0], *commands)

    def reload(self, idle: Sequence[IdleServer] = ()) -> None:
        """HAProxy ends all connections to its master, so the request has a connection of its own.

        ``idle`` are the servers of colours without traffic, as the worker that ends must know them.
        """
        before = self.workers()[0]
        self.send(command for server in idle for command in server.preparation)
        answer = self._shell.run(_RELOAD)
        self._master.reopen()
        if "Success=0" in answer or self.workers()[0] == before:
            self.send(command for server in idle for command in server.reversal)
            raise ProxyFailed(
                "HAProxy refused its new configuration and keeps the old one", detail=answer.strip()
            )

    def _load(self, worker: str, splits: Mapping[str, TrafficSplit]) -> None:
        loaded = parse_routes(ROUTES.load(partial(self._change, worker), routes_text(splits)))
        if loaded != dict(splits):
            raise ProxyFailed(f"HAProxy routes {loaded} instead of {dict(splits)}")

    def _stat(self, worker: str) -> list[dict[str, str]]:
        return rows(self._ask(worker, "show stat")[0])

    def _change(self, worker: str, *commands: str) -> list[str]:
        return ask_in(self._shell, *(f"@!{worker} {command}" for command in commands))

    def _ask(self, worker: str, *commands: str) -> list[str]:
        return self._master.ask(*(f"@!{worker} {command}" for command in commands))
