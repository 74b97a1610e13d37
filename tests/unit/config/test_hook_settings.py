"""``hooks`` under ``x-bluegreen``."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.config.settings_reader import (
    project_settings,
    restored,
    stored,
)
from compose_bluegreen.domain.errors import BadSetting
from testkit.settings import TOP, read, settings


def test_a_hook_is_a_text_or_a_mapping_and_one_or_several() -> None:
    found = settings(
        {
            "hooks": {
                "pre_deploy": "./manage.py migrate 'a b'",
                "pre_switch": [{"exec": ["sleep", 5], "timeout": "10s"}, "true"],
                "post_switch": {"host": "./tell.sh", "required": "false"},
            }
        }
    ).hooks
    (migrate,) = found.pre_deploy
    assert migrate.run == ("./manage.py", "migrate", "a b")
    assert (migrate.timeout, migrate.required, migrate.irreversible) == (
        timedelta(minutes=5),
        True,
        False,
    )
    assert [one.command for one in found.pre_switch] == [("sleep", "5"), ("true",)]
    assert found.pre_switch[0].timeout == timedelta(seconds=10)
    assert (found.post_switch[0].host, found.post_switch[0].required) == (("./tell.sh",), False)
    assert found.on_failure == ()


@pytest.mark.parametrize(
    ("given", "meant", "why"),
    [
        (True, True, ""),
        ("true", True, ""),
        ("", False, ""),
        ("drops a table", "drops a table", "drops a table"),
    ],
)
def test_what_cannot_be_taken_back_says_so_or_why(given: object, meant: object, why: str) -> None:
    raw = {"hooks": {"pre_deploy": {"run": "x", "irreversible": given}}}
    (hook,) = settings(raw).hooks.pre_deploy
    assert (hook.irreversible, hook.why) == (meant, why)


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        ({"pre_deploy": {"run": "a", "exec": "b"}}, "exactly one of the keys run, exec and host"),
        ({"pre_deploy": {"timeout": "5s"}}, "exactly one of the keys run, exec and host"),
        ({"pre_deploy": "a 'b"}, "a quote is not closed"),
        ({"pre_deploy": ""}, "a command"),
        ({"pre_deploy": {"run": [[]]}}, "a command, as a text or a list of words"),
        ({"pre_deploy": {"run": True}}, "a command, as a text or a list of words"),
        ({"pre_deploy": {"run": "a", "timeout": "5"}}, "5 has no unit"),
        ({"pre_deploy": {"run": "a", "shell": "b"}}, "hooks.pre_deploy.0.shell: unknown key"),
        ({"before": "a"}, "hooks.before: unknown key"),
        ({"on_failure": {"run": "a", "irreversible": True}}, "can't be irreversible"),
    ],
)
def test_a_hook_that_cannot_be_is_refused_without_its_words(hooks: object, said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        read({"hooks": hooks})
    assert said in refused.value.message
    secret = {"hooks": {"pre_deploy": {"run": "x", "exec": "PASSWORD=hush x"}}}
    with pytest.raises(BadSetting) as refused:
        read(secret)
    assert "hush" not in refused.value.message


def test_an_unknown_key_of_a_hook_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(BadSetting) as refused:
        read({"hooks": {"pre_deploy": [{"run": "a", "shell": "b"}]}})
    assert hint_text(refused.value.hint) == (
        "use one of these keys: exec, host, irreversible, required, run, timeout"
    )


def test_hooks_at_the_top_are_defaults_for_each_service() -> None:
    top = project_settings({"hooks": {"pre_deploy": {"run": "a", "timeout": "9s"}}}, TOP)
    both = settings({"hooks": {"post_switch": "b"}}, top)
    assert both.hooks.pre_deploy[0].timeout == timedelta(seconds=9)
    assert both.hooks.post_switch[0].run == ("b",)
    assert restored(stored(both)) == both
