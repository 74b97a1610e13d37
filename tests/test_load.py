"""The load generator counts right: each fault of a faulty server is one failure of its own kind.

Both sides count, and the books must agree: a request that the client quietly sent again would be
one more at the server.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from testkit.checkout import ROOT
from testkit.load import Kind, Load, LoadError, Mix, Outcome, Record, Report
from testkit.load.faults import STALL_S, Fault
from testkit.load.faulty import Faulty
from testkit.load.generator import Generator
from testkit.load.http import Connection, Lost
from testkit.load.kinds import Request
from testkit.load.mix import Bounds
from testkit.load.pace import Pace
from testkit.load.record import Stop
from testkit.load.target import NotAllowedError, Target

ALL = Mix(new_per_s=50, keep_alive=2, long_per_s=10, long_ms=50, posts_per_s=20, downloads_per_s=5)
NEW = Mix.only(new_per_s=100)
KEPT = Mix.only(keep_alive=3)
POSTS = Mix.only(posts_per_s=100)
SOCKET = Mix.only(web_sockets=1, messages_per_s=200)


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


def test_a_load_runs_beside_a_test_and_tells_which_version_answered_when(tmp_path: Path) -> None:
    with (
        Faulty.serving() as server,
        Load.running(server.url, log=tmp_path / "log", mix=ALL) as load,
    ):
        before = load.mark()
        time.sleep(0.2)
        server.version = "v2"
        after = load.mark()
        time.sleep(0.2)

    report = load.report()
    assert not report.failed, report.describe()
    assert report.started == server.received
    assert report.versions == ["v1", "v2"]
    assert report.late("v1", before)
    assert not report.late("v1", after + 0.01), report.describe()
    assert before < report.last("v1").routed_at < after + 0.01
    assert after < report.first("v2").ended_at
    assert any(
        record.version == "v1" and record.started_at > after + 0.05 for record in report.records
    ), "a WebSocket stays where it was opened to"
    assert report.p99(Kind.NEW, since=before, until=after) > 0
    assert "0 failed" in report.describe()
    assert report.stopped_by is Stop.ASKED


def test_failures_of_a_running_load_reach_its_report(tmp_path: Path) -> None:
    with Faulty.serving(Fault.CLOSE, every=10) as server:
        with Load.running(server.url, log=tmp_path / "log", mix=NEW):
            time.sleep(0.2)
        report = Report.read(tmp_path / "log")

    assert len(report.failed) == server.committed > 0
    assert f"{server.committed} x new closed_early" in report.describe()


def test_a_load_that_never_flows_is_an_error(tmp_path: Path) -> None:
    with (
        Faulty.serving(Fault.UNAVAILABLE) as server,
        pytest.raises(LoadError, match=r"does not flow(.|\n)*bad_status"),
        Load.running(server.url, log=tmp_path / "log", mix=NEW, bounds=Bounds(flowing_within=0.2)),
    ):
        pytest.fail("entered without a load")


def test_a_load_that_ended_before_the_test_did_is_an_error(tmp_path: Path) -> None:
    with (
        Faulty.serving() as server,
        pytest.raises(LoadError, match="ended too soon, by seconds"),
        Load.running(server.url, log=tmp_path / "log", mix=NEW, bounds=Bounds(seconds=0.1)),
    ):
        time.sleep(0.3)


def test_the_error_of_the_test_itself_is_not_hidden(tmp_path: Path) -> None:
    with (
        Faulty.serving() as server,
        pytest.raises(ZeroDivisionError),
        Load.running(server.url, log=tmp_path / "log", mix=NEW),
    ):
        raise ZeroDivisionError


def by_hand(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "testkit.load", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_by_hand_it_runs_until_it_is_told_and_prints_a_table(tmp_path: Path) -> None:
    with Faulty.serving(Fault.UNAVAILABLE, every=7) as server:
        options = [*NEW.as_options(), "--out", str(tmp_path / "log")]
        with by_hand(server.url, *options) as process:
            assert process.stdout
            assert process.stdout.readline() == "flowing\n"
            time.sleep(0.2)
            os.kill(process.pid, signal.SIGTERM)
            table, _ = process.communicate(timeout=5)

    assert process.returncode == 1
    assert f"{server.committed} bad_status" in table
    assert "ended by asked" in table


def test_by_hand_it_refuses_other_machines(tmp_path: Path) -> None:
    with by_hand("http://192.0.2.1", "--out", str(tmp_path / "log")) as process:
        _, error = process.communicate(timeout=5)

    assert process.returncode == 2
    assert "neither loopback nor private" in error


# The report


def record(kind: Kind = Kind.NEW, version: str = "old", **times: float) -> Record:
    started = times.get("started", 1.0)
    ended = times.get("ended", started + 0.01)
    opened = times.get("opened", started)
    return Record(
        kind,
        times.get("due", started),
        started,
        ended,
        Outcome.OK,
        200,
        "blue",
        version,
        opened,
        "",
    )


def reported(*records: Record) -> Report:
    return Report(records, 0.0, 10.0, Stop.ASKED, 0.1)


def test_late_is_what_began_after_the_moment_and_still_met_the_old_version() -> None:
    late = record(started=5.001)
    late_socket = record(Kind.MESSAGE, started=6.0, opened=5.5)
    report = reported(
        record(started=4.999, ended=8.0),
        record(started=5.002, version="new"),
        record(Kind.MESSAGE, started=6.0, opened=3.0),
        record(started=6.999, ended=7.001),
        late,
        late_socket,
        record(started=7.5),
    )

    assert report.late("old", after=5.0, until=7.0) == [late, late_socket]


def test_percentiles_are_of_one_kind_and_time() -> None:
    fast = [record(due=at / 100, started=at / 100, ended=at / 100 + 0.001) for at in range(100)]
    slow = [record(due=2.0, started=2.5, ended=2.6), record(Kind.LONG, ended=9.0)]
    report = reported(*fast, *slow)

    assert report.p99(Kind.NEW, until=1.0) == pytest.approx(1.0)
    assert report.p99(Kind.NEW, since=1.0) == pytest.approx(600.0)
    assert report.lag_ms == pytest.approx(500.0)
    with pytest.raises(LookupError):
        report.p99(Kind.POST)


def test_a_version_that_never_answered_is_an_error_that_names_those_that_did() -> None:
    with pytest.raises(LookupError, match="old did"):
        reported(record()).first("new")


def test_a_report_is_read_as_it_was_written_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    report = reported(record(), record(Kind.MESSAGE, started=3.0))
    report.write(path)

    assert Report.read(path) == report
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(ValueError, match="not whole"):
        Report.read(path)
