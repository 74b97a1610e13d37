"""The output of a program in a container, which Docker sends in frames."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.adapters.system.exec_stream import ExecStream, unframe


def frame(payload: bytes, stream: int = 1) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


class Line:
    """Both ends of a connection; the SDK wraps its own end in one more object."""

    def __init__(self) -> None:
        self._sock, self.program = socket.socketpair()
        self.closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.program.close()
    made._sock.close()


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 17))
def test_frames_are_joined_wherever_the_network_cuts_them(parts: list[bytes], size: int) -> None:
    sent = b"".join(frame(part, stream=1 + len(part) % 2) for part in parts)
    received, output = bytearray(), b""
    for start in range(0, len(sent), size):
        received += sent[start : start + size]
        output += unframe(received)
    assert output == b"".join(parts)
    assert received == b""


def test_an_incomplete_frame_is_kept_until_its_rest_arrives(line: Line) -> None:
    stream = ExecStream(line)
    line.program.sendall(frame(b"one") + frame(b"two")[:-1])
    assert stream.read() == b"one"
    line.program.sendall(b"o")
    assert stream.read() == b"two"
    line.program.close()
    assert stream.read() is None


def test_a_program_that_writes_nothing_is_waited_for_only_so_long(line: Line) -> None:
    with pytest.raises(TimeoutError):
        ExecStream(line, timeout=0.01).read()


def test_the_end_of_the_output_is_kept(line: Line) -> None:
    line.program.sendall(frame(b"abcdef") + frame(b"gh"))
    line.program.close()
    deadline = time.monotonic() + 30
    assert ExecStream(line).read_to_end(deadline, lambda: True, keep=4) == b"efgh"


def test_a_stream_that_a_process_in_the_background_holds_open_ends_with_the_program(
    line: Line,
) -> None:
    line.program.sendall(frame(b"done"))
    deadline = time.monotonic() + 30
    assert ExecStream(line).read_to_end(deadline, lambda: False) == b"done"
    assert time.monotonic() < deadline - 10


def test_reading_ends_at_the_deadline(line: Line) -> None:
    line.program.sendall(frame(b"begun"))
    deadline = time.monotonic() + 0.5
    assert ExecStream(line).read_to_end(deadline, lambda: True) == b"begun"
    assert time.monotonic() >= deadline


def test_closing_closes_the_socket_below_too(line: Line) -> None:
    ExecStream(line).close()
    assert line.closed
    assert line.program.recv(1) == b""
