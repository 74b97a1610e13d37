"""The console excerpts of the documentation are what the commands print."""

from __future__ import annotations

import pytest

from doctools.pages import pages, parts
from doctools.plays import PLAYS, Play
from doctools.record import COMMAND, stale

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: next(iter(play.scenes)))
def test_each_recorded_excerpt_is_what_the_commands_print_now(engine: None, play: Play) -> None:
    assert stale(play) == {}, f"run: {COMMAND}"


def test_each_place_for_an_excerpt_has_a_play() -> None:
    places = {name for page in pages("recorded") for name in parts(page.read_text(), "recorded")}
    assert places == {name for play in PLAYS for name in play.scenes}
