"""What a person types becomes one order, given to one command."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from compose_bluegreen import __version__
from compose_bluegreen.cli.app import COMMANDS, build_app
from compose_bluegreen.config.requests import (
    DownRequest,
    HistoryRequest,
    LockAct,
    LogsRequest,
    ProjectLocation,
    PromoteRequest,
    ProxyAct,
    ProxyRequest,
    PruneRequest,
    RepairRequest,
    RollbackRequest,
    UpRequest,
)
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import Interrupted, LockHeld, UsageError
from testkit.recorder import Recorder

Type = Callable[[str], int]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def type_(recorder: Recorder) -> Type:
    group = build_app(recorder)

    def _type(line: str) -> int:
        with group.make_context("docker bluegreen", line.split()) as context:
            return int(group.invoke(context))

    return _type


def test_up_without_flags_asks_for_everything_that_opted_in(
    type_: Type, recorder: Recorder
) -> None:
    assert type_("up") == 0
    assert recorder.calls == [("up", ProjectLocation(), UpRequest(), "auto", "table")]


def test_every_flag_of_up_arrives(type_: Type, recorder: Recorder) -> None:
    type_(
        "up web api --no-build --image r/x@sha256:1 --pull --timeout 1m30s -m hello --dry-run "
        "--progress json --format json --force --keep-failed --no-hooks --recreate-proxy --take-over"
    )
    order = UpRequest(
        services=("web", "api"),
        image="r/x@sha256:1",
        build=False,
        pull=True,
        timeout=timedelta(seconds=90),
        message="hello",
        dry_run=True,
        force=True,
        keep_failed=True,
        hooks=False,
        recreate_proxy=True,
        take_over=True,
    )
    assert recorder.calls == [("up", ProjectLocation(), order, "json", "json")]


def test_compose_s_fingers_may_say_build(type_: Type, recorder: Recorder) -> None:
    type_("up --build")
    assert recorder.calls == [("up", ProjectLocation(), UpRequest(build=True), "auto", "table")]


def test_every_flag_of_rollback_arrives(type_: Type, recorder: Recorder) -> None:
    type_(
        "rollback web --to 41 --message oh --timeout 5s --dry-run --force --no-hooks "
        "--recreate-proxy --progress quiet --format json"
    )
    order = RollbackRequest(
        services=("web",),
        to=41,
        message="oh",
        timeout=timedelta(seconds=5),
        dry_run=True,
        force=True,
        hooks=False,
        recreate_proxy=True,
    )
    assert recorder.calls == [("rollback", ProjectLocation(), order, "quiet", "json")]


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("history", ("history", ProjectLocation(), HistoryRequest(), "table")),
        (
            "history web --limit 5 --format json",
            ("history", ProjectLocation(), HistoryRequest("web", 5), "json"),
        ),
        ("show 42", ("show", ProjectLocation(), 42, "table")),
        ("show 42 --format json", ("show", ProjectLocation(), 42, "json")),
        ("status --format json", ("status", ProjectLocation(), False, "json")),
        ("status --check", ("status", ProjectLocation(), True, "table")),
        ("proxy reload", ("proxy", ProjectLocation(), ProxyRequest(ProxyAct.RELOAD), "auto")),
        (
            "proxy recreate --pull --wait 5s --progress plain",
            (
                "proxy",
                ProjectLocation(),
                ProxyRequest(ProxyAct.RECREATE, pull=True, patience=timedelta(seconds=5)),
                "plain",
            ),
        ),
        (
            "proxy logs --follow --tail 5",
            ("proxy", ProjectLocation(), ProxyRequest(ProxyAct.LOGS, follow=True, tail=5), "auto"),
        ),
        ("repair", ("repair", ProjectLocation(), RepairRequest(), "auto", "table")),
        (
            "repair --dry-run --progress plain --format json",
            ("repair", ProjectLocation(), RepairRequest(dry_run=True), "plain", "json"),
        ),
        ("logs", ("logs", ProjectLocation(), LogsRequest())),
        (
            "logs -f --tail 5 --colour green web",
            ("logs", ProjectLocation(), LogsRequest("web", Colour.GREEN, follow=True, tail=5)),
        ),
        (
            "logs --follow --color blue",
            ("logs", ProjectLocation(), LogsRequest(None, Colour.BLUE, follow=True)),
        ),
        ("down", ("down", ProjectLocation(), DownRequest(), "auto")),
        ("down --wait 5m", ("down", ProjectLocation(), DownRequest(timedelta(minutes=5)), "auto")),
        ("resume --format json", ("resume", ProjectLocation(), "auto", "json")),
        ("abort --progress json", ("abort", ProjectLocation(), "json", "table")),
        ("up --no-switch", ("up", ProjectLocation(), UpRequest(no_switch=True), "auto", "table")),
        (
            "promote --timeout 5s --wait 1m --no-hooks --progress plain",
            (
                "promote",
                ProjectLocation(),
                PromoteRequest(timedelta(seconds=5), timedelta(minutes=1), hooks=False),
                "plain",
                "table",
            ),
        ),
        ("lock status", ("lock", ProjectLocation(), LockAct.STATUS, "table")),
        ("lock release --format json", ("lock", ProjectLocation(), LockAct.RELEASE, "json")),
        ("prune", ("prune", ProjectLocation(), PruneRequest())),
        (
            "prune --failed --dry-run",
            ("prune", ProjectLocation(), PruneRequest(failed=True, dry_run=True)),
        ),
    ],
)
def test_the_other_commands_bind_theirs(
    type_: Type, recorder: Recorder, line: str, call: tuple[Any, ...]
) -> None:
    type_(line)
    assert recorder.calls == [call]


@pytest.mark.parametrize(
    "command", ["up", "rollback", "history", "show 1", "status", "repair", "down"]
)
def test_compose_s_flags_work_before_and_after_every_command(
    type_: Type, recorder: Recorder, command: str
) -> None:
    flags = "-f a.yml -f b.yml -p shop --env-file e --profile x --profile y --project-directory d --database h.db"
    where = ProjectLocation(
        files=(Path("a.yml"), Path("b.yml")),
        project_name="shop",
        env_files=(Path("e"),),
        profiles=("x", "y"),
        project_directory=Path("d"),
        database="h.db",
    )
    type_(f"{flags} {command}")
    type_(f"{command} {flags}")
    assert [call[1] for call in recorder.calls] == [where, where]


def test_flags_of_both_places_add_up_and_the_later_single_value_wins(
    type_: Type, recorder: Recorder
) -> None:
    type_("-f a.yml -p one --database x up -f b.yml -p two")
    where = ProjectLocation(files=(Path("a.yml"), Path("b.yml")), project_name="two", database="x")
    assert recorder.calls[0][1] == where


def test_f_means_follow_after_logs_and_a_file_before_it(type_: Type, recorder: Recorder) -> None:
    type_("-f a.yml logs -f --file b.yml web")
    where = ProjectLocation(files=(Path("a.yml"), Path("b.yml")))
    assert recorder.calls == [("logs", where, LogsRequest("web", follow=True))]


def test_a_timeout_without_a_unit_is_refused_with_the_cure(type_: Type, recorder: Recorder) -> None:
    with pytest.raises(UsageError, match=r"--timeout: 30 has no unit: write 30s"):
        type_("up --timeout 30")
    assert recorder.calls == []


@pytest.mark.parametrize(
    "line",
    [
        "up --nonsense",
        "show",
        "show x",
        "show 0",
        "history --limit 0",
        "up --progress loud",
        "rollback --to x",
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_called(
    type_: Type, recorder: Recorder, line: str
) -> None:
    with pytest.raises(typer.TyperException) as refused:
        type_(line)
    assert refused.value.exit_code == 2
    assert recorder.calls == []


def test_the_command_s_answer_is_the_exit_code(type_: Type, recorder: Recorder) -> None:
    recorder.answer = 4
    assert type_("status") == 4


def test_an_error_is_left_to_the_door(type_: Type, recorder: Recorder) -> None:
    recorder.error = LockHeld("held")
    with pytest.raises(LockHeld):
        type_("up")


def test_with_json_progress_an_error_is_an_object_too(
    type_: Type, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder.error = LockHeld("held", hint="wait", detail="by ada")
    assert type_("up --progress json") == 5
    assert json.loads(capsys.readouterr().err) == {
        "event": "error",
        "message": "held",
        "hint": "wait",
        "detail": "by ada",
        "exit_code": 5,
    }


def test_leaving_logs_with_control_c_is_nothing_to_complain_about(
    type_: Type, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder.error = Interrupted("interrupted by SIGINT")
    assert type_("logs -f") == 130
    assert capsys.readouterr().err == ""


def shown(type_: Type, line: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(typer.Exit):
        type_(line)
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(
    type_: Type, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    text = shown(type_, f"{command} --help", capsys)
    usage, _, examples = text.partition("Examples:\n")
    assert usage.startswith(f"Usage: docker bluegreen {command}")
    assert any(
        line.startswith((f"docker bluegreen {command}", f"docker-bluegreen {command}"))
        for line in map(str.strip, examples.splitlines())
    )


def test_every_example_of_the_help_is_a_command_line_that_works(
    type_: Type, recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in set(COMMANDS) - {"install", "uninstall", "doctor"}:
        _, _, examples = shown(type_, f"{command} --help", capsys).partition("Examples:\n")
        for line in examples.splitlines():
            type_(
                line.replace("'greets in Portuguese'", "ola")
                .strip()
                .removeprefix("docker bluegreen ")
            )
    assert len(recorder.calls) > len(COMMANDS)


def test_alone_it_shows_the_help_with_every_command(
    type_: Type, capsys: pytest.CaptureFixture[str]
) -> None:
    assert type_("") == 0
    said = capsys.readouterr().out
    assert all(f"  {command} " in said for command in COMMANDS)
    assert "..." not in said.partition("Commands:")[2]


def test_the_version_is_shown(type_: Type, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(type_, "--version", capsys) == f"compose-bluegreen {__version__}\n"
