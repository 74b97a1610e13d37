"""Secrets, which no report repeats."""

from __future__ import annotations

from compose_bluegreen.runtime.secrets import conceal, concealed


def test_a_report_of_a_bug_does_not_repeat_the_address() -> None:
    conceal("https://hooks.example/hush-hush")
    assert concealed("to https://hooks.example/hush-hush!") == "to …!"
