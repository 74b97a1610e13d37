"""``lock.owner`` and ``lock.signal``: commands of two versions read each other's files."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from compose_bluegreen.adapters.haproxy.lock_documents import (
    FORMAT,
    HolderDocument,
    LockToken,
    parse_wish,
    wish_text,
)
from compose_bluegreen.ports.lock import ControlSignal, LockOwner, SignalRequest
from tests.unit.adapters.haproxy.golden import golden

HELD = HolderDocument(
    LockToken(
        LockOwner("ada@laptop", "up web api", datetime(2026, 3, 1, 12, 30, 45, 123456, UTC)),
        "5f0e7b6c1d2a4e8f9a0b1c2d3e4f5a6b",
    ),
    "0b1c2d3e-4f5a-6b7c-8d9e-0f1a2b3c4d5e-123456",
)


def test_a_holder_that_78b6a6f_wrote_is_read() -> None:
    assert HolderDocument.parse(golden("lock.holder")) == HELD


def test_78b6a6f_finds_in_a_new_holder_what_it_wrote_itself() -> None:
    fields = json.loads(HELD.text())
    assert fields.pop("format") == FORMAT
    assert fields == json.loads(golden("lock.holder"))


def test_a_holder_is_read_back_with_any_text_in_it() -> None:
    owner = replace(HELD.token.owner, actor="naïve'$(x)\n漢@\\", command='"')
    document = replace(HELD, token=replace(HELD.token, owner=owner))
    assert HolderDocument.parse(document.text()) == document


def test_a_holder_of_a_later_format_is_read_by_the_keys_that_stay() -> None:
    fields = json.loads(HELD.text()) | {"format": FORMAT + 1, "pid": 4711}
    assert HolderDocument.parse(json.dumps(fields)) == HELD


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '{"actor": "ada"}', '{"since": 1}'])
def test_a_damaged_holder_is_none(text: str) -> None:
    assert HolderDocument.parse(text) is None


@pytest.mark.parametrize("wish", ControlSignal)
def test_a_wish_of_78b6a6f_is_read_and_written(wish: ControlSignal) -> None:
    requested_signal, old = SignalRequest(wish, "bob@ci"), golden(f"lock.wish.{wish}")
    assert parse_wish(old) == requested_signal
    assert parse_wish(wish_text(requested_signal)) == requested_signal
    assert json.loads(wish_text(requested_signal)) == json.loads(old) | {"format": FORMAT}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"wish": "promote"}', '{"wish": "x", "actor": "a"}']
)
def test_a_damaged_or_unknown_wish_is_none(text: str) -> None:
    assert parse_wish(text) is None


def test_while_the_holder_listens_there_is_no_wish() -> None:
    assert parse_wish(golden("lock.wish.listening")) is None


MALFORMED: list[Any] = [None, 7, [], {"a": 1}, "\ud800"]
HOSTILE = [
    *("[" * 100_000, '{"a":' * 100_000, "9" * 10_000, '{"since": 1e999}', '"\\ud800"'),
    *(
        json.dumps(json.loads(HELD.text()) | {key: value})
        for key in ("actor", "what", "since", "token", "started")
        for value in MALFORMED
    ),
    json.dumps(json.loads(HELD.text()) | {"since": "0001-01-01T00:00:00+23:59"}),
]


@pytest.mark.parametrize("text", HOSTILE, ids=[f"{text[:60]}" for text in HOSTILE])
def test_a_hostile_holder_is_none(text: str) -> None:
    assert HolderDocument.parse(text) is None


def test_the_time_of_a_holder_can_always_be_compared() -> None:
    """Also where a file has a time without a zone."""
    text = json.dumps(json.loads(HELD.text()) | {"since": "2026-03-01T12:30:45"})
    document = HolderDocument.parse(text)
    assert document
    assert document.token.owner.since.tzinfo is UTC


@pytest.mark.parametrize("actor", [None, 7, [], "\ud800"])
def test_a_hostile_wish_is_none(actor: object) -> None:
    wish = json.loads(wish_text(SignalRequest(ControlSignal.ABORT, "ada")))
    assert parse_wish(json.dumps(wish | {"actor": actor})) is None
    assert parse_wish(json.dumps(wish | {"wish": actor})) is None
    assert parse_wish("[" * 100_000) is None
