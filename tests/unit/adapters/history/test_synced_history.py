"""History follows the engine: every way in which a local file and the journal can differ."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from compose_bluegreen.adapters.history import Scope, open_history
from compose_bluegreen.adapters.history.synced_history import JournalledHistory
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import (
    DeployedService,
    Deployment,
    Kind,
    NewDeployment,
    StepRecord,
)
from compose_bluegreen.domain.errors import HistoryUnusable
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.release import Image, Release
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.ports.lock import LockOwner
from testkit.fakes.journal import FakeJournal, Killed, OpenLock

ENGINE, PROJECT = "ABCD:EFGH", "shop"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=3)
HOLDER = LockOwner("ada@laptop", "up web", NOON)


@dataclass(slots=True)
class Machine:
    """A state folder; each command opens its history anew, as a process does."""

    folder: Path
    journal: FakeJournal
    opened: ExitStack
    engine: str = ENGINE
    kept: int = 200
    remarks: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "history.db"

    def command(self) -> JournalledHistory:
        self.remarks.clear()
        local = open_history(str(self.file), {}, Scope(self.engine, PROJECT))
        self.opened.callback(local.close)
        return JournalledHistory(local, self.journal, OpenLock(), self.remarks.append, self.kept)

    def release(self, image: str, *services: str, **more: object) -> int:
        """An ``up`` that succeeds."""
        history = self.command()
        with history.hold(HOLDER):
            deployment = self.begin(history, *services, **more)
            parts = [a_part(image, service) for service in services or ("web",)]
            switch(history, deployment, parts)
            history.promote(deployment, LATER)
            number = history.step(deployment, a_step("drain web-blue"))
            history.step_ended(deployment, number, Outcome.DONE, LATER)
        return deployment

    def fail(self) -> int:
        history = self.command()
        with history.hold(HOLDER):
            deployment = self.begin(history)
            history.to(deployment, State.FAILED, LATER, "never healthy")
        return deployment

    def begin(self, history: JournalledHistory, *services: str, **more: object) -> int:
        new_deployment = NewDeployment(
            self.engine, PROJECT, Kind.UP, services or ("web",), "ada@laptop", NOON
        )
        return history.begin(replace(new_deployment, **more))  # type: ignore[arg-type]

    def touch(self) -> None:
        """Any command that takes the lock."""
        with self.command().hold(HOLDER):
            pass

    def story(self) -> list[Deployment]:
        """Newest first, whole, as a command without the lock sees it."""
        history = self.command()
        found = [history.get(one.id) for one in history.newest(PROJECT)]
        return [one for one in found if one]

    def told(self) -> list[tuple[int, State]]:
        return [(one.id, one.state) for one in self.story()]

    def live(self) -> int | None:
        found = self.command().live(ProjectRef(self.engine, PROJECT), "web")
        return found.id if found else None

    def targets(self) -> list[int]:
        return [
            one.id
            for one in self.command().rollback_candidates(ProjectRef(self.engine, PROJECT), "web")
        ]


def a_part(image: str, service: str = "web") -> DeployedService:
    model = {"name": PROJECT, "services": {service: {"environment": {"GREETING": "Grüße 'n\n%s"}}}}
    release = Release(service, Image("shop/web", f"sha256:{image}"), model, {}, f"print-{image}")
    return DeployedService(release, Colour.BLUE)


def a_step(name: str) -> StepRecord:
    return StepRecord("start", name, "because", Outcome.RUNNING, NOON)


def switch(history: JournalledHistory, deployment: int, parts: list[DeployedService]) -> None:
    history.parts(deployment, parts)
    for state in (State.STARTING, State.SWITCHING):
        history.to(deployment, state, NOON)
        number = history.step(deployment, a_step(f"step of {state}"))
        history.step_ended(deployment, number, Outcome.DONE, LATER, "said")


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrating takes longer than most tests here, so it is done once."""
    file = tmp_path_factory.mktemp("migrated") / "history.db"
    with open_history(str(file), {}, Scope(ENGINE, PROJECT)) as history:
        history.check_writable()
    return file


@pytest.fixture
def machines(tmp_path: Path, journal: FakeJournal, migrated: Path) -> Iterator[dict[str, Machine]]:
    with ExitStack() as opened:
        found = {name: Machine(tmp_path / name, journal, opened) for name in "ab"}
        for machine in found.values():
            machine.folder.mkdir()
            shutil.copy(migrated, machine.file)
        yield found


