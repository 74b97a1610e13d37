"""The faces of progress: what each one writes to stderr, and that none of them gets in the way."""

from __future__ import annotations

import io
import json

import pytest

from compose_bluegreen.cli.progress import Json, Plain, ProgressFormat, Quiet, Tty, observer
from compose_bluegreen.cli.terminal import Terminal, terminal_of
from compose_bluegreen.domain.states import Outcome
from compose_bluegreen.ports.system import Observer


class Stream(io.StringIO):
    """A stream that says what it is connected to."""

    def __init__(self, *, tty: bool = False, encoding: str = "utf-8") -> None:
        super().__init__()
        self._tty = tty
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._tty


class Gone(Stream):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def tell(to: Observer) -> None:
    to.step_began("start", "start web-green", "its image changed")
    to.step_ended("start", "start web-green", Outcome.DONE, 0.62)
    to.remark("2 requests cut")
    to.step_began("drain", "drain web-blue", "")
    to.step_ended("drain", "drain web-blue", Outcome.WARNED, 30, "still 2\nin flight")


def test_plain_says_a_line_when_a_step_ends() -> None:
    stream = Stream()
    tell(Plain(stream, Terminal(symbols=True)))
    assert stream.getvalue().splitlines() == [
        "✔ start web-green  0.6s",
        "2 requests cut",
        "! drain web-blue  30.0s: still 2 in flight",
    ]


def test_without_symbols_it_says_so_in_words() -> None:
    stream = Stream(encoding="ascii")
    tell(observer("plain", stream))
    assert stream.getvalue().startswith("ok start web-green  0.6s\n")
    assert "warning: drain web-blue" in stream.getvalue()


def test_a_terminal_shows_the_running_step_with_its_cause_and_replaces_it() -> None:
    stream = Stream(tty=True)
    tell(Tty(stream, Terminal(symbols=True, width=80)))
    assert stream.getvalue() == (
        "\r\x1b[K… start web-green (its image changed)"
        "\r\x1b[K✔ start web-green  0.6s\n"
        "\r\x1b[K2 requests cut\n"
        "\r\x1b[K… drain web-blue"
        "\r\x1b[K! drain web-blue  30.0s  still 2 in flight\n"
    )


def test_a_remark_stands_above_the_running_step() -> None:
    stream = Stream(tty=True)
    face = Tty(stream, Terminal(symbols=True, width=80))
    face.step_began("health", "wait", "")
    face.remark("SIGINT noted")
    assert stream.getvalue().endswith("\r\x1b[KSIGINT noted\n… wait")


def test_the_running_step_never_wraps() -> None:
    stream = Stream(tty=True)
    Tty(stream, Terminal(symbols=True, width=20)).step_began(
        "health", "wait until web-green is healthy", "long"
    )
    assert stream.getvalue() == "\r\x1b[K… wait until web…"
    assert len("… wait until web…") < 20


def test_json_is_one_object_a_line() -> None:
    stream = Stream()
    tell(Json(stream))
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {
            "event": "step_began",
            "step": "start web-green",
            "cause": "its image changed",
            "key": "start",
        },
        {
            "event": "step_ended",
            "step": "start web-green",
            "outcome": "done",
            "seconds": 0.62,
            "detail": "",
            "key": "start",
        },
        {"event": "remark", "text": "2 requests cut"},
        {"event": "step_began", "key": "drain", "step": "drain web-blue", "cause": ""},
        {
            "event": "step_ended",
            "step": "drain web-blue",
            "outcome": "warned",
            "seconds": 30,
            "detail": "still 2\nin flight",
            "key": "drain",
        },
    ]


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Quiet())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("face", "tty", "kind"),
    [
        ("auto", True, Tty),
        ("auto", False, Plain),
        ("tty", False, Tty),
        ("plain", True, Plain),
        ("json", True, Json),
        ("quiet", True, Quiet),
    ],
)
def test_auto_looks_whether_a_person_does(face: str, tty: bool, kind: type) -> None:
    assert type(observer(face, Stream(tty=tty))) is kind


@pytest.mark.parametrize("face", ProgressFormat)
def test_a_stream_that_went_away_ends_no_deployment(face: ProgressFormat) -> None:
    tell(observer(face, Gone(tty=True)))


def test_a_name_can_not_steer_the_terminal() -> None:
    stream = Stream()
    Plain(stream).remark("\x1b[31mred\x1b[0m \x1b]0;title\x07and \x9b31mmore\r")
    assert stream.getvalue() == "red and 31mmore\n"


def test_a_long_remark_is_cut_for_people_and_whole_for_programs() -> None:
    flood = "\n".join(f"migration {number}" for number in range(99))
    for face in (ProgressFormat.PLAIN, ProgressFormat.TTY):
        stream = io.StringIO()
        observer(face, stream).step_ended(
            "hook:pre_deploy:1:web", "pre_deploy of web", Outcome.DONE, 1.0, flood
        )
        assert "migration 20" in stream.getvalue()
        assert len(stream.getvalue()) < 350
    stream = io.StringIO()
    observer(ProgressFormat.JSON, stream).step_ended(
        "hook:pre_deploy:1:web", "pre_deploy of web", Outcome.DONE, 1.0, flood
    )
    assert json.loads(stream.getvalue())["detail"] == flood


@pytest.mark.parametrize(
    ("environ", "tty", "colour"),
    [
        ({}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
        ({}, False, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    environ: dict[str, str], tty: bool, colour: bool
) -> None:
    assert terminal_of(Stream(tty=tty), environ).colour is colour


@pytest.mark.parametrize(
    ("encoding", "symbols"), [("utf-8", True), ("ascii", False), ("latin-1", False)]
)
def test_symbols_are_for_encodings_that_have_them(encoding: str, symbols: bool) -> None:
    assert terminal_of(Stream(encoding=encoding), {}).symbols is symbols
