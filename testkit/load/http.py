"""HTTP/1.1 over one socket. It never retries and never reconnects: each error reaches the book.

The socket is read and written by hand, since streams and client libraries hide which of connect,
write and read failed, and some of them quietly send a GET again.
"""

import asyncio
import socket
import time
from contextlib import suppress
from dataclasses import dataclass

from testkit.load.record import Outcome
from testkit.load.target import Target

_READ = 65536
_MAX_HEAD = 65536


class Lost(Exception):
    """A request that did not get its answer, and what became of it instead."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes = b""

    @property
    def last(self) -> bool:
        """Whether the server announced that it closes the connection after this."""
        return "close" in self.headers.get("connection", "").lower()


class Connection:
    """One connection at a time to the target; `opened_at` in seconds of CLOCK_MONOTONIC."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.answer: Answer | None = None  # as far as it has come
        self.opened_at = 0.0
        self.stage = ""  # what is being waited for, for the record of a timeout
        self._socket: socket.socket | None = None
        self._inbox = bytearray()

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def answered_by(self) -> tuple[int, str, str]:
        """Status, colour and version, as far as an answer has come."""
        if not self.answer:
            return 0, "", ""
        said = self.answer.headers
        return self.answer.status, said.get("x-colour", ""), said.get("x-version", "")

    @property
    def socket(self) -> socket.socket:
        assert self._socket, "open() comes first"
        return self._socket

    async def open(self) -> None:
        self.close()
        self.answer = None
        self.stage = "connecting"
        self.opened_at = time.monotonic()
        try:
            self._socket = socket.socket(
                self.target.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK
            )
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(self._socket, self.target.address)
        except OSError as error:
            raise Lost(Outcome.CONNECT_FAILED, _named(error)) from error

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None
        self._inbox.clear()

    async def ask(self, request: bytes) -> Answer:
        """The whole answer to a whole request, whatever its status. Raises Lost.

        On a kept connection that the server closed unannounced the request is written all the
        same, and lost: a client that looks first meets the same race, only more seldom.
        """
        self.answer = None
        if self._unasked():
            raise Lost(Outcome.MALFORMED, f"{len(self._inbox)} bytes that nobody asked for")
        await self.write(request)
        self.stage = "waiting for an answer"
        answer = await self._head()
        while 100 <= answer.status < 200 and answer.status != 101:
            answer = await self._head()
        self.answer = answer
        self.stage = "reading the body"
        answer.body = await self._body(answer)
        if answer.last:
            self.close()
        return answer

    def _unasked(self) -> bool:
        """Whether there are bytes that would be mistaken for an answer to the next request."""
        with suppress(OSError):
            self._inbox += self.socket.recv(_READ)
        return bool(self._inbox)

    async def write(self, data: bytes) -> None:
        self.stage = "writing"
        try:
            await asyncio.get_running_loop().sock_sendall(self.socket, data)
        except OSError as error:
            raise Lost(Outcome.WRITE_FAILED, _named(error)) from error

    async def more(self) -> bool:
        """Wait for further bytes; False at the end of the stream."""
        try:
            data = await asyncio.get_running_loop().sock_recv(self.socket, _READ)
        except OSError as error:
            raise Lost(
                Outcome.READ_FAILED, f"{_named(error)} {self.stage}, {len(self._inbox)} bytes in"
            ) from error
        self._inbox += data
        return bool(data)

    async def has(self, size: int) -> bool:
        """Wait for that many bytes; False if the stream ends before."""
        while len(self._inbox) < size:
            if not await self.more():
                return False
        return True

    async def take(self, size: int) -> bytes:
        if not await self.has(size):
            raise self._ended(f"{size} bytes")
        data = bytes(self._inbox[:size])
        del self._inbox[:size]
        return data

    async def _take_to(self, mark: bytes) -> bytes:
        seen = 0
        while (at := self._inbox.find(mark, max(0, seen - len(mark)))) < 0:
            seen = len(self._inbox)
            if seen > _MAX_HEAD:
                raise Lost(Outcome.MALFORMED, f"no {mark!r} in {seen} bytes")
            if not await self.more():
                raise self._ended(repr(mark))
        data = bytes(self._inbox[:at])
        del self._inbox[: at + len(mark)]
        return data

    def _ended(self, wanted: str) -> Lost:
        if not self._inbox and not self.answer:
            return Lost(Outcome.CLOSED_EARLY, "closed before an answer")
        return Lost(
            Outcome.TRUNCATED, f"closed {self.stage}: {wanted} wanted, {len(self._inbox)} bytes in"
        )

    async def _head(self) -> Answer:
        head = (await self._take_to(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.split("\r\n")
        version, _, rest = status_line.partition(" ")
        status = rest[:3]
        if not version.startswith("HTTP/1.") or not status.isdecimal():
            raise Lost(Outcome.MALFORMED, f"not a status line: {status_line[:80]!r}")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Answer(int(status), headers)

    async def _body(self, answer: Answer) -> bytes:
        if answer.status in {101, 204, 304}:
            return b""
        if "chunked" in answer.headers.get("transfer-encoding", "").lower():
            return await self._chunks()
        if length := answer.headers.get("content-length"):
            if not length.isdecimal():
                raise Lost(Outcome.MALFORMED, f"Content-Length: {length}")
            return await self.take(int(length))
        return await self._rest()

    async def _chunks(self) -> bytes:
        chunks = []
        while size := _chunk_size(await self._take_to(b"\r\n")):
            chunks.append(await self.take(size))
            if await self.take(2) != b"\r\n":
                raise Lost(Outcome.MALFORMED, "a chunk longer than it said")
        while await self._take_to(b"\r\n"):
            pass  # trailers
        return b"".join(chunks)

    async def _rest(self) -> bytes:
        while await self.more():
            pass
        data = bytes(self._inbox)
        self.close()
        return data


def _chunk_size(line: bytes) -> int:
    size = line.partition(b";")[0].strip()
    if not size or size.strip(b"0123456789abcdefABCDEF"):
        raise Lost(Outcome.MALFORMED, f"not a chunk's size: {line[:40]!r}")
    return int(size, 16)


def _named(error: OSError) -> str:
    return f"{type(error).__name__}: {error.strerror or error}"
