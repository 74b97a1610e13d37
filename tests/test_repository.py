"""What the documents say is what the code does."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import typer
import yaml
from pydantic import BaseModel

from compose_bluegreen import __version__
from compose_bluegreen.cli import json_output
from compose_bluegreen.cli.app import build_app
from compose_bluegreen.config.hook_settings import Hook, Moment
from compose_bluegreen.config.settings import ProjectSettings
from compose_bluegreen.config.settings_reader import project_settings, service_settings
from compose_bluegreen.deployment.notifications import Event
from compose_bluegreen.domain import durations
from compose_bluegreen.domain.deployment import Deployment, Kind
from compose_bluegreen.domain.errors import ExitCode
from compose_bluegreen.domain.names import KEY
from compose_bluegreen.domain.states import TRANSITIONS, State

ROOT = Path(__file__).parents[1]
SHARED_FLAGS = {
    "--file",
    "--project-name",
    "--env-file",
    "--profile",
    "--project-directory",
    "--database",
    "--help",
}
"""Compose's own, which every command that looks at a project has."""

MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|opt/pypi[\w-]*|tmp/[a-z]\d?)/")
REGISTRY_HOST = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|proxy\.golang\.org|crates\.io"
    r"|(?:deb|security)\.debian\.org|(?:hub\.docker|docker)\.(?:com|io)/|ghcr\.io|quay\.io)"
)

Rows = dict[str, tuple[str, ...]]


# ── the README and the command line ──────────────────────────────────────────────────────────


def test_the_table_of_exit_codes_is_the_code() -> None:
    told = {int(code): name for code, (name, _) in table("README.md", "code").items()}
    assert told == {int(code): code.name.lower().replace("_", " ") for code in ExitCode}


def test_the_table_of_commands_is_the_command_line() -> None:
    assert set(commands_told()) == set(commands())


def test_each_command_is_told_with_its_own_flags() -> None:
    told = {name: set(in_code(flags)) for name, (_, flags) in commands_told().items()}
    assert told == {name: flags(command) - SHARED_FLAGS for name, command in commands().items()}


def test_each_command_has_help_that_ends_with_an_example_of_it() -> None:
    for name, command in commands().items():
        assert command.help, name
        assert re.search(rf"Examples:\n +docker[ -]bluegreen {name}\b", command.epilog or ""), name


def test_no_document_tells_of_a_flag_that_is_not_there() -> None:
    known = {"docker": {"--context", "--all"}} | {n: flags(c) for n, c in commands().items()}
    told = re.compile(r"docker[ -]bluegreen ([a-z]+)((?: [^`\n#]*)?)")
    for document in documents():
        for command, rest in told.findall(text(document)):
            if command in commands():
                wrong = set(re.findall(r"--[a-z-]+", rest)) - known[command]
                assert not wrong, f"{document}: {command} has no {wrong}"


def test_each_script_that_is_told_of_is_there_and_can_be_run() -> None:
    told = {
        one for document in documents() for one in re.findall(r"\bscripts/\w[\w-]*", text(document))
    }
    assert {"scripts/demo", "scripts/test"} <= told
    assert [one for one in told if not os.access(ROOT / one, os.X_OK)] == []


# ── the settings ─────────────────────────────────────────────────────────────────────────────


def test_the_tables_of_settings_are_the_settings() -> None:
    told = {key.strip("`"): default for key, (default, _) in settings_told().items()}
    assert set(told) == set(defaults())
    for key, default in defaults().items():
        if default is None:
            assert not told[key].startswith("`"), f"{key} has no default value of its own"
        else:
            assert told[key].startswith(f"`{default}`"), f"the default of {key} is {default}"


def test_the_table_of_a_hooks_keys_is_the_code() -> None:
    told = table("docs/release-control.md", "key of a hook")
    assert {key.strip("`") for key in told} == set(Hook.model_fields)
    assert durations.show(Hook(run=("x",)).timeout) == in_code(told["`timeout`"][0])[0]


def test_the_table_of_moments_is_the_code() -> None:
    assert [key.strip("`") for key in table("docs/release-control.md", "moment")] == list(Moment)


@pytest.mark.parametrize(
    "document", ["README.md", "docs/monitoring.md", "docs/release-control.md", "docs/ci.md"]
)
def test_each_compose_file_in_a_document_is_accepted(document: str) -> None:
    found = 0
    for block in re.findall(r"```yaml\n(.*?)```", text(document), re.DOTALL):
        # As Compose would fill it in: here, always with what stands after the ":-".
        model = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", block))
        if "stages" in model or "jobs" in model:
            continue
        whole = project_settings(model.get(KEY), document)
        ours = {k: v for k, v in model.get("services", {}).items() if KEY in v}
        for name, service in ours.items():
            assert service_settings(service[KEY], whole, f"{document}: {name}")
            found += 1
        found += KEY in model
    assert found


