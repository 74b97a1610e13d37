"""What a SQLite file promises: who may read it, who waits for whom, what it refuses by itself."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from compose_bluegreen.adapters.history import SqlHistory, open_history
from compose_bluegreen.domain.deployment import StepRecord
from compose_bluegreen.domain.errors import HistoryUnusable
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import Outcome, State
from testkit.checkout import ROOT
from testkit.sqlite_file import DRAFT, NOON, SCOPE, by_hand, engine_of, released


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


@pytest.fixture
def history(file: Path) -> Iterator[SqlHistory]:
    with open_history(str(file), {}, SCOPE) as opened:
        yield opened


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_opening_and_reading_leave_nothing_behind(file: Path, history: SqlHistory) -> None:
    assert history.newest("shop") == []
    assert history.get(1) is None
    assert not file.parent.exists()


def test_only_its_owner_can_read_the_file_its_log_and_its_memory(
    file: Path, history: SqlHistory
) -> None:
    before = os.umask(0)
    try:
        released(history)
    finally:
        os.umask(before)
    assert mode(file.parent) == 0o700
    beside = sorted(file.parent.iterdir())
    assert [each.name for each in beside] == ["history.db", "history.db-shm", "history.db-wal"]
    assert {mode(each) for each in beside} == {0o600}


def test_a_file_that_others_could_read_is_closed_to_them_and_not_to_its_group(
    file: Path,
) -> None:
    file.parent.mkdir()
    file.touch()
    file.chmod(0o664)
    with open_history(str(file), {}, SCOPE) as history:
        released(history)
        assert {mode(each) for each in file.parent.iterdir()} == {0o660}
    file.chmod(0o644)
    with open_history(str(file), {}, SCOPE) as history:
        history.newest("shop")
        released(history)
        assert {mode(each) for each in file.parent.iterdir()} == {0o640}


def test_the_file_is_whole_when_it_is_closed(file: Path) -> None:
    with open_history(str(file), {}, SCOPE) as history:
        released(history)
    assert [each.name for each in file.parent.iterdir()] == ["history.db"]


def test_readers_see_the_last_whole_state_and_do_not_wait_for_a_writer(
    file: Path, history: SqlHistory
) -> None:
    deployment = released(history)
    with by_hand(file) as writer:
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE deployments SET actor = 'mallory'")
        with open_history(str(file), {}, SCOPE) as reader:
            assert [each.actor for each in reader.newest("shop")] == ["ada@laptop"]
            assert reader.get(deployment) is not None
        writer.execute("ROLLBACK")


def test_a_reader_does_not_hold_up_a_writer(file: Path, history: SqlHistory) -> None:
    released(history)
    with history.store.reading() as connection:
        assert connection is not None
        connection.exec_driver_sql("SELECT count(*) FROM deployments").scalar_one()
        with by_hand(file) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("UPDATE deployments SET actor = 'grace'")
            writer.execute("COMMIT")


def test_the_database_itself_refuses_a_second_live_part_of_a_service(
    file: Path, history: SqlHistory
) -> None:
    released(history)
    released(history)
    with by_hand(file) as writer, pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        writer.execute("UPDATE deployment_parts SET live = 1")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE deployments SET state = 'flying'",
        "UPDATE deployments SET kind = 'sideways'",
        "UPDATE deployment_parts SET colour = 'red'",
        "INSERT INTO deployment_steps SELECT 1, 1, '', '', 'maybe', '2026-01-01', NULL, '', ''",
    ],
)
def test_the_database_itself_knows_only_our_words(
    file: Path, history: SqlHistory, change: str
) -> None:
    released(history)
    with by_hand(file) as writer, pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        writer.execute(change)


def test_foreign_keys_are_enforced_on_our_own_connections(history: SqlHistory) -> None:
    with history.store.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_only_what_must_last_waits_for_the_disk(history: SqlHistory) -> None:
    modes: list[int] = []
    engine = engine_of(history)

    @event.listens_for(engine, "commit")
    def note(connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        modes.append(driver.execute("PRAGMA synchronous").fetchone()[0])

    deployment = history.begin(DRAFT)
    history.parts(deployment, [])
    number = history.step(deployment, StepRecord("switch", "switch", "why", Outcome.RUNNING, NOON))
    history.to(deployment, State.STARTING, NOON)
    history.step_ended(deployment, number, Outcome.DONE, NOON)
    history.to(deployment, State.FAILED, NOON)
    full, normal = 2, 1
    assert modes[-6:] == [full, normal, normal, full, normal, full]


def test_times_are_kept_so_that_they_sort_as_text(file: Path, history: SqlHistory) -> None:
    deployment = history.begin(DRAFT)
    history.to(deployment, State.FAILED, NOON.replace(microsecond=7))
    with by_hand(file) as reader:
        row = reader.execute("SELECT started_at, finished_at FROM deployments").fetchone()
    assert row == ("2026-03-01 12:00:00.000000", "2026-03-01 12:00:00.000007")


def test_when_a_release_stopped_serving_is_kept(file: Path, history: SqlHistory) -> None:
    released(history)
    history.removed(ProjectRef("ENGINE", "shop"), NOON.replace(hour=13))
    with by_hand(file) as reader:
        row = reader.execute("SELECT finished_at, retired_at FROM deployments").fetchone()
    assert row == ("2026-03-01 12:00:00.000000", "2026-03-01 13:00:00.000000")


def test_every_question_is_answered_from_an_index(file: Path, history: SqlHistory) -> None:
    released(history)
    asked: list[tuple[str, tuple[object, ...]]] = []

    @event.listens_for(engine_of(history), "before_cursor_execute")
    def note(
        _c: object, _k: object, statement: str, values: tuple[object, ...], *_: object
    ) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, values))

    history.get(1)
    history.newest("shop", limit=20)
    history.newest("shop", service="web", limit=20)
    history.unfinished(ProjectRef("ENGINE", "shop"))
    history.live(ProjectRef("ENGINE", "shop"), "web")
    history.rollback_candidates(ProjectRef("ENGINE", "shop"), "web", limit=5)
    with by_hand(file) as reader:
        plans = {
            row[3]
            for statement, values in asked
            for row in reader.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        }
    assert len(asked) > 15
    assert {plan for plan in plans if plan.startswith("SCAN")} == set()


def test_looking_at_a_history_loads_only_what_it_takes(file: Path, history: SqlHistory) -> None:
    released(history)
    script = (
        "import sys\n"
        "from compose_bluegreen.adapters.history import Scope, open_history\n"
        "with open_history(sys.argv[1], {}, Scope('ENGINE', 'shop')) as history:\n"
        "    assert history.newest('shop')\n"
        "from compose_bluegreen.adapters.history import synced_reader as following\n"
        "from compose_bluegreen.adapters.history import journal_reader as looker\n"
        "slow = {'alembic', 'sqlalchemy.orm', 'sqlalchemy.dialects.postgresql', 'pydantic', 'docker'}\n"
        "print(sorted(slow & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("planted", ["file", "link"])
def test_what_another_user_put_into_a_shared_folder_is_refused(
    planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, target = tmp_path / "shared", tmp_path / "target"
    shared.mkdir()
    shared.chmod(0o1777)
    if planted == "file":
        (shared / "history.db").touch()
    else:
        (shared / "history.db").symlink_to(target)
    if os.geteuid() == 0:
        os.chown(shared / "history.db", 12_345, -1, follow_symlinks=False)
    with monkeypatch.context() as other_user:
        other_user.setattr(os, "geteuid", lambda: os.getuid() + 1)
        with (
            open_history(str(shared / "history.db"), {}, SCOPE) as history,
            pytest.raises(HistoryUnusable, match="belongs to another user"),
        ):
            history.check_writable()
    assert not target.exists()
