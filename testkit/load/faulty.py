"""A server that answers well, but for a fault on each n-th request: the control of the counters."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from testkit.load.faults import STALL_S, End, Fault, Good
from testkit.load.web_socket import Op, accept, frame

_MOMENT = 0.02  # seconds in which the other side surely read what it was sent


@dataclass(slots=True)
class _Line:
    """One client's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_web_socket: bool = False
    version: str = ""  # of the handshake

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def end(self, how: End) -> None:
        if how is End.HANG:
            await asyncio.sleep(3600)
        if how in {End.RESET, End.UNREAD}:
            await asyncio.sleep(_MOMENT)
            sock: socket.socket = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def wanted(self) -> bytes:
        if self.method == "POST":
            return self.body
        query = parse_qs(urlsplit(self.url).query)
        return b"." * int(query["bytes"][0]) if "bytes" in query else b"hello from blue"

    @property
    def delay_s(self) -> float:
        return int(parse_qs(urlsplit(self.url).query).get("ms", ["0"])[0]) / 1000


class Faulty:
    """Say another `version` at any time; an open WebSocket keeps its own."""

    def __init__(self, fault: Fault | None, every: int) -> None:
        self.url = ""
        self.version = "v1"
        self.received = 0  # requests and messages, as the server counts them
        self.committed = 0  # faults
        self._fault = fault
        self._every = every
        self._conversations: set[asyncio.Task[None]] = set()

    @classmethod
    @contextmanager
    def serving(cls, fault: Fault | None = None, *, every: int = 1) -> Iterator["Faulty"]:
        server = cls(fault, every)
        loop = asyncio.new_event_loop()
        up, down = threading.Event(), asyncio.Event()
        thread = threading.Thread(target=loop.run_until_complete, args=[server._serve(up, down)])
        thread.start()
        try:
            assert up.wait(5), "the faulty server does not come up"
            yield server
        finally:
            loop.call_soon_threadsafe(down.set)
            thread.join()
            loop.close()

    async def _serve(self, up: threading.Event, down: asyncio.Event) -> None:
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = "http://{}:{}".format(*listener.sockets[0].getsockname())
        up.set()
        await down.wait()
        listener.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.create_task(self._converse(_Line(reader, writer)))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _converse(self, line: _Line) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while not line.writer.is_closing():
                    await (self._echo(line) if line.is_web_socket else self._answer(line))
        finally:
            line.writer.close()

    async def _answer(self, line: _Line) -> None:
        head = (await line.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        method, url, _ = first.split(" ")
        headers = dict(each.split(": ", 1) for each in lines)
        fault = self._next()
        if fault and fault.end is End.UNREAD:
            await line.end(fault.end)
            return
        body = await line.reader.readexactly(int(headers.get("Content-Length", 0)))
        request = _Request(method, url, headers, body)
        if request.url == "/ws" and not fault:
            await self._shake_hands(line, request)
            return
        await asyncio.sleep(request.delay_s)
        await self._commit(line, fault, self._good(request))
        if headers.get("Connection") == "close":
            line.writer.close()

    async def _shake_hands(self, line: _Line, request: _Request) -> None:
        line.is_web_socket, line.version = True, self.version
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"{self._signature(request)}"
            f"Sec-WebSocket-Accept: {accept(request.headers['Sec-WebSocket-Key'].encode())}\r\n\r\n"
        )
        await line.say(answer.encode())

    async def _echo(self, line: _Line) -> None:
        first, second = await line.reader.readexactly(2)
        mask = await line.reader.readexactly(4)
        masked = await line.reader.readexactly(second & 0x7F)
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked))
        match first & 0x0F:
            case Op.TEXT:
                good = frame(Op.TEXT, payload)
                await self._commit(line, self._next(), Good(good, good))
            case Op.CLOSE:
                await line.say(frame(Op.CLOSE, payload))
                line.writer.close()

    def _next(self) -> Fault | None:
        self.received += 1
        if not self._fault or self.received % self._every:
            return None
        self.committed += 1
        return self._fault

    async def _commit(self, line: _Line, fault: Fault | None, good: Good) -> None:
        if not fault:
            await line.say(good.chunked if self.received % 2 else good.whole)
            return
        if fault.end is End.STALL:
            time.sleep(STALL_S)  # noqa: ASYNC251 - everything is to stand still
        await line.say(fault.say(good))
        if fault.end not in {End.KEEP, End.STALL}:
            await line.end(fault.end)

    def _good(self, request: _Request) -> Good:
        head = f"HTTP/1.1 200 OK\r\n{self._signature(request)}"
        body = request.wanted
        whole = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body
        return Good(whole, chunked + b"\r\n0\r\nX-Trailer: yes\r\n\r\n")

    def _signature(self, request: _Request) -> str:
        signature = f"X-Colour: blue\r\nX-Version: {self.version}\r\n"
        if request.headers.get("Connection") == "close":
            signature += "Connection: close\r\n"
        return signature
