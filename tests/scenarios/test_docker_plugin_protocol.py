"""The plugin as the real docker command line finds it, asks it, runs it and leaves it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from compose_bluegreen import __version__
from compose_bluegreen.cli.plugin_install import is_short_lived
from testkit.checkout import ROOT

CONSOLE_SCRIPT = """#!{python}
import sys
sys.path.insert(0, {root!r})
from compose_bluegreen.__main__ import main
sys.exit(main())
"""

BLOCKED = """#!{python}
import os, subprocess, sys
sys.path.insert(0, {root!r})
from compose_bluegreen.__main__ import main
if sys.argv[1:2] == ["docker-cli-plugin-metadata"]:
    sys.exit(main())

from compose_bluegreen.runtime import interrupts
from compose_bluegreen.cli.error_handler import handle_errors

def act():
    interrupts.listen()
    interrupts.watch_docker(os.environ[interrupts.SOCKET_VARIABLE])
    try:
        subprocess.run(["sh", "-c", "echo ready; exec sleep 20 >/dev/null 2>&1"])
    except BaseException:
        with interrupts.shielded():
            print("undone", flush=True)
        raise

sys.exit(handle_errors(act))
"""

Docker = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A docker configuration of its own, and a console script as pip would make it."""
    script = tmp_path / "bin" / "docker-bluegreen"
    script.parent.mkdir()
    write(script, CONSOLE_SCRIPT)
    return os.environ | {
        "DOCKER_CONFIG": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "COLUMNS": "100",
    }


@pytest.fixture
def script(tmp_path: Path, environment: dict[str, str]) -> Docker:
    def _script(*words: str) -> subprocess.CompletedProcess[str]:
        return run([str(tmp_path / "bin" / "docker-bluegreen"), *words], environment)

    return _script


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "config" / "cli-plugins" / "docker-bluegreen"


@pytest.fixture
def docker(tmp_path: Path, link: Path, environment: dict[str, str]) -> Docker:
    """Docker, with the plugin linked as ``install`` does it."""
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "bin" / "docker-bluegreen")

    def _docker(*words: str) -> subprocess.CompletedProcess[str]:
        return run(["docker", *words], environment)

    return _docker


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def write(path: Path, program: str) -> None:
    path.write_text(program.format(python=sys.executable, root=str(ROOT)), encoding="utf-8")
    path.chmod(0o755)


def test_it_says_who_it_is_as_docker_wants_it(script: Docker) -> None:
    asked = script("docker-cli-plugin-metadata")
    answer = json.loads(asked.stdout)
    assert set(answer) == {"SchemaVersion", "Vendor", "Version", "ShortDescription"}
    assert answer["SchemaVersion"] == "0.1.0"
    assert answer["Version"] == __version__
    assert asked.stderr == ""


def test_saying_who_it_is_imports_nothing(environment: dict[str, str]) -> None:
    """Docker asks at every Tab press. Ours and what Python itself needs, no more."""
    words = ["-m", "compose_bluegreen", "docker-cli-plugin-metadata"]
    told = run(
        [sys.executable, "-X", "importtime", *words], environment | {"PYTHONPATH": str(ROOT)}
    )
    imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert {name for name in imported if name.startswith("compose_bluegreen")} == {
        "compose_bluegreen"
    }
    assert not imported & {"typer", "json", "re", "typing", "enum", "signal"} - _of_bare_python(
        environment
    )


def _of_bare_python(environment: dict[str, str]) -> set[str]:
    told = run([sys.executable, "-X", "importtime", "-c", "import runpy"], environment)
    return {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}


def test_docker_lists_it(docker: Docker) -> None:
    assert "bluegreen*" in docker("help").stdout


def test_docker_runs_it_and_passes_its_exit_code_on(docker: Docker) -> None:
    assert docker("bluegreen", "--version").stdout == f"compose-bluegreen {__version__}\n"
    refused = docker("bluegreen", "up", "--nonsense")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: No such option: --nonsense")
    assert "next: docker bluegreen up --help" in refused.stderr


