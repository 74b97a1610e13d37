"""Connections that outlive a request: plain TCP with a real server, WebSockets, event streams."""

from __future__ import annotations

import http.client
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import pytest

from testkit.commands import Run
from testkit.stage import Model, Stage, answer, other, service

pytestmark = pytest.mark.engine

REDIS = "localhost:1/bgtest/redis"
_DOCKERFILE = """
FROM debian:trixie-slim
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends redis >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
"""
CLOSE: Model = {"long_connections": "close", "close_after": "1s", "drain_timeout": "60s"}


def detail(stage: Stage, run: Run, step: str) -> str:
    """Of a step of the newest deployment, which the command has told too."""
    deployment = stage.show(stage.history()[0]["id"])
    found: str = next(one["detail"] for one in deployment["steps"] if one["name"] == step)
    assert found in run.err
    return found


# ── plain TCP: Redis ─────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def redis(sample: str) -> str:
    """Debian's, server and clients."""
    built = subprocess.run(
        ["docker", "build", "--quiet", "--tag", REDIS, "-"],
        input=_DOCKERFILE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return REDIS


@dataclass(slots=True)
class RedisCli:
    """``redis-cli`` in a container of the project, on one connection that bears a name.

    It would connect anew by itself where it lost one: the name tells.
    """

    process: subprocess.Popen[str]
    name: str

    def ask(self, command: str, lines: int = 1) -> str:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        return "".join(self.process.stdout.readline() for _ in range(lines)).strip()

    def version(self) -> str:
        return self.ask("CONFIG GET syslog-ident", lines=2).split()[1]

    def kept(self) -> bool:
        return self.ask("CLIENT GETNAME") == self.name

    def hang_up(self) -> None:
        self.process.communicate("QUIT\n")


@contextmanager
def redis_cli(stage: Stage, name: str, *words: str) -> Iterator[RedisCli]:
    command = ["docker", "exec", "--interactive", f"{stage.project}-shop-1"]
    process = subprocess.Popen(
        [*command, "redis-cli", "-h", "cache", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield RedisCli(process, name)
    finally:
        process.kill()
        process.communicate()


def test_a_real_server_that_speaks_plain_tcp_loses_nobody(stage: Stage, redis: str) -> None:
    server = "exec redis-server --save '' --protected-mode no --syslog-ident $$VERSION"
    # Real clients, each request on a connection of its own; ends with the first one that fails.
    buys = (
        "rm -f /tmp/closed; until [ -e /tmp/closed ]; do"
        " redis-benchmark -h cache -k 0 -c 2 -n 100 -t set,get -q || exit 1; done"
    )
    stage.write(
        cache=service(
            f"{stage.port}:6379",
            image=redis,
            command=["sh", "-c", server],
            **{"x-bluegreen": {"mode": "tcp", "drain_timeout": "60s"}},
        ),
        shop=other(image=redis),
    )
    stage.up("v1")
    stage.compose("up", "--detach", "shop").ended(0)
    shop = f"{stage.project}-shop-1"
    with ExitStack() as opened:
        kept = [opened.enter_context(redis_cli(stage, f"kept-{n}")) for n in range(3)]
        for one in kept:
            assert one.ask(f"CLIENT SETNAME {one.name}") == "OK"
            assert one.version() == "v1"
        waiting = opened.enter_context(redis_cli(stage, "waits", "BLPOP", "queue", "0"))
        buying = stage.begin_docker("exec", shop, "sh", "-c", buys)
        with stage.step("a switch, while they are connected"):
            running = stage.begin("up", VERSION="v2")
            running.until("switch to cache-green")
        with stage.step("who was connected stays where he was, and finishes"):
            assert kept[0].ask("MULTI") == "OK"
            assert kept[0].ask("SET apples 3") == "QUEUED"
            assert kept[0].ask("EXEC") == "OK"
            for one in kept:
                assert one.kept(), "it is the same connection"
                assert one.version() == "v1"
            assert kept[1].ask("RPUSH queue pears") == "1"
            assert waiting.process.communicate()[0].split() == ["queue", "pears"]
        with stage.step("who comes now meets the new one"):
            for number in range(5):
                with redis_cli(stage, f"new-{number}") as new:
                    assert new.version() == "v2"
        with stage.step("the old one goes when the last has left"):
            assert stage.colours("cache") == ["blue", "green"]
            for one in kept:
                one.hang_up()
            run = running.end().ended(0)
            assert "cut" not in run.err
            assert stage.colours("cache") == ["green"]
        with stage.step("nobody who came and went meanwhile has lost anything"):
            stage.docker("exec", shop, "touch", "/tmp/closed")  # noqa: S108 - in the container
            bought = buying.end().ended(0)
            assert "requests per second" in bought.out
            assert "rror" not in bought.out + bought.err


def test_plain_tcp_connections_are_closed_after_their_grace(stage: Stage, redis: str) -> None:
    server = "exec redis-server --save '' --protected-mode no --syslog-ident $$VERSION"
    stage.write(
        cache=service(
            f"{stage.port}:6379",
            image=redis,
            command=["sh", "-c", server],
            **{"x-bluegreen": CLOSE | {"mode": "tcp"}},
        )
    )
    stage.up("v1")
    with ExitStack() as opened:
        lines = [
            opened.enter_context(closing(socket.create_connection(("127.0.0.1", stage.port), 60)))
            for _ in range(3)
        ]
        for line in lines:
            line.sendall(b"PING\r\n")
            assert line.recv(64) == b"+PONG\r\n"
        run = stage.up("v2")
        assert detail(stage, run, "drain cache-blue").startswith("3 long connections were closed")
        assert [line.recv(64) for line in lines] == [b"", b"", b""]


# ── WebSockets and event streams ─────────────────────────────────────────────────────────────


def _asked(stage: Stage, path: str, **headers: str) -> http.client.HTTPConnection:
    line = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=60)
    line.request("GET", path, headers=headers)
    return line


def test_web_sockets_and_event_streams_are_closed_and_requests_are_not(stage: Stage) -> None:
    """The slow request outlasts the grace: it is no long connection for all that."""
    stage.write(
        web=service(
            f"{stage.port}:8080", **{"x-bluegreen": CLOSE | {"health": {"path": "/healthz"}}}
        )
    )
    stage.up("v1")
    with ExitStack() as opened, stage.load():
        sockets = [opened.enter_context(closing(stage.web_socket())) for _ in range(2)]
        events = opened.enter_context(closing(_asked(stage, "/events")))
        stream = opened.enter_context(events.getresponse())
        assert stream.readline() == b"id: 1\n"
        running = stage.begin("up", VERSION="v2")
        running.until("start web-green")
        slow = opened.enter_context(closing(_asked(stage, "/slow?ms=5000")))
        run = running.end().ended(0)
        said = detail(stage, run, "drain web-blue")
        assert said.startswith("3 long connections were closed after")
        assert "cut" not in run.err
        assert [line.recv(64) for line in sockets] == [b"", b""]
        with pytest.raises(http.client.IncompleteRead):
            stream.read()
        found = answer(slow)
        assert (found.status, found.version) == (200, "v1")
        with closing(stage.web_socket()):
            stage.serves("v2")
