"""The kinds of load, all over one clock and one book."""

import asyncio
import os
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlencode

from testkit.load.http import Connection, Lost
from testkit.load.mix import Bounds, Mix
from testkit.load.pace import Pace, Wake
from testkit.load.record import Book, Kind, Outcome, Record, Stop
from testkit.load.target import Target
from testkit.load.web_socket import WebSocket

_BREATH = 0.05  # seconds a closed loop waits after a failure, so that it does not spin


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked again and again, and what must come back."""

    kind: Kind
    path: str
    connection: str = "keep-alive"
    body: bytes | None = None  # None is a GET; anything else a POST that must come back
    size: int | None = None  # bytes of the answer's body, where that is known

    def written(self, target: Target, id_: str = "") -> bytes:
        method = "GET" if self.body is None else "POST"
        head = (
            f"{method} {self.path} HTTP/1.1\r\nHost: {target.host}\r\n"
            f"User-Agent: compose-bluegreen-load\r\nConnection: {self.connection}\r\n"
        )
        if self.body is not None:
            head += f"Content-Type: text/plain\r\nContent-Length: {len(self.body)}\r\n"
        if id_:
            head += f"X-Load-Id: {id_}\r\n"
        return f"{head}\r\n".encode() + (self.body or b"")

    async def over(self, connection: Connection, data: bytes) -> None:
        """Raises Lost for anything but the right answer."""
        if not connection.is_open:
            await connection.open()
        answer = await connection.ask(data)
        if answer.status != 200:
            raise Lost(Outcome.BAD_STATUS, f"{answer.status}: {answer.body[:80]!r}")
        if self.size is not None and len(answer.body) != self.size:
            raise Lost(Outcome.WRONG_BODY, f"{len(answer.body)} bytes for {self.size}")
        if self.body is not None and answer.body != self.body:
            raise Lost(Outcome.WRONG_BODY, f"the echo begins {answer.body[:40]!r}")


@dataclass(slots=True)
class Traffic:
    target: Target
    mix: Mix
    bounds: Bounds
    pace: Pace
    book: Book = field(default_factory=Book)

    async def flow(self) -> None:
        """All kinds until the pace stops, and then until what is in flight is over."""
        async with asyncio.TaskGroup() as all_of_it:
            for work in self._works():
                all_of_it.create_task(work)

    def _works(self) -> list[Coroutine[None, None, None]]:
        mix = self.mix
        new = Request(Kind.NEW, "/", "close")
        kept = Request(Kind.KEEP_ALIVE, "/")
        slow = Request(Kind.LONG, "/slow?" + urlencode({"ms": mix.long_ms}), "close")
        post = Request(Kind.POST, "/echo", body=_digits(mix.post_bytes))
        size = mix.download_bytes
        download = Request(
            Kind.DOWNLOAD, "/download?" + urlencode({"bytes": size}), "close", size=size
        )
        posters = mix.post_connections if mix.posts_per_s else 0
        return [
            self._open_loop(new, mix.new_per_s),
            self._open_loop(slow, mix.long_per_s),
            self._open_loop(download, mix.downloads_per_s),
            *self._closed_loops(kept, mix.keep_alive, mix.keep_alive_per_s),
            *self._closed_loops(post, posters, mix.posts_per_s / max(posters, 1)),
            *(self._web_socket(number) for number in range(mix.web_sockets)),
        ]

    def _closed_loops(
        self, request: Request, connections: int, per_s: float
    ) -> list[Coroutine[None, None, None]]:
        every = _every(per_s)
        return [
            self._closed_loop(request, every, first=number * every / connections)
            for number in range(connections)
        ]

    async def _open_loop(self, request: Request, per_s: float) -> None:
        """A connection each, on time whatever became of those before."""
        if not per_s:
            return
        data = request.written(self.target)
        begin = time.monotonic()
        async with asyncio.TaskGroup() as in_flight:
            for number in count():
                due = begin + number / per_s
                if await self._turn(due) is not Wake.DUE:
                    return
                in_flight.create_task(self._alone(request, data, due))

    async def _alone(self, request: Request, data: bytes, due: float) -> None:
        connection = Connection(self.target)
        await self._settle(request.kind, due, connection, request.over(connection, data))
        connection.close()

    async def _closed_loop(self, request: Request, every: float, first: float) -> None:
        """One after another on a kept connection; a late answer delays the next request."""
        connection = Connection(self.target)
        due = time.monotonic() + first
        while await self._turn(due) is Wake.DUE:
            now = time.monotonic()
            id_ = self._new_id() if request.body is not None else ""
            data = request.written(self.target, id_)
            outcome = await self._settle(
                request.kind, now, connection, request.over(connection, data), id_
            )
            due = max(due + every, time.monotonic() + (_BREATH if outcome.failed else 0))
        connection.close()

    async def _web_socket(self, number: int) -> None:
        due = time.monotonic()
        while await self._turn(due) is Wake.DUE:
            connection = Connection(self.target)
            socket = WebSocket(connection)
            due = time.monotonic()
            outcome = await self._settle(Kind.HANDSHAKE, due, connection, socket.open("/ws"))
            if outcome is Outcome.OK:
                await self._chat(number, connection, socket)
            connection.close()
            due = time.monotonic() + _BREATH

    async def _chat(self, number: int, connection: Connection, socket: WebSocket) -> None:
        """Messages until one of the three ends it: the server, a failure, the load's end."""
        every = _every(self.mix.messages_per_s)
        due = time.monotonic()
        for message in count():
            while (wake := await self._turn(due, connection)) is Wake.STIRRED:
                if ended := await self._stirred(socket):
                    await self._settle(Kind.MESSAGE, time.monotonic(), connection, _raise(ended))
                    return
            if wake is Wake.STOPPING:
                await socket.leave()
                return
            now = time.monotonic()
            exchange = socket.echo(f"{number}-{message}")
            if await self._settle(Kind.MESSAGE, now, connection, exchange) is not Outcome.OK:
                return
            due = max(due + every, now)

    def _new_id(self) -> str:
        """That no other request has, of this load or of another one."""
        return f"{os.getpid()}-{time.monotonic_ns()}"

    async def _stirred(self, socket: WebSocket) -> Lost | None:
        try:
            async with asyncio.timeout(self.bounds.timeout):
                return await socket.stirred()
        except TimeoutError:
            return Lost(Outcome.TIMED_OUT, "half a frame between messages")

    async def _turn(self, due: float, connection: Connection | None = None) -> Wake:
        if self.book.started.total() >= self.bounds.max_requests:
            self.pace.stop(Stop.MAX_REQUESTS)
        return await self.pace.until(due, connection.socket if connection else None)

    async def _settle(
        self,
        kind: Kind,
        due: float,
        connection: Connection,
        exchange: Coroutine[None, None, None],
        id_: str = "",
    ) -> Outcome:
        """The one door into the book: what is started here ends here, as one outcome."""
        started = time.monotonic()
        self.book.started[kind] += 1
        outcome, detail = Outcome.ABANDONED, "cut by the generator's end"
        try:
            async with asyncio.timeout(self.bounds.timeout):
                await exchange
            outcome, detail = Outcome.OK, ""
        except Lost as lost:
            outcome, detail = lost.outcome, str(lost)
        except TimeoutError:
            outcome, detail = Outcome.TIMED_OUT, connection.stage
        finally:
            if outcome is not Outcome.OK:
                connection.close()
            times = (due, started, time.monotonic())
            answer = connection.answered_by()
            opened = connection.opened_at
            self.book.enter(Record(kind, *times, outcome, *answer, opened, detail, id_))
        return outcome


async def _raise(lost: Lost) -> None:
    raise lost


def _digits(size: int) -> bytes:
    return (b"0123456789" * (size // 10 + 1))[:size]


def _every(per_s: float) -> float:
    return 1 / per_s if per_s else 0.0