@pytest.mark.parametrize(
    "words",
    [
        "help bluegreen up",
        "bluegreen up --help",
        "bluegreen help up",
        "--help bluegreen up",
        "-c x bluegreen up -h",
    ],
)
def test_docker_s_ways_to_ask_for_help_all_give_it(docker: Docker, words: str) -> None:
    asked = docker(*words.split())
    assert asked.returncode == 0
    assert asked.stdout.startswith("Usage: docker bluegreen up")


def test_alone_it_shows_its_help(docker: Docker) -> None:
    asked = docker("bluegreen")
    assert asked.returncode == 0
    assert asked.stdout.startswith("Usage: docker bluegreen ")


@pytest.mark.parametrize(
    ("flags", "engine"),
    [
        (("-H", "tcp://127.0.0.1:1"), "engine (tcp://127.0.0.1:1): "),
        (("--context", "far"), "engine: no docker context 'far'"),
    ],
)
def test_docker_s_own_flags_reach_what_it_runs(
    docker: Docker, flags: tuple[str, ...], engine: str
) -> None:
    assert engine in docker(*flags, "bluegreen", "doctor").stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("",), "up\tRelease services blue/green."),
        (("ro",), "rollback\tRoll back to an earlier release."),
        (("up", "--take"), "--take-over\t"),
        (("up", "--progress", "q"), "quiet"),
        (("-f", "x.yml", "hist"), "history\t"),
    ],
)
def test_docker_s_completion_offers_what_fits(
    docker: Docker, words: tuple[str, ...], offered: str
) -> None:
    lines = docker("__complete", "bluegreen", *words).stdout.splitlines()
    assert any(line.startswith(offered) for line in lines), lines
    assert lines[-1] == ":4"