@pytest.fixture
def a(machines: dict[str, Machine]) -> Machine:
    return machines["a"]


@pytest.fixture
def b(machines: dict[str, Machine]) -> Machine:
    return machines["b"]


# ── two commands at once on one machine ──────────────────────────────────────────────────────


def test_a_command_that_only_looks_takes_no_step_away_from_one_that_acts(a: Machine) -> None:
    history = a.command()
    with history.hold(HOLDER):
        deployment = a.begin(history)
        before_the_step = deepcopy(a.journal)
        number = history.step(deployment, a_step("start web-blue"))

        looks = replace(a, journal=before_the_step).command()
        assert looks.get(deployment) is not None

        history.step_ended(deployment, number, Outcome.DONE, LATER)
    (found,) = a.story()
    assert [one.name for one in found.steps] == ["start web-blue"]


# ── one story ────────────────────────────────────────────────────────────────────────────────


def test_another_machine_has_the_same_story_to_the_last_step(a: Machine, b: Machine) -> None:
    a.release("1")
    a.fail()
    a.release("2", message="“second”", git_revision="f00")
    assert b.story() == a.story()
    assert b.told() == [(3, State.LIVE), (2, State.FAILED), (1, State.SUPERSEDED)]
    assert [step.name for step in b.story()[0].steps][-1] == "drain web-blue"
    assert (b.live(), b.targets()) == (3, [3, 1])
    assert b.remarks == []


def test_numbers_go_on_where_another_machine_stopped(a: Machine, b: Machine) -> None:
    assert [a.release("1"), b.release("2"), a.release("3")] == [1, 2, 3]
    assert a.story() == b.story()
    assert a.targets() == [3, 2, 1]


def test_a_rollback_from_another_machine_takes_back_what_it_names(a: Machine, b: Machine) -> None:
    a.release("1")
    a.release("2")
    b.release("1", kind=Kind.ROLLBACK, rollback_of=2, restores=1)
    assert a.told() == [(3, State.LIVE), (2, State.ROLLED_BACK), (1, State.SUPERSEDED)]
    assert (a.story()[0].rollback_of, a.story()[0].restores) == (2, 1)
    assert a.targets() == [3, 1]


def test_thrown_away_machines_in_a_row_lose_nothing(journal: FakeJournal, tmp_path: Path) -> None:
    with ExitStack() as opened:
        for run in range(1, 11):
            assert Machine(tmp_path / str(run), journal, opened).release(str(run)) == run
        last = Machine(tmp_path / "last", journal, opened)
        assert last.targets() == list(range(10, 0, -1))


def test_a_deleted_local_file_costs_nothing(a: Machine) -> None:
    a.release("1")
    a.release("2")
    before = a.story()
    a.opened.close()
    a.file.unlink()
    assert a.story() == before
    assert a.release("3") == 3


def test_a_corrupt_local_file_is_refused_and_costs_nothing_once_it_is_out_of_the_way(
    a: Machine,
) -> None:
    a.release("1")
    before = a.story()
    a.opened.close()
    a.file.write_bytes(b"Dear diary, " * 400)
    for act in (a.story, a.touch):
        with pytest.raises(HistoryUnusable, match="is not a database") as caught:
            act()
        assert "mv " in hint_text(caught.value.hint)
    a.file.rename(a.file.with_suffix(".damaged"))
    assert a.story() == before


def test_what_is_there_before_there_was_a_journal_goes_to_it(a: Machine, b: Machine) -> None:
    a.journal.there = False
    a.release("1")
    a.release("2")
    assert a.journal.files == {}
    a.journal.there = True
    a.touch()
    assert b.story() == a.story()
    assert b.live() == 2


def test_nothing_is_read_or_written_twice(a: Machine, journal: FakeJournal) -> None:
    a.release("1")
    before = journal.reads, journal.writes
    a.touch()
    a.story()
    assert (journal.reads, journal.writes) == before


def test_a_deployment_costs_the_journal_five_messages(a: Machine, journal: FakeJournal) -> None:
    a.release("1")
    before = journal.writes
    a.release("2")
    assert journal.writes - before == 5


