"""``show sess all``, as HAProxy 3.0 says it, cut to the lines that matter."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compose_bluegreen.adapters.haproxy.session_table import long_lived, unanswered

SAID = """\
0x7fd8b0255c00: [23/Nov/2026:14:08:13.695105] id=0 proto=tcpv4 source=127.0.0.1:55216
  frontend=f (id=2 mode=http), listener=? (id=1) addr=127.0.0.1:9000
  backend=web-blue (id=4 mode=http) addr=127.0.0.1:40718
  server=replica1 (id=1) addr=127.0.0.1:8080
  task=0x7fd8b0225f40 (state=0x00 nice=0 calls=3 rate=0 exp=0s tid=0(1/0) age=2s)
  txn=0x7fd8b0233e00 flags=0x8000 meth=1 status=101 req.st=MSG_TUNNEL rsp.st=MSG_TUNNEL req.f=0xcc rsp.f=0xcc
  req=0x7fd8b0255c28 (f=0x848000 an=0x0 tofwd=-1 total=137)
0x7fd8b0256000: [23/Nov/2026:14:08:13.695598] id=1 proto=tcpv4 source=127.0.0.1:45244
  frontend=t (id=3 mode=tcp), listener=? (id=1) addr=127.0.0.1:9001
  backend=tcp-blue (id=5 mode=tcp) addr=127.0.0.1:40730
  server=replica1 (id=1) addr=127.0.0.1:8080
  task=0x7fd8b02261c0 (state=0x00 nice=0 calls=2 rate=0 exp=0s tid=0(1/0) age=2s)
  req=0x7fd8b0256028 (f=0x848000 an=0x0 tofwd=-1 total=142)
0x7fd8af48d800: [23/Nov/2026:14:08:13.696038] id=6 proto=tcpv4 source=127.0.0.1:55224
  frontend=f (id=2 mode=http), listener=? (id=1) addr=127.0.0.1:9000
  backend=web-blue (id=4 mode=http) addr=127.0.0.1:40768
  server=replica1 (id=1) addr=127.0.0.1:8080
  task=0x7fd8af4025a0 (state=0x00 nice=1 calls=3 rate=0 exp=0s tid=1(1/1) age=2s)
  txn=0x7fd8af49c000 flags=0x3000 meth=1 status=200 req.st=MSG_DONE rsp.st=MSG_DATA req.f=0x4c rsp.f=0x0e
  req=0x7fd8af48d828 (f=0x1840000 an=0x8000 tofwd=0 total=44)
0x7fd8af48dc00: [23/Nov/2026:14:08:13.696038] id=7 proto=tcpv4 source=127.0.0.1:55230
  frontend=f (id=2 mode=http), listener=? (id=1) addr=127.0.0.1:9000
  backend=web-blue (id=4 mode=http) addr=127.0.0.1:40780
  server=replica1 (id=1) addr=127.0.0.1:8080
  task=0x7fd8af402640 (state=0x00 nice=0 calls=2 rate=0 exp=0s tid=1(1/1) age=2s)
  txn=0x7fd8af49c0e0 flags=0x3000 meth=1 status=-1 req.st=MSG_DONE rsp.st=MSG_RPBEFORE req.f=0x4c rsp.f=0x00
  req=0x7fd8af48dc28 (f=0x1840000 an=0x8000 tofwd=0 total=50)
0x7fd8af48e000: [23/Nov/2026:14:08:13.696038] id=7 proto=tcpv4 source=127.0.0.1:55232
  frontend=f (id=2 mode=http), listener=? (id=1) addr=127.0.0.1:9000
  backend=web-blue (id=4 mode=http) addr=127.0.0.1:40782
  server=replica1 (id=1) addr=127.0.0.1:8080
  task=0x7fd8af402640 (state=0x00 nice=0 calls=2 rate=0 exp=0s tid=1(1/1) age=2s)
  txn=0x7fd8af49c0e0 flags=0x0 meth=3 status=-1 req.st=MSG_DATA rsp.st=MSG_RPBEFORE req.f=0x0d rsp.f=0x00
  req=0x7fd8af48dc28 (f=0x840000 an=0x8000 tofwd=-1 total=65)
0x7fd8b0256800: [23/Nov/2026:14:08:15.870115] id=8 proto=sockpair source=unix:2
  frontend=GLOBAL (id=0 mode=tcp), listener=? (id=2)
  backend=<NONE> (id=-1 mode=-)
  server=<NONE> (id=-1)
  task=0x7fd8b02263a0 (state=0x00 nice=-64 calls=1 rate=0 exp=10s tid=0(1/0) age=0s)
  req=0x7fd8b0256828 (f=0x848000 an=0x0 tofwd=-1 total=14)
"""
"""A WebSocket, plain TCP, an event stream, a slow answer, an upload whose body does not come, and whoever asks."""


@pytest.mark.parametrize(
    ("backends", "expected"),
    [
        ({"web-blue"}, 2),
        ({"tcp-blue"}, 1),
        ({"web-blue", "tcp-blue"}, 3),
        ({"web-green"}, 0),
        ({"blue"}, 0),
        (set(), 0),
    ],
)
def test_what_has_no_end_of_its_own_is_counted(backends: set[str], expected: int) -> None:
    assert long_lived(SAID, backends) == expected


def test_a_request_that_arrived_whole_and_has_no_answer_is_listed_with_its_age() -> None:
    name = "0x7fd8af48dc00: [23/Nov/2026:14:08:13.696038] id=7"
    assert unanswered(SAID, {"web-blue"}) == {name: timedelta(seconds=2)}
    assert unanswered(SAID, {"web-green", "tcp-blue"}) == {}
    older = SAID.replace("age=2s", "age=1d2h3m4s")
    assert unanswered(older, {"web-blue"}) == {name: timedelta(1, hours=2, minutes=3, seconds=4)}


def test_nothing_is_said_of_nobody() -> None:
    assert long_lived("\n", {"web-blue"}) == 0
