"""A load that runs beside a test."""

import time
from pathlib import Path

import pytest

from testkit.load import Kind, Load, LoadError, Report
from testkit.load.faults import Fault
from testkit.load.faulty import Faulty
from testkit.load.mix import Bounds
from testkit.load.record import Stop
from testkit.load_mixes import ALL, NEW


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
    ids = [record.id for record in report.records if record.kind is Kind.POST]
    assert len({*ids}) == len(ids) > 0
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
