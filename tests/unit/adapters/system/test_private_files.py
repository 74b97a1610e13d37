"""Models on their way to Compose: readable by nobody else, and gone with the command."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from compose_bluegreen.adapters.system.private_files import Scratch
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import BluegreenError, LockHeld


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "compose-bluegreen" / "run"


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def test_nobody_else_can_read_what_is_written(root: Path) -> None:
    before = os.umask(0)
    try:
        scratch = Scratch(root)
        with scratch.alone("shop"), scratch.file("model.yaml") as file:
            scratch.write(file, "secret")
            assert mode(file) == "600"
            folders = [one for one in file.parents if root in one.parents or one == root]
            assert {mode(one) for one in (*folders, root.parent)} == {"700"}
            assert mode(root / "shop.lock") == "600"
    finally:
        os.umask(before)


def test_folders_that_others_could_read_are_closed(root: Path) -> None:
    root.mkdir(parents=True)
    for each in (root, root.parent):
        each.chmod(0o755)
    Scratch(root).prove()
    assert mode(root) == mode(root.parent) == "700"


def test_nothing_is_touched_until_something_is_written(root: Path) -> None:
    Scratch(root).close()
    assert not root.exists()


def test_nothing_stays(root: Path) -> None:
    scratch = Scratch(root)
    with scratch.file("model.yaml") as file:
        scratch.write(file, "secret")
    assert not file.parent.exists()
    scratch.close()
    assert list(root.iterdir()) == []


def test_what_a_killed_command_left_goes_with_the_next_and_what_one_has_stays(root: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from compose_bluegreen.adapters.system.private_files import Scratch\n"
        "scratch = Scratch(Path(sys.argv[1]))\n"
        "with scratch.file('model.yaml') as file:\n"
        "    print(file, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        (sys.executable, "-c", script, str(root)), stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        file = Path(other.stdout.readline().strip())
        mine = Scratch(root)
        mine.prove()
        assert file.exists()
        other.send_signal(signal.SIGKILL)
    mine.close()
    Scratch(root).prove()
    assert not file.exists()


def test_another_command_that_stays_inside_is_not_waited_for_without_end(root: Path) -> None:
    with Scratch(root).alone("shop"):
        with Scratch(root).alone("blog"):
            pass
        with pytest.raises(
            LockHeld, match=r"another command of yours has held .*shop\.lock for 0\.1 s"
        ):
            Scratch(root, patience=0.1).alone("shop").__enter__()
    with Scratch(root, patience=0.1).alone("shop"):
        pass


def test_a_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "compose-bluegreen").write_text("")
    with pytest.raises(BluegreenError, match="can't write to") as failed:
        Scratch(tmp_path / "compose-bluegreen" / "run").prove()
    assert hint_text(failed.value.hint) == "set XDG_STATE_HOME to a folder of yours"
