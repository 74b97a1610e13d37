"""What the documents say is what the code does."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from compose_bluegreen import __version__
from compose_bluegreen.config.settings_reader import project_settings, service_settings
from compose_bluegreen.domain.names import KEY
from compose_bluegreen.inspection.drift import DriftKind
from doctools.commands import commands, flags
from doctools.generate import COMMAND, TABLES, generated
from doctools.pages import DOCS, ROOT, pages, parts, pipelines, yaml_blocks

ARCHITECTURE = "docs/explanation/architecture.md"
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|opt/pypi[\w-]*|tmp/[a-z]\d?)/")
REGISTRY_HOST = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|proxy\.golang\.org|crates\.io"
    r"|(?:deb|security)\.debian\.org|(?:hub\.docker|docker)\.(?:com|io)/|ghcr\.io|quay\.io)"
)

Rows = dict[str, tuple[str, ...]]


# ── what comes from the code ─────────────────────────────────────────────────────────────────


def test_each_table_that_comes_from_the_code_is_up_to_date() -> None:
    stale = [str(page.relative_to(ROOT)) for page, now in generated() if page.read_text() != now]
    assert stale == [], f"run: {COMMAND}"


def test_each_table_that_comes_from_the_code_has_a_place() -> None:
    assert {
        name for page in pages("generated") for name in parts(page.read_text(), "generated")
    } == {*TABLES}


def test_each_command_has_help_that_ends_with_an_example_of_it() -> None:
    for name, command in commands().items():
        assert command.help, name
        assert re.search(rf"Examples:\n +docker[ -]bluegreen {name}\b", command.epilog or ""), name


def test_the_remedies_of_drift_are_of_the_kinds_in_the_code() -> None:
    kinds = {str(kind) for kind in DriftKind}
    remedies = re.findall(
        r"^\| ((?:`\w+`(?:, )?)+) \|", text("docs/reference/drift.md"), re.MULTILINE
    )
    known = [kind for cell in remedies for kind in in_code(cell)]
    assert sorted(known) == sorted([*kinds, *kinds]), (
        "each once with its meaning, once with a remedy"
    )


def test_no_document_has_a_flag_that_does_not_exist() -> None:
    known = {"docker": {"--context", "--all"}} | {n: flags(c) for n, c in commands().items()}
    used = re.compile(r"docker[ -]bluegreen ([a-z]+)((?: [^`\n#]*)?)")
    for document in documents():
        for command, rest in used.findall(text(document)):
            if command in commands():
                wrong = set(re.findall(r"--[a-z-]+", rest)) - known[command]
                assert not wrong, f"{document}: {command} has no {wrong}"


def test_each_script_in_a_document_exists_and_can_be_run() -> None:
    named = {
        one for document in documents() for one in re.findall(r"\bscripts/\w[\w-]*", text(document))
    }
    assert {"scripts/demo", "scripts/test", "scripts/docs"} <= named
    assert [one for one in named if not os.access(ROOT / one, os.X_OK)] == []


# ── compose files and pipelines ──────────────────────────────────────────────────────────────


def test_each_compose_file_in_a_document_is_accepted() -> None:
    accepted = sum(
        _accepted(model, str(page))
        for page in (ROOT / "README.md", *DOCS.rglob("*.md"))
        for model in yaml_blocks(page)
        if KEY in model or "services" in model
    )
    assert accepted >= 20


def _accepted(model: dict[str, Any], where: str) -> bool:
    whole = project_settings(model.get(KEY), where)
    ours = {k: v for k, v in model.get("services", {}).items() if KEY in v}
    for name, service in ours.items():
        assert service_settings(service[KEY], whole, f"{where}: {name}")
    return bool(ours or KEY in model)


def test_each_script_of_a_pipeline_in_a_document_is_one() -> None:
    scripts = [script for pipeline in pipelines() for script in _scripts(pipeline)]
    assert len(scripts) >= 12
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


# ── how it is made ───────────────────────────────────────────────────────────────────────────


def test_each_folder_says_what_it_is_and_where_to_start() -> None:
    told = {name.strip("`/") for name in table(ARCHITECTURE, "folder of `compose_bluegreen/`")}
    packages = [one for one in files() if re.match(r"compose_bluegreen/.+/__init__\.py", one)]
    assert told == {one.split("/")[1] for one in packages}
    for package in packages:
        described = ast.get_docstring(ast.parse(text(package))) or ""
        assert "\nStart with " in described, package
        assert "mports " in described or package.count("/") > 2, package


def test_the_newest_version_in_the_changelog_is_the_package() -> None:
    told = re.findall(r"^## (\d\S*) - (\d{4}-\d\d-\d\d)$", text("CHANGELOG.md"), re.MULTILINE)
    assert told[0][0] == __version__
    assert [date for _, date in told] == sorted((date for _, date in told), reverse=True)


def test_each_yes_in_the_comparison_is_shown_by_a_test() -> None:
    compared, shown = comparison()
    assert len(compared) == 28
    for feature, ours in compared.items():
        assert ours.startswith("no") != (feature in shown), f"no test, or one too many: {feature}"


def test_in_the_comparison_ours_is_yes_partly_or_no() -> None:
    compared, _ = comparison()
    assert {re.sub(r"\W.*", "", ours.strip("*")) for ours in compared.values()} <= {
        "yes",
        "partly",
        "no",
    }


def test_each_test_in_a_document_exists() -> None:
    for document in documents():
        for file, name in re.findall(r"`((?:tests|bench)/[\w/]+\.py)(?:::(\w+))?`", text(document)):
            assert (ROOT / file).is_file(), f"{document}: {file}"
            assert not name or re.search(rf"^def {name}\(", text(file), re.MULTILINE), (
                f"{document}: {file} has no {name}"
            )


# ── the repository ───────────────────────────────────────────────────────────────────────────


def test_no_test_imports_another_test() -> None:
    assert imports("tests", r"tests\.(?:\w+\.)*test_\w+") == []


def test_each_load_of_an_end_to_end_test_is_checked_for_one_atomic_switch() -> None:
    """``Stage.load`` does it at its end."""
    ends = [one for one in files() if re.match(r"tests/e2e/.*\.py$", one)]
    assert [one for one in ends if "Load.running(" in text(one)] == []
    assert sum(".load(" in text(one) for one in ends) > 20


def test_each_unit_test_is_at_the_place_of_its_module() -> None:
    """``tests/unit/steps/test_canary.py`` for ``compose_bluegreen/steps/canary.py``; ``test_golden_…``
    is about files that several modules of the folder read."""
    for one in (one for one in files() if re.match(r"tests/unit/.*test_(?!golden_)\w+\.py$", one)):
        folder, _, name = one.removeprefix("tests/unit/").rpartition("/")
        module = f"{folder}/{name.removeprefix('test_')}"
        product = module if folder == "bench" else f"compose_bluegreen/{module}"
        assert (ROOT / product).is_file(), f"{one}: {product} does not exist"


def test_each_method_of_each_port_has_a_contract() -> None:
    """A test in ``tests/contract`` calls it, on the fake and on the real adapter."""
    missing = {
        f"{port}.{method}"
        for module in (one for one in files() if one.startswith("compose_bluegreen/ports/"))
        for port, methods in protocols(module).items()
        for method in methods - called_in_contracts(port.lower())
    }
    assert missing == set()


def test_what_tests_and_benchmarks_share_is_in_testkit() -> None:
    assert imports("bench", "tests") == []
    assert imports("testkit", "tests|bench") == []
    assert imports("compose_bluegreen", "tests|bench|testkit|doctools") == []


def test_each_link_between_documents_leads_somewhere() -> None:
    for document in documents():
        for target in re.findall(r"\]\(([^)\s]+)\)", text(document)):
            if "://" in target:
                continue
            file, _, heading = target.partition("#")
            there = (ROOT / document).parent / file if file else ROOT / document
            assert there.exists(), f"{document}: {target}"
            assert not heading or heading in headings(there), f"{document}: {target}"


def test_no_page_of_the_site_links_to_a_file_outside_of_it() -> None:
    for page in DOCS.rglob("*.md"):
        targets = re.findall(r"\]\(([^)\s#]+)", page.read_text())
        there = [(page.parent / one).resolve() for one in targets if "://" not in one]
        assert [str(one) for one in there if not one.is_relative_to(DOCS)] == [], page


def test_the_readme_is_one_screen_and_a_half() -> None:
    assert len(text("README.md").splitlines()) <= 90


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
    drawn = picture.read_text(encoding="utf-8")
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


def protocols(module: str) -> dict[str, set[str]]:
    """The protocols of a module, with their methods."""
    return {
        each.name: {one.name for one in each.body if isinstance(one, ast.FunctionDef)}
        for each in ast.parse(text(module)).body
        if isinstance(each, ast.ClassDef) and "Protocol" in map(ast.unparse, each.bases)
    }


def called_in_contracts(port: str) -> set[str]:
    """The methods that contracts take from something of this name: ``ground.proxy.routes``."""
    contracts = [one for one in files() if re.match(r"tests/contract/\w+\.py$", one)]
    return {
        each.attr
        for contract in contracts
        for each in ast.walk(ast.parse(text(contract)))
        if isinstance(each, ast.Attribute)
        and ast.unparse(each.value).rpartition(".")[2].removeprefix("rival_") == port
    }


def imports(folder: str, modules: str) -> list[str]:
    """The import lines below a folder that match, with their files."""
    line = re.compile(rf"^\s*(?:from|import) (?:{modules})\b.*", re.MULTILINE)
    found = [one for one in files() if one.startswith(f"{folder}/") and one.endswith(".py")]
    return [f"{one}: {match.strip()}" for one in found for match in line.findall(text(one))]


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
    found = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in found}


def comparison() -> tuple[dict[str, str], Rows]:
    """Feature to what ours is; and feature to its tests."""
    page = "docs/explanation/comparison.md"
    ours = {feature: cells[0] for feature, cells in table(page, "feature").items()}
    return ours, table(page, "what the tests show")


def _scripts(pipeline: dict[str, Any]) -> Iterator[str]:
    for job in (*pipeline.get("jobs", {}).values(), *pipeline.values()):
        if isinstance(job, dict):
            yield from (step["run"] for step in job.get("steps", ()) if "run" in step)
            yield from job.get("script", ())
            yield from job.get("after_script", ())
