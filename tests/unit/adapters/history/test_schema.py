"""How a file gets from any version to ours, whole or not at all."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from compose_bluegreen.adapters.history import Scope, open_history
from compose_bluegreen.adapters.history.schema import OURS, VERSION_TABLE, Schema
from compose_bluegreen.adapters.history.sqlite import SqliteStore
from compose_bluegreen.adapters.history.tables import metadata
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.deployment import Kind, NewDeployment
from compose_bluegreen.domain.errors import HistoryUnusable
from compose_bluegreen.domain.states import State

SCOPE = Scope("E", "shop")
DRAFT = NewDeployment("E", "shop", Kind.UP, ("web",), "ada", datetime(2026, 3, 1, tzinfo=UTC))
SECOND = "op.execute('CREATE TABLE second (x INTEGER)')"
COPYING = """
    with op.batch_alter_table('deployments', recreate='always') as table:
        table.alter_column('message', nullable=True)
"""
BROKEN = f"{SECOND}; op.execute('CREATE TABLE third ('); "


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def a_later_version(tmp_path: Path, upgrade: str) -> Schema:
    """Ours and one revision more; the folder's name is one that Alembic could trip over."""
    folder = tmp_path / "50% off"
    shutil.copytree(OURS.folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
    body = upgrade if upgrade.startswith("\n") else f"\n    {upgrade}\n"
    (folder / "versions" / "0005_later.py").write_text(
        "from alembic import op\n"
        "revision, down_revision = '0005', '0004'\n"
        "branch_labels = depends_on = None\n"
        f"def upgrade():{body}"
    )
    return Schema((*OURS.revisions, "0005"), folder)


def a_store(file: Path, ours: Schema) -> SqliteStore:
    return SqliteStore(file, timedelta(seconds=1), ours)


def written_by_us(file: Path) -> None:
    with open_history(str(file), {}, SCOPE) as history:
        history.begin(DRAFT)


def objects_in(file: Path) -> dict[str, list[str]]:
    """What SQLite says it made, by name; sorted, for the order of constraints means nothing."""
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: sorted(re.findall(r"[^\s,()\"]+", sql)) for name, sql in rows}


def rows_in(file: Path) -> list[tuple[int]]:
    """How many deployments, and how many names of services that point to them."""
    count = "SELECT count(*) FROM deployments UNION ALL SELECT count(*) FROM deployment_services"
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(count).fetchall()


def revision_in(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT version_num FROM bluegreen_version").fetchone()
        return str(found[0])


def test_the_revisions_that_we_name_are_those_that_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(OURS.folder))
    scripts = ScriptDirectory.from_config(config)
    assert [each.revision for each in scripts.walk_revisions()][::-1] == list(OURS.revisions)
    assert scripts.get_current_head() == OURS.head


def test_the_migrations_lead_to_the_tables_that_the_code_knows(file: Path) -> None:
    written_by_us(file)
    store = a_store(file, OURS)
    with store.reading() as connection:
        assert connection is not None
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
    store.close()


def test_the_migrations_lead_to_the_same_checks_and_partial_indexes_too(
    file: Path, tmp_path: Path
) -> None:
    written_by_us(file)
    direct = tmp_path / "direct.db"
    store = a_store(direct, OURS)
    with store.as_it_is() as connection:
        metadata.create_all(connection)
    store.close()
    migrated = objects_in(file)
    del migrated[VERSION_TABLE]
    assert migrated == objects_in(direct)


def test_an_older_file_is_brought_up_to_date_by_its_first_writer(
    file: Path, tmp_path: Path
) -> None:
    written_by_us(file)
    store = a_store(file, a_later_version(tmp_path, SECOND))
    with store.writing():
        pass
    store.close()
    assert revision_in(file) == "0005"
    assert "second" in objects_in(file)


def test_an_older_file_is_brought_up_to_date_by_its_first_reader(
    file: Path, tmp_path: Path
) -> None:
    written_by_us(file)
    store = a_store(file, a_later_version(tmp_path, SECOND))
    with store.reading() as connection:
        assert connection is not None
        assert connection.exec_driver_sql("SELECT count(*) FROM deployments").scalar_one() == 1
    store.close()
    assert revision_in(file) == "0005"


