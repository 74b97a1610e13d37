"""A small web service to release blue/green, with a switch for every way a release can go wrong.

    PORT              where it listens (8080)
    VERSION           what X-Version says (a hash of this file)
    BLUEGREEN_COLOUR  what X-Colour says (none)
    START_DELAY       seconds before it listens (0)
    NEVER_START       1: never listens
    SICK_AFTER        seconds after which /healthz answers 503
    ERRORS            how many of a hundred answers are 500, but for /healthz (0)
    LATENCY           milliseconds by which each answer is later, but for /healthz (0)
    CRASH_AFTER       seconds after which the process exits with 1; 0: at once
    ON_SIGTERM        die: exits at once, whatever is in flight
    FINISH_WITHIN     seconds left to requests in flight after SIGTERM (8; Docker kills after 10)
    IDLE_TIMEOUT      seconds after which it closes an idle connection (75)
    LEDGER            a file that gets the X-Load-Id of each POST whose body has come (none)
"""

import os
import signal
import time

GREETING = "hello"
START_DELAY = float(os.environ.get("START_DELAY", 0))

BORN = time.monotonic()


def say(text: str) -> None:
    os.write(2, f"sample_service: {text}\n".encode())  # not print: signal handlers say things too


def leave(*_: object) -> None:
    say("leaving at once")
    os._exit(0)


def crash(*_: object) -> None:
    say("crashing, as CRASH_AFTER says")
    os._exit(1)


# Before the slow imports: the kernel drops a signal for which a container's first process has no
# handler, and docker stop would wait until it may kill. Nothing is in flight yet.
signal.signal(signal.SIGTERM, leave)
signal.signal(signal.SIGALRM, crash)
if "CRASH_AFTER" in os.environ:
    signal.setitimer(signal.ITIMER_REAL, float(os.environ["CRASH_AFTER"]) or 1e-6)
if os.environ.get("NEVER_START") == "1":
    START_DELAY = 1e9
if START_DELAY:
    say(f"will listen after {START_DELAY:g} s")
    time.sleep(START_DELAY)

import asyncio
import hashlib
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import WSMsgType, web

COLOUR = os.environ.get("BLUEGREEN_COLOUR", "none")
VERSION = os.environ.get("VERSION") or hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
PORT = int(os.environ.get("PORT", 8080))
SICK_AFTER = float(os.environ.get("SICK_AFTER", "inf"))
ERRORS = float(os.environ.get("ERRORS") or 0)
LATENCY = float(os.environ.get("LATENCY") or 0)
FINISH_WITHIN = float(os.environ.get("FINISH_WITHIN", 8))
IDLE_TIMEOUT = float(os.environ.get("IDLE_TIMEOUT") or 75)
LEDGER = os.environ.get("LEDGER")

asked = 0
stopping = asyncio.Event()
sockets: weakref.WeakSet[web.WebSocketResponse] = weakref.WeakSet()
routes = web.RouteTableDef()


@routes.get("/")
async def greet(_: web.Request) -> web.Response:
    return web.Response(text=f"{GREETING} from {COLOUR}\n")


@routes.get("/healthz")
async def health(_: web.Request) -> web.Response:
    if time.monotonic() - BORN < SICK_AFTER:
        return web.Response(text="well\n")
    return web.Response(status=503, text="sick\n")


@routes.get("/slow")
async def slow(request: web.Request) -> web.Response:
    await asyncio.sleep(int(request.query.get("ms", 1000)) / 1000)
    return await greet(request)


@routes.post("/echo")
async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    if LEDGER and "X-Load-Id" in request.headers:
        note(request.headers["X-Load-Id"])
    return web.Response(body=body, content_type=request.content_type)


def note(word: str) -> None:
    """In one write, so that processes can share the file."""
    ledger = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(ledger, f"{word}\n".encode())
    os.close(ledger)


@routes.get("/download")
async def download(request: web.Request) -> web.StreamResponse:
    left = int(request.query.get("bytes", 1_000_000))
    response = web.StreamResponse()
    response.content_length = left
    await response.prepare(request)
    while left > 0:
        await response.write(b"." * min(left, 65536))
        left -= 65536
    return response


@routes.get("/ws")
async def websocket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    sockets.add(socket)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


@routes.get("/events")
async def events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    number = 0
    while not stopping.is_set():
        number += 1
        await response.write(f"id: {number}\ndata: {GREETING} from {COLOUR}\n\n".encode())
        try:
            await asyncio.wait_for(stopping.wait(), 1)
        except TimeoutError:
            continue
    return response


@routes.get("/headers")
async def headers(request: web.Request) -> web.Response:
    return web.json_response(dict(request.headers))


@web.middleware
async def spoil(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Evenly, so that ten of a hundred are each tenth."""
    global asked  # noqa: PLW0603 - one process, one event loop
    if request.path == "/healthz":
        return await handler(request)
    await asyncio.sleep(LATENCY / 1000)
    asked += 1
    if asked * ERRORS // 100 > (asked - 1) * ERRORS // 100:
        return web.Response(status=500, text="failing, as ERRORS says\n")
    return await handler(request)


async def sign(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-Colour"] = COLOUR
    response.headers["X-Version"] = VERSION


async def end_streams(_: web.Application) -> None:
    """What would go on for ever ends in good manners; what has an end is waited for."""
    stopping.set()
    for socket in list(sockets):
        await socket.close(code=1001, message=b"going away")


app = web.Application(client_max_size=0, middlewares=[spoil])
app.add_routes(routes)
app.on_response_prepare.append(sign)
app.on_shutdown.append(end_streams)

if __name__ == "__main__":
    web.run_app(
        app,
        port=PORT,
        access_log=None,
        print=lambda _: say(f"version {VERSION}, colour {COLOUR}, listens on {PORT}"),
        handle_signals=os.environ.get("ON_SIGTERM") != "die",
        shutdown_timeout=FINISH_WITHIN,
        keepalive_timeout=IDLE_TIMEOUT,
    )
