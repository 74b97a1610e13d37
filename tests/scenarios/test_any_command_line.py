"""Whatever is typed: it is one order, or it is refused before anybody is asked to do anything."""

from __future__ import annotations

import contextlib
import io

import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from compose_bluegreen.cli.app import build_app
from compose_bluegreen.cli.docker_flags import parse_arguments
from compose_bluegreen.cli.main import refuse_undecodable
from compose_bluegreen.domain.errors import BluegreenError
from testkit.recorder import Recorder

ACTS_ON_THIS_MACHINE = {"install", "uninstall", "doctor"}
RECORDER = Recorder()
group = build_app(RECORDER)

FLAGS = sorted(
    {
        flag
        for command in (group, *group.commands.values())
        for option in command.params
        for flag in (*option.opts, *option.secondary_opts)
        if flag.startswith("-")
    }
)
NAMES = sorted(set(group.commands) - ACTS_ON_THIS_MACHINE)
DOCKERS = ("bluegreen", "--context", "-H", "-D", "--tls", "--tlsverify", "help", "-v", "-c", "-l")
VALUES = ("web", "1", "0", "-1", "9" * 40, "1m", "1", "", "-", "--", "=", "json", "x=y", "\udcff")
ODD = (
    "a\nb",
    "\x1b[31m",
    "%s",
    "{0}",
    "../../x",
    "é",
    "'; rm -rf /",
    "$(id)",
    "\0",
    "1e999d",
    "²d",
)
words = st.lists(
    st.one_of(
        st.sampled_from(NAMES),
        st.sampled_from(FLAGS),
        st.sampled_from(DOCKERS),
        st.sampled_from(VALUES + ODD),
        st.builds("{}={}".format, st.sampled_from(FLAGS), st.sampled_from(VALUES + ODD)),
        st.text(max_size=6).filter(lambda text: text not in ACTS_ON_THIS_MACHINE),
    ),
    max_size=8,
)


def typed(line: list[str]) -> int:
    """As ``conversation.converse`` does it; 2 where a person is told what is wrong."""
    try:
        refuse_undecodable(line)
        call = parse_arguments(line)
        call.apply_to({})
        with group.make_context(call.program, list(call.arguments)) as context:
            return int(group.invoke(context) or 0)
    except typer.Exit as left:
        return int(left.exit_code)
    except (BluegreenError, typer.TyperException) as error:
        said = error.message if isinstance(error, BluegreenError) else error.format_message()
        assert said.strip()
        return int(error.exit_code)


@settings(max_examples=400, derandomize=True)
@given(line=words)
def test_no_command_line_ends_in_a_traceback(line: list[str]) -> None:
    RECORDER.calls.clear()
    with contextlib.redirect_stdout(io.StringIO()):
        code = typed(line)
    assert code in {0, 1, 2}
    assert len(RECORDER.calls) <= (code == 0), "it was refused, and done all the same"


@settings(max_examples=150, derandomize=True)
@given(command=st.sampled_from(NAMES), line=words)
def test_no_flag_of_a_command_does_either(command: str, line: list[str]) -> None:
    test_no_command_line_ends_in_a_traceback.hypothesis.inner_test([command, *line])  # type: ignore[attr-defined]


def test_the_property_can_fail() -> None:
    """Commands are reached, and what they raise would be seen."""
    RECORDER.calls.clear()
    assert typed(["bluegreen", "up", "web"]) == 0
    assert [call[0] for call in RECORDER.calls] == ["up"]
