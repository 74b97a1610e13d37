"""What the load generator's report tells: what was late, percentiles, its file."""

from pathlib import Path

import pytest

from testkit.load import Kind, Outcome, Record, Report
from testkit.load.record import Stop


def record(kind: Kind = Kind.NEW, version: str = "old", **times: float) -> Record:
    started = times.get("started", 1.0)
    ended = times.get("ended", started + 0.01)
    opened = times.get("opened", started)
    return Record(
        kind,
        times.get("due", started),
        started,
        ended,
        Outcome.OK,
        200,
        "blue",
        version,
        opened,
        "",
    )


def reported(*records: Record) -> Report:
    return Report(records, 0.0, 10.0, Stop.ASKED, 0.1)


def test_late_is_what_began_after_the_moment_and_still_met_the_old_version() -> None:
    late = record(started=5.001)
    late_socket = record(Kind.MESSAGE, started=6.0, opened=5.5)
    report = reported(
        record(started=4.999, ended=8.0),
        record(started=5.002, version="new"),
        record(Kind.MESSAGE, started=6.0, opened=3.0),
        record(started=6.999, ended=7.001),
        late,
        late_socket,
        record(started=7.5),
    )

    assert report.late("old", after=5.0, until=7.0) == [late, late_socket]


def test_percentiles_are_of_one_kind_and_time() -> None:
    fast = [record(due=at / 100, started=at / 100, ended=at / 100 + 0.001) for at in range(100)]
    slow = [record(due=2.0, started=2.5, ended=2.6), record(Kind.LONG, ended=9.0)]
    report = reported(*fast, *slow)

    assert report.p99(Kind.NEW, until=1.0) == pytest.approx(1.0)
    assert report.p99(Kind.NEW, since=1.0) == pytest.approx(600.0)
    assert report.lag_ms == pytest.approx(500.0)
    with pytest.raises(LookupError):
        report.p99(Kind.POST)


def test_kinds_can_be_reported_apart() -> None:
    records = [record(), record(Kind.LONG), record(started=2.0)]
    found = reported(*records).kinds_apart()

    assert [one.records for one in found] == [(records[0], records[2]), (records[1],)]


def test_a_version_that_never_answered_is_an_error_that_names_those_that_did() -> None:
    with pytest.raises(LookupError, match="old did"):
        reported(record()).first("new")


def test_a_report_is_read_as_it_was_written_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    report = reported(record(), record(Kind.MESSAGE, started=3.0))
    report.write(path)

    assert Report.read(path) == report
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(ValueError, match="not whole"):
        Report.read(path)
