"""A webhook's other end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Listener:
    """Answers with these codes, one after another; with the last one from then on."""

    port: int
    answers: list[int] = field(default_factory=lambda: [204])
    heard: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=hush"


@contextmanager
def listening() -> Iterator[Listener]:
    """On loopback, at a port of its own."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said = (self.path, dict(self.headers.items()), json.loads(body))
            one.heard.append(said)
            code = one.answers.pop(0) if len(one.answers) > 1 else one.answers[0]
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", f"http://127.0.0.1:{one.port}/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            one.heard.append((self.path, {}, None))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        one = Listener(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield one
        server.shutdown()
        thread.join()
