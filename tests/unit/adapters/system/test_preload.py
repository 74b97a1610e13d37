"""Imports that run while a command waits: there when they are wanted, and whole."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from threading import enumerate as threads

import pytest

from compose_bluegreen.adapters.system.preload import ahead, arrived

SLOW = "import time; time.sleep(0.3); whole = True"


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for thread in threads():
        if thread.name == "ahead":
            thread.join()
    for name in [name for name in sys.modules if name.startswith("ahead_")]:
        del sys.modules[name]


def test_whoever_asks_waits_until_it_is_whole(library: Path) -> None:
    (library / "ahead_slow.py").write_text(SLOW)
    ahead("ahead_slow")
    arrived("ahead_slow")
    assert sys.modules["ahead_slow"].whole


def test_the_first_is_not_kept_waiting_for_the_second(library: Path) -> None:
    (library / "ahead_quick.py").write_text("")
    (library / "ahead_second.py").write_text(SLOW)
    ahead("ahead_quick", "ahead_second")
    arrived("ahead_quick")
    assert not hasattr(sys.modules.get("ahead_second"), "whole")
    arrived("ahead_second")
    assert sys.modules["ahead_second"].whole


def test_two_requests_in_one_process_wait_for_the_same_import(library: Path) -> None:
    (library / "ahead_shared.py").write_text(SLOW)
    ahead("ahead_shared")
    ahead("ahead_shared")
    assert len([thread for thread in threads() if thread.name == "ahead"]) == 1
    arrived("ahead_shared")
    assert sys.modules["ahead_shared"].whole


def test_what_is_broken_is_told_where_it_is_used(library: Path) -> None:
    (library / "ahead_broken.py").write_text("raise RuntimeError('broken')")
    ahead("ahead_broken")
    arrived("ahead_broken")
    with pytest.raises(RuntimeError, match="broken"):
        __import__("ahead_broken")


def test_what_nobody_fetches_is_not_waited_for() -> None:
    waits = Thread(target=arrived, args=["ahead_nothing"])
    waits.start()
    waits.join(5)
    assert not waits.is_alive()