def test_completion_leaves_file_names_to_the_shell(docker: Docker) -> None:
    assert docker("__complete", "bluegreen", "up", "-f", "").stdout.splitlines() == [":0"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_docker_that_is_killed_undoes_what_it_began(
    docker: Docker, link: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    link.unlink()
    write(link, BLOCKED)
    with subprocess.Popen(
        ["docker", "bluegreen", "up"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as caller:
        assert caller.stdout
        assert caller.stdout.readline() == "ready\n"
        caller.send_signal(number)
        # To the end of the file: the plugin outlives a docker that was killed outright.
        assert caller.stdout.read() == "undone\n"
    assert caller.returncode == (130 if number is not signal.SIGKILL else -signal.SIGKILL)


def test_install_links_the_script_and_may_be_said_twice(
    tmp_path: Path, script: Docker, link: Path, environment: dict[str, str]
) -> None:
    once, again = script("install"), script("install")
    assert (once.returncode, again.returncode) == (0, 0), once.stderr
    assert f"{link} -> {tmp_path / 'bin' / 'docker-bluegreen'}" in once.stdout
    assert "(unchanged)" in again.stdout
    assert run(["docker", "bluegreen", "--version"], environment).returncode == 0


def test_install_replaces_a_link_that_leads_nowhere(script: Docker, link: Path) -> None:
    link.parent.mkdir(parents=True)
    link.symlink_to("/gone/docker-bluegreen")
    assert script("install").returncode == 0
    assert link.exists()


def test_install_leaves_a_file_that_is_not_its_own(script: Docker, link: Path) -> None:
    link.parent.mkdir(parents=True)
    link.write_text("somebody's", encoding="utf-8")
    refused = script("install")
    assert refused.returncode == 1
    assert "is a file, not a link" in refused.stderr
    assert link.read_text(encoding="utf-8") == "somebody's"


def test_install_refuses_a_cache_that_goes_away(
    tmp_path: Path, environment: dict[str, str], link: Path
) -> None:
    passing = tmp_path / "uv" / "archive-v0" / "x1" / "bin" / "docker-bluegreen"
    passing.parent.mkdir(parents=True)
    write(passing, CONSOLE_SCRIPT)
    refused = run([str(passing), "install"], environment)
    assert refused.returncode == 1
    assert "uv tool install compose-bluegreen" in refused.stderr
    assert not link.exists()


@pytest.mark.parametrize(
    ("path", "passing"),
    [
        ("/home/me/.cache/uv/archive-v0/6oo0_RF8/bin/docker-bluegreen", True),
        ("/home/me/.cache/uv/builds-v0/.tmpeBIljF/bin/docker-bluegreen", True),
        ("/elsewhere/environments-v2/a1/bin/docker-bluegreen", True),
        ("/home/me/.cache/pipx/98e10e65/bin/docker-bluegreen", True),
        ("/home/me/.local/share/uv/tools/compose-bluegreen/bin/docker-bluegreen", False),
        ("/home/me/.local/share/pipx/venvs/compose-bluegreen/bin/docker-bluegreen", False),
        ("/home/me/work/.venv/bin/docker-bluegreen", False),
    ],
)
def test_what_goes_away_is_known_by_its_path(path: str, passing: bool) -> None:
    assert is_short_lived(Path(path)) is passing


def test_install_says_why_docker_does_not_see_it(
    tmp_path: Path, environment: dict[str, str], script: Docker
) -> None:
    broken = tmp_path / "bin" / "docker-bluegreen"
    noisy = CONSOLE_SCRIPT.replace("import sys\n", "import sys\nprint('hello')\n", 1)
    write(broken, noisy)
    refused = run([str(broken), "install"], environment)
    assert refused.returncode == 1
    assert "docker refuses" in refused.stderr
    assert "invalid metadata" in refused.stderr


def test_uninstall_removes_the_link_and_may_be_said_twice(
    docker: Docker, script: Docker, link: Path
) -> None:
    assert script("uninstall").returncode == 0
    assert not link.is_symlink()
    assert script("uninstall").returncode == 0
    assert docker("bluegreen").returncode != 0


@pytest.mark.parametrize("foreign", ["file", "link"])
def test_uninstall_removes_nothing_that_is_not_its_own(
    script: Docker, link: Path, foreign: str
) -> None:
    link.parent.mkdir(parents=True)
    if foreign == "file":
        link.write_text("somebody's", encoding="utf-8")
    else:
        link.symlink_to("/usr/bin/something-else")
    assert script("uninstall").returncode == 1
    assert os.path.lexists(link)


def test_it_works_without_the_plugin(script: Docker) -> None:
    refused = script("up", "--nonsense")
    assert refused.returncode == 2
    assert "next: docker-bluegreen up --help" in refused.stderr


def test_doctor_names_what_is_wrong_and_the_cure(
    script: Docker, environment: dict[str, str], link: Path
) -> None:
    environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    examined = script("doctor")
    assert examined.returncode == 1
    lines = examined.stdout.splitlines()
    assert any(line.endswith(f"plugin: nothing at {link}") for line in lines)
    assert "  next: docker-bluegreen install" in lines
    assert any("engine (tcp://127.0.0.1:1): Cannot connect" in line for line in lines)
    assert any("history:" in line and "can be written to" in line for line in lines)


def test_doctor_sees_a_link_that_leads_nowhere(script: Docker, link: Path) -> None:
    link.parent.mkdir(parents=True)
    link.symlink_to("/gone/docker-bluegreen")
    assert f"{link} leads nowhere" in script("doctor").stdout


def test_doctor_sees_a_history_that_can_not_be_written(
    tmp_path: Path, script: Docker, environment: dict[str, str]
) -> None:
    (tmp_path / "file").touch()
    environment["XDG_STATE_HOME"] = str(tmp_path / "file")
    assert "can't write to" in script("doctor").stdout


@pytest.mark.engine
def test_doctor_is_content_where_all_is_well(
    docker: Docker, environment: dict[str, str], link: Path
) -> None:
    (link.parent / "docker-compose").symlink_to(_compose_plugin())
    examined = docker("bluegreen", "doctor")
    assert examined.returncode == 0, examined.stdout
    assert "next:" not in examined.stdout
    told = json.loads(docker("bluegreen", "doctor", "--format", "json").stdout)
    assert told["ok"]
    assert {"docker", "plugin", "engine", "clock", "history"} <= {
        finding["check"] for finding in told["findings"]
    }


def _compose_plugin() -> str:
    asked = run(["docker", "info", "--format", "{{json .ClientInfo.Plugins}}"], dict(os.environ))
    return next(str(one["Path"]) for one in json.loads(asked.stdout) if one["Name"] == "compose")
