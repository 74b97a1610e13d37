"""``kill -9`` of the plugin, of docker, of both: in every step, of every command that changes things.

The same seed gives the same deaths: ``KILLS_SEED=… scripts/test tests/e2e/test_kills.py``. Hundreds of
them: ``python -m bench.kills``.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from testkit.kills import Act, Kills, deaths

pytestmark = pytest.mark.engine

SHARES = {Act.UP: 14, Act.ROLLBACK: 7, Act.UNDO: 6}


def test_whoever_dies_what_served_serves_and_the_next_command_knows(
    stages: Callable[..., Any],
) -> None:
    seed = int(os.environ.get("KILLS_SEED") or secrets.randbelow(1_000_000))
    with stages(plugin=True) as stage, stage.step(f"KILLS_SEED={seed}"):
        kills = Kills(stage)
        kills.prepare()
        coming = deaths(seed, SHARES)
        while batch := list(islice(coming, 9)):
            with stage.load():
                for death in batch:
                    with stage.step(str(death)):
                        kills.die(death)
        with stage.step("and a down"):
            for death in deaths(seed, {Act.DOWN: 2}):
                kills.die(death)
    assert kills.killed >= 25, kills.told
