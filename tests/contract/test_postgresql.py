"""What a PostgreSQL server promises that a file does too, and what it is like when it is away."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url, text

from compose_bluegreen.adapters.history import Scope, SqlHistory, open_history
from compose_bluegreen.adapters.history.postgres import PostgresStore
from compose_bluegreen.adapters.history.schema import OURS, VERSION_TABLE, Schema
from compose_bluegreen.adapters.history.tables import metadata
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.deployment import Kind, StepRecord
from compose_bluegreen.domain.errors import BluegreenError, HistoryUnusable
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import Outcome, State
from testkit.checkout import ROOT
from testkit.drafts import ENGINE, NOON, PROJECT, a_draft, a_part, released
from testkit.fakes.calls import When, watched
from testkit.fakes.site import Site
from testkit.postgres import PASSWORD, Server, running
from testkit.subprocesses import run_at_once

SCOPE = Scope(ENGINE, PROJECT)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Fails, and never skips, where there is none to be had."""
    with running() as server:
        server.run("CREATE DATABASE empty")
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """A new one, without any tables."""
    server.run("CREATE DATABASE shop TEMPLATE empty")
    yield "shop"
    server.run("DROP DATABASE shop WITH (FORCE)")


@pytest.fixture
def history(server: Server, database: str) -> Iterator[SqlHistory]:
    with open_history(server.url(database), {}, SCOPE) as opened:
        yield opened


def refused(url: str, problem: str, cure: str, *acts: Callable[[SqlHistory], object]) -> None:
    looks = lambda history: history.newest(PROJECT)  # noqa: E731
    for act in acts or (SqlHistory.check_writable, looks):
        history = SqlHistory(url, SCOPE, patience=timedelta(milliseconds=50))
        with history, pytest.raises(HistoryUnusable, match=problem) as caught:
            act(history)
        error = caught.value
        assert cure in hint_text(error.hint)
        told = "".join(traceback.format_exception(error)) + hint_text(error.hint) + error.detail
        assert "hunter2" not in told
        assert PASSWORD not in told


# ── the same tables, made once ───────────────────────────────────────────────────────────────


def test_looking_at_an_empty_database_makes_nothing(
    server: Server, database: str, history: SqlHistory
) -> None:
    assert history.newest(PROJECT) == []
    with server.connected(database) as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(tables).fetchone() == (0,)


def test_the_migrations_lead_to_the_tables_that_the_code_knows(history: SqlHistory) -> None:
    history.check_writable()
    with history.store.reading() as connection:
        assert connection is not None
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        found = compare_metadata(context, metadata)
    assert found == []


def test_steps_of_before_there_were_keys_get_them(server: Server, database: str) -> None:
    older = Schema(OURS.revisions[:3], OURS.folder)
    store = PostgresStore(make_url(server.url(database)), timedelta(seconds=5), older)
    with store.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO deployments (uid, engine, project, number, kind, state, actor, message,"
                " started_at, reason) VALUES ('u', :engine, :project, 7, 'up', 'waiting', 'ada', '',"
                " now(), '')"
            ),
            {"engine": ENGINE, "project": PROJECT},
        )
        insert = text(
            "INSERT INTO deployment_steps VALUES (1, :number, :name, 'why', 'done', now(), NULL, '')"
        )
        for number, name in enumerate(("pre_deploy of web", "hold web-green back"), start=1):
            connection.execute(insert, {"number": number, "name": name})
    store.close()
    with open_history(server.url(database), {}, SCOPE) as history:
        found = history.get(7)
    assert found
    assert [step.key for step in found.steps] == ["hook:pre_deploy:1:web", "hold"]


