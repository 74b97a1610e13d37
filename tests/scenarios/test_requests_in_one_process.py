"""Several requests in one process, each in its thread: none changes what another one sees."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest

from compose_bluegreen.adapters.compose.client import WhalesCompose, without_compose_variables
from compose_bluegreen.adapters.history import Scope, open_history
from compose_bluegreen.adapters.system.children import Children
from compose_bluegreen.adapters.system.private_files import Scratch
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.colour import Colour
from testkit.fakes.site import Site

PATIENCE = 60.0

DOCKER = """#!/bin/sh
# Records its environment. A model of ours waits until the other call has ended.
case "$*" in
    *--detach*) read -r _ <{folder}/go; env >{folder}/ours ;;
    *) env >{folder}/theirs ;;
esac
"""


@pytest.fixture
def compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WhalesCompose:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER.format(folder=tmp_path), encoding="utf-8")
    docker.chmod(0o755)
    os.mkfifo(tmp_path / "go")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("COMPOSE_PROFILES", "secret-profile")
    monkeypatch.setenv("COMPOSE_REMOVE_ORPHANS", "true")
    scratch = Scratch(tmp_path / "s" / "run")
    children = Children(scratch, "shop", lambda: "any")
    return WhalesCompose(
        ProjectLocation(files=(tmp_path / "compose.yaml",)), "shop", scratch, children
    )


def test_a_model_of_ours_changes_the_environment_of_no_other_call(
    compose: WhalesCompose, tmp_path: Path
) -> None:
    before = dict(os.environ)
    with ThreadPoolExecutor(1) as threads:
        model = {"name": "shop-bluegreen", "services": {"web-blue": {"image": "web"}}}
        started = threads.submit(compose.start_model, model)
        # Opening it for writing returns as soon as the other call reads from it.
        with (tmp_path / "go").open("w", encoding="utf-8") as go:
            assert dict(os.environ) == before
            compose.build(["web"])
            go.write("go\n")
        started.result(PATIENCE)
    theirs, ours = _variables(tmp_path / "theirs"), _variables(tmp_path / "ours")
    assert theirs == {"COMPOSE_PROFILES": "secret-profile", "COMPOSE_REMOVE_ORPHANS": "true"}
    assert ours == {"COMPOSE_IGNORE_ORPHANS": "true", "COMPOSE_REMOVE_ORPHANS": "false"}
    assert dict(os.environ) == before


def test_only_names_of_variables_are_arguments(compose: WhalesCompose) -> None:
    words = without_compose_variables(os.environ)
    assert "COMPOSE_PROFILES" in words
    assert "secret" not in " ".join(words)


def _variables(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith("COMPOSE_"))


def test_two_status_answer_while_an_up_is_in_the_middle(site: Site) -> None:
    """All three are over the same engine: ``up`` waits before it starts the colour."""
    site.release("v1")
    site.source("v2")
    starts, goes_on = Event(), Event()

    def pause() -> None:
        starts.set()
        assert goes_on.wait(PATIENCE)

    site.world.calls.at("workloads.start_colours", pause)
    together = Barrier(2)

    def look() -> object:
        together.wait(PATIENCE)
        return site.status()

    with ThreadPoolExecutor(3) as threads:
        released = threads.submit(site.up, "web")
        try:
            assert starts.wait(PATIENCE)
            seen = [one.result(PATIENCE) for one in [threads.submit(look), threads.submit(look)]]
        finally:
            goes_on.set()
        assert released.result(PATIENCE) is not None
    assert seen[0] == seen[1]
    assert site.routed() is Colour.GREEN


def test_two_new_histories_are_made_at_once(tmp_path: Path) -> None:
    """Alembic keeps a running migration in a global variable."""
    files = [tmp_path / f"{number}.db" for number in range(8)]
    together = Barrier(len(files))

    def make(file: Path) -> None:
        with open_history(str(file), {}, Scope("engine", "shop")) as history:
            together.wait(PATIENCE)
            history.check_writable()

    with ThreadPoolExecutor(len(files)) as threads:
        made: list[Future[None]] = [threads.submit(make, file) for file in files]
        assert [one.exception(PATIENCE) for one in made] == [None] * len(files)