def test_deployments_of_the_first_version_are_kept_and_numbered_by_their_ids(file: Path) -> None:
    """The containers that run bear these ids as labels."""
    first = a_store(file, Schema(OURS.revisions[:1], OURS.folder))
    with first.writing() as connection:
        for project in ("blog", "shop", "shop"):
            connection.exec_driver_sql(
                "INSERT INTO deployments (uid, engine, project, kind, state, actor, message, started_at,"
                " reason, rollback_of, restores) SELECT lower(hex(randomblob(16))), 'E', ?, 'up',"
                " 'superseded', 'ada', 'x', '2026-03-01 12:00:00.000000', '', max(id), max(id)"
                " FROM deployments",
                (project,),
            )
        connection.exec_driver_sql("INSERT INTO deployment_services VALUES (3, 'web', 0)")
    first.close()
    with open_history(str(file), {}, SCOPE) as history:
        found = history.newest("shop")
        assert [(one.id, one.restores, one.rollback_of) for one in found] == [(3, 2, 2), (2, 1, 1)]
        assert found[0].services == ("web",)
        assert history.begin(DRAFT) == 4


def test_a_deployment_of_before_there_was_waiting_is_kept_and_a_later_one_can_wait(
    file: Path,
) -> None:
    second = a_store(file, Schema(OURS.revisions[:2], OURS.folder))
    with second.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO deployments (uid, engine, project, number, kind, state, actor, message,"
            " started_at, reason) VALUES ('u', 'E', 'shop', 41, 'up', 'failed', 'ada', 'x',"
            " '2026-03-01 12:00:00.000000', 'why')"
        )
        connection.exec_driver_sql("INSERT INTO deployment_services VALUES (1, 'web', 0)")
    second.close()
    with open_history(str(file), {}, SCOPE) as history:
        number = history.begin(DRAFT)
        history.to(number, State.STARTING, DRAFT.started_at)
        history.to(number, State.WAITING, DRAFT.started_at)
        told = [(one.id, one.state, one.services) for one in history.newest("shop")]
    assert told == [(42, State.WAITING, ("web",)), (41, State.FAILED, ("web",))]


def test_an_older_version_that_is_under_way_still_records_its_steps(file: Path) -> None:
    """It opened the file before this version brought it up to date."""
    written_by_us(file)
    store = a_store(file, OURS)
    with store.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO deployment_steps (deployment_id, number, name, cause, outcome, started_at,"
            " detail) VALUES (1, 1, 'drain web-blue', 'x', 'done', '2026-03-01 12:00:00.000000', '')"
        )
    store.close()
    with open_history(str(file), {}, SCOPE) as history:
        found = history.get(1)
    assert found
    assert [(step.key, step.name) for step in found.steps] == [("drain", "drain web-blue")]


def test_a_migration_that_copies_a_table_keeps_what_points_to_it(
    file: Path, tmp_path: Path
) -> None:
    written_by_us(file)
    before = rows_in(file)
    store = a_store(file, a_later_version(tmp_path, COPYING))
    store.check_writable()
    with store.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    store.close()
    assert rows_in(file) == before == [(1,), (1,)]


def test_a_migration_that_loses_what_is_pointed_to_is_undone(file: Path, tmp_path: Path) -> None:
    written_by_us(file)
    store = a_store(file, a_later_version(tmp_path, "op.execute('DELETE FROM deployments')"))
    with pytest.raises(HistoryUnusable, match="is damaged"):
        store.check_writable()
    store.close()
    assert rows_in(file) == [(1,), (1,)]


def test_a_failing_migration_leaves_an_older_file_as_it_was(file: Path, tmp_path: Path) -> None:
    written_by_us(file)
    before = objects_in(file)
    store = a_store(file, a_later_version(tmp_path, BROKEN))
    with pytest.raises(HistoryUnusable):
        store.check_writable()
    store.close()
    assert revision_in(file) == "0004"
    assert objects_in(file) == before
    written_by_us(file)


def test_a_failing_migration_leaves_nothing_in_a_new_file(file: Path, tmp_path: Path) -> None:
    store = a_store(file, a_later_version(tmp_path, BROKEN))
    with pytest.raises(HistoryUnusable):
        store.check_writable()
    store.close()
    assert objects_in(file) == {}
    written_by_us(file)


def test_a_file_from_a_newer_version_is_left_alone(file: Path, tmp_path: Path) -> None:
    newer = a_store(file, a_later_version(tmp_path, SECOND))
    newer.check_writable()
    newer.close()
    with open_history(str(file), {}, SCOPE) as history:
        for act in (history.check_writable, lambda: history.newest("shop")):
            with pytest.raises(HistoryUnusable, match=r"newer version .*0005") as caught:
                act()
            assert "upgrade" in hint_text(caught.value.hint)
    assert revision_in(file) == "0005"
