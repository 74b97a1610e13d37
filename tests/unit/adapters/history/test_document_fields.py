"""Documents that an attacker wrote: each is put aside, with a warning, and nothing else happens."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compose_bluegreen.adapters.history import journal_documents
from compose_bluegreen.adapters.history.journal_documents import Damaged, Name, read, read_note
from testkit.synced_history import PROJECT, Machine, a_part, killed_while_starting

GOOD: Any = {
    "format": 3,
    "deployment": {
        "kind": "up",
        "state": "live",
        "actor": "ada@laptop",
        "message": "",
        "git_revision": None,
        "started_at": "2026-03-01T12:00:00+00:00",
        "finished_at": None,
        "retired_at": None,
        "reason": "",
        "rollback_of": None,
        "restores": None,
    },
    "services": ["web"],
    "parts": [
        {
            "service": "web",
            "colour": "blue",
            "live": True,
            "taken_back": False,
            "image_reference": "shop/web:1",
            "image_id": "sha256:1",
            "repo_digest": None,
            "fingerprint": "0123456789abcdef",
            "settings": {},
            "model": a_part("1").release.model,
        }
    ],
    "steps": [
        {
            "key": "start",
            "name": "start web-blue",
            "cause": "because",
            "outcome": "done",
            "started_at": "2026-03-01T12:00:00+00:00",
            "finished_at": None,
            "detail": "",
        }
    ],
}
UID = "4cdac1b3-1894-45b6-b00a-65ccd081a3d4"


def text_of(fields: object) -> str:
    return json.dumps(fields, sort_keys=True)


def signed(text: str, number: int = 1, count: int = 9) -> tuple[str, bytes]:
    """With a right digest, as an attacker writes it."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{number:06}.{UID}.{count}-{digest}.json", f"{text}\n".encode()


def changed(path: str, value: object) -> Any:
    """``GOOD`` with another value at this place."""
    fields = deepcopy(GOOD)
    *outer, last = (int(key) if key.isdecimal() else key for key in path.split("/"))
    place = fields
    for key in outer:
        place = place[key]
    place[last] = value
    return fields


def deep(levels: int) -> Any:
    return {"a": deep(levels - 1)} if levels else {}


def each(path: str, *values: Any) -> list[tuple[str, Any]]:
    return [(path, value) for value in values]


HOSTILE = [
    *each("deployment", None, [], "x", 7),
    *each("deployment/state", "gone", None, [], {}),
    *each("deployment/actor", None, 7, {"a": 1}, "\ud800"),
    ("deployment/git_revision", "a\0b"),
    *each(
        "deployment/started_at",
        None,
        "",
        0,
        "soon",
        "2026-03-01T12:00:00",
        "0001-01-01T00:00:00+23:59",
    ),
    *each("deployment/finished_at", "", 0, False, [], "9999-99-99"),
    *each("deployment/restores", True, 0, -1, 2**31, 10**400, 1.5, "1", [], "x"),
    *each("services", None, "web", {"web": 1}, ["web", "web"], [7], ["a/b"]),
    *each("parts/0/service", "../etc", "a\nb", "-f", "", "a b", "$(x)", "ü", "%[env(HOME)]", None),
    *each("parts/0/colour", "red", None, 1),
    *each("parts/0/live", 1, "yes", None),
    *each("parts/0/image_id", "--help", "", "sha256:1 -f", "a\n", None, 7),
    *each("parts/0/image_reference", "-v", "a b", "a\0", "", 7),
    *each("parts/0/fingerprint", "", "a/b", None),
    *each("parts/0/settings", None, [], "x", deep(70)),
    *each("parts/0/model", None, [], {}, deep(70)),
    *each("parts/0/model/name", "other", None, "", "../shop", ["shop"]),
    *each("parts/0/model/services", None, [], {}, {"api": {}}, {"web": None}),
    *each("parts/0/model/services/web/environment", deep(70), {"A": "\udfff"}),
    *each("parts/0/model/x-bluegreen", None, {}, []),
    *each("parts/0/model/x-bluegreen/replicas", 0, -1, 10**9, "3", None, 1.5),
    *each("parts/0/model/x-bluegreen/published", None, [], {"a": "x\ny"}),
    *each("parts/0/model/x-bluegreen/after", [1], "x", {"a": []}),
    *each("steps", None, "x", [7], [None], 7),
    *each("steps/0/outcome", "well", None, []),
    *each("steps/0/name", None, 7, "a\0b"),
    *each("format", None, [], "x", {}, float("inf"), float("nan")),
]


def test_what_is_right_is_read(a: Machine, b: Machine) -> None:
    name, content = signed(text_of(GOOD))
    a.journal.files[name] = content
    assert [one.id for one in b.story()] == [1]
    assert b.remarks == []
    assert b.live() == 1


