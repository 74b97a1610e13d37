"""A release that is watched with traffic: past a limit it is switched back, and nothing else is lost."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from testkit.commands import Run
from testkit.load import Report
from testkit.load.record import Outcome, Record
from testkit.stage import Stage, service

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def site(shared: Stage) -> Stage:
    _write(shared, p95="5s")
    shared.up("v1")
    return shared


def _write(site: Stage, p95: str, time: str = "4s") -> None:
    """A busy machine makes a good release slow, too: few scenarios are about that."""
    bake = {"time": time, "p95": p95}
    own = {"health": {"path": "/healthz"}, "drain_timeout": "5s", "bake": bake}
    site.write(web=service(f"{site.port}:8080", **{"x-bluegreen": own}))


def lost(report: Report, bad: str = "") -> list[Record]:
    """All that failed but for the errors which the version itself answered."""
    own = (Outcome.BAD_STATUS, bad, 500)
    return [one for one in report.failed if (one.outcome, one.version, one.status) != own]


def goes_back(site: Stage, because: str, **bad: str) -> tuple[Run, Report]:
    """A release that must not stay; what serves is what served."""
    served = site.ask().version
    with site.step("the release is switched back by itself"), site.load(lossless=False) as load:
        run = site.bluegreen("up", VERSION="bad", **bad).ended(1)
    report = load.report()
    with site.step("it says why, with the figures"):
        assert because in run.err
        (record,) = site.history("--limit", "1")
        assert record["state"] == "failed"
        assert because in record["reason"]
        assert " requests: " in record["reason"]
    with site.step("what served serves, and the bad one meets nobody any more"):
        site.serves(served)
        assert len(site.colours()) == 1
        assert site.drift() == []
        assert "bad" in report.versions
        back = run.moment("switch back")
        assert report.late("bad", after=back) == []
    return run, report


def test_bad_answers_take_it_back_and_the_way_back_loses_nothing(site: Stage) -> None:
    _, report = goes_back(site, "more than 5% 5xx", ERRORS="20")
    assert lost(report, "bad") == []


def test_slow_answers_take_it_back(site: Stage) -> None:
    _write(site, p95="300ms")
    _, report = goes_back(site, "p95 above 300 ms", LATENCY="400")
    assert lost(report) == []
    _write(site, p95="5s")


UPLOAD = b"POST /echo HTTP/1.1\r\nHost: web\r\nContent-Length: 4\r\n\r\n"
WHOLE = b"GET / HTTP/1.1\r\nHost: web\r\n\r\n"


@contextmanager
def visitors(site: Stage, request: bytes) -> Iterator[list[socket.socket]]:
    """More than a quiet site's limit of three; each has sent this much when the bake begins."""
    with ExitStack() as opened:
        yield [opened.enter_context(_visitor(site, request)) for _ in range(8)]


def _visitor(site: Stage, request: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", site.port), timeout=30)
    line.sendall(request)
    return line


def test_uploads_that_are_late_or_never_come_take_nothing_back(site: Stage) -> None:
    _write(site, p95="300ms")
    running = site.begin("up", "--progress", "json", VERSION="patient")
    running.until('"step_began", "key": "bake"')
    with visitors(site, UPLOAD), visitors(site, UPLOAD) as late:
        time.sleep(1)  # longer than the limit: what is late is the visitor's own
        for line in late:
            line.sendall(b"body")
            assert line.recv(4096).startswith(b"HTTP/1.1 200 ")
        running.end().ended(0)
    site.serves("patient")
    _write(site, p95="5s")


def test_one_that_hangs_is_taken_back(site: Stage) -> None:
    served = site.ask().version
    _write(site, p95="300ms")
    running = site.begin("up", "--progress", "json", VERSION="hangs", LATENCY="60000")
    running.until('"step_began", "key": "bake"')
    with visitors(site, WHOLE):
        run = running.end().ended(1)
    assert "p95 above 300 ms; 8 requests: 0 answered 5xx, 0 broken, 8 still wait" in run.err
    site.serves(served)
    _write(site, p95="5s")


def test_one_that_ends_meanwhile_loses_the_traffic(site: Stage) -> None:
    served, live = site.ask().version, site.live()["colour"]
    running = site.begin("up", "--progress", "json", VERSION="ends")
    running.until('"step_began", "key": "bake"')
    site.docker("kill", site.container("green" if live == "blue" else "blue"))
    assert "ended with exit code 137; " in running.end().ended(1).err
    site.serves(served)
    assert site.history("--limit", "1")[0]["state"] == "failed"
    assert len(site.colours()) == 1
    assert site.drift() == []


def test_it_is_live_only_after_the_bake_and_its_figures_are_kept(site: Stage) -> None:
    before = len(site.history())
    _write(site, p95="5s", time="20s")  # as long as five commands may take on a busy machine
    with site.load():
        running = site.begin("up", "--progress", "json", VERSION="v2")
        running.until('"step_began", "key": "bake"')
        with site.step("while it bakes, both are there, and it isn't live"):
            site.serves("v2")
            assert site.colours() == ["blue", "green"]
            assert site.history("--limit", "1")[0]["state"] == "switching"
            assert site.status()["under_way"]["key"] == "bake"
        running.end().ended(0)
    with site.step("and then it is"):
        (record, *_) = site.history()
        assert (record["state"], record["id"]) == ("live", before + 1)
        steps = site.show(record["id"])["steps"]
        (bake,) = [step for step in steps if step["key"] == "bake"]
        assert bake["duration_s"] >= 20
        assert " requests: 0 answered 5xx, 0 broken, p95 " in bake["detail"]
        assert len(site.colours()) == 1
        assert site.drift() == []
    _write(site, p95="5s")


def test_ctrl_c_while_it_bakes_takes_it_back(site: Stage) -> None:
    served = site.ask().version
    with site.load():
        running = site.begin("up", "--progress", "json", VERSION="v3")
        running.until('"step_began", "key": "bake"')
        running.signal(signal.SIGINT, group=True)
        running.end().ended(130)
    site.serves(served)
    assert site.history("--limit", "1")[0]["state"] == "interrupted"
    assert len(site.colours()) == 1
    assert site.drift() == []


def test_killed_while_it_bakes_the_next_one_keeps_it(site: Stage) -> None:
    with site.load():
        running = site.begin("up", "--progress", "json", VERSION="v4")
        running.until('"step_began", "key": "bake"')
        running.signal(signal.SIGKILL)
        running.end()
        with site.step("status says at which step it stopped, and who serves"):
            (drift,) = [one for one in site.drift() if one["kind"] == "unfinished"]
            assert "stopped at “bake web-" in drift["cause"]
            assert "up keeps it, because it is healthy" in drift["cure"]
        site.up("v4")
    site.serves("v4")
    assert site.history("--limit", "1")[0]["state"] == "live"
    assert len(site.colours()) == 1
    assert site.drift() == []