def test_one_file_for_each_deployment_is_left(a: Machine, journal: FakeJournal) -> None:
    for image in "123":
        a.release(image)
    assert len(journal.files) == 3
    assert journal.notes == ""


# ── somebody died ────────────────────────────────────────────────────────────────────────────


def killed_while_starting(machine: Machine) -> int:
    history = machine.command()
    with history.hold(HOLDER):
        deployment = machine.begin(history)
        history.parts(deployment, [a_part("2")])
        history.to(deployment, State.STARTING, NOON)
        history.step(deployment, a_step("start web-green"))
        machine.journal.down = True  # nothing that it would do at its end is done
    machine.journal.down = False
    return deployment


def test_from_another_machine_one_sees_at_which_step_a_killed_one_stopped(
    a: Machine, b: Machine
) -> None:
    a.release("1")
    deployment = killed_while_starting(a)
    for history in (b.command(), a.command()):
        (found,) = history.unfinished(ProjectRef(ENGINE, PROJECT))
        assert (found.id, found.state) == (deployment, State.STARTING)
    history = b.command()
    with history.hold(HOLDER):
        whole = history.get(deployment)
        assert whole
        assert whole.steps[-1].name == "start web-green"
        history.to(deployment, State.INTERRUPTED, LATER, "killed")
    assert a.story() == b.story()
    assert a.remarks == []


def test_a_note_that_was_cut_off_is_passed_over(a: Machine, b: Machine) -> None:
    deployment = killed_while_starting(a)
    a.journal.notes += '{"uid": "'
    b.touch()
    found = b.command().get(deployment)
    assert found
    assert [one.name for one in found.steps] == ["start web-green"]


def test_a_half_written_document_is_no_document(a: Machine, b: Machine) -> None:
    a.release("1")
    (name,) = a.journal.files
    a.journal.files[name.replace("000001", "000002") + ".new"] = b'{"format": 1, "depl'
    assert b.told() == [(1, State.LIVE)]
    assert b.remarks == []
    b.touch()
    assert list(a.journal.files) == [name]


def test_two_versions_of_one_deployment_are_one_deployment(a: Machine, b: Machine) -> None:
    """Killed between writing a version and removing the one before it."""
    history = a.command()
    with history.hold(HOLDER):
        deployment = a.begin(history)
        a.journal.dies_after = 1
        with pytest.raises(Killed):
            history.to(deployment, State.FAILED, LATER)
        a.journal.down = True
    a.journal.down, a.journal.dies_after = False, None
    assert len(a.journal.files) == 2
    assert b.told() == [(1, State.FAILED)]
    b.fail()
    a.touch()
    assert b.told() == a.told() == [(2, State.FAILED), (1, State.FAILED)]


def test_killed_between_the_winner_and_the_loser_two_are_never_live(a: Machine, b: Machine) -> None:
    a.release("1")
    history = a.command()
    with history.hold(HOLDER):
        deployment = a.begin(history)
        switch(history, deployment, [a_part("2")])
        a.journal.dies_after = 1
        with pytest.raises(Killed):
            history.promote(deployment, LATER)
        a.journal.down = True
    a.journal.down, a.journal.dies_after = False, None
    assert b.live() is None
    assert b.told() == [(2, State.SWITCHING), (1, State.SUPERSEDED)]
    a.touch()
    assert (b.live(), a.live()) == (2, 2)


def test_a_deployment_that_was_discarded_elsewhere_is_forgotten_here(
    a: Machine, b: Machine
) -> None:
    a.release("1")
    history = a.command()
    with history.hold(HOLDER):
        deployment = a.begin(history)
        assert [one.id for one in b.story()] == [2, 1]
        history.discard(deployment)
    assert b.release("2") == 2
    assert a.told() == b.told() == [(2, State.LIVE), (1, State.SUPERSEDED)]


def test_a_reader_takes_nothing_away_that_is_under_way(a: Machine) -> None:
    """It may look at what is older than what it compares it with."""
    a.release("1")
    before = dict(a.journal.files)
    history = a.command()
    with history.hold(HOLDER):
        deployment = a.begin(history)
        history.to(deployment, State.STARTING, NOON)
        now, a.journal.files = a.journal.files, before
        assert [one.id for one in a.story()] == [2, 1]
        a.journal.files = now
        history.to(deployment, State.SWITCHING, NOON)
    assert a.told() == [(2, State.SWITCHING), (1, State.LIVE)]


