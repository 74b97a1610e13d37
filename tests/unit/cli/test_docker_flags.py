"""Docker hands over its own flags and the plugin's name: what they mean for us."""

from __future__ import annotations

import pytest

from compose_bluegreen.adapters.compose.config_reader import NameReader
from compose_bluegreen.cli.docker_flags import parse_arguments
from compose_bluegreen.cli.main import refuse_undecodable
from compose_bluegreen.config.requests import ProjectLocation
from compose_bluegreen.domain.errors import UsageError


def words(line: str) -> tuple[str, tuple[str, ...]]:
    call = parse_arguments(line.split())
    return call.program, call.arguments


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("bluegreen up -f x", "up -f x"),
        ("--context far bluegreen up", "up"),
        ("-c far -D bluegreen -f x up", "-f x up"),
        ("-Dc=far bluegreen up", "up"),
        ("-Dcfar bluegreen up", "up"),
        ("--context bluegreen bluegreen up", "up"),
        ("-l debug --tls=false bluegreen up", "up"),
        ("help bluegreen up", "up --help"),
        ("help bluegreen", "--help"),
        ("--help bluegreen up", "up --help"),
        ("bluegreen help up", "up --help"),
        ("-v bluegreen", "--version"),
        ("bluegreen", ""),
    ],
)
def test_docker_s_words_before_ours_are_understood(line: str, ours: str) -> None:
    assert words(line) == ("docker bluegreen", tuple(ours.split()))


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("up -f x", "up -f x"),
        ("-f x up", "-f x up"),
        ("--context far up", "up"),
        ("--help", "--help"),
        ("help up", "up --help"),
        ("--version", "--version"),
        ("", ""),
    ],
)
def test_called_directly_it_understands_the_same(line: str, ours: str) -> None:
    assert words(line) == ("docker-bluegreen", tuple(ours.split()))


@pytest.mark.parametrize(
    ("flags", "environment"),
    [
        ("--context far", {"DOCKER_CONTEXT": "far", "DOCKER_HOST": None}),
        ("--context=far", {"DOCKER_CONTEXT": "far", "DOCKER_HOST": None}),
        ("-H tcp://h:1", {"DOCKER_HOST": "tcp://h:1", "DOCKER_CONTEXT": None}),
        ("--config /c", {"DOCKER_CONFIG": "/c"}),
        ("-D", {"BLUEGREEN_DEBUG": "1"}),
        ("--debug=false", {}),
        ("-l debug", {}),
        ("--tls", {"DOCKER_TLS": "1"}),
        ("--tlsverify", {"DOCKER_TLS_VERIFY": "1"}),
        (
            "--tlscacert /c/ca.pem --tlscert /c/cert.pem --tlskey /c/key.pem",
            {"DOCKER_CERT_PATH": "/c"},
        ),
    ],
)
def test_docker_s_flags_become_environment(flags: str, environment: dict[str, str | None]) -> None:
    assert parse_arguments([*flags.split(), "bluegreen", "up"]).environment == environment


def test_a_context_replaces_the_host_that_was_set() -> None:
    environ = {"DOCKER_HOST": "tcp://here", "PATH": "/bin"}
    parse_arguments(["--context", "far", "bluegreen"]).apply_to(environ)
    assert environ == {"DOCKER_CONTEXT": "far", "PATH": "/bin"}


@pytest.mark.parametrize(
    "line",
    [
        "--context",
        "-c far -H tcp://h:1 bluegreen up",
        "-H a -H b bluegreen up",
        "--tlscacert /a/ca.pem --tlskey /b/key.pem bluegreen up",
        "--tlscacert /a/mine.crt bluegreen up",
    ],
)
def test_what_docker_would_refuse_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        parse_arguments(line.split())


def test_a_word_that_is_no_text_is_refused() -> None:
    with pytest.raises(UsageError, match="isn't UTF-8"):
        refuse_undecodable(["up", "-m", "caf\udce9"])


@pytest.mark.parametrize("name", ["../x", "Shop", "-x", "a b", "_a", "shop\n"])
def test_a_project_name_that_is_a_path_or_a_flag_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="can't be a project's name"):
        NameReader(ProjectLocation(project_name=name)).read()
