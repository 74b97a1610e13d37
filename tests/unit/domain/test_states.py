"""Colours, states and the arrows between them."""

from __future__ import annotations

from itertools import product

import pytest

from compose_bluegreen.domain.states import (
    ROLLBACK_CANDIDATES,
    TRANSITIONS,
    UNFINISHED,
    State,
    WrongTransition,
    check_transition,
)

ARROWS = {
    "preparing": "starting failed interrupted stuck",
    "starting": "waiting switching failed interrupted stuck",
    "waiting": "switching failed interrupted stuck",
    "switching": "live failed interrupted stuck",
    "live": "superseded rolled_back removed",
    "stuck": "live failed interrupted removed",
    "superseded": "",
    "rolled_back": "",
    "removed": "",
    "failed": "",
    "interrupted": "",
}


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_exactly_these_arrows_exist(before: State, after: State) -> None:
    if after in ARROWS[before].split():
        check_transition(before, after)
    else:
        with pytest.raises(WrongTransition, match=f"from {before} to {after}"):
            check_transition(before, after)


def test_every_state_can_be_reached() -> None:
    reached = {State.PREPARING}
    for _ in State:
        reached |= {after for before in reached for after in TRANSITIONS[before]}
    assert reached == set(State)


def test_an_unfinished_deployment_can_always_fail_and_be_interrupted() -> None:
    for state in UNFINISHED:
        assert {State.FAILED, State.INTERRUPTED, State.STUCK} <= TRANSITIONS[state]


def test_nothing_is_proven_that_never_went_live() -> None:
    assert not ROLLBACK_CANDIDATES & (
        UNFINISHED | {State.WAITING, State.FAILED, State.INTERRUPTED, State.STUCK}
    )
    assert State.ROLLED_BACK not in ROLLBACK_CANDIDATES
