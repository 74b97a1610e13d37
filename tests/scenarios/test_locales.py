"""A machine whose locale knows ASCII only: what Compose and hooks get is UTF-8 all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.checkout import ROOT

TEXT = "é 漢"

IN_ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}

STARTS = """
import locale, sys
from datetime import timedelta
from pathlib import Path
from compose_bluegreen.adapters.compose.runner import HookRunner
from compose_bluegreen.adapters.system.children import Children
from compose_bluegreen.adapters.system.hook_trust import Trust
from compose_bluegreen.adapters.system.private_files import Scratch

assert locale.getpreferredencoding(False) != "UTF-8", "this test needs another locale"
folder, text = Path(sys.argv[1]), "\\u00e9 \\u6f22"
scratch = Scratch(folder / "state" / "run")
trust = Trust(folder / "state" / "trusted" / "host-hooks", {})
"""


def in_ascii(program: str, folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", STARTS + program, str(folder)],
        env=os.environ | IN_ASCII,
        check=True,
        timeout=60,
    )


def test_a_model_for_compose_is_utf_8(tmp_path: Path) -> None:
    program = """
with scratch.file("model.yaml") as file:
    scratch.write(file, text)
    (folder / "copy").write_bytes(file.read_bytes())
"""
    in_ascii(program, tmp_path)
    assert (tmp_path / "copy").read_bytes() == TEXT.encode()


def test_a_host_command_gets_its_words_and_its_environment_in_utf_8(tmp_path: Path) -> None:
    program = """
children = Children(scratch, "shop", lambda: "engine")
runner = HookRunner(None, None, scratch, trust, children, folder)
words = ["sh", "-c", 'printf %s "$1" >word; printf %s "$BLUEGREEN_TEXT" >variable', "sh", text]
assert runner.here(words, {"BLUEGREEN_TEXT": text}, timedelta(seconds=60)).code == 0
"""
    in_ascii(program, tmp_path)
    assert (tmp_path / "word").read_bytes() == TEXT.encode()
    assert (tmp_path / "variable").read_bytes() == TEXT.encode()


def test_a_command_with_any_letter_can_be_trusted(tmp_path: Path) -> None:
    program = """
assert [text] not in trust
trust.add([text])
assert [text] in trust
"""
    in_ascii(program, tmp_path)


@pytest.mark.parametrize("word", ["é", "漢"])
def test_the_locale_of_these_tests_does_not_know(word: str) -> None:
    """Otherwise they would prove nothing."""
    asked = subprocess.run(
        [sys.executable, "-c", f"open('/dev/null', 'w').write({word!a})"],
        env=os.environ | IN_ASCII,
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert b"UnicodeEncodeError" in asked.stderr