# ── something is damaged ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "damage",
    [b"", b"\0" * 300, b'{"format": 1}\n', b"{}\n", b"[]\n", b'{"format": "x"}\n', "ü".encode()],
)
def test_a_corrupt_document_costs_one_record_and_is_told_of_once(
    a: Machine, b: Machine, damage: bytes
) -> None:
    a.release("1")
    a.release("2")
    name = next(one for one in a.journal.files if one.startswith("000001"))
    a.journal.files[name] = damage
    assert b.told() == [(2, State.LIVE)]
    assert "record of deployment 1 is damaged" in " ".join(b.remarks)
    b.release("3")
    assert "record of deployment 1 is damaged" in " ".join(b.remarks)
    assert b.told() == [(3, State.LIVE), (2, State.SUPERSEDED)]
    assert b.remarks == []
    assert f"{name}.damaged" in a.journal.files


def test_a_document_that_somebody_changed_is_damaged(a: Machine, b: Machine) -> None:
    a.release("1")
    ((name, content),) = a.journal.files.items()
    a.journal.files[name] = content.replace(b"sha256:1", b"sha256:6")
    assert b.told() == []
    assert "damaged" in b.remarks[0]


def test_a_corrupt_document_is_written_again_by_who_has_the_record(a: Machine, b: Machine) -> None:
    a.release("1")
    a.release("2")
    name = next(one for one in a.journal.files if one.startswith("000001"))
    a.journal.files[name] = b"\xff"
    b.touch()
    a.touch()
    assert b.story() == a.story()
    assert len(b.story()) == 2


def test_the_number_of_a_damaged_record_is_not_given_again(a: Machine, b: Machine) -> None:
    a.release("1")
    ((name, _),) = a.journal.files.items()
    a.journal.files[name] = b"\xff"
    assert [b.release("2"), b.release("3")] == [2, 3]


def test_a_wiped_journal_is_filled_again(a: Machine, b: Machine) -> None:
    for image in "123":
        a.release(image)
    before = a.story()
    a.journal.files.clear()
    assert a.story() == before
    a.touch()
    assert b.story() == before


def test_a_document_that_somebody_removed_comes_back(a: Machine, b: Machine) -> None:
    for image in "123":
        a.release(image)
    del a.journal.files[next(one for one in a.journal.files if one.startswith("000002"))]
    a.touch()
    assert b.story() == a.story()
    assert len(b.story()) == 3


def test_a_journal_that_went_back_to_an_older_state_is_brought_forward(
    a: Machine, b: Machine
) -> None:
    """Somebody restored the volume from a backup."""
    a.release("1")
    backup = dict(a.journal.files)
    a.release("2")
    before = a.story()
    a.journal.files = backup
    assert a.story() == before
    a.touch()
    assert b.story() == a.story() == before


def test_files_of_others_are_left_alone(a: Machine, b: Machine) -> None:
    a.journal.files |= {"README": b"hello", "000001.json": b"{}"}
    a.release("1")
    assert b.told() == [(1, State.LIVE)]
    assert {"README", "000001.json"} < a.journal.files.keys()


def test_a_newer_version_of_the_format_is_refused_with_the_cure(a: Machine, b: Machine) -> None:
    a.release("1")
    ((name, content),) = a.journal.files.items()
    a.journal.files[name] = json.dumps({**json.loads(content), "format": 4}).encode()
    for act in (b.touch, b.story):
        with pytest.raises(HistoryUnusable, match="newer version") as caught:
            act()
        assert "upgrade" in hint_text(caught.value.hint)
    assert list(a.journal.files) == [name]


def test_a_newer_version_of_a_note_is_refused_with_the_cure(a: Machine, b: Machine) -> None:
    killed_while_starting(a)
    note = json.loads(a.journal.notes)
    a.journal.notes = json.dumps({**note, "format": note["format"] + 1})
    with pytest.raises(HistoryUnusable, match="newer version") as caught:
        b.touch()
    assert "upgrade" in hint_text(caught.value.hint)