@pytest.mark.parametrize(
    ("path", "value"), HOSTILE, ids=[f"{path}={value!r:.30}" for path, value in HOSTILE]
)
def test_what_no_version_wrote_is_damaged(path: str, value: object) -> None:
    name, content = signed(text_of(changed(path, value)))
    found = Name.read(name)
    assert found
    with pytest.raises(Damaged):
        read(found, content, PROJECT)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "9" * 10_000, '{"format": 1e999}', '"\\ud800"', "{}"]
)
def test_what_is_nested_or_large_beyond_measure_is_damaged(text: str) -> None:
    name, content = signed(text)
    found = Name.read(name)
    assert found
    with pytest.raises(Damaged):
        read(found, content, PROJECT)


def test_a_hostile_document_is_put_aside_and_every_other_one_is_read(
    a: Machine, b: Machine
) -> None:
    a.release("1")
    name, content = signed(text_of(changed("parts/0/service", "../../etc/passwd")), number=2)
    a.journal.files[name] = content
    assert [one.id for one in b.story()] == [1]
    assert b.remarks == ["warning: the engine's record of deployment 2 is damaged"]
    b.touch()
    assert f"{name}.damaged" in a.journal.files
    assert b.release("3") == 3


@pytest.mark.parametrize(
    "file",
    [
        f"0000001.{UID}.1-0123456789abcdef.json",
        f"٠٠٠٠٠١.{UID}.1-0123456789abcdef.json",
        f"000001.{UID}.{'9' * 100}-0123456789abcdef.json",
        f"000000.{UID}.1-0123456789abcdef.json",
        f"9999999999.{UID}.1-0123456789abcdef.json",
        f"../000001.{UID}.1-0123456789abcdef.json",
        f"000001.{UID}.1-0123456789abcdef.json\n",
        f"000001.{UID}.1-0123456789abcdef.json; rm -rf .",
        f"000001.{'../' * 12}.1-0123456789abcdef.json",
        f"000001.{UID}.1-$(touch /tmp/x)abcd.json",
    ],
)
def test_a_file_whose_name_is_not_exactly_ours_is_left_alone(
    a: Machine, b: Machine, file: str
) -> None:
    """No name of a file gets into a script but those of this form."""
    assert Name.read(file) is None
    assert journal_documents.number_of(file) == 0
    a.journal.files[file] = b"{}"
    b.touch()
    assert (list(a.journal.files), b.remarks) == ([file], [])


@pytest.mark.parametrize(
    "line",
    ["", "[]", "7", "null", "{" * 100_000, "[" * 100_000, '{"format": 1e999}', '{"format": "x"}'],
)
def test_a_note_that_is_none_is_ignored(line: str) -> None:
    assert read_note(line) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [("number", 2**40), ("number", -1), ("number", "1"), ("uid", None), ("step", []), ("step", {})],
)
def test_a_hostile_note_changes_nothing(a: Machine, b: Machine, key: str, value: object) -> None:
    killed_while_starting(a)
    before = b.story()
    note = json.loads(a.journal.notes.splitlines()[-1]) | {key: value}
    a.journal.notes += json.dumps(note) + "\n"
    assert b.story() == before


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
paths = st.sampled_from(sorted({path for path, _ in HOSTILE}))


@settings(max_examples=300)
@given(path=paths, value=values)
def test_any_value_anywhere_is_read_or_damaged(path: str, value: object) -> None:
    name, content = signed(text_of(changed(path, value)))
    found = Name.read(name)
    assert found
    try:
        document = read(found, content, PROJECT)
    except Damaged:
        return
    assert document.name == found


@settings(max_examples=300)
@given(content=st.binary(max_size=300) | values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_damaged(content: bytes) -> None:
    found = Name.read(f"000001.{UID}.1-0123456789abcdef.json")
    assert found
    with pytest.raises(Damaged):
        read(found, content, PROJECT)


def test_the_local_history_takes_whatever_is_read(a: Machine, b: Machine, tmp_path: Path) -> None:
    """What passed the checks breaks no database: the longest numbers, times and texts."""
    assert tmp_path.is_dir()
    fields = changed("deployment/restores", 2**31 - 1)
    fields["deployment"] |= {
        "actor": "a\0\u202e'\"; DROP TABLE deployments; --",
        "finished_at": "9999-12-31T23:59:59+00:00",
        "started_at": "0001-01-01T00:00:00+00:00",
    }
    name, content = signed(text_of(fields), number=2**31 - 1)
    a.journal.files[name] = content
    (one,) = b.story()
    assert (one.id, one.restores) == (2**31 - 1, 2**31 - 1)
