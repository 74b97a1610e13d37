"""Documents of the journal that are damaged, missing, or written by another version."""

from __future__ import annotations

import json

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import HistoryUnusable
from compose_bluegreen.domain.states import State
from testkit.synced_history import (
    HOLDER,
    NOON,
    Machine,
    a_step,
    killed_while_starting,
)


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
