"""Where a history is looked for, and which places are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose_bluegreen.adapters.history.location import VARIABLE, database_url, default_file
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import UsageError

HOME = {"HOME": "/home/ada"}


def file_at(given: str | None, environ: dict[str, str]) -> str | None:
    return database_url(given, environ).database


def test_it_is_in_the_state_folder_of_the_user() -> None:
    assert default_file(HOME) == Path("/home/ada/.local/state/compose-bluegreen/history.db")
    assert default_file({"XDG_STATE_HOME": "/s"}) == Path("/s/compose-bluegreen/history.db")


def test_a_state_folder_that_is_not_absolute_is_ignored() -> None:
    assert default_file({**HOME, "XDG_STATE_HOME": "state"}) == default_file(HOME)
    assert default_file({**HOME, "XDG_STATE_HOME": ""}) == default_file(HOME)


def test_without_a_home_the_password_database_knows() -> None:
    assert default_file({}).is_absolute()


def test_the_flag_goes_before_the_environment_and_that_before_the_default() -> None:
    environ = {**HOME, VARIABLE: "/from/environment.db"}
    assert file_at("/from/flag.db", environ) == "/from/flag.db"
    assert file_at(None, environ) == "/from/environment.db"
    assert file_at("", {**HOME, VARIABLE: ""}) == str(default_file(HOME))


@pytest.mark.parametrize(
    "value", ["/a b/100%.db", "sqlite:////a b/100%.db", "sqlite+pysqlite:////a b/100%.db"]
)
def test_a_path_and_a_url_name_the_same_file(value: str) -> None:
    assert file_at(value, {}) == "/a b/100%.db"


def test_postgresql_is_reached_by_the_driver_that_the_extra_installs() -> None:
    for scheme in ("postgresql", "postgresql+psycopg"):
        found = database_url(f"{scheme}://ada:p%40ss@db:5433/shop?sslmode=require", {})
        assert found.drivername == "postgresql+psycopg"
        assert (found.username, found.password, found.host) == ("ada", "p@ss", "db")
        assert (found.port, found.database, found.query["sslmode"]) == (5433, "shop", "require")


@pytest.mark.parametrize(
    "value",
    ["postgresql+psycopg:/ada:hush@db/shop", "postgresql:ada:hush@db/shop", "sqlite:/x.db"],
)
def test_a_url_without_both_slashes_is_no_path(value: str) -> None:
    with pytest.raises(UsageError, match="has no ://") as refused:
        database_url(value, {})
    assert "hush" not in str(refused.value) + hint_text(refused.value.hint)


def test_an_unescaped_at_sign_in_a_password_is_refused_without_a_part_of_it() -> None:
    with pytest.raises(UsageError, match="has an @ in its user or password") as refused:
        database_url("postgresql://ada:hush@secret@db/shop", {})
    said = str(refused.value) + hint_text(refused.value.hint)
    assert "hush" not in said
    assert "secret" not in said


def test_a_relative_path_is_taken_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert file_at("x.db", {}) == str(tmp_path / "x.db")
    assert file_at("sqlite:///x.db", {}) == str(tmp_path / "x.db")


@pytest.mark.parametrize(
    "value",
    [
        "postgresql+psycopg2://ada:hunter2@db/shop",
        "postgresql+psycopg://ada:hunter2@db",
        "mysql://ada:hunter2@db/shop",
        "nonsense://ada:hunter2@db",
        "sqlite://ada:hunter2@db/x.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro&hunter2=1",
        "://hunter2",
        "postgresql://ada:hunter2@[::1/shop",
        "postgresql://ada:hunter2@db:port/shop",
    ],
)
def test_what_is_neither_a_file_nor_postgresql_is_refused_without_repeating_it(value: str) -> None:
    for given, environ in ((value, {}), (None, {VARIABLE: value})):
        with pytest.raises(UsageError) as caught:
            database_url(given, environ)
        told = f"{caught.value.message} {hint_text(caught.value.hint)} {caught.value.__cause__!r}"
        assert "hunter2" not in told
        assert ("--database" if given else VARIABLE) in told
