"""What ends a scenario under load: a lost request, and answers that contradict one atomic switch."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from testkit.load import Mix, Report
from testkit.load.faults import Fault
from testkit.load.faulty import Faulty
from testkit.load.linearizability import Switching
from testkit.load_mixes import NEW
from testkit.stage import Stage

BOTH = Mix.only(new_per_s=100, posts_per_s=100)


def stage(server: Faulty, folder: Path) -> Stage:
    return Stage("no-project", folder, {}, port=urlsplit(server.url).port or 0)


def changing(
    server: Faulty, site: Stage, *versions: str, during: Switching | None = None
) -> Report:
    """A scenario whose load meets these versions, one after another."""
    with site.load(BOTH, also=[during] if during else []) as load:
        for version in versions:
            time.sleep(0.1)
            server.version = version
        time.sleep(0.1)
    return load.report()


def test_a_version_that_changes_without_a_command_fails_the_scenario(tmp_path: Path) -> None:
    contradicts = r"contradict one atomic switch(.|\n)*answered by blue"
    with Faulty.serving() as server, pytest.raises(AssertionError, match=contradicts):
        changing(server, stage(server, tmp_path), "v2")


def test_a_change_within_its_time_does_not(tmp_path: Path) -> None:
    with Faulty.serving() as server:
        window = Switching(time.monotonic(), switches=1)
        report = changing(server, stage(server, tmp_path), "v2", during=window)

    assert report.versions == ["v1", "v2"]


def test_an_old_version_that_comes_back_for_a_moment_fails_the_scenario(tmp_path: Path) -> None:
    with Faulty.serving() as server:
        window = Switching(time.monotonic(), switches=2)
        with pytest.raises(AssertionError, match="contradict one atomic switch"):
            changing(server, stage(server, tmp_path), "v2", "v1", "v2", during=window)


def test_a_lost_request_fails_the_scenario_unless_it_judges_itself(tmp_path: Path) -> None:
    with Faulty.serving(Fault.CLOSE, every=5) as server:
        with pytest.raises(AssertionError, match="closed_early"), stage(server, tmp_path).load(NEW):
            time.sleep(0.1)
        with stage(server, tmp_path).load(NEW, lossless=False) as load:
            time.sleep(0.1)

    assert load.report().failed
