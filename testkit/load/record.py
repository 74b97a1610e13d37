"""What became of each request. All times are seconds of CLOCK_MONOTONIC, one clock a machine."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    NEW = "new"  # a connection of its own, one GET
    KEEP_ALIVE = "keep-alive"  # one GET after another on a kept connection
    LONG = "long"  # a GET that is answered late
    POST = "post"  # a body that must come back, on a kept connection
    DOWNLOAD = "download"  # a large chunked answer
    HANDSHAKE = "ws-open"  # the request that opens a WebSocket
    MESSAGE = "ws-message"  # a message that must come back on an open WebSocket


class Outcome(StrEnum):
    OK = "ok"
    CLOSED = "closed"  # a WebSocket ended by the server's close frame: no failure
    CONNECT_FAILED = "connect_failed"
    WRITE_FAILED = "write_failed"
    READ_FAILED = "read_failed"  # the connection was reset while an answer was awaited or read
    CLOSED_EARLY = "closed_early"  # end of stream before an answer, maybe before the request
    TRUNCATED = "truncated"  # end of stream inside an answer
    MALFORMED = "malformed"  # bytes that are no HTTP and no WebSocket
    BAD_STATUS = "bad_status"
    WRONG_BODY = "wrong_body"
    TIMED_OUT = "timed_out"
    ABANDONED = "abandoned"  # cut by the generator's own end, after its grace

    @property
    def failed(self) -> bool:
        return self not in {Outcome.OK, Outcome.CLOSED}


class Stop(StrEnum):
    """Why a load ended."""

    ASKED = "asked"
    SECONDS = "seconds"
    MAX_REQUESTS = "max-requests"
    NOT_FLOWING = "not-flowing"


class Record(NamedTuple):
    kind: Kind
    due_at: float  # when it should have started; later than that, the generator itself lagged
    started_at: float  # before the connect, or before the write on a kept connection
    ended_at: float
    outcome: Outcome
    status: int  # 0 without an answer; 101 for a message
    colour: str  # of the answer, or of the handshake; empty where none was said
    version: str
    opened_at: float  # when its connection was begun
    detail: str  # of a failure
    id: str = ""  # of a POST: what its X-Load-Id said

    @property
    def ms(self) -> float:
        """How long a client waited, counted from when the request was due."""
        return (self.ended_at - self.due_at) * 1000

    @property
    def routed_at(self) -> float:
        """The last moment at which it could still be sent elsewhere: a message goes where its
        WebSocket was opened to."""
        return self.opened_at if self.kind is Kind.MESSAGE else self.started_at


@dataclass(slots=True)
class Book:
    """What was started and what became of it."""

    records: list[Record] = field(default_factory=list)
    started: Counter[Kind] = field(default_factory=Counter)
    answered: set[Kind] = field(default_factory=set)

    def enter(self, record: Record) -> None:
        self.records.append(record)
        if record.outcome is Outcome.OK:
            self.answered.add(record.kind)

    def unbalanced(self) -> dict[Kind, tuple[int, int]]:
        """(started, ended) of each kind where the two differ. Empty once all is over."""
        ended = Counter(record.kind for record in self.records)
        return {
            kind: (self.started[kind], ended[kind])
            for kind in Kind
            if self.started[kind] != ended[kind]
        }
