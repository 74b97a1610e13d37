"""What 78b6a6f wrote is read by every later version: its database, documents and steps.log."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory

from compose_bluegreen.adapters.history import Scope, SqlHistory, open_history
from compose_bluegreen.adapters.history.journal_documents import FORMAT, Damaged, Name, read
from compose_bluegreen.adapters.history.journal_files import NOTES
from compose_bluegreen.adapters.history.schema import OURS
from compose_bluegreen.adapters.history.step_names import key_of_name
from compose_bluegreen.adapters.history.synced_history import JournalledHistory
from compose_bluegreen.cli import json_output
from compose_bluegreen.domain.deployment import Deployment
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import State
from compose_bluegreen.steps import hooks, irreversible
from testkit.fakes.journal import FakeJournal, OpenLock
from testkit.fakes.site import Site
from testkit.synced_history import HOLDER

GOLDEN = Path(__file__).parents[3] / "golden" / "78b6a6f" / "history"
ENGINE = "ABCD:EFGH"
PROJECTS = ("hooked", "waits", "several", "stuck", "killed")

each_project = pytest.mark.parametrize("project", PROJECTS)


class Machine:
    """A state folder with a history that was migrated before."""

    def __init__(self, folder: Path, opened: ExitStack, migrated: Path) -> None:
        folder.mkdir()
        self.file = folder / "history.db"
        self.remarks: list[str] = []
        self._opened = opened
        shutil.copy(migrated, self.file)

    def history(self, project: str, journal: FakeJournal) -> JournalledHistory:
        return JournalledHistory(self.local(project), journal, OpenLock(), self.remarks.append)

    def local(self, project: str) -> SqlHistory:
        local = open_history(str(self.file), {}, Scope(ENGINE, project))
        self._opened.callback(local.close)
        return local


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden database as today's migrations leave it; they take longer than most tests here."""
    file = tmp_path_factory.mktemp("golden") / "history.db"
    shutil.copy(GOLDEN / "history.db", file)
    return brought_up_to_date(file)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return brought_up_to_date(tmp_path_factory.mktemp("empty") / "history.db")


def brought_up_to_date(file: Path) -> Path:
    with open_history(str(file), {}, Scope(ENGINE, "shop")) as history:
        history.check_writable()
    return file


@pytest.fixture
def old(tmp_path: Path, opened: ExitStack, migrated: Path) -> Machine:
    return Machine(tmp_path / "old", opened, migrated)


@pytest.fixture
def new(tmp_path: Path, opened: ExitStack, empty: Path) -> Machine:
    return Machine(tmp_path / "new", opened, empty)


def journal_of(project: str) -> FakeJournal:
    journal = FakeJournal()
    for file in sorted((GOLDEN / project).iterdir()):
        if Name.read(file.name):
            journal.files[file.name] = file.read_bytes()
    notes = GOLDEN / project / NOTES
    journal.notes = notes.read_text() if notes.exists() else ""
    return journal


def story(history: SqlHistory | JournalledHistory, project: str) -> list[Deployment]:
    found = [history.get(one.id) for one in history.newest(project)]
    return [one for one in found if one]


def shown(deployments: list[Deployment]) -> list[dict[str, Any]]:
    """As 78b6a6f showed them, which knew no keys."""
    found = [json_output.with_steps(one) for one in deployments]
    for one in found:
        for step in one["steps"]:
            del step["key"]
    return found


def told_then(project: str) -> Any:
    return json.loads((GOLDEN / project / "shown.json").read_text())


def keys(deployments: list[Deployment], number: int) -> list[str]:
    return [step.key for one in deployments if one.id == number for step in one.steps]


@each_project
def test_the_database_is_migrated_and_shows_the_same(project: str, old: Machine) -> None:
    assert shown(story(old.local(project), project)) == told_then(project)


@each_project
def test_every_step_in_the_database_gets_a_key(project: str, old: Machine) -> None:
    steps = [step for one in story(old.local(project), project) for step in one.steps]
    assert [step.name for step in steps if "other" in step.key] == []


