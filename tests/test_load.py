"""The load generator counts right: each fault of a faulty server is one failure of its own kind.

Both sides count, and the books must agree: a request that the client quietly sent again would be
one more at the server.
"""

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiohttp import WSMsgType, web

from testkit.load import Kind, Mix, Outcome, Report
from testkit.load.faults import STALL_S, Fault
from testkit.load.faulty import Faulty
from testkit.load.generator import Generator
from testkit.load.http import Connection, Lost
from testkit.load.kinds import Request
from testkit.load.mix import Bounds
from testkit.load.pace import Pace
from testkit.load.record import Stop
from testkit.load.target import NotAllowedError, Target
from testkit.load_mixes import ALL, KEPT, NEW, POSTS, SOCKET


def loaded(url: str, mix: Mix, *, seconds: float = 0.15, **bounds: float) -> Report:
    limits = Bounds(seconds=seconds, **bounds)  # type: ignore[arg-type]

    async def run() -> Report:
        return await Generator(Target.at(url), mix, limits, Pace()).run()

    return asyncio.run(run())


def outcomes(report: Report) -> Counter[Outcome]:
    return sum(report.by_kind.values(), Counter())


# What goes well


@contextmanager
def aiohttp_server() -> Iterator[str]:
    """An independent reading of the protocols."""

    async def greet(request: web.Request) -> web.Response:
        await asyncio.sleep(int(request.query.get("ms", 0)) / 1000)
        return web.Response(text="hello", headers={"X-Version": "v1", "X-Colour": "blue"})

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async def download(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for _ in range(10):
            await response.write(b"." * (int(request.query["bytes"]) // 10))
        return response

    async def chat(request: web.Request) -> web.WebSocketResponse:
        chatting = web.WebSocketResponse(heartbeat=0.05)
        await chatting.prepare(request)
        async for message in chatting:
            assert message.type is WSMsgType.TEXT
            await chatting.send_str(message.data)
        return chatting

    async def serve(up: threading.Event, down: asyncio.Event, port: list[int]) -> None:
        app = web.Application()
        app.add_routes([web.get("/", greet), web.get("/slow", greet), web.post("/echo", echo)])
        app.add_routes([web.get("/download", download), web.get("/ws", chat)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.append(runner.addresses[0][1])
        up.set()
        await down.wait()
        await runner.cleanup()

    loop, up, down = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    port: list[int] = []
    thread = threading.Thread(target=loop.run_until_complete, args=[serve(up, down, port)])
    thread.start()
    try:
        assert up.wait(5)
        yield f"http://127.0.0.1:{port[0]}"
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join()
        loop.close()


def test_every_kind_is_understood_by_a_server_that_is_not_ours() -> None:
    with aiohttp_server() as url:
        report = loaded(url, ALL, seconds=0.5)

    assert not report.failed, report.describe()
    assert set(report.by_kind) == set(Kind)
    assert report.versions == ["v1"]


def test_both_sides_count_the_same_when_all_goes_well() -> None:
    with Faulty.serving() as server:
        report = loaded(server.url, ALL, seconds=0.5)

    assert not report.failed, report.describe()
    assert set(report.by_kind) == set(Kind)
    assert report.started == server.received
    assert report.by_kind[Kind.NEW].total() == 25
    assert report.by_kind[Kind.LONG].total() == 5


def test_requests_in_flight_at_the_end_are_let_finish() -> None:
    with Faulty.serving() as server:
        report = loaded(server.url, Mix.only(long_per_s=20, long_ms=400), seconds=0.2)

    assert outcomes(report) == {Outcome.OK: 4}
    assert report.ended_at - report.began_at > 0.5


def test_an_announced_close_is_honoured_on_a_new_connection() -> None:
    request = Request(Kind.KEEP_ALIVE, "/", connection="close")

    async def ask_twice(target: Target) -> bool:
        connection = Connection(target)
        await request.over(connection, request.written(target))
        closed = not connection.is_open
        await request.over(connection, request.written(target))
        return closed

    with Faulty.serving() as server:
        assert asyncio.run(ask_twice(Target.at(server.url)))
        assert server.received == 2


def test_a_ping_is_no_failure() -> None:
    with Faulty.serving(Fault.PING, every=3) as server:
        report = loaded(server.url, SOCKET)

    assert server.committed > 2
    assert outcomes(report) == {Outcome.OK: server.received}


# What goes wrong


@pytest.mark.parametrize(
    ("fault", "mix", "outcome"),
    [
        (Fault.RESET, NEW, Outcome.READ_FAILED),
        (Fault.RESET, KEPT, Outcome.READ_FAILED),
        (Fault.CLOSE, NEW, Outcome.CLOSED_EARLY),
        (Fault.CLOSE, KEPT, Outcome.CLOSED_EARLY),
        (Fault.CLOSE, POSTS, Outcome.CLOSED_EARLY),
        (Fault.CUT_HEAD, NEW, Outcome.TRUNCATED),
        (Fault.CUT, NEW, Outcome.TRUNCATED),
        (Fault.CUT_CHUNK, NEW, Outcome.TRUNCATED),
        (Fault.CUT_LAST_CHUNK, KEPT, Outcome.TRUNCATED),
        (Fault.CUT_TRAILER, NEW, Outcome.TRUNCATED),
        (Fault.CUT_RESET, NEW, Outcome.READ_FAILED),
        (Fault.GARBAGE, NEW, Outcome.MALFORMED),
        (Fault.BAD_CHUNK, NEW, Outcome.MALFORMED),
        (Fault.ERROR, NEW, Outcome.BAD_STATUS),
        (Fault.UNAVAILABLE, KEPT, Outcome.BAD_STATUS),
        (Fault.WRONG, POSTS, Outcome.WRONG_BODY),
        (Fault.CUT, Mix.only(downloads_per_s=50), Outcome.TRUNCATED),
        (Fault.RESET, SOCKET, Outcome.READ_FAILED),
        (Fault.CLOSE, SOCKET, Outcome.CLOSED_EARLY),
        (Fault.CUT, SOCKET, Outcome.TRUNCATED),
        (Fault.WRONG, SOCKET, Outcome.WRONG_BODY),
        (Fault.GARBAGE, SOCKET, Outcome.MALFORMED),
        (Fault.FAREWELL, SOCKET, Outcome.CLOSED),
    ],
    ids=lambda each: getattr(each, "name", None) or "+".join(sorted(each.kinds)),
)
def test_each_fault_is_one_outcome_of_its_kind_and_nothing_is_sent_again(
    fault: Fault, mix: Mix, outcome: Outcome
) -> None:
    with Faulty.serving(fault, every=3) as server:
        report = loaded(server.url, mix)

    assert server.committed >= 2
    assert outcomes(report) == {
        Outcome.OK: server.received - server.committed,
        outcome: server.committed,
    }, report.describe()
    assert all(record.detail for record in report.failed)


def test_a_hanging_server_times_out() -> None:
    with Faulty.serving(Fault.HANG, every=3) as server:
        report = loaded(server.url, NEW, timeout=0.2)

    assert outcomes(report)[Outcome.TIMED_OUT] == server.committed >= 3
    assert report.failed[0].detail == "waiting for an answer"
    assert 200 <= report.failed[0].ms < 400


def test_what_outlives_the_grace_is_abandoned_and_counted() -> None:
    with Faulty.serving(Fault.HANG, every=3) as server:
        report = loaded(server.url, NEW, grace=0.1)

    assert outcomes(report)[Outcome.ABANDONED] == server.committed >= 3
    assert report.started == server.received


def test_nobody_listening_is_a_failed_connect() -> None:
    with socket.socket() as bound:  # so that nobody else listens there
        bound.bind(("127.0.0.1", 0))
        report = loaded("http://127.0.0.1:{}".format(*bound.getsockname()[1:]), ALL)

    assert set(outcomes(report)) == {Outcome.CONNECT_FAILED}
    assert set(report.by_kind) == set(Kind) - {Kind.MESSAGE}
    assert "ConnectionRefusedError" in report.failed[0].detail


def test_a_reset_while_the_body_is_sent_is_a_failed_write() -> None:
    posts = Mix.only(posts_per_s=20, post_bytes=16_000_000)
    with Faulty.serving(Fault.UNREAD) as server:
        report = loaded(server.url, posts)

    assert outcomes(report) == {Outcome.WRITE_FAILED: server.received}


def test_a_refused_handshake_is_a_bad_status() -> None:
    with Faulty.serving(Fault.UNAVAILABLE) as server:
        report = loaded(server.url, SOCKET)

    assert report.by_kind == {Kind.HANDSHAKE: {Outcome.BAD_STATUS: server.received}}


def test_bytes_that_nobody_asked_for_are_no_answer_to_the_next_request() -> None:
    with Faulty.serving(Fault.TWICE) as server:
        report = loaded(server.url, KEPT)

    counts = outcomes(report)
    assert set(counts) == {Outcome.OK, Outcome.MALFORMED}
    assert counts[Outcome.OK] == server.received
    assert 0 <= counts[Outcome.OK] - counts[Outcome.MALFORMED] <= 3  # where the load ended first


def test_an_unannounced_close_between_requests_loses_the_next_one() -> None:
    with Faulty.serving(Fault.SWAN_SONG, every=3) as server:
        report = loaded(server.url, KEPT)

    counts = outcomes(report)
    assert set(counts) == {Outcome.OK, Outcome.CLOSED_EARLY}
    assert counts[Outcome.OK] == server.received
    assert 0 <= server.committed - counts[Outcome.CLOSED_EARLY] <= 3  # where the load ended first


def test_a_request_written_on_a_connection_that_the_server_closed_is_lost() -> None:
    """The race of every keep-alive client: the close is under way when the request is written."""
    request = Request(Kind.KEEP_ALIVE, "/")

    async def race(target: Target) -> None:
        connection = Connection(target)
        data = request.written(target)
        await request.over(connection, data)
        time.sleep(0.05)  # noqa: ASYNC251 - the close arrives, and this side has not looked yet
        try:
            await request.over(connection, data)
        finally:
            connection.close()

    with Faulty.serving(Fault.SWAN_SONG) as server:
        with pytest.raises(Lost) as lost:
            asyncio.run(race(Target.at(server.url)))
        assert server.received == 1
    assert lost.value.outcome is Outcome.CLOSED_EARLY


def test_a_flat_out_client_loses_that_race_too_and_the_books_agree() -> None:
    flat_out = Mix.only(keep_alive=4, keep_alive_per_s=0)
    with Faulty.serving(Fault.SWAN_SONG, every=10) as server:
        report = loaded(server.url, flat_out)

    counts = outcomes(report)
    lost = counts[Outcome.CLOSED_EARLY] + counts[Outcome.READ_FAILED] + counts[Outcome.WRITE_FAILED]
    assert counts[Outcome.OK] == server.received
    assert counts.total() == counts[Outcome.OK] + lost
    assert 0 <= server.committed - lost <= 4


def test_a_web_socket_ended_between_messages_is_recorded_by_how_it_ended() -> None:
    slowly = Mix.only(web_sockets=1, messages_per_s=20)
    with Faulty.serving(Fault.LATE_FAREWELL, every=2) as server:
        properly = loaded(server.url, slowly)
    with Faulty.serving(Fault.SWAN_SONG, every=2) as rude_server:
        abruptly = loaded(rude_server.url, slowly)

    assert properly.by_kind[Kind.MESSAGE][Outcome.CLOSED] == server.committed >= 2
    assert not properly.failed
    assert abruptly.by_kind[Kind.MESSAGE][Outcome.CLOSED_EARLY] == rude_server.committed >= 2


def test_latency_counts_from_when_a_request_was_due() -> None:
    """A stall holds up all that was due meanwhile, not only the one request that met it."""
    with Faulty.serving(Fault.STALL, every=20) as server:
        report = loaded(server.url, NEW, seconds=0.4)

    stall_ms = 1000 * STALL_S
    assert outcomes(report) == {Outcome.OK: 40}
    assert server.committed == 2
    assert report.p99(Kind.NEW) >= stall_ms
    assert sum(record.ms > stall_ms / 3 for record in report.records) > 20


# Where it goes and where it ends


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8",
        "http://169.254.169.254/",
        "http://0.0.0.0:80",
        "http://[2001:4860:4860::8888]",
        "https://127.0.0.1",
        "http://127.0.0.1/path",
        "127.0.0.1:80",
    ],
)
def test_other_peoples_machines_are_refused(url: str) -> None:
    with pytest.raises(NotAllowedError):
        Target.at(url)


@pytest.mark.parametrize(
    "url", ["http://localhost:80", "http://172.17.0.2:8080", "http://[::1]:80", "http://10.0.0.1"]
)
def test_this_machine_and_its_containers_are_allowed(url: str) -> None:
    Target.at(url)


def test_it_ends_at_the_most_requests_it_may_start() -> None:
    with Faulty.serving() as server:
        report = loaded(server.url, ALL, seconds=10, max_requests=20)

    assert report.started == server.received
    assert 20 <= report.started <= 22
    assert report.stopped_by is Stop.MAX_REQUESTS


# As a process
