"""A deployment is interrupted, typed as ``docker bluegreen``: undone to its end, then exit code 130."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit.commands import Running
from testkit.stage import Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

NEVER = {"VERSION": "never", "NEVER_START": "1"}
QUICK = {"VERSION": "quick"}


@pytest.fixture(scope="module")
def site(stages: Callable[..., Any]) -> Iterator[Stage]:
    with stages(plugin=True) as stage:
        _note_exit_codes(stage)
        # It runs after the switch too: the signal must come before the release is live.
        slow = {"test": ["CMD-SHELL", "sleep 2; exec /app/healthcheck"], "timeout": "10s"}
        stage.write(web=service(f"{stage.port}:8080", healthcheck=slow))
        stage.up("v1")
        yield stage


def _note_exit_codes(stage: Stage) -> None:
    """Nobody else hears what the plugin ends with, once its docker is gone."""
    shim = Path(stage.environment["DOCKER_CONFIG"], "cli-plugins", "docker-bluegreen")
    shim.write_text(
        "#!/bin/sh\ntrap : INT TERM HUP\n"
        f'"{sys.executable}" -m compose_bluegreen "$@"\ncode=$?\n'
        f'[ "$1" != bluegreen ] || echo $code >>{stage.folder}/exit-codes\nexit $code\n',
        encoding="utf-8",
    )


def _exit_codes(stage: Stage) -> list[int]:
    """Of commands; docker also asks the plugin who it is."""
    file = stage.folder / "exit-codes"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def _begun(stage: Stage, step: str, how: dict[str, str]) -> Running:
    running = stage.begin("up", "--progress", "json", **how)
    running.until(f'"step_began", "key": "{step}"')
    return running


def _plugin_ended(stage: Stage, running: Running, before: int) -> int:
    """Its exit code, whether or not docker is there to pass it on."""
    running.process.wait()
    eventually(lambda: len(_exit_codes(stage)) > before, "the end of the plugin")
    return _exit_codes(stage)[-1]


@pytest.mark.parametrize(
    ("step", "how", "number", "group"),
    [
        pytest.param("start", NEVER, signal.SIGKILL, False, id="docker killed at start"),
        pytest.param("health", NEVER, signal.SIGTERM, False, id="docker ended at wait"),
        pytest.param("switch", QUICK, signal.SIGINT, True, id="Ctrl-C at the switch"),
        pytest.param("verify", QUICK, signal.SIGTERM, False, id="docker ended after the switch"),
    ],
)
def test_it_is_undone_before_the_process_ends(
    step: str, how: dict[str, str], number: signal.Signals, group: bool, site: Stage
) -> None:
    served, before = site.ask().version, len(_exit_codes(site))
    with site.load():
        running = _begun(site, step, how)
        running.signal(number, group=group)
        assert _plugin_ended(site, running, before) == 130
    (record,) = site.history("--limit", "1")
    assert record["state"] == "interrupted"
    assert any('"remark"' in one.line and "remove web-" in one.line for one in running.heard)
    site.serves(served)
    assert len(site.colours()) == 1
    assert site.drift() == []


def test_a_second_interrupt_does_not_break_the_undoing(site: Stage) -> None:
    """At the third, docker itself kills its plugin: that is as any other ``kill -9``."""
    served, before = site.ask().version, len(_exit_codes(site))
    with site.load():
        running = _begun(site, "health", NEVER)
        running.signal(signal.SIGINT, group=True)
        running.until('"cause": "undo"')
        running.signal(signal.SIGINT, group=True)
        assert _plugin_ended(site, running, before) == 130
    outcomes = [
        line["outcome"]
        for line in map(json.loads, (one.line for one in running.heard))
        if line["event"] == "step_ended" and line["key"] == "undo:start"
    ]
    assert outcomes == ["undone"]
    assert site.history("--limit", "1")[0]["state"] == "interrupted"
    site.serves(served)
    assert len(site.colours()) == 1
    assert site.drift() == []
