"""Each kind of release that reloads the proxy, and clients that have been idle since before it.

After a reload an old worker still has their connections, and answers each of them once more.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from compose_bluegreen.adapters.haproxy.master_socket import SOCKET
from testkit.certificates import made
from testkit.idle import Client, Http1Client, Http2Client, idle_clients
from testkit.stage import Model, Stage, free_port, service

pytestmark = pytest.mark.engine

CLIENTS = 50
HOST = "app.example.com"
ROUNDS = int(os.environ.get("RELOAD_RELEASES", "2"))
"""Releases of each kind."""


@dataclass(frozen=True, slots=True)
class Kind:
    """``before`` and ``after`` change the service, ``proxy_before`` and ``proxy_after`` the proxy."""

    before: Model = field(default_factory=dict)
    after: Model = field(default_factory=dict)
    proxy_before: Model = field(default_factory=dict)
    proxy_after: Model = field(default_factory=dict)


THREE = {"deploy": {"replicas": 3}}
KINDS = {
    "more replicas": Kind(after=THREE),
    "fewer replicas": Kind(before=THREE),
    "another check": Kind(after={"x-bluegreen": {"health": {"path": "/", "interval": "1s"}}}),
    "hosts": Kind(after={"x-bluegreen": {"hosts": [HOST, "127.0.0.1"]}}),
    "expose": Kind(after={"expose": ["9090"]}),
    "snippet": Kind(proxy_after={"snippets": {"frontend": "http-request set-header X-Extra 1"}}),
    "certificate": Kind(
        proxy_before={"certificates": "./old"}, proxy_after={"certificates": "./new"}
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_was_idle_since_before_a_reload_is_answered(
    kind: str, stages: Callable[..., Any]
) -> None:
    with stages() as stage:
        tls = free_port() if kind == "certificate" else None
        for folder in ("old", "new"):
            (stage.folder / folder).mkdir()
            pair = made(stage.folder / f"made-{folder}", HOST)
            (stage.folder / folder / "site.pem").write_text(pair.whole)
        it = KINDS[kind]
        settings = ((it.before, it.proxy_before), (it.after, it.proxy_after))
        write(stage, *settings[0], tls)
        stage.up("v0")
        for number in range(1, ROUNDS + 1):
            with idle_clients(CLIENTS, lambda: http1(stage)) as clients:
                write(stage, *settings[number % 2], tls)
                stage.up(f"v{number}")
                assert clients.ask() == {(200, f"v{number}"): CLIENTS}


def test_clients_of_http2_are_answered_as_well(stages: Callable[..., Any]) -> None:
    with stages() as stage:
        tls = free_port()
        (stage.folder / "certs").mkdir()
        (stage.folder / "certs" / "site.pem").write_text(made(stage.folder / "made", HOST).whole)
        certificates = {"certificates": "./certs"}
        write(stage, {}, certificates, tls)
        stage.up("v1")
        with idle_clients(CLIENTS, lambda: Http2Client(tls, HOST)) as clients:
            write(stage, THREE, certificates, tls)
            stage.up("v2")
            assert clients.ask() == {(200, "v2"): CLIENTS}


def test_a_connection_of_plain_tcp_that_was_idle_goes_on_as_long_as_its_colour(
    stages: Callable[..., Any],
) -> None:
    with stages() as stage:
        tcp = {"x-bluegreen": {"mode": "tcp", "drain_timeout": "2s"}}
        write(stage, tcp)
        stage.up("v1")
        with closing(socket.create_connection(("127.0.0.1", stage.port), timeout=30)) as idle:
            write(stage, tcp | THREE)
            running = stage.begin("up", VERSION="v2")
            running.until("drain")
            idle.sendall(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
            assert b"200 OK" in idle.recv(4096)
            running.end().ended(0)
        stage.serves("v2")


def test_a_reload_by_hand_and_then_a_release_without_one(stages: Callable[..., Any]) -> None:
    with stages() as stage:
        write(stage)
        stage.up("v1")
        with idle_clients(CLIENTS, lambda: http1(stage)) as clients:
            write(stage, {}, {"snippets": {"frontend": "http-request set-header X-Extra 1"}})
            stage.bluegreen("proxy", "reload").ended(0)
            stage.up("v2")
            assert clients.ask() == {(200, "v2"): CLIENTS}


def test_two_reloads_and_three_releases_while_clients_are_idle(stages: Callable[..., Any]) -> None:
    with stages() as stage:
        write(stage)
        stage.up("v1")
        with idle_clients(CLIENTS, lambda: http1(stage)) as clients:
            for number, changes in enumerate((THREE, THREE, {}), start=2):
                write(stage, changes)
                stage.up(f"v{number}")
            assert clients.ask() == {(200, "v4"): CLIENTS}


def test_a_rollback_after_a_reload(stages: Callable[..., Any]) -> None:
    with stages() as stage:
        write(stage)
        stage.up("v1")
        with idle_clients(CLIENTS, lambda: http1(stage)) as clients:
            write(stage, THREE)
            stage.up("v2")
            stage.bluegreen("rollback").ended(0)
            assert clients.ask() == {(200, "v1"): CLIENTS}


def test_a_command_that_died_before_its_reload_leaves_no_colour_healthy(
    stages: Callable[..., Any],
) -> None:
    """It had told the worker that the idle colour is healthy, and had stopped its checks."""
    with stages() as stage:
        write(stage)
        stage.up("v1")
        server = "web-green-8080/replica1"
        for command in (f"set server {server} health up", f"disable health {server}"):
            master = f"echo '@1 {command}' | socat -t10 - UNIX-CONNECT:{SOCKET}"
            stage.in_the_proxy(master)
        never = {"x-bluegreen": {"health": {"path": "/healthz"}, "deploy_timeout": "5s"}}
        write(stage, never)
        assert stage.bluegreen("up", VERSION="v2", SICK_AFTER="0").code == 1
        stage.serves("v1")


def http1(stage: Stage) -> Client:
    return Http1Client(stage.port, HOST)


def write(
    stage: Stage, changes: Model | None = None, proxy: Model | None = None, tls: int | None = None
) -> None:
    """The compose file; ``tls`` is a port where the proxy speaks it."""
    ports = [f"{stage.port}:8080", *([f"{tls}:8080"] if tls else [])]
    model = service(*ports, **(changes or {}))
    model["x-bluegreen"] = {
        "health": {"path": "/healthz"},
        "drain_timeout": "5s",
        **({"tls": [tls]} if tls else {}),
    } | model["x-bluegreen"]
    stage.write(top={"x-bluegreen": {"proxy": proxy or {}}}, web=model)
