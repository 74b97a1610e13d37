"""What history believes of the journal on the engine: one body over the fake and the real one."""

from __future__ import annotations

import pytest

from compose_bluegreen.adapters.history.journal_files import Journal, Seen
from tests.contract.grounds import Ground

ONE, TWO, THREE = (f"00000{n}.uid.{n}-rev.json" for n in (1, 2, 3))
AWKWARD = r"""{"a": "'; rm -rf / #", "b": "\"$HOME `x` \\n %s %% \u00fc", "c": "@@bluegreen@@0"}"""


@pytest.fixture
def journal(running: Ground) -> Journal:
    return running.journal


def looked(journal: Journal) -> Seen:
    found = journal.look()
    assert found is not None
    return found


def contents(journal: Journal) -> dict[str, bytes]:
    found = journal.read()
    assert found is not None
    assert set(found.files) == found.contents.keys()
    return dict(found.contents)


def documents(seen: Seen) -> set[str]:
    return {name for name in seen.files if name.endswith(".json")}


def test_a_journal_from_its_first_document_to_what_is_left_of_it(
    running: Ground, journal: Journal
) -> None:
    assert documents(looked(journal)) == set()

    journal.write({ONE: AWKWARD, TWO: "{}" + "x" * 200_000}, [])
    assert documents(looked(journal)) == {ONE, TWO}
    assert contents(journal) == {ONE: f"{AWKWARD}\n".encode(), TWO: b"{}" + b"x" * 200_000 + b"\n"}

    journal.note(AWKWARD)
    journal.note("second")
    assert looked(journal).notes == f"{AWKWARD}\nsecond\n"
    whole = journal.read()
    assert whole
    assert whole.notes == f"{AWKWARD}\nsecond\n"

    journal.write({THREE: "three"}, [TWO, "it-was-never-there"])
    assert documents(looked(journal)) == {ONE, THREE}
    assert looked(journal).notes == ""

    journal.set_aside({ONE: f"{ONE}.damaged"})
    assert documents(looked(journal)) == {THREE}
    assert f"{ONE}.damaged" in looked(journal).files

    journal.write({}, [THREE])
    assert documents(looked(journal)) == set()

    with running.hold("ada"):
        running.proxy.remove()
    journal.write({TWO: AWKWARD}, [])
    assert documents(looked(journal)) == {TWO}
    assert contents(journal)[TWO] == f"{AWKWARD}\n".encode()
