"""Waiting for one's turn, and the end of all waiting."""

import asyncio
import time
from enum import Enum, auto
from socket import socket

from testkit.load.record import Stop


class Wake(Enum):
    DUE = auto()
    STIRRED = auto()  # the socket has something to read
    STOPPING = auto()


class Pace:
    """Moments are seconds of CLOCK_MONOTONIC, which is also the loop's clock."""

    def __init__(self) -> None:
        self.stopped_by: Stop | None = None
        self._waiting: set[asyncio.Future[Wake]] = set()
        self._stopped = asyncio.Event()

    def stop(self, why: Stop) -> None:
        self.stopped_by = self.stopped_by or why
        self._stopped.set()
        for waiter in self._waiting:
            _wake(waiter, Wake.STOPPING)

    async def stopping(self) -> None:
        await self._stopped.wait()

    async def until(self, moment: float, stirs: socket | None = None) -> Wake:
        """Returns early when the load stops, or when the socket stirs if one is given."""
        if self.stopped_by:
            return Wake.STOPPING
        if moment <= time.monotonic() and not stirs:
            await asyncio.sleep(0)
            return Wake.DUE
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Wake] = loop.create_future()
        timer = loop.call_at(moment, _wake, waiter, Wake.DUE)
        if stirs:
            loop.add_reader(stirs, _wake, waiter, Wake.STIRRED)
        self._waiting.add(waiter)
        try:
            return await waiter
        finally:
            self._waiting.discard(waiter)
            timer.cancel()
            if stirs:
                loop.remove_reader(stirs)


def _wake(waiter: asyncio.Future[Wake], why: Wake) -> None:
    if not waiter.done():
        waiter.set_result(why)
