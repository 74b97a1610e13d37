"""What passes the proxy, and what of a service a colour honours."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from testkit.load import Kind, Mix
from testkit.stage import Model, Stage, answer, free_port, other, service

pytestmark = pytest.mark.engine

ECHO = """
import os, socketserver
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(os.environ["VERSION"].encode() + b"\\n")
        for line in self.rfile:
            self.wfile.write(line)
socketserver.ThreadingTCPServer(("", 7000), Echo).serve_forever()
"""
"""Says its version, and then whatever it hears: nothing that is HTTP."""


@pytest.fixture(scope="module")
def site(shared: Stage) -> Stage:
    """web with two replicas, and a worker beside it."""
    shared.write(
        web=service(f"{shared.port}:8080", deploy={"replicas": 2}),
        worker=other(),
    )
    shared.up("v1")
    shared.compose("up", "--detach", "worker").ended(0)
    return shared


def _from_the_worker(stage: Stage, url: str) -> str:
    """The body, asked for inside the project."""
    asked = f"import urllib.request as ask; print(ask.urlopen('{url}').read().decode())"
    return stage.docker("exec", f"{stage.project}-worker-1", "python3", "-c", asked)


# ── one request ──────────────────────────────────────────────────────────────────────────────


def test_the_visitors_address_and_protocol(site: Stage) -> None:
    worker = site.inspect(f"{site.project}-worker-1")["NetworkSettings"]["Networks"]
    headers = json.loads(_from_the_worker(site, "http://web:8080/headers"))
    assert headers["X-Forwarded-For"] == worker[f"{site.project}_default"]["IPAddress"]
    assert headers["X-Forwarded-Proto"] == "http"
    with site.step("what a visitor claims of the protocol is not believed"):
        claimed = {"X-Forwarded-Proto": "https"}
        headers = json.loads(site.ask("/headers", headers=claimed).body)
        assert headers["X-Forwarded-Proto"] == "http"


def test_what_a_visitor_says_of_itself_does_not_reach_the_service(site: Stage) -> None:
    names = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Port")
    headers = json.loads(site.ask("/headers", headers=dict.fromkeys(names, "evil.example")).body)
    assert "evil.example" not in str(headers)


def test_headers_as_large_and_as_many_as_most_servers_take(site: Stage) -> None:
    sent = {f"X-Many-{number}": "x" for number in range(120)} | {"Cookie": "x" * 40_000}
    found = site.ask("/healthz", headers=sent)
    # The sample's own server takes less than the proxy, and says so itself.
    assert found.status in {200, 400}
    assert found.headers.get("server", "").startswith("Python")


def test_a_large_body(site: Stage) -> None:
    body = b"0123456789abcdef" * (1 << 20)
    assert site.ask("/echo", body=body).body == body


def test_a_body_in_chunks(site: Stage) -> None:
    def chunks() -> Iterator[bytes]:
        for number in range(1000):
            yield f"{number:6}".encode() * 1000

    assert site.ask("/echo", body=chunks()).body == b"".join(chunks())


def test_a_large_download(site: Stage) -> None:
    found = site.ask("/download?bytes=100000000")
    assert len(found.body) == 100_000_000


def test_web_sockets(site: Stage) -> None:
    with site.load(Mix.only(web_sockets=3, messages_per_s=20)) as load:
        site.serves("v1")
    assert {Kind.HANDSHAKE, Kind.MESSAGE} == set(load.report().by_kind)


def test_events_arrive_as_they_are_sent(site: Stage) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)) as line:
        line.request("GET", "/events")
        with line.getresponse() as stream:
            assert stream.getheader("Content-Type") == "text/event-stream"
            assert [stream.readline() for _ in range(4)][0::3] == [b"id: 1\n", b"id: 2\n"]


# ── over a switch ────────────────────────────────────────────────────────────────────────────


def test_a_kept_connection_follows_the_switch(site: Stage) -> None:
    before = site.ask().version
    with closing(http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)) as line:
        line.request("GET", "/")
        assert answer(line).version == before
        connected = line.sock
        site.up("after")
        line.request("GET", "/")
        assert answer(line).version == "after"
        assert line.sock is connected, "it is the same connection"


def test_both_replicas_serve_and_more_come_and_go(site: Stage) -> None:
    def write(replicas: int) -> None:
        web = service(f"{site.port}:8080", deploy={"replicas": replicas})
        site.write(web=web, worker=other())

    with site.step("both serve"):
        live = site.live()
        assert [one["status"] for one in live["servers"]] == ["UP", "UP"]
        for _ in range(10):
            assert site.ask().status == 200
        assert _answers(site, live["colour"]).keys() == {"replica1", "replica2"}
    with site.step("three, and one, with reloads under load"), site.load():
        for replicas in (3, 1):
            write(replicas)
            run = site.up(f"of-{replicas}")
            assert "reload the proxy" in run.err
            assert len(site.live()["servers"]) == replicas
    with site.step("back to three by rollback, and to two as it was"), site.load():
        site.bluegreen("rollback").ended(0)
        assert [one["status"] for one in site.live()["servers"]] == ["UP"] * 3
        write(2)
        site.up("of-2")


def _monitor(stage: Stage) -> int:
    """The port of statistics and metrics."""
    port = urlsplit(stage.status()["monitor"]).port
    assert port
    return port


def _answers(stage: Stage, colour: str) -> dict[str, int]:
    """Of each replica, by the metrics."""
    metrics = stage.ask("/metrics", port=_monitor(stage)).body.decode()
    pattern = re.compile(
        r'haproxy_server_http_responses_total\{proxy="web-(\w+)-8080",server="(\w+)",code="2xx"\} (\d+)'
    )
    found = pattern.findall(metrics)
    return {
        server: int(number) for each, server, number in found if each == colour and number != "0"
    }


def test_statistics_and_metrics_are_on_loopback_only(site: Stage) -> None:
    assert b"web-blue-8080" in site.ask("/", port=_monitor(site)).body
    ports = site.inspect(site.proxy)["HostConfig"]["PortBindings"]
    bound = {
        internal_port: [one["HostIp"] for one in where] for internal_port, where in ports.items()
    }
    assert bound == {"10000/tcp": ["127.0.0.1"], "10001/tcp": [""]}


# ── several ports and services ───────────────────────────────────────────────────────────────


def test_ports_that_change_between_releases(stage: Stage) -> None:
    second, third = free_port(), free_port()
    both = ["sh", "-c", "python3 -m http.server 9000 --directory /app & exec python3 /app/app.py"]

    def write(port: int, *more: str) -> None:
        ports = (f"{stage.port}:{port}", f"{second}:9000", *more)
        stage.write(web=service(*ports, command=both, init=True))

    def plain_files(port: int) -> None:
        assert b"GREETING" in stage.ask("/app.py", port=port).body

    with stage.step("two ports"):
        write(8080)
        stage.up("v1")
        stage.serves("v1")
        plain_files(second)
    with stage.step("the container listens elsewhere: a reload, and no loss"), stage.load():
        write(9090)
        run = stage.up("v2", PORT="9090")
        assert "reload the proxy" in run.err
        stage.serves("v2")
        plain_files(second)
    with stage.step("back to the old port by rollback"), stage.load():
        stage.bluegreen("rollback").ended(0)
        stage.serves("v1")
    with stage.step("a new published port: said before anything moves"), stage.load() as load:
        write(8080, f"{third}:8080")
        run = stage.bluegreen("up", VERSION="v3").ended(1)
        assert "--recreate-proxy" in run.err
    assert load.report().versions == ["v1"]
    assert len(stage.history()) == 3
    with stage.step("as it was asked for"):
        stage.up("v3", "--recreate-proxy")
        stage.serves("v3")
        stage.serves("v3", port=third)
        plain_files(second)


def test_two_services_on_the_same_container_port(stage: Stage) -> None:
    internal_ports = {"web": stage.port, "api": free_port()}

    def write(web: str, api: str) -> None:
        stage.write(
            web=service(f"{internal_ports['web']}:8080", environment={"VERSION": web}),
            api=service(f"{internal_ports['api']}:8080", environment={"VERSION": api}),
            worker=other(),
        )

    def served(**versions: str) -> None:
        for name, version in versions.items():
            stage.serves(version, port=internal_ports[name])
            with_headers = (
                "import urllib.request as ask;"
                f"print(ask.urlopen('http://{name}:8080/').headers['X-Version'])"
            )
            worker = f"{stage.project}-worker-1"
            assert stage.docker("exec", worker, "python3", "-c", with_headers) == version

    with stage.step("released together"):
        write(web="web-1", api="api-1")
        stage.compose("up", "--detach", "worker").ended(0)
        stage.bluegreen("up").ended(0)
        assert [one["services"] for one in stage.history()] == [["api", "web"]]
        served(web="web-1", api="api-1")
    with stage.step("one alone"), stage.load():
        write(web="web-2", api="api-2")
        stage.bluegreen("up", "api").ended(0)
        served(web="web-1", api="api-2")
    with stage.step("what differs: the other"), stage.load():
        stage.bluegreen("up").ended(0)
        served(web="web-2", api="api-2")
    with stage.step("one rolled back"):
        stage.bluegreen("rollback", "api").ended(0)
        served(web="web-2", api="api-1")


def test_a_service_that_is_not_http(stage: Stage) -> None:
    own = {"mode": "tcp", "drain_timeout": "1s"}
    echo = ["python3", "-c", ECHO]
    stage.write(db=service(f"{stage.port}:7000", command=echo, init=True, **{"x-bluegreen": own}))

    def connected() -> socket.socket:
        return socket.create_connection(("127.0.0.1", stage.port), timeout=30)

    stage.up("v1")
    with closing(connected()) as line, line.makefile("rwb", buffering=0) as before:
        assert before.readline() == b"v1\n"
        with stage.step("a switch, while a connection is open"):
            running = stage.begin("up", VERSION="v2")
            running.until("switch to db-green")
            before.write(b"still there?\n")
            assert before.readline() == b"still there?\n"
            run = running.end().ended(0)
            assert "1 still in flight after 1 s were cut" in run.err
        with stage.step("it is cut when the time to drain is up, and not before"):
            assert before.readline() == b""
    with closing(connected()) as line, line.makefile("rb") as after:
        assert after.readline() == b"v2\n"


# ── what a colour honours, and what it can't ─────────────────────────────────────────────────


def test_what_the_file_says_of_a_service(stage: Stage) -> None:
    for name, text in {"app.conf": "colour=red", "token": "hush", "more.env": "MORE=much"}.items():
        (stage.folder / name).write_text(f"{text}\n")
    stage.write(
        top={
            "volumes": {"data": {}},
            "configs": {"app": {"file": "./app.conf"}},
            "secrets": {"token": {"file": "./token"}},
        },
        web=service(
            f"{stage.port}:8080",
            volumes=["data:/data", "./app.conf:/bound.conf:ro"],
            configs=[{"source": "app", "target": "/etc/app.conf"}],
            secrets=["token"],
            env_file=["more.env"],
            labels={"team": "greeters"},
            stop_grace_period="7s",
            working_dir="/tmp",  # noqa: S108 - any folder
            extra_hosts=["elsewhere:192.0.2.1"],
        ),
    )
    stage.up("v1")
    name = stage.container("blue")
    found = stage.inspect(name)
    mounts = {one["Destination"]: one for one in found["Mounts"]}
    assert mounts["/data"]["Name"] == f"{stage.project}_data"
    assert not mounts["/bound.conf"]["RW"]
    assert "MORE=much" in found["Config"]["Env"]
    assert found["Config"]["Labels"]["team"] == "greeters"
    assert found["Config"]["StopTimeout"] == 7
    assert found["Config"]["WorkingDir"] == "/tmp"  # noqa: S108
    assert found["HostConfig"]["ExtraHosts"] == ["elsewhere:192.0.2.1"]
    assert not found["HostConfig"]["PortBindings"]
    assert stage.docker("exec", name, "cat", "/etc/app.conf") == "colour=red"
    assert stage.docker("exec", name, "cat", "/run/secrets/token") == "hush"


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("network_mode", {"network_mode": "host", "ports": []}),
        ("links", {"links": ["worker"]}),
        ("volumes_from", {"volumes_from": ["worker"]}),
        ("networks.default.ipv4_address", {"networks": {"default": {"ipv4_address": "10.9.9.9"}}}),
        ("x-bluegreen.colour", {"x-bluegreen": {"colour": "mauve"}}),
        ("x-bluegreen.drain_timeout", {"x-bluegreen": {"drain_timeout": "soon"}}),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(key: str, changes: Model, site: Stage) -> None:
    version, containers = site.ask().version, site.containers()
    changed = service(f"{site.port}:8080") | {"x-bluegreen": {"port": 8080}} | changes
    site.write(file="refused.yaml", web=changed, worker=other())
    run = site.bluegreen("-f", "refused.yaml", "up", VERSION="never").ended(2)
    assert f"refused.yaml: services.web.{key}" in run.err
    assert site.containers() == containers
    assert site.ask().version == version