def test_the_database_itself_refuses_what_must_not_be(
    server: Server, database: str, history: SqlHistory
) -> None:
    released(history, a_part())
    last = released(history, a_part(image="2"))
    history.step(last, StepRecord("drain", "drain", "", Outcome.DONE, NOON))
    for change, constraint in (
        ("UPDATE deployment_parts SET live = true", "uq_one_live_part_a_service"),
        ("UPDATE deployments SET number = 1", "uq_number_in_project"),
        ("UPDATE deployments SET state = 'flying'", "ck_deployments_state"),
        ("UPDATE deployment_parts SET colour = 'red'", "ck_deployment_parts_colour"),
        ("UPDATE deployment_steps SET deployment_id = 77", "fk_deployment_steps_deployment_id"),
    ):
        with pytest.raises(Exception, match=constraint):
            server.run(change, database)


OPENED = f"""
from compose_bluegreen.adapters.history import Scope, open_history, transitions as moves
from compose_bluegreen.domain.states import State
from testkit.drafts import *
history = open_history(sys.argv[1], {{}}, Scope({ENGINE!r}, {PROJECT!r}))
"""


def test_machines_that_open_a_new_database_at_once_all_succeed_and_count_on(
    server: Server, database: str, history: SqlHistory
) -> None:
    script = "history.begin(a_draft()); history.close()"
    assert run_at_once(OPENED, [script] * 3, server.url(database)) == [(0, "")] * 3
    assert [one.id for one in history.newest(PROJECT)] == [3, 2, 1]


