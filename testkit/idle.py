"""Clients whose connections stay idle for a time, and are then used again."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

import h2.connection
import h2.events

from testkit.stage import answer

_TIMEOUT = 30
_BODY = b"x" * 100

Seen = tuple[int, str]
"""The status and the version of an answer."""


class Client(Protocol):
    """One connection at a time. It opens another one where the server has said that it closes the
    present one, as every browser does. Raises OSError, HTTPException or ProtocolError where a request
    that was sent got no answer."""

    def ask(self, method: str) -> Seen: ...

    def close(self) -> None: ...


class IdleClients:
    """Every other client asks by POST."""

    def __init__(self, clients: list[Client]) -> None:
        self._clients = clients

    def ask(self) -> Counter[Seen]:
        """One request of each client."""
        methods = ("GET", "POST")
        return Counter(
            client.ask(methods[number % 2]) for number, client in enumerate(self._clients)
        )


@contextmanager
def idle_clients(count: int, client: Callable[[], Client]) -> Iterator[IdleClients]:
    """Each has had one answer, and is idle from now on."""
    with ExitStack() as opened:
        clients = [client() for _ in range(count)]
        for each in clients:
            opened.callback(each.close)
        idle = IdleClients(clients)
        idle.ask()
        yield idle


class Http1Client:
    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        self._host = host

    def ask(self, method: str) -> Seen:
        if self._connection.sock is not None and _has_ended(self._connection.sock):
            self._connection.close()
        path, body = ("/echo", _BODY) if method == "POST" else ("/", None)
        self._connection.request(method, path, body=body, headers={"Host": self._host})
        found = answer(self._connection)
        return found.status, found.version

    def close(self) -> None:
        self._connection.close()


class Http2Client:
    """Over TLS. It trusts any certificate: what is tested is the connection."""

    def __init__(self, port: int, host: str) -> None:
        self._port = port
        self._host = host
        self._socket: ssl.SSLSocket | None = None
        self._state = h2.connection.H2Connection()

    def ask(self, method: str) -> Seen:
        if self._socket is None or self._was_told_to_leave(self._socket):
            self.close()
            self._socket = self._opened()
        path = "/echo" if method == "POST" else "/"
        headers = [
            (":method", method),
            (":path", path),
            (":scheme", "https"),
            (":authority", self._host),
        ]
        stream = self._state.get_next_available_stream_id()
        self._state.send_headers(stream, headers, end_stream=method == "GET")
        if method == "POST":
            self._state.send_data(stream, _BODY, end_stream=True)
        self._socket.sendall(self._state.data_to_send())
        return self._answer(self._socket, stream)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _opened(self) -> ssl.SSLSocket:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", self._port), timeout=_TIMEOUT)
        secured = context.wrap_socket(plain, server_hostname=self._host)
        assert secured.selected_alpn_protocol() == "h2"
        self._state = h2.connection.H2Connection()
        self._state.initiate_connection()
        secured.sendall(self._state.data_to_send())
        return secured

    def _was_told_to_leave(self, sock: ssl.SSLSocket) -> bool:
        """By a GOAWAY or an end that came while the connection was idle."""
        while sock.pending() or select.select([sock], [], [], 0)[0]:
            data = sock.recv(65536)
            if not data:
                return True
            if any(isinstance(event, h2.events.ConnectionTerminated) for event in self._take(data)):
                return True
        return False

    def _answer(self, sock: ssl.SSLSocket, stream: int) -> Seen:
        headers: dict[str, str] = {}
        while True:
            data = sock.recv(65536)
            if not data:
                raise ConnectionResetError("the connection ended without an answer")
            for event in self._take(data):
                if getattr(event, "stream_id", None) != stream:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    headers = {_text(name): _text(value) for name, value in event.headers}
                if isinstance(event, h2.events.StreamReset):
                    raise ConnectionResetError("the stream was reset")
                if isinstance(event, h2.events.StreamEnded):
                    return int(headers[":status"]), headers.get("x-version", "")

    def _take(self, data: bytes) -> list[h2.events.Event]:
        return self._state.receive_data(data)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


def _has_ended(sock: socket.socket) -> bool:
    """By the server, which has said so already."""
    sock.setblocking(False)
    try:
        return sock.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    finally:
        sock.settimeout(_TIMEOUT)
