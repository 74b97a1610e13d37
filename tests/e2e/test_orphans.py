"""A command is killed while a program that it started works: the next command acts alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from testkit.commands import Running
from testkit.sources import SAMPLE
from testkit.stage import Stage, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine


@pytest.fixture
def site(stage: Stage) -> Stage:
    """``v1`` is live. A build takes a thousand seconds."""
    stage.write(web=service(f"{stage.port}:8080", image=SAMPLE))
    stage.up("v1")
    (stage.folder / "web").mkdir()
    (stage.folder / "web" / "Dockerfile").write_text(f"FROM {SAMPLE}\nRUN sleep 1000\n")
    stage.write(web=service(f"{stage.port}:8080", build="./web"))
    return stage


def _programs(site: Stage) -> set[int]:
    """The processes that hold the lock of the project's programs."""
    folder = Path(site.environment["XDG_STATE_HOME"], "compose-bluegreen", "run")
    files = {str(file) for file in folder.glob("*.children")}
    return set(_holders(files))


def _holders(files: set[str]) -> Iterator[int]:
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(link.readlink()) in files:
                yield int(link.parts[2])


def _killed_while_it_builds(site: Stage, *, stopped: bool) -> set[int]:
    """The programs of the build, which may be stopped before the command is killed."""
    running = site.begin("up", "--progress", "json", VERSION="v2")
    running.until('"step_began", "key": "build:web"')
    eventually(lambda: len(_programs(site)) > 1, "docker and its plugin")
    programs = _programs(site)
    if stopped:
        for number in programs:
            os.kill(number, signal.SIGSTOP)
    _kill(running)
    return programs


def _kill(running: Running) -> None:
    running.signal(signal.SIGKILL)
    running.process.wait()


def test_its_programs_end_with_a_killed_command(site: Stage) -> None:
    assert _killed_while_it_builds(site, stopped=False)
    eventually(lambda: not _programs(site), "the end of the build's programs")
    site.write(web=service(f"{site.port}:8080", image=SAMPLE))
    run = site.up("v3")
    assert "a program that a killed command started" not in run.err
    site.serves("v3")
    assert site.drift() == []


def test_the_next_command_waits_for_a_program_that_did_not_end(site: Stage) -> None:
    programs = _killed_while_it_builds(site, stopped=True)
    site.write(web=service(f"{site.port}:8080", image=SAMPLE))
    running = site.begin("up", "--progress", "json", VERSION="v3")
    said = running.until("a program that a killed command started")
    assert all(str(number) in said.line for number in programs)
    with site.step("it changes nothing until then"):
        assert site.ask().version == "v1"
        assert site.colours() == ["blue"]
        assert not any("step_began" in one.line for one in running.heard)
    with site.step("and goes on after it"):
        for number in programs:
            os.kill(number, signal.SIGCONT)
        running.end().ended(0)
    site.serves("v3")
    assert site.drift() == []