def test_the_keys_say_what_the_steps_did(old: Machine) -> None:
    hooked = story(old.local("hooked"), "hooked")
    assert keys(hooked, 3) == [
        "build:web",
        "hook:pre_deploy:1:web",
        "hook:pre_deploy:2:web",
        "start",
        "hook:post_start:1:web",
        "health",
        "hook:pre_switch:1:web",
        "canary",
        "canary",
        "switch",
        "verify",
        "hook:post_switch:1:web",
        "hook:post_switch:2:web",
        "bake",
        "drain",
        "retire:standby:1h",
        "image:keep:web",
        "image:point",
        "image:prune:web",
    ]
    assert keys(hooked, 2)[1] == "hook:pre_deploy:1:web"
    assert keys(hooked, 4)[-3:] == ["undo:start", "hook:on_failure:1:web", "undo:build"]
    assert keys(hooked, 5)[:3] == ["use", "start", "health"]


def test_the_keys_of_a_set_and_of_one_that_waited_say_it_too(old: Machine) -> None:
    several = story(old.local("several"), "several")
    assert keys(several, 2)[:14] == [
        "dependencies",
        "build:web",
        "build:api",
        "build:jobs",
        "build:migrate",
        "run:migrate",
        "start",
        "health",
        "stop_first:stop",
        "stop_first:start",
        "stop_first:health",
        "switch",
        "verify",
        "drain",
    ]
    assert keys(several, 2)[14:16] == ["retire:remove", "retire:stop"]
    assert {"take_over", "remove:own"} <= set(keys(several, 1))
    waits = story(old.local("waits"), "waits")
    assert keys(waits, 2)[3:7] == ["preview", "hold", "promote:health", "switch"]
    assert keys(waits, 4)[1] == "replace_waiting:3"
    killed = story(old.local("killed"), "killed")
    assert keys(killed, 2)[-2:] == ["remove:leftover:web", "image:point"]


def test_since_when_a_deployment_waits_is_known_from_its_key(old: Machine) -> None:
    waits = story(old.local("waits"), "waits")
    assert [(one.id, f"{one.held_since:%H:%M}") for one in waits[:3]] == [
        (4, "14:04"),
        (3, "13:03"),
        (2, "12:01"),
    ]


@pytest.mark.parametrize("from_the", ["database", "journal"])
def test_a_rollback_past_an_old_irreversible_hook_is_refused(
    from_the: str, old: Machine, new: Machine
) -> None:
    """Whatever its step is called today."""
    local = old.local("hooked")
    history = local if from_the == "database" else new.history("hooked", journal_of("hooked"))
    ctx = replace(Site().ctx, ref=ProjectRef(ENGINE, "hooked"), history=history)
    found = [(one.deployment, str(one.named_hook.key)) for one in irreversible.since("web", 1, ctx)]
    of_three = [(number, "hook:pre_deploy:2:web") for number in (7, 6, 4, 3)]
    assert found == [*of_three, (2, "hook:pre_deploy:1:web")]


def test_half_of_an_irreversible_hook_is_enough_also_where_only_steps_log_has_it(
    old: Machine, new: Machine
) -> None:
    history = new.history("killed", journal_of("killed"))
    assert keys(story(history, "killed"), 5)[-1] == "hook:pre_deploy:1:web"
    ctx = replace(Site().ctx, ref=ProjectRef(ENGINE, "killed"), history=old.local("killed"))
    found = [(one.deployment, str(one.named_hook.key)) for one in irreversible.since("web", 3, ctx)]
    assert found == [(5, "hook:pre_deploy:1:web")]


def test_old_hooks_that_ended_are_not_missed(old: Machine) -> None:
    newest, *_ = story(old.local("hooked"), "hooked")
    assert hooks.unfinished_hooks(newest) == []
    steps = tuple(step for step in newest.steps if step.key != "hook:post_switch:2:web")
    assert hooks.unfinished_hooks(replace(newest, steps=steps)) == ["post_switch 2 of web"]