def test_a_process_killed_in_the_middle_of_a_change_leaves_none_of_it_and_no_lock(
    server: Server, database: str, history: SqlHistory
) -> None:
    first = released(history, a_part())
    script = (
        "with history.store.writing() as connection:\n"
        "    moves.move(connection, 1, State.REMOVED, NOON)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert run_at_once(OPENED, [script], server.url(database)) == [(-9, "")]
    history.check_writable()
    found = history.live(ProjectRef(ENGINE, PROJECT), "web")
    assert found
    assert (found.id, found.state) == (first, State.LIVE)


def test_one_database_for_many_hosts(server: Server, database: str, history: SqlHistory) -> None:
    released(history, a_part())
    with open_history(server.url(database), {}, Scope("OTHER", PROJECT)) as other:
        assert released(other, a_part(), engine="OTHER") == 1
        assert len(other.newest(PROJECT)) == 1
    with open_history(server.url(database), {}, Scope(None, PROJECT)) as all_of_them:
        assert {one.engine for one in all_of_them.newest(PROJECT)} == {ENGINE, "OTHER"}


def test_what_programs_say_is_kept_though_it_has_the_character_nul(history: SqlHistory) -> None:
    deployment = history.begin(a_draft(message="a\0b"))
    number = history.step(deployment, StepRecord("build:web", "build", "", Outcome.RUNNING, NOON))
    history.step_ended(deployment, number, Outcome.FAILED, NOON, "\0binary\0")
    history.to(deployment, State.FAILED, NOON, "why\0")
    found = history.get(deployment)
    assert found
    assert (found.message, found.reason) == ("a�b", "why�")
    assert found.steps[0].detail == "�binary�"


# ── refused, with the cure ───────────────────────────────────────────────────────────────────


def test_a_server_that_is_not_there() -> None:
    refused(
        "postgresql+psycopg://ada:hunter2@127.0.0.1:1/shop",
        r"the history postgresql://ada@127.0.0.1:1/shop can't be reached",
        "pg_isready -h 127.0.0.1 -p 1",
    )


def test_a_wrong_password_user_or_database(server: Server) -> None:
    refused(
        server.url("empty", "ada", f"{PASSWORD}!"), "refuses the password", "BLUEGREEN_DATABASE_URL"
    )
    refused(server.url("empty", user="eve"), "refuses", "BLUEGREEN_DATABASE_URL")
    refused(server.url("nowhere"), "isn't there", f"createdb -h {server.folder} nowhere")


def test_a_user_who_may_not_write(server: Server, database: str, history: SqlHistory) -> None:
    history.begin(a_draft())
    server.run(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    try:
        server.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest", database)
        guest = server.url(database, user="guest")
        refused(guest, "no permission", "GRANT", SqlHistory.check_writable)
        with open_history(guest, {}, SCOPE) as reader:
            assert len(reader.newest(PROJECT)) == 1
    finally:
        server.run("DROP OWNED BY guest", database)
        server.run("DROP ROLE guest")


def test_a_database_that_is_read_only(server: Server, database: str, history: SqlHistory) -> None:
    history.begin(a_draft())
    server.run(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    begin = lambda history: history.begin(a_draft())  # noqa: E731
    refused(server.url(database), "read-only", "", SqlHistory.check_writable, begin)
    with open_history(server.url(database), {}, SCOPE) as reader:
        assert len(reader.newest(PROJECT)) == 1


def test_a_database_of_another_program(server: Server, database: str) -> None:
    server.run("CREATE TABLE deployments (id integer)", database)
    refused(server.url(database), "database of another program", "createdb")


def test_a_database_from_a_newer_version_is_left_alone(
    server: Server, database: str, history: SqlHistory
) -> None:
    history.check_writable()
    server.run("UPDATE bluegreen_version SET version_num = '9999'", database)
    refused(server.url(database), r"newer version .*9999", "upgrade")


def test_a_database_that_somebody_else_is_writing_to(
    server: Server, database: str, history: SqlHistory
) -> None:
    history.begin(a_draft())
    with history.store.writing():
        refused(server.url(database), "is locked", "pg_stat_activity", SqlHistory.check_writable)
        with open_history(server.url(database), {}, SCOPE) as reader:
            assert len(reader.newest(PROJECT)) == 1


def test_only_what_must_last_waits_for_the_disk(history: SqlHistory) -> None:
    for lasting, said in ((True, "on"), (False, "off"), (True, "on")):
        with history.store.writing(lasting=lasting) as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == said


def test_a_driver_that_is_not_installed_is_named_with_the_command_that_installs_it() -> None:
    script = (
        "import sys\n"
        "sys.modules['psycopg'] = None\n"
        "from compose_bluegreen.adapters.history import Scope, open_history\n"
        "try:\n"
        "    open_history('postgresql://ada:hunter2@db/shop', {}, Scope('E', 'shop')).newest('shop')\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error, error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("HistoryUnusable")
    assert "pip install 'compose-bluegreen[postgresql]'" in done.stdout
    assert "hunter2" not in done.stdout


# ── it goes away ─────────────────────────────────────────────────────────────────────────────


def test_a_server_that_was_restarted_is_found_again(server: Server, history: SqlHistory) -> None:
    released(history, a_part())
    server.stop()
    with pytest.raises(HistoryUnusable, match="can't be reached"):
        history.newest(PROJECT)
    server.start()
    assert [one.state for one in history.newest(PROJECT)] == [State.LIVE]
    released(history, a_part(image="2"))


@pytest.mark.parametrize(
    ("call", "serves"),
    [
        ("workloads.build", "v1"),
        ("workloads.start_colours", "v1"),
        ("proxy.route_to", "v1"),
        ("history.promote", "v1"),
        ("workloads.remove", "v2"),
    ],
)
def test_a_server_that_goes_in_the_middle_of_a_deployment(
    server: Server, history: SqlHistory, call: str, serves: str
) -> None:
    site = Site()
    site.history = history  # type: ignore[assignment]
    site.ctx = replace(site.ctx, history=watched(history, "history", site.world.calls))
    site.release("v1")
    site.source("v2")
    site.world.calls.at(call, server.stop, when=When.BEFORE)
    try:
        with pytest.raises(BluegreenError):
            site.up()
    finally:
        server.start()
    assert site.serving() == {serves}
    assert site.world.outages == []
    site.forget()
    site.source("v2")
    site.up(force=True)
    assert site.serving() == {"v2"}
    assert [one.kind for one in site.records if one.state is State.LIVE] == [Kind.UP]
    assert site.drift() == {}