def test_only_what_an_older_version_could_not_read_has_a_newer_format(
    a: Machine, b: Machine
) -> None:
    """Who doesn't know the state must not take its document for a damaged one."""
    formats = []
    history = a.command()
    with history.hold(HOLDER):
        deployment = a.begin(history)
        for state in (State.STARTING, State.WAITING, State.SWITCHING, State.INTERRUPTED):
            history.to(deployment, state, NOON)
            (content,) = a.journal.files.values()
            formats.append(json.loads(content)["format"])
            assert b.told() == [(1, state)]
            if state is State.SWITCHING:
                history.step(deployment, a_step("remove web-green"))
    assert formats == [1, 2, 1, 3]


# ── two stories ──────────────────────────────────────────────────────────────────────────────


def apart(machine: Machine, *images: str) -> None:
    """Deployments that never got to the journal."""
    machine.journal.down = True
    for image in images:
        machine.release(image)
    machine.journal.down = False


def test_two_files_that_went_apart_are_joined(a: Machine, b: Machine) -> None:
    a.release("1")
    b.touch()
    apart(b, "2")
    b.touch()
    assert a.story() == b.story()
    assert a.told() == [(2, State.LIVE), (1, State.SUPERSEDED)]


def test_a_number_that_is_another_deployments_on_the_engine_is_changed_and_told(
    a: Machine, b: Machine
) -> None:
    apart(b, "x", "y")
    before = {one.parts[0].release.image.id for one in b.story()}
    a.release("1")
    b.touch()
    said = " ".join(b.remarks)
    assert "deployment 1 of this machine's own history is now 3" in said
    assert a.story() == b.story()
    assert a.told() == [(3, State.SUPERSEDED), (2, State.SUPERSEDED), (1, State.LIVE)]
    assert {one.parts[0].release.image.id for one in b.story()} == {*before, "sha256:1"}
    assert b.release("4") == 4


def test_a_deployment_from_another_story_is_no_target_unless_it_is_named(
    a: Machine, b: Machine
) -> None:
    apart(b, "x")
    a.release("1")
    b.touch()
    a.release("2")
    assert a.told() == [(3, State.LIVE), (2, State.SUPERSEDED), (1, State.SUPERSEDED)]
    assert a.targets() == [3, 1]


def test_nor_is_what_followed_it_there(a: Machine, b: Machine) -> None:
    """An engine that was wiped and used anew, and a machine that remembers what was before."""
    apart(b, "x", "y", "z")
    a.release("1")
    b.touch()
    assert a.release("2") == 5
    assert [number for number, _ in a.told()] == [5, 4, 3, 2, 1]
    assert a.targets() == b.targets() == [5, 1]


def test_what_was_before_the_stories_went_apart_is_a_target(a: Machine, b: Machine) -> None:
    a.release("1")
    b.touch()
    apart(b, "x", "y")
    a.release("2")
    b.touch()
    assert [number for number, _ in a.told()] == [4, 3, 2, 1]
    assert a.targets() == b.targets() == [2, 1]


def test_what_moved_is_followed_by_what_names_it(a: Machine, b: Machine) -> None:
    a.journal.down = True
    b.release("x")
    b.release("y")
    b.release("x", kind=Kind.ROLLBACK, rollback_of=2, restores=1)
    b.journal.down = False
    a.release("1")
    a.release("2")
    b.touch()
    found = {one.id: one for one in b.story()}
    assert (found[3].rollback_of, found[3].restores) == (5, 4)


def test_where_both_changed_the_same_one_the_engine_counts_and_it_is_told(
    a: Machine, b: Machine
) -> None:
    deployment = killed_while_starting(a)
    history = b.command()
    with history.hold(HOLDER):
        history.to(deployment, State.FAILED, LATER, "b ended it")
    history = a.command()
    a.journal.down = True
    with history.hold(HOLDER):
        history.to(deployment, State.INTERRUPTED, LATER, "a ended it")
    a.journal.down = False
    a.touch()
    assert "was interrupted here and is failed on the engine" in " ".join(a.remarks)
    assert a.story() == b.story()
    assert a.story()[0].reason == "b ended it"


def test_of_two_that_are_live_the_engines_is(a: Machine, b: Machine) -> None:
    a.release("1")
    b.touch()
    apart(b, "2", "3")
    a.release("4")
    b.touch()
    assert (a.live(), b.live()) == (2, 2)
    assert a.story() == b.story()
    assert sum(one.state is State.LIVE for one in a.story()) == 1


