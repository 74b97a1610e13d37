"""A disk is full or read-only: nothing moves, or what moved is undone, and what served serves on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from testkit.stage import Stage, service

pytestmark = pytest.mark.engine


@contextmanager
def _mounted(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own, of that size; needs root, as the engine does."""
    folder.mkdir(parents=True)
    options = f"size={size},mode=0700"
    subprocess.run(("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)), check=True)
    try:
        yield folder
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=True)


def _fill(folder: Path) -> Path:
    """To the last byte."""
    file = folder / "filler"
    with suppress(OSError), file.open("wb", buffering=0) as room:
        while True:
            room.write(b"x" * 1024)
    return file


def _read_only(folder: Path, how: str) -> None:
    subprocess.run(("mount", "-o", f"remount,{how}", str(folder)), check=True)


@pytest.fixture
def disk(stages: Callable[..., Any], tmp_path: Path) -> Iterator[tuple[Stage, Path]]:
    """A stage in its first release, and the small disk on which its state folder is."""
    with _mounted(tmp_path / "state", "2m") as folder, stages() as stage:
        stage.environment["XDG_STATE_HOME"] = str(folder)
        stage.write(web=service(f"{stage.port}:8080"))
        stage.up("v1")
        yield stage, folder


def test_a_full_state_folder_refuses_a_release_and_nothing_moves(disk: tuple[Stage, Path]) -> None:
    stage, folder = disk
    before = stage.containers()
    filler = _fill(folder)
    with stage.step("neither up nor rollback begins"), stage.load() as load:
        for words in (("up",), ("rollback",), ("up", "--dry-run")):
            run = stage.bluegreen(*words, VERSION="v2").ended(1)
            assert "can't" in run.err, run
            assert "next: " in run.err, run
        assert stage.containers() == before
    assert load.report().versions == ["v1"]
    with stage.step("and with room again all goes on"):
        filler.unlink()
        stage.up("v2")
        stage.serves("v2")


def test_a_read_only_state_folder_refuses_a_release_and_nothing_moves(
    disk: tuple[Stage, Path],
) -> None:
    stage, folder = disk
    before = stage.containers()
    _read_only(folder, "ro")
    try:
        run = stage.bluegreen("up", VERSION="v2").ended(1)
        assert "Read-only file system" in run.err or "read-only" in run.err, run
        assert stage.containers() == before
        stage.serves("v1")
    finally:
        _read_only(folder, "rw")
    stage.up("v2")


def test_no_room_for_temporary_files_is_nobody_s_concern(
    disk: tuple[Stage, Path], tmp_path: Path
) -> None:
    stage, _ = disk
    with _mounted(tmp_path / "tmp", "64k") as full:
        _fill(full)
        stage.up("v2", TMPDIR=str(full))
        stage.serves("v2")


@pytest.fixture
def tight(stages: Callable[..., Any], tmp_path: Path) -> Iterator[tuple[Stage, Path]]:
    """A stage in its second release, green, and the small disk on which its proxy's volume is."""
    if os.environ.get("DOCKER_HOST", "unix").partition(":")[0] != "unix":
        pytest.fail("the engine must be on this machine", pytrace=False)
    with _mounted(tmp_path / "volume", "256k") as folder, stages() as stage:
        options = ("type=none", "o=bind", f"device={folder}")
        words = [word for option in options for word in ("--opt", option)]
        stage.docker("volume", "create", *words, f"{stage.companion}_state")
        stage.write(web=service(f"{stage.port}:8080"))
        stage.up("v1")
        stage.up("v2")
        yield stage, folder
        stage.bluegreen("down")


def test_a_full_engine_refuses_a_release_and_nothing_moves(tight: tuple[Stage, Path]) -> None:
    stage, folder = tight
    filler = _fill(folder)
    before = stage.containers()
    with stage.load() as load:
        run = stage.bluegreen("up", VERSION="v3").ended(1)
        assert "the engine's disk is full" in run.err, run
        assert stage.containers() == before
    assert load.report().versions == ["v2"]
    with stage.step("with room again it is released"):
        filler.unlink()
        stage.up("v3")
        stage.serves("v3")


def test_an_engine_that_fills_up_before_the_switch_undoes_it(tight: tuple[Stage, Path]) -> None:
    stage, folder = tight
    with stage.load() as load:
        running = stage.begin("up", VERSION="v3", START_DELAY="2")
        running.until("start web-blue")
        filler = _fill(folder)
        run = running.end().ended(1)
        assert "the engine's disk is full" in run.err, run
        assert stage.colours() == ["green"]
    assert load.report().versions == ["v2"]
    assert stage.history()[0]["state"] == "failed"
    filler.unlink()
    with stage.step("what serves is what a restart of the proxy would serve"):
        stage.docker("restart", "--time", "1", stage.proxy)
        stage.bluegreen("status").ended(0)
        stage.serves("v2")
        assert stage.drift() == []
    stage.up("v3")
    stage.serves("v3")