# ── pipelines ────────────────────────────────────────────────────────────────────────────────


def test_each_script_of_a_pipeline_in_a_document_is_one() -> None:
    scripts = [script for pipeline in pipelines() for script in _scripts(pipeline)]
    assert len(scripts) >= 12
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_the_table_of_a_notices_keys_is_the_code() -> None:
    told = {key.strip("`"): what for key, (what,) in table("docs/ci.md", "key of a notice").items()}
    one = Deployment(
        1, "engine", "shop", Kind.UP, State.LIVE, ("web",), "ada@laptop", datetime.now(UTC)
    )
    notice = json_output.notice(one, Event.RELEASED)
    assert list(told) == list(notice)
    assert {*Event} <= set(in_code(told["event"]))
    assert in_code(told["version"]) == [str(notice["version"])]


# ── how it is made ───────────────────────────────────────────────────────────────────────────


def test_the_table_of_states_is_the_code() -> None:
    told = {
        name.strip("`"): frozenset(in_code(after))
        for name, (_, after) in table("docs/explanation/architecture.md", "state").items()
    }
    assert told == {
        str(before): frozenset(map(str, after)) for before, after in TRANSITIONS.items()
    }


def test_the_picture_of_states_is_the_code() -> None:
    told = re.findall(
        r"^ +(\w+) --> (\w+)$", text("docs/explanation/architecture.md"), re.MULTILINE
    )
    arrows = [(str(before), str(after)) for before in State for after in TRANSITIONS[before]]
    assert sorted(told) == sorted(arrows)


def test_the_newest_version_in_the_changelog_is_the_package() -> None:
    told = re.findall(r"^## (\d\S*) - (\d{4}-\d\d-\d\d)$", text("CHANGELOG.md"), re.MULTILINE)
    assert told[0][0] == __version__
    assert [date for _, date in told] == sorted((date for _, date in told), reverse=True)


def test_each_yes_beside_others_is_shown_by_a_test_that_is_there() -> None:
    rows = comparison()
    assert len(rows) == 26
    for row, (ours, shown, *_) in rows.items():
        tests = re.findall(r"\[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\)", shown)
        assert tests or not ours.startswith(("**yes**", "partly")), f"nothing shows: {row}"
        for name, file in tests:
            assert re.search(rf"^def {name}\(", text(file), re.MULTILINE), f"{file} has no {name}"


def test_beside_others_ours_is_yes_partly_or_no() -> None:
    told = {re.match(r"\W*(\w+)", ours)[1] for ours, *_ in comparison().values()}  # type: ignore[index]
    assert told <= {"yes", "partly", "no"}


# ── the repository ───────────────────────────────────────────────────────────────────────────


def test_each_link_between_documents_leads_somewhere() -> None:
    for document in documents():
        for target in re.findall(r"\]\(([^)\s]+)\)", text(document)):
            if "://" in target:
                continue
            file, _, heading = target.partition("#")
            there = (ROOT / document).parent / file if file else ROOT / document
            assert there.exists(), f"{document}: {target}"
            assert not heading or heading in headings(there), f"{document}: {target}"


def test_the_readme_leads_to_every_document() -> None:
    reached: set[str] = set()
    following = {"README.md"}
    while following:
        reached |= following
        following = {to for one in following for to in linked_documents(one)} - reached
    assert set(documents()) <= reached


def test_each_decision_is_a_numbered_record_in_the_index() -> None:
    records = [one for one in documents() if re.match(r"docs/decisions/\d", one)]
    rows = table("docs/decisions/index.md", "number")
    for number, record in enumerate(records, start=1):
        name = record.rpartition("/")[2]
        heading, status, *_ = text(record).split("\n\n")
        _, title, noted = rows[f"[{number:04}]({name})"]
        assert heading == f"# {number:04} {title}"
        assert status == f"Status: {noted}"
        sections = re.findall(r"^## (.+)$", text(record), re.MULTILINE)
        assert sections in (
            ["Context", "Decision", "Consequences"],
            ["Context", "Decision", "Figures", "Consequences"],
        ), record
    assert len(rows) == len(records)


