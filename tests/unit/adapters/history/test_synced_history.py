"""History follows the engine: every way in which a local file and the journal can differ."""

from __future__ import annotations

from contextlib import ExitStack
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from compose_bluegreen.adapters.history import Scope, open_history
from compose_bluegreen.adapters.history.synced_history import JournalledHistory
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.deployment import (
    Kind,
)
from compose_bluegreen.domain.errors import HistoryUnusable, LockLost
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import Outcome, State
from testkit.fakes.journal import FakeJournal, Killed, OpenLock
from testkit.synced_history import (
    ENGINE,
    HOLDER,
    LATER,
    NOON,
    PROJECT,
    Machine,
    a_part,
    a_step,
    killed_while_starting,
    switch,
)

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


def test_releases_of_one_image_are_no_reason_to_keep_them_all(a: Machine, few: int) -> None:
    """Only their configuration differs."""
    a.release("old")
    for _ in range(3 * few):
        a.release("1")
    last = 1 + 3 * few
    assert numbers(a.journal) == [1, *range(last - few + 1, last + 1)]


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


class _LostLock(OpenLock):
    """``lost`` once another command has taken it."""

    lost = False

    def assure(self) -> None:
        if self.lost:
            raise LockLost("this deployment has lost its lock")


def test_whoever_lost_the_lock_writes_nothing_to_the_local_history_either(a: Machine) -> None:
    """A `down` that slept would say of the next command's release that it is removed."""
    a.release("1")
    lock = _LostLock()
    local = open_history(str(a.file), {}, Scope(ENGINE, PROJECT))
    a.opened.callback(local.close)
    history = JournalledHistory(local, a.journal, lock, a.remarks.append)
    with history.hold(HOLDER):
        lock.lost = True
        with pytest.raises(LockLost):
            history.removed(ProjectRef(ENGINE, PROJECT), NOON)
    assert a.told() == [(1, State.LIVE)]