def test_of_two_that_the_engine_has_as_live_the_newer_is(a: Machine, b: Machine) -> None:
    a.release("1")
    live = dict(a.journal.files)
    a.release("2")
    newer = {name: text for name, text in a.journal.files.items() if name.startswith("000002")}
    a.journal.files = live | newer
    assert b.told() == [(2, State.LIVE), (1, State.SUPERSEDED)]
    assert b.live() == 2


def test_an_engine_with_a_new_id_keeps_its_story(a: Machine, b: Machine) -> None:
    """Docker before 24 has its id in /etc/docker, which may be thrown away alone."""
    a.release("1")
    a.release("2")
    for machine in (a, b):
        machine.engine = "NEW"
        assert machine.told() == [(2, State.LIVE), (1, State.SUPERSEDED)]
        assert machine.live() == 2
    assert a.release("3") == 3


# ── the journal can't be written ─────────────────────────────────────────────────────────────


def test_a_journal_that_cannot_be_written_costs_one_warning_and_is_made_good(
    a: Machine, b: Machine
) -> None:
    a.journal.full = True
    a.release("1")
    assert len(a.remarks) == 1
    assert "warning" in a.remarks[0]
    assert "no space left on device" in a.remarks[0]
    assert a.told() == [(1, State.LIVE)]
    a.journal.full = False
    a.touch()
    assert b.story() == a.story()


def test_a_journal_that_cannot_be_read_leaves_what_is_known_here(a: Machine) -> None:
    a.release("1")
    a.journal.down = True
    assert a.told() == [(1, State.LIVE)]
    assert "can't be read" in a.remarks[0]
    assert len(a.remarks) == 1


def test_a_local_file_that_cannot_be_written_is_refused_before_anything_moves(
    a: Machine, b: Machine
) -> None:
    a.release("1")
    b.file.unlink()
    b.file.mkdir()
    with pytest.raises(HistoryUnusable):
        b.command().check_writable()
    assert len(a.journal.files) == 1


def test_removed_is_told_where_there_is_no_proxy_and_so_no_lock(a: Machine, b: Machine) -> None:
    a.release("1")
    a.command().removed(ProjectRef(ENGINE, PROJECT), LATER)
    assert b.told() == [(1, State.REMOVED)]
    b.command().removed(ProjectRef(ENGINE, PROJECT), LATER)
    assert len(a.journal.files) == 1


# ── it stays small ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def few(a: Machine) -> int:
    """So many are enough to see what happens past them."""
    a.kept = 6
    return a.kept


def numbers(journal: FakeJournal) -> list[int]:
    return sorted(int(name[:6]) for name in journal.files)


def test_the_journal_keeps_the_newest_and_what_a_rollback_needs(
    a: Machine, b: Machine, few: int
) -> None:
    a.release("db-1", "db")
    a.release("db-2", "db")
    a.release("web-1")
    for _ in range(few + 2):
        a.fail()
    assert numbers(a.journal) == [1, 2, 3, *range(6, 12)]
    assert len(a.story()) == 11
    assert [one.id for one in b.story()] == numbers(a.journal)[::-1]
    assert b.fail() == 12


def test_the_journal_keeps_what_waits_however_many_come_after_it(
    a: Machine, b: Machine, few: int
) -> None:
    """Whoever didn't know of it would clear its colour away."""
    history = a.command()
    with history.hold(HOLDER):
        deployment = a.begin(history)
        for state in (State.STARTING, State.WAITING):
            history.to(deployment, state, NOON)
    for _ in range(few + 2):
        a.fail()
    assert numbers(a.journal)[0] == deployment
    assert [one.id for one in b.command().waiting(ProjectRef(b.engine, PROJECT))] == [deployment]


def test_what_was_trimmed_is_neither_sent_again_nor_forgotten_here(a: Machine, few: int) -> None:
    for _ in range(few + 4):
        a.fail()
    assert numbers(a.journal) == list(range(5, 11))
    before = a.journal.writes
    a.touch()
    assert a.journal.writes == before
    assert len(a.story()) == few + 4


def test_a_wiped_journal_gets_what_it_would_have_kept(a: Machine, few: int) -> None:
    for _ in range(few + 4):
        a.fail()
    a.journal.files.clear()
    a.touch()
    assert numbers(a.journal) == list(range(5, 11))
