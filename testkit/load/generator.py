"""One load from its first request to its last."""

import asyncio
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

from testkit.load.kinds import Traffic
from testkit.load.mix import Bounds, Mix
from testkit.load.pace import Pace
from testkit.load.record import Stop
from testkit.load.report import Report
from testkit.load.target import Target


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Generator:
    target: Target
    mix: Mix
    bounds: Bounds
    pace: Pace
    tell_flowing: Callable[[], None] = _nothing  # once each kind had its first right answer

    async def run(self) -> Report:
        if not self.mix.kinds:
            raise ValueError("a mix of nothing")
        began_at, began_cpu = time.monotonic(), time.process_time()
        _raise_file_limit()
        traffic = Traffic(self.target, self.mix, self.bounds, self.pace)
        flow = asyncio.create_task(traffic.flow())
        watch = asyncio.create_task(self._until_flowing(traffic))
        timer = asyncio.get_running_loop().call_later(
            self.bounds.seconds, self.pace.stop, Stop.SECONDS
        )
        stopping = asyncio.create_task(self.pace.stopping())
        await asyncio.wait({flow, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({flow}, timeout=self.bounds.grace)
        for task in (flow, watch, stopping):
            task.cancel()
        timer.cancel()
        results = await asyncio.gather(flow, watch, stopping, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]
        book = traffic.book
        if unbalanced := book.unbalanced():
            raise AssertionError(f"started and not ended, or the reverse: {unbalanced}")
        return Report(
            records=tuple(book.records),
            began_at=began_at,
            ended_at=time.monotonic(),
            stopped_by=self.pace.stopped_by or Stop.ASKED,
            cpu_s=time.process_time() - began_cpu,
        )

    async def _until_flowing(self, traffic: Traffic) -> None:
        deadline = time.monotonic() + self.bounds.flowing_within
        while not self.mix.kinds <= traffic.book.answered:
            if time.monotonic() > deadline:
                self.pace.stop(Stop.NOT_FLOWING)
                return
            await asyncio.sleep(0.01)
        self.tell_flowing()


def _raise_file_limit() -> None:
    """A server that hangs holds all of its connections open; that must not end in EMFILE here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
