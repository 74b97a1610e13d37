"""The contract of the lock: what the core expects of the fake and of the real one."""

from __future__ import annotations

import pytest

from compose_bluegreen.domain.errors import LockHeld, LockLost, ProxyFailed
from compose_bluegreen.ports.lock import ControlSignal, LockOwner, SignalRequest
from tests.contract.grounds import Ground


def test_a_lock_excludes_others_and_tells_them_who_holds_it(running: Ground) -> None:
    rival = LockOwner("bob@elsewhere", "rollback web", running.ctx.clock.now())
    with (
        running.hold("ada@laptop"),
        pytest.raises(LockHeld, match="ada@laptop"),
        running.rival_lock.hold(rival),
    ):
        pytest.fail("two held it at once")
    with (
        running.rival_lock.hold(rival),
        pytest.raises(LockHeld, match="bob@elsewhere"),
        running.hold("ada@laptop"),
    ):
        pytest.fail("two held it at once")


def test_a_lock_that_was_let_go_can_be_taken_again(running: Ground) -> None:
    for actor in ("ada@laptop", "ada@laptop", "bob@ci"):
        with running.hold(actor):
            running.ctx.lock.assure()
    assert running.ctx.lock.owner() is None


def test_who_holds_a_lock_is_seen_by_whoever_only_looks(running: Ground) -> None:
    assert running.rival_lock.owner() is None
    with running.hold("ada@laptop"):
        found = running.rival_lock.owner()
        assert found is not None
        assert (found.actor, found.command) == ("ada@laptop", "up web")
        assert found.since <= running.ctx.clock.now()
    assert running.rival_lock.owner() is None


def test_a_lock_outlives_a_restart_of_the_proxy(running: Ground) -> None:
    """All shells in it die, and still nobody else gets it."""
    rival = LockOwner("bob@elsewhere", "rollback web", running.ctx.clock.now())
    with running.hold("ada@laptop"):
        running.restart(f"{running.project.name}-bluegreen-proxy")
        with pytest.raises(LockHeld, match="ada@laptop"), running.rival_lock.hold(rival):
            pytest.fail("two held it at once")
        running.ctx.lock.assure()


def test_a_lock_that_is_released_by_force_is_lost_to_its_holder(running: Ground) -> None:
    with running.hold("ada@laptop"):
        found = running.rival_lock.release()
        assert found is not None
        assert found.actor == "ada@laptop"
        with pytest.raises(LockLost):
            running.ctx.lock.assure()
        with running.rival_lock.hold(LockOwner("bob@elsewhere", "up web", running.ctx.clock.now())):
            running.rival_lock.assure()
            with pytest.raises(LockLost):
                running.ctx.lock.assure()


def test_a_holder_that_ends_after_it_lost_its_lock_leaves_it_to_whoever_has_it(
    running: Ground,
) -> None:
    with running.hold("ada@laptop"):
        running.rival_lock.release()
        rivals = running.rival_lock.hold(
            LockOwner("bob@elsewhere", "up web", running.ctx.clock.now())
        )
        rivals.__enter__()
    running.rival_lock.assure()
    found = running.rival_lock.owner()
    assert found is not None
    assert found.actor == "bob@elsewhere"
    rivals.__exit__(None, None, None)


def test_whoever_holds_it_hears_what_is_asked_while_it_listens(running: Ground) -> None:
    one, other = (
        SignalRequest(ControlSignal.PROMOTE, "bob@ci"),
        SignalRequest(ControlSignal.ABORT, 'eve\'s "x" $HOME'),
    )
    assert not running.rival_lock.signal(one)
    with running.hold("ada@laptop"):
        assert not running.rival_lock.signal(one)
        for requested_signal in (one, other):
            with running.ctx.lock.listen():
                assert running.ctx.lock.requested_signal() is None
                assert running.rival_lock.signal(requested_signal)
                assert running.ctx.lock.requested_signal() == requested_signal
            assert not running.rival_lock.signal(one)
    assert not running.rival_lock.signal(one)


def test_releasing_what_nobody_holds_is_no_error(running: Ground) -> None:
    assert running.rival_lock.release() is None
    with running.hold("ada@laptop"):
        running.ctx.lock.assure()


def test_a_lock_needs_a_proxy(ground: Ground) -> None:
    with pytest.raises(ProxyFailed), ground.hold("ada@laptop"):
        pytest.fail("there is nothing to lock")
