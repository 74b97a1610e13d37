"""The torture test itself: it finds nothing where our plugin deploys, and losses where Compose does."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from testkit.commands import Run
from testkit.stage import Model, Stage, service
from testkit.torture.ledger import Ledger

pytestmark = pytest.mark.engine

PATIENCE = 300.0
"""Seconds: a run has half a dozen deploys."""


def tortured(stage: Stage, deploy: str, *words: str) -> tuple[Run, dict[str, Model]]:
    """With the rows of its table."""
    ledger = Ledger(stage.folder / "ledger" / "posts")
    ledger.path.parent.mkdir()
    ledger.clear()
    stage.write(
        web=service(
            f"{stage.port}:8080",
            environment=[
                "VERSION=${TORTURE_VERSION}",
                "ON_SIGTERM",
                "IDLE_TIMEOUT",
                "LEDGER=/ledger/posts",
            ],
            volumes=[f"{ledger.path.parent}:/ledger"],
            **{"x-bluegreen": {"health": {"path": "/healthz"}, "drain_timeout": "3s"}},
        )
    )
    answer = stage.folder / "torture.json"
    where = ["--url", stage.url, "--ledger", str(ledger.path), "--json", str(answer)]
    program = [sys.executable, "-m", "testkit.torture", "--deploy", deploy]
    running = stage.begin_program(*program, *where, *words)
    running.process.wait(PATIENCE)
    run = running.end()
    assert answer.exists(), run
    return run, json.loads(answer.read_text())["rows"]


@pytest.mark.parametrize("manners", ["graceful", "rude"])
def test_it_finds_nothing_where_the_plugin_deploys_and_is_killed(
    stages: Callable[..., Any], manners: str
) -> None:
    with stages(plugin=True) as stage:
        short = (
            "--deploys",
            "1",
            "--kills",
            "1",
            "--seed",
            "1",
            "--idle",
            "6",
            "--manners",
            manners,
        )
        run, rows = tortured(stage, "docker bluegreen up --wait 60s", *short)

        run.ended(0)
        assert set(rows) == {f"{manners}, deploys", f"{manners}, kills"}
        for row in rows.values():
            wrong = ("failed_deploys", "lost", "late", "stale", "repeated", "unseen")
            assert {row[name] for name in wrong} == {0}, run
            assert row["requests"] > 300
        assert rows[f"{manners}, kills"]["kills"] == 1
        assert not stage.drift()


def test_it_finds_what_compose_alone_loses(stages: Callable[..., Any]) -> None:
    with stages() as stage:
        short = ("--deploys", "2", "--kills", "0", "--idle", "6", "--manners", "rude")
        run, rows = tortured(stage, "docker compose up -d", *short)

        run.ended(1)
        (row,) = rows.values()
        assert row["lost"] > 10, run
        assert (row["failed_deploys"], row["repeated"], row["stale"]) == (0, 0, 0), run
