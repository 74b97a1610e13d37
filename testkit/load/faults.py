"""Ways to answer badly: what is said of the good answer, and how the connection ends then."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from testkit.load.web_socket import Op, frame


@dataclass(frozen=True, slots=True)
class Good:
    """The good answer, in as many forms as there are ways to frame it."""

    whole: bytes  # a response with Content-Length, or a frame
    chunked: bytes  # the same in one chunk and a trailer, or the same frame


class End(Enum):
    KEEP = auto()
    CLOSE = auto()
    RESET = auto()  # after a moment, so that what was said before is read
    HANG = auto()
    UNREAD = auto()  # a reset while the request's body is still being sent
    STALL = auto()  # the whole server stands still for STALL_S, then says it


STALL_S = 0.3


def _nothing(_: Good) -> bytes:
    return b""


def _whole(good: Good) -> bytes:
    return good.whole


def _cut(good: Good) -> bytes:
    return good.whole[:-1]


def _status(line: bytes) -> Callable[[Good], bytes]:
    return lambda good: good.whole.replace(b"200 OK", line)


class Fault(Enum):
    RESET = (_nothing, End.RESET)
    CLOSE = (_nothing, End.CLOSE)
    HANG = (_nothing, End.HANG)
    UNREAD = (_nothing, End.UNREAD)
    CUT = (_cut, End.CLOSE)  # one byte short
    CUT_HEAD = (lambda good: good.whole[:30], End.CLOSE)
    CUT_CHUNK = (
        lambda good: good.chunked.replace(b"blue\r\n0", b"bl").partition(b"X-T")[0],
        End.CLOSE,
    )
    CUT_LAST_CHUNK = (lambda good: good.chunked.partition(b"0\r\nX-T")[0], End.CLOSE)
    CUT_TRAILER = (lambda good: good.chunked[:-2], End.CLOSE)
    CUT_RESET = (_cut, End.RESET)
    GARBAGE = (lambda _: b"SSH-2.0-not-a-web-server\r\n\r\n", End.CLOSE)
    BAD_CHUNK = (lambda good: good.chunked.replace(b"0\r\nX-T", b"zero\r\nX-T"), End.CLOSE)
    ERROR = (_status(b"500 Internal Server Error"), End.KEEP)
    UNAVAILABLE = (_status(b"503 Service Unavailable"), End.KEEP)
    WRONG = (lambda good: good.whole[:-1] + b"!", End.KEEP)
    TWICE = (lambda good: good.whole * 2, End.KEEP)
    STALL = (_whole, End.STALL)
    SWAN_SONG = (_whole, End.CLOSE)  # answers well, then closes unannounced
    FAREWELL = (lambda _: frame(Op.CLOSE, (1001).to_bytes(2)), End.CLOSE)  # a proper close frame
    LATE_FAREWELL = (lambda good: good.whole + frame(Op.CLOSE, b"\x03\xe9"), End.CLOSE)
    PING = (lambda good: frame(Op.PING, b"there?") + good.whole, End.KEEP)  # is no fault

    def say(self, good: Good) -> bytes:
        say: Callable[[Good], bytes] = self.value[0]
        return say(good)

    @property
    def end(self) -> End:
        end: End = self.value[1]
        return end
