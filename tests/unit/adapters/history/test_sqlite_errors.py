"""A history that can't be used says which file, what is wrong and what to do, and no secret."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError

from compose_bluegreen.adapters.history import SqlHistory, open_history
from compose_bluegreen.adapters.history.location import sqlite_url
from compose_bluegreen.adapters.history.sqlite_errors import explained
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.deployment import DeployedService
from compose_bluegreen.domain.errors import HistoryUnusable
from testkit.sqlite_file import DRAFT, PART, SCOPE, by_hand, engine_of, released

NO_ROUTE = 65534
Act = Callable[[SqlHistory], object]
WRITES: list[Act] = [SqlHistory.check_writable, lambda history: history.begin(DRAFT)]
READS: list[Act] = [lambda history: history.newest("shop"), lambda history: history.get(1)]


@pytest.fixture
def file() -> Iterator[Path]:
    """Where another user could come by, unlike in pytest's own folders."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "it's here" / "history.db"


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may do everything, so it is not root that tries. Others are held by modes anyway."""
    if os.geteuid():
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NO_ROUTE)
    os.seteuid(NO_ROUTE)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def written(file: Path, deployments: int = 1) -> None:
    with open_history(str(file), {}, SCOPE) as history:
        for _ in range(deployments):
            released(history)


def refused(file: Path, acts: list[Act], problem: str, cure: str) -> None:
    for act in acts:
        history = SqlHistory(sqlite_url(file), SCOPE, patience=timedelta(milliseconds=50))
        with history, pytest.raises(HistoryUnusable, match=problem) as caught:
            act(history)
        assert str(file) in caught.value.message
        assert cure in hint_text(caught.value.hint)


def test_a_file_that_is_not_a_database(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("Dear diary, today I deployed. " * 100, encoding="utf-8")
    refused(file, WRITES + READS, "is not a database", "mv '")
    assert file.read_text(encoding="utf-8").startswith("Dear diary")


def test_a_database_of_another_program(file: Path) -> None:
    file.parent.mkdir()
    with by_hand(file) as theirs:
        theirs.execute("CREATE TABLE orders (id INTEGER)")
    file.chmod(0o644)
    before = file.read_bytes()
    refused(file, WRITES + READS, "is the database of another program", "--database")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (before, 0o644)


def test_a_folder_in_its_place(file: Path) -> None:
    file.mkdir(parents=True)
    refused(file, WRITES + READS, "there is a folder of that name", "--database")


def test_a_file_in_the_place_of_its_folder(file: Path) -> None:
    file.parent.touch()
    refused(file, WRITES, "a part of its path is not a folder", "ls -ld")


def test_a_folder_that_nobody_lets_us_make(file: Path) -> None:
    with as_nobody():
        file.parent.parent.chmod(0o555) if os.geteuid() != NO_ROUTE else None
        refused(file, WRITES, "no permission", "ls -ld")
        with open_history(str(file), {}, SCOPE) as history:
            assert history.newest("shop") == []


@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o000, 0o755), (0o644, 0o000)])
def test_a_file_that_we_may_not_read(file: Path, file_mode: int, folder_mode: int) -> None:
    written(file)
    file.chmod(file_mode)
    file.parent.chmod(folder_mode)
    with as_nobody():
        refused(file, WRITES + READS, "no permission", "ls -ld")
    file.parent.chmod(0o755)


@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o444, 0o777), (0o666, 0o555)])
def test_a_place_that_we_may_only_read(file: Path, file_mode: int, folder_mode: int) -> None:
    written(file)
    file.chmod(file_mode)
    file.parent.chmod(folder_mode)
    with as_nobody():
        refused(file, WRITES, "can't be written: it is read-only", "--database")
    file.parent.chmod(0o755)


def test_a_file_system_that_is_read_only(file: Path) -> None:
    with pytest.raises(HistoryUnusable, match="read-only") as caught, explained(file):
        raise OSError(errno.EROFS, "Read-only file system")
    assert "--database" in hint_text(caught.value.hint)


def test_a_database_that_turns_out_to_be_read_only(file: Path) -> None:
    written(file)
    uri = f"{file.as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(uri, uri=True)) as connection,
        pytest.raises(HistoryUnusable, match="read-only"),
        explained(file),
    ):
        connection.execute("DELETE FROM deployments")


def test_a_full_disk_is_found_before_a_deployment_begins(file: Path) -> None:
    written(file)

    def no_more_room(connection: DBAPIConnection, _: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}").close()

    with open_history(str(file), {}, SCOPE) as history:
        event.listen(engine_of(history), "connect", no_more_room)
        with pytest.raises(HistoryUnusable, match="the disk is full") as caught:
            history.check_writable()
        assert "df -h" in hint_text(caught.value.hint)
        assert len(history.newest("shop")) == 1


def test_a_disk_that_takes_no_more_bytes_is_found_though_nothing_is_committed(file: Path) -> None:
    written(file)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (128 * 1024, limits[1]))
    try:
        refused(file, WRITES[:1], "the disk reports an error", "df -h")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    written(file)


def test_to_prove_that_there_is_room_changes_nothing(file: Path) -> None:
    written(file)
    size = file.stat().st_size
    for _ in range(3):
        with open_history(str(file), {}, SCOPE) as history:
            history.check_writable()
    assert file.stat().st_size == size


def test_a_file_that_another_program_keeps_locked_can_still_be_read(file: Path) -> None:
    written(file)
    with by_hand(file) as rival:
        rival.execute("BEGIN IMMEDIATE")
        refused(file, WRITES, "is locked by another program", "fuser")
        with open_history(str(file), {}, SCOPE) as history:
            assert len(history.newest("shop")) == 1


def test_a_file_with_damaged_pages(file: Path) -> None:
    written(file, deployments=30)
    with file.open("r+b") as pages:
        pages.seek(2 * 4096)
        pages.write(b"\xa5" * (file.stat().st_size - 2 * 4096))
    refused(file, READS + WRITES[1:], "is damaged", ".recover")


def test_a_file_that_was_cut_short(file: Path) -> None:
    written(file, deployments=30)
    os.truncate(file, 3 * 4096)
    refused(file, READS + WRITES[1:], "is damaged", ".recover")


@pytest.mark.parametrize(
    "change",
    ["UPDATE deployments SET state = 'flying'", "UPDATE deployment_parts SET settings = '{'"],
)
def test_a_word_that_nobody_of_us_wrote(file: Path, change: str) -> None:
    written(file)
    with by_hand(file) as vandal:
        vandal.execute("PRAGMA ignore_check_constraints = ON")
        vandal.execute(change)
    refused(file, READS, "is damaged", ".recover")


def test_no_error_repeats_what_was_to_be_written(file: Path) -> None:
    release = replace(PART.release, model={"environment": {"PASSWORD": "hunter2"}})
    secret: DeployedService = replace(PART, release=release)
    with open_history(str(file), {}, SCOPE) as history:
        deployment = history.begin(DRAFT)
        with pytest.raises(IntegrityError) as bug:
            history.parts(deployment, [secret, secret])
        assert "hunter2" not in f"{bug.value!r} {bug.value} {bug.value.__cause__!r}"
        history.parts(deployment, [secret])
    with by_hand(file) as rival:
        rival.execute("BEGIN IMMEDIATE")
        with (
            SqlHistory(sqlite_url(file), SCOPE, patience=timedelta(0)) as history,
            pytest.raises(HistoryUnusable) as caught,
        ):
            history.parts(deployment, [secret])
    assert isinstance(caught.value.__cause__, DBAPIError)
    assert "hunter2" not in f"{caught.value} {caught.value.detail} {caught.value.__cause__}"


def test_a_bug_of_ours_is_not_blamed_on_the_file(file: Path) -> None:
    with open_history(str(file), {}, SCOPE) as history, pytest.raises(IntegrityError):
        history.begin(replace(DRAFT, services=("web", "web")))
