"""A report of a bug goes to somebody else: what the compose file holds doesn't go along."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compose_bluegreen.cli.crash_report import _report
from compose_bluegreen.cli.error_handler import handle_errors
from compose_bluegreen.runtime import secrets as discretion


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    discretion._seen.clear()


def learnt() -> None:
    web = {"environment": {"DB_PASSWORD": "hunter22", "DEBUG": "1", "UNSET": None}}
    secrets = {"token": {"content": "tok-12345"}, "file": {"file": "/run/token"}}
    discretion.learn({"services": {"web": web, "other": {}}, "secrets": secrets})


def test_what_an_environment_or_a_secret_holds_is_left_out() -> None:
    learnt()
    found = _report(ValueError("bad literal: 'hunter22' and 'tok-12345'"))
    assert "hunter22" not in found
    assert "tok-12345" not in found
    assert "bad literal: '…'" in found


def test_a_short_value_would_blank_out_everything() -> None:
    learnt()
    assert discretion.concealed("line 1 of 1") == "line 1 of 1"


def test_the_password_of_an_address_is_left_out() -> None:
    found = _report(RuntimeError("can't reach postgresql://ada:hush@db/history"))
    assert "postgresql://…@db/history" in found
    assert "hush" not in found


def test_nor_does_the_line_on_the_terminal_say_it(
    capsys: pytest.CaptureFixture[str], tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    learnt()

    def broken() -> int:
        raise KeyError("hunter22")

    assert handle_errors(broken) == 3
    said = capsys.readouterr().err
    assert "KeyError" in said
    assert "hunter22" not in said
