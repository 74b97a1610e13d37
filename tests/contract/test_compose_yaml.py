"""Every text of a compose file arrives as it was written: on the way in, and on the way out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compose_bluegreen.adapters.compose import config_yaml
from compose_bluegreen.adapters.compose.config_reader import ConfigReader
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.release import Model

pytestmark = pytest.mark.engine

TRICKY = (
    *("1e3", "95e2091", "0o17", "017", "0x1f", "1_000", "1:30", ".5", "1.", ".inf", "+.inf"),
    *("yes", "no", "on", "y", "null", "~", "=", "<<", "true", "2001-01-01", "---", "..."),
    *("\ttab", "a\tb", "a\n\tb\n", "\n", "  a\n b", "a: b", "a #b", "#", "- a", "{a", "]", "!x"),
    *("&a", "*a", "%x", "@x", "`x", "'", '"', "\\", "é", "😀", "\x85", "\u2028", "\ufeff"),
    *("\x7f", "\x01", "\r", "a\rb", "%[env(HOME)]", ";", "$HOME", "${HOME}", "$$"),
)
texts = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    min_size=20,
    max_size=40,
)


def model(words: list[str]) -> Model:
    """``$`` twice, as Compose reads it."""
    values = {f"K{number}": word.replace("$", "$$") for number, word in enumerate(words)}
    web = {"image": "x", "environment": values, "x-bluegreen": {"port": 8080}}
    # One that looks like ours inside of a text.
    other = {"image": "y", "command": ["a\n    x-bluegreen:\n      keep: 9\n"], "x-bluegreen": None}
    return {"name": "f", "services": {"web": web, "other": other}}


@settings(max_examples=4, deadline=None, derandomize=True)
@given(words=texts)
def test_every_text_comes_back_as_it_was(
    words: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("project")
    wanted = model([*TRICKY, *words])
    file = folder / "compose.yaml"
    file.write_text(config_yaml.text(wanted), encoding="utf-8")
    found, _ = ConfigReader(ProjectLocation(files=(file,))).read()
    for service, own in wanted["services"].items():
        for key in own:
            assert found["services"][service].get(key) == own[key], (service, key)


def test_a_text_that_begins_with_a_tab_is_read(tmp_path: Path) -> None:
    """libyaml refuses it as Compose writes it."""
    file = tmp_path / "compose.yaml"
    file.write_text(config_yaml.text(model(["\tone\ntwo\n"])))
    said = subprocess.run(
        ("docker", "compose", "-f", str(file), "config"), capture_output=True, check=True
    ).stdout.decode()
    assert config_yaml.whole(said) is None
    found, _ = ConfigReader(ProjectLocation(files=(file,))).read()
    assert found["services"]["web"]["environment"]["K0"] == "\tone\ntwo\n"
    assert json.loads(config_yaml.text(found)) == found