# ── the journal ──────────────────────────────────────────────────────────────────────────────


@each_project
def test_a_machine_without_history_reads_the_documents(project: str, new: Machine) -> None:
    history = new.history(project, journal_of(project))
    newest = [one for one in told_then(project) if one["id"] != 5 or project != "killed"]
    found = [one for one in story(history, project) if one.id != 5 or project != "killed"]
    assert shown(found) == newest
    assert new.remarks == []


@each_project
def test_documents_and_the_database_give_a_step_the_same_key(
    project: str, old: Machine, new: Machine
) -> None:
    there = {one.id: one for one in story(new.history(project, journal_of(project)), project)}
    for one in story(old.local(project), project):
        count = len(there[one.id].steps)
        assert [step.key for step in there[one.id].steps] == keys([one], one.id)[:count]


def test_what_a_kill_left_in_steps_log_is_read(new: Machine) -> None:
    (found, *_) = story(new.history("killed", journal_of("killed")), "killed")
    assert (found.id, found.state) == (5, State.PREPARING)
    assert keys([found], 5) == ["build:web", "hook:pre_deploy:1:web"]


@each_project
def test_the_next_command_on_the_same_machine_changes_no_document(
    project: str, old: Machine
) -> None:
    journal = journal_of(project)
    before = dict(journal.files)
    with old.history(project, journal).hold(HOLDER):
        pass
    changed = journal.files.keys() ^ before.keys()
    assert {name[:6] for name in changed} == ({"000005"} if project == "killed" else set())
    assert old.remarks == []


@each_project
def test_a_journal_that_was_lost_is_written_again_in_the_new_format(
    project: str, old: Machine, new: Machine
) -> None:
    journal = journal_of(project)
    with old.history(project, journal).hold(HOLDER):
        pass
    whole = story(old.local(project), project)
    journal.files = {}
    for _ in range(2):  # the second finds nothing to do
        with old.history(project, journal).hold(HOLDER):
            pass
    formats = {name[:6]: json.loads(text)["format"] for name, text in journal.files.items()}
    assert formats == {f"{one.id:06}": FORMAT for one in whole}
    assert story(new.history(project, journal), project) == whole
    assert old.remarks == new.remarks == []


@each_project
def test_a_document_of_the_new_format_needs_the_keys(project: str) -> None:
    for name, content in journal_of(project).files.items():
        found = Name.read(name)
        assert found
        text = re.sub(rb'"format": [12]', b'"format": 3', content)
        digest = hashlib.sha256(text.removesuffix(b"\n")).hexdigest()[:16]
        same = replace(found, revision=f"{found.count}-{digest}")
        if read(found, content, project).steps:
            with pytest.raises(Damaged):
                read(same, text, project)
        else:
            assert read(same, text, project).deployment == read(found, content, project).deployment


# ── names, and fingerprints ──────────────────────────────────────────────────────────────────

