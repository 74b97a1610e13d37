"""The sample does what its docstring says, for the end-to-end tests stand on it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from testkit.checkout import ROOT

SAMPLE = ROOT / "sample_service"


@dataclass(frozen=True, slots=True)
class Sample:
    process: subprocess.Popen[str]
    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def ask(
        self, path: str, method: str = "GET", body: bytes | Iterator[bytes] | None = None
    ) -> Answer:
        with closing(self.connect()) as connection:
            connection.request(method, path, body=body)
            response = connection.getresponse()
            return Answer(response.status, response.read(), dict(response.getheaders()))

    def says(self) -> str:
        assert self.process.stderr
        return self.process.stderr.readline()

    def terminate(self) -> None:
        # What was asked before this answer has reached the service too.
        self.ask("/healthz")
        self.process.send_signal(signal.SIGTERM)

    def ends_with(self) -> int:
        return self.process.wait(10)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]


@contextmanager
def started(app: Path = SAMPLE / "app.py", /, **environment: str) -> Iterator[Sample]:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, app],
        env=os.environ | {"PORT": str(port)} | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Sample(process, port)
        finally:
            process.kill()


@contextmanager
def listening(app: Path = SAMPLE / "app.py", /, **environment: str) -> Iterator[Sample]:
    with started(app, **environment) as sample:
        assert "listens on" in sample.says()
        yield sample


@pytest.fixture(scope="module")
def sample() -> Iterator[Sample]:
    with listening(BLUEGREEN_COLOUR="blue", VERSION="v1") as sample:
        yield sample


def test_it_greets_with_its_colour(sample: Sample) -> None:
    assert sample.ask("/").body == b"hello from blue\n"


@pytest.mark.parametrize("path", ["/", "/healthz", "/download?bytes=1", "/nowhere"])
def test_every_answer_bears_colour_and_version(sample: Sample, path: str) -> None:
    headers = sample.ask(path).headers

    assert (headers["X-Colour"], headers["X-Version"]) == ("blue", "v1")


def test_it_is_well(sample: Sample) -> None:
    assert sample.ask("/healthz").status == 200


def test_slow_takes_its_time(sample: Sample) -> None:
    began = time.monotonic()

    assert sample.ask("/slow?ms=50").status == 200
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize("body", [b"a" * 3_000_000, iter([b"in ", b"chunks"])])
def test_echo_sends_the_body_back(sample: Sample, body: bytes | Iterator[bytes]) -> None:
    expected = body if isinstance(body, bytes) else b"in chunks"

    assert sample.ask("/echo", "POST", body).body == expected


def test_download_has_the_size_asked_for(sample: Sample) -> None:
    assert len(sample.ask("/download?bytes=200001").body) == 200_001


def test_headers_are_shown(sample: Sample) -> None:
    assert json.loads(sample.ask("/headers").body)["Host"] == f"127.0.0.1:{sample.port}"


def test_events_begin_at_once(sample: Sample) -> None:
    with closing(sample.connect()) as connection:
        connection.request("GET", "/events")
        response = connection.getresponse()

        assert response.getheader("Content-Type") == "text/event-stream"
        assert [response.readline(), response.readline()] == [
            b"id: 1\n",
            b"data: hello from blue\n",
        ]


def test_a_changed_greeting_is_another_version(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text((SAMPLE / "app.py").read_text().replace('"hello"', '"ola"'))

    with listening() as before, listening(app) as after:
        old, new = before.ask("/"), after.ask("/")

    assert new.body == b"ola from none\n"
    assert new.headers["X-Version"] != old.headers["X-Version"]


def test_sigterm_finishes_what_is_in_flight() -> None:
    with listening() as sample, closing(sample.connect()) as connection:
        connection.request("GET", "/slow?ms=300")
        sample.terminate()

        assert connection.getresponse().read() == b"hello from none\n"
        assert sample.ends_with() == 0


def test_sigterm_closes_streams_politely() -> None:
    async def talk(sample: Sample) -> tuple[str, bytes, int | None]:
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{sample.port}") as session,
            session.ws_connect("/ws") as websocket,
            session.get("/events") as events,
        ):
            await websocket.send_str("are you there?")
            echo = await websocket.receive_str()
            sample.process.send_signal(signal.SIGTERM)
            await websocket.receive()
            return echo, await events.read(), websocket.close_code

    with listening() as sample:
        echo, events, close_code = asyncio.run(talk(sample))

        assert echo == "are you there?"
        assert events.endswith(b"\n\n")
        assert close_code == aiohttp.WSCloseCode.GOING_AWAY
        assert sample.ends_with() == 0


def test_sigterm_waits_no_longer_than_it_may() -> None:
    with listening(FINISH_WITHIN="0.1") as sample, closing(sample.connect()) as connection:
        connection.request("GET", "/slow?ms=60000")
        sample.terminate()

        assert sample.ends_with() == 0


def test_it_dies_at_once_when_told_to() -> None:
    with listening(ON_SIGTERM="die") as sample, closing(sample.connect()) as connection:
        connection.request("GET", "/slow?ms=60000")
        sample.terminate()

        with pytest.raises(ConnectionError):
            connection.getresponse()
        assert sample.ends_with() == 0


def test_it_closes_idle_connections_as_early_as_it_is_told_to() -> None:
    with listening(IDLE_TIMEOUT="0.1") as sample, closing(sample.connect()) as connection:
        connection.request("GET", "/")
        assert connection.getresponse().read()
        connection.sock.settimeout(10)

        assert connection.sock.recv(1) == b""


def test_its_ledger_has_the_id_of_each_post_once(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    with listening(LEDGER=str(ledger)) as sample, closing(sample.connect()) as connection:
        for number in range(3):
            connection.request("POST", "/echo", b"body", {"X-Load-Id": f"id-{number}"})
            assert connection.getresponse().read() == b"body"
        sample.ask("/echo", "POST", b"without an id")

    assert ledger.read_text().splitlines() == ["id-0", "id-1", "id-2"]


def test_it_starts_late_when_told_to() -> None:
    began = time.monotonic()
    with started(START_DELAY="0.3") as sample:
        assert "will listen after 0.3 s" in sample.says()
        assert "listens on" in sample.says()
        assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("environment", [{"NEVER_START": "1"}, {"START_DELAY": "3600"}])
def test_before_it_listens_sigterm_ends_it_at_once(environment: dict[str, str]) -> None:
    with started(**environment) as sample:
        assert "will listen after" in sample.says()
        with pytest.raises(ConnectionRefusedError):
            sample.ask("/")

        sample.process.send_signal(signal.SIGTERM)

        assert sample.ends_with() == 0


@pytest.mark.parametrize("after", [0, 0.4])
def test_it_crashes_when_told_to(after: float) -> None:
    began = time.monotonic()
    with started(CRASH_AFTER=str(after)) as sample:
        assert sample.ends_with() == 1
        assert time.monotonic() - began >= after


def test_some_answers_are_errors_when_told_to() -> None:
    with listening(ERRORS="20") as sample:
        found = [sample.ask("/").status for _ in range(10)]
        assert found == [200, 200, 200, 200, 500] * 2
        assert {sample.ask("/healthz").status for _ in range(10)} == {200}


def test_each_answer_is_late_when_told_to() -> None:
    with listening(LATENCY="100") as sample:
        began = time.monotonic()
        sample.ask("/")
        assert time.monotonic() - began >= 0.1


def test_it_turns_sick_when_told_to() -> None:
    with listening(SICK_AFTER="0") as sample:
        assert sample.ask("/healthz").status == 503
        assert sample.ask("/").status == 200
        assert healthcheck(sample.port) == 1


def test_the_health_check_sees_what_is_well(sample: Sample) -> None:
    assert healthcheck(sample.port) == 0


def test_the_health_check_sees_that_nobody_listens() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]

    assert healthcheck(port) == 1


def healthcheck(port: int) -> int:
    environment = os.environ | {"PORT": str(port)}
    return subprocess.run(
        [SAMPLE / "healthcheck"], env=environment, check=False, capture_output=True
    ).returncode
