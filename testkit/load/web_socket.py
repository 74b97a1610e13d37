"""A WebSocket (RFC 6455) that sends short texts and hears them again."""

import asyncio
import base64
import hashlib
import os
from contextlib import suppress
from enum import IntEnum

from testkit.load.http import Connection, Lost
from testkit.load.record import Outcome

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FINAL = 0x80
_MASKED = 0x80
_MAX_PAYLOAD = 65535


class Op(IntEnum):
    TEXT = 1
    CLOSE = 8
    PING = 9
    PONG = 10


class WebSocket:
    def __init__(self, connection: Connection) -> None:
        self._over = connection

    async def open(self, path: str) -> None:
        """Raises Lost, with BAD_STATUS where the server does not switch to the protocol."""
        key = base64.b64encode(os.urandom(16))
        await self._over.open()
        answer = await self._over.ask(
            b"GET %b HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n"
            % (path.encode(), self._over.target.host.encode(), key)
        )
        if answer.status != 101:
            raise Lost(Outcome.BAD_STATUS, f"{answer.status} to a handshake")
        if answer.headers.get("sec-websocket-accept", "") != accept(key):
            raise Lost(Outcome.MALFORMED, "a wrong Sec-WebSocket-Accept")

    async def echo(self, text: str) -> None:
        """Raises Lost, with CLOSED where the server closed properly instead."""
        await self._over.write(frame(Op.TEXT, text.encode(), mask=os.urandom(4)))
        self._over.stage = "waiting for an echo"
        while (heard := await self._hear()) is None:
            pass
        if heard != text.encode():
            raise Lost(Outcome.WRONG_BODY, f"{text!r} came back as {heard[:80]!r}")

    async def stirred(self) -> Lost | None:
        """Read what came unasked between messages: nothing to mention, or the end."""
        self._over.stage = "between messages"
        try:
            heard = await self._hear()
        except Lost as lost:
            return lost
        if heard is None:
            return None
        return Lost(Outcome.WRONG_BODY, f"{heard[:80]!r} came unasked")

    async def leave(self) -> None:
        """Close as the protocol wants it. What the server still says no longer matters."""
        with suppress(Lost, TimeoutError):
            async with asyncio.timeout(1):
                await self._over.write(_closing())
                while True:
                    await self._hear()
        self._over.close()

    async def _hear(self) -> bytes | None:
        """The payload of a text; None for a ping (answered) or pong. Lost(CLOSED) at a close."""
        op, payload = await self._frame()
        match op:
            case Op.TEXT:
                return payload
            case Op.PING:
                await self._over.write(frame(Op.PONG, payload, mask=os.urandom(4)))
                return None
            case Op.PONG:
                return None
            case Op.CLOSE:
                with suppress(Lost):
                    await self._over.write(_closing())
                raise Lost(Outcome.CLOSED, f"code {int.from_bytes(payload[:2])}")
            case other:
                raise Lost(Outcome.MALFORMED, f"a frame with opcode {other}")

    async def _frame(self) -> tuple[int, bytes]:
        if not await self._over.has(1):
            raise Lost(Outcome.CLOSED_EARLY, "closed without a close frame")
        first, second = await self._over.take(2)
        if not first & _FINAL or second & _MASKED:
            raise Lost(Outcome.MALFORMED, f"a frame that begins {first:#04x} {second:#04x}")
        size = second
        if size == 126:
            size = int.from_bytes(await self._over.take(2))
        elif size > 126:
            raise Lost(Outcome.MALFORMED, f"a frame of more than {_MAX_PAYLOAD} bytes")
        return first & 0x0F, await self._over.take(size)


def accept(key: bytes) -> str:
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()


def frame(op: Op, payload: bytes, *, mask: bytes = b"") -> bytes:
    """One whole frame, masked as a client's must be and a server's must not."""
    masked = _MASKED if mask else 0
    size = len(payload)
    length = bytes([masked | size]) if size < 126 else bytes([masked | 126]) + size.to_bytes(2)
    if mask:
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes([_FINAL | op]) + length + mask + payload


def _closing() -> bytes:
    return frame(Op.CLOSE, (1000).to_bytes(2), mask=os.urandom(4))