COLOUR, COLOURS = "web-green", "web.1-green and api_2-blue"
HEALTHY = "nothing unproven gets traffic"
NAMES = [
    ("create the proxy", "there is none yet", "proxy:create"),
    ("start the proxy", "it has stopped", "proxy:start"),
    ("reload the proxy", "what it was told has changed; nothing is lost", "proxy:reload"),
    ("recreate the proxy", "its ports, names or image changed", "proxy:recreate"),
    ("put the proxy back", "undo", "undo:proxy:recreate"),
    ("start db redis", "depends_on", "dependencies"),
    ("start db-green", "depends_on", "dependencies"),
    ("build web", "the service has a build section", "build:web"),
    ("pull r.io:5000/web:1", "the engine doesn't have it", "pull"),
    ("use web:latest", "--no-build", "use"),
    ("use image 0123456789ab", "the engine still has it", "use"),
    ("point web:latest back", "undo", "undo:build"),
    ("run migrate", "once a release, before web and api", "run:migrate"),
    ("take deployment 7 away, which waited", "its colour is needed", "replace_waiting:7"),
    ("pre_deploy of web", "its hook, on this host: a", "hook:pre_deploy:1:web"),
    ("on_rollback 12 of web-blue", "its hook, on this host: a", "hook:on_rollback:12:web-blue"),
    (f"start {COLOUR}", "blue is live", "start"),
    (f"start {COLOURS}", "web is new, api is new", "start"),
    (f"start {COLOUR}", "it served before, and isn't well", "restore:start:web"),
    (f"start {COLOUR} again", "it was taken away, and no other runs", "stop_first:restore"),
    (f"start {COLOUR} again", "undo", "undo:stop_first:stop"),
    (f"wake {COLOUR}", "it stands by", "wake"),
    (f"remove {COLOURS}", "undo", "undo:start"),
    (f"wait until {COLOUR} is healthy", HEALTHY, "health"),
    (f"wait until {COLOURS} are healthy", HEALTHY, "health"),
    (
        f"wait until {COLOURS} are healthy",
        "it was proven 2026-03-01 12:01 UTC, and things change",
        "promote:health",
    ),
    (f"show {COLOUR} to who may preview", "it is proven, and nobody else meets it", "preview"),
    (f"hold {COLOURS} back", "--no-switch: docker bluegreen promote switches", "hold"),
    (f"send 5% to {COLOUR} and 7.5% to api-green", "canary, for 10s", "canary"),
    ("send all back", "undo", "undo:canary:1"),
    (f"stop {COLOUR}", "order: stop-first", "stop_first:stop"),
    (f"start {COLOUR}", "order: stop-first", "stop_first:start"),
    (f"wait until {COLOUR} is healthy", "what isn't well is taken back", "stop_first:health"),
    (f"switch to {COLOURS}", "all are healthy", "switch"),
    ("switch back", "undo", "undo:switch"),
    ("switch back", "abort", "switch_back"),
    (
        "switch back",
        "it was being undone, or is sick, and the old colour is well",
        "switch_back",
    ),
    ("take over from shop-web-1", "it holds the ports and the name until now", "take_over"),
    ("give back to shop-web-1", "undo", "undo:take_over"),
    ("give back to shop-web-1", "nobody serves", "give_back"),
    (f"see {COLOURS} healthy under traffic", "the switch is done", "verify"),
    (f"see {COLOUR} healthy under traffic", "it has the traffic already", "verify:web"),
    (f"bake {COLOURS}", "for 30s, while what served before is still there", "bake"),
    (f"drain {COLOURS}", "no new request reaches it", "drain"),
    (f"remove {COLOURS}", "it is drained", "retire:remove"),
    (f"stop {COLOUR}", "standby: stopped", "retire:stop"),
    (f"let {COLOURS} stand by", "standby: 1h30m", "retire:standby:1h30m"),
    ("remove shop-web-1", "the proxy has its ports and its name", "remove:own"),
    (f"remove {COLOUR}", "its standby is over", "remove:standby"),
    (f"remove {COLOUR}", "it was left over", "remove:leftover:web"),
    (f"remove {COLOUR}", "it was never finished", "remove:leftover:web"),
    ("keep the image of web", "docker image prune must leave what", "image:keep:web"),
    ("point web:latest at what serves", "it was never finished", "image:point"),
    ("let go of old images of web", "5 releases are kept", "image:prune:web"),
    ("feed the cat", "it is hungry", "other"),
    ("feed the cat", "undo", "undo:other"),
]


@pytest.mark.parametrize(("name", "cause", "key"), NAMES)
def test_each_name_of_before_has_a_key(name: str, cause: str, key: str) -> None:
    assert key_of_name(name, cause) == key


def test_the_migration_has_the_same_rules_in_its_own_copy() -> None:
    migration = ScriptDirectory(str(OURS.folder)).get_revision("0004")
    rule = migration.module._key_of_name
    assert [rule(name, cause) for name, cause, _ in NAMES] == [key for _, _, key in NAMES]