@pytest.mark.parametrize(
    "picture", sorted((ROOT / "docs").glob("*.svg")), ids=lambda path: path.name
)
def test_each_picture_stands_alone_in_light_and_dark(picture: Path) -> None:
    drawn = picture.read_text()
    ET.fromstring(drawn)  # noqa: S314 - our own file
    assert "prefers-color-scheme: dark" in drawn
    assert 'role="img"' in drawn
    assert (
        re.findall(r"<script|<image|<foreignObject|@import|@font-face|href=|url\((?!#)", drawn)
        == []
    )


def test_no_file_names_a_path_of_one_machine_or_the_host_of_a_registry() -> None:
    found = []
    for file in files():
        try:
            content = (ROOT / file).read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(content.splitlines(), start=1):
            if MACHINE_PATH.search(line) or REGISTRY_HOST.search(line):
                found.append(f"{file}:{number}: {line.strip()}")
    assert found == []


# ── reading ──────────────────────────────────────────────────────────────────────────────────


def text(document: str) -> str:
    return (ROOT / document).read_text()


@cache
def files() -> tuple[str, ...]:
    """All that is, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return tuple(sorted(one for one in listed.stdout.split("\0") if (ROOT / one).is_file()))


def documents() -> list[str]:
    return [one for one in files() if one.endswith(".md")]


def linked_documents(document: str) -> set[str]:
    """Those of the repository, as paths from its root."""
    folder = (ROOT / document).parent
    targets = re.findall(r"\]\(([^)\s#]+\.md)\b", text(document))
    found = ((folder / one).resolve() for one in targets if "://" not in one)
    return {str(one.relative_to(ROOT)) for one in found}


def table(document: str, first: str) -> Rows:
    """Of all tables whose first column has this name: first cell to the others."""
    rows: Rows = {}
    inside = False
    for line in text(document).splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        head, *others = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        if inside and not set(head) <= {"-", ":"}:
            assert head not in rows, f"{document} has two rows {head}"
            rows[head] = tuple(others)
        inside = inside or head == first
    assert rows, f"{document} has no table {first}"
    return rows


def in_code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def headings(document: Path) -> set[str]:
    """As GitHub makes anchors of them."""
    found = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in found}


def comparison() -> Rows:
    """What is compared, to ours, its tests, and the others."""
    found = table("docs/comparison.md", "")
    return {row: cells for row, cells in found.items() if row}


def pipelines() -> list[dict[str, Any]]:
    """The jobs of docs/ci.md: GitHub's, GitLab's."""
    blocks = re.findall(r"```yaml\n(.*?)```", text("docs/ci.md"), re.DOTALL)
    found = [yaml.safe_load(block) for block in blocks]
    return [one for one in found if "stages" in one or "jobs" in one]


def _scripts(pipeline: dict[str, Any]) -> Iterator[str]:
    for job in (*pipeline.get("jobs", {}).values(), *pipeline.values()):
        if isinstance(job, dict):
            yield from (step["run"] for step in job.get("steps", ()) if "run" in step)
            yield from job.get("script", ())
            yield from job.get("after_script", ())


def commands() -> dict[str, Any]:
    def nobody() -> Any:
        raise AssertionError("a document needs no command to run")

    found: dict[str, Any] = dict(typer.main.get_command(build_app(nobody)).commands)  # type: ignore[attr-defined]
    return found


def commands_told() -> Rows:
    """Command name to what the README's table has of it."""
    rows = table("README.md", "command").items()
    return {head.strip("`").partition(" ")[0]: rest for head, rest in rows}


def flags(command: Any) -> set[str]:
    """Long names; of two spellings of one word, ours."""
    names = {one for option in command.params for one in (*option.opts, *option.secondary_opts)}
    return {one for one in names if one.startswith("--")} - {"--color"} | {"--help"}


def settings_told() -> Rows:
    return table("README.md", "key")


def defaults() -> dict[str, str | None]:
    """Dotted key to its default as a person writes it, None where there is nothing to write."""
    return dict(_defaults(ProjectSettings))


def _defaults(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str | None]]:
    for name, field in model.model_fields.items():
        key = above + (field.alias or name)
        if isinstance(field.default, BaseModel):
            yield from _defaults(type(field.default), f"{key}.")
        elif isinstance(field.default, timedelta):
            yield key, durations.show(field.default)
        elif isinstance(field.default, bool):
            yield key, str(field.default).lower()
        elif field.default is None or field.default in ("", ()):
            yield key, None
        else:
            yield key, str(field.default).lower()
