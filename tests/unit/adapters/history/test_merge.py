"""A local history and a journal that differ are merged into one."""

from __future__ import annotations

from compose_bluegreen.domain.deployment import (
    Kind,
)
from compose_bluegreen.domain.states import State
from testkit.synced_history import (
    HOLDER,
    LATER,
    Machine,
    killed_while_starting,
)


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
