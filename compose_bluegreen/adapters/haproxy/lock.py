"""The lock: a ``flock`` on the proxy's volume, held by a shell in the proxy's container.

The kernel lets it go when that shell ends, and the shell ends when its input does, however its
owner ended. So a lock is never stale. ``lock.owner`` beside it says whose it is, and it is left
when the holder did not let go by itself:

- the container has not started since: the shell ended, so its owner is dead. Taken at once.
- the container has started since: all shells in it died, and the owner may live. Whoever wants the
  lock gives it some seconds to take it back.

An owner that comes back and doesn't find its own token there has lost the lock for good.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote

from compose_bluegreen.adapters.haproxy.config import STATE
from compose_bluegreen.adapters.haproxy.exec_shell import Session
from compose_bluegreen.adapters.haproxy.lock_documents import (
    HolderDocument,
    LockToken,
    parse_wish,
    wish_text,
)
from compose_bluegreen.domain.errors import LockHeld, LockLost, ProxyFailed
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.ports.lock import LockOwner, SignalRequest

GRACE = 5.0
"""Seconds that an owner has to take back what a restart of the container took from it."""

RECLAIM = 10.0
"""Seconds in which an owner tries: somebody may just be looking, or a shell of its own still end."""

_PAUSE = 0.05
_LOCK = f"{STATE}/lock"
_HOLDER = f"{STATE}/lock.holder"
_WISH = f"{STATE}/lock.wish"
"""There while the holder listens; empty, or what somebody has asked."""

# When the container's first process began, in ticks of this boot of the machine.
_STARTED = (
    "read -r all </proc/1/stat; set -- ${all##*) };"
    ' read -r boot </proc/sys/kernel/random/boot_id; echo "$boot-${20}"'
)
_LOOK = f"{_STARTED}; cat {_HOLDER} 2>/dev/null || true"
# Descriptor 9 is only where it is held: whoever tries does so with 8.
_TRY = f"exec 8>>{_LOCK}; if flock -n 8; then exec 9>&8 8>&-; else exec 8>&-; false; fi"
_LISTEN_NO_MORE = f"rm -f {_WISH}"
"""Said by whoever takes it, too: who listened before is no more."""
_SHELLS = (
    f"for one in /proc/[0-9]*; do"
    f' if [ "$(readlink $one/fd/9 2>/dev/null)" = {_LOCK} ]; then echo ${{one#/proc/}}; fi; done'
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """``started`` names the container's run; ``claim`` and ``since`` are what ``lock.owner`` says:
    whose it is or was, and in which run it was taken."""

    started: str
    claim: LockToken | None = None
    taken_in: str = ""

    @property
    def restarted(self) -> bool:
        """The container has started anew since it was taken."""
        return self.claim is not None and self.taken_in != self.started


def take(shell: Session, claim: LockToken, project: str) -> None:
    """Raises LockHeld at once where somebody has it."""
    waited: dict[str, float] = {}
    while True:
        seen = _look(shell)
        if seen.claim and seen.restarted and _may_come_back(seen.claim, waited):
            time.sleep(_PAUSE)
            continue
        under = _seen(shell.run(f"if {_TRY}; then {_LOOK}; fi"))
        if not under.started:
            raise held(project, _look(shell).claim)
        if under.claim is None or not under.restarted or under.claim.token in waited:
            _sign(shell, claim, under.started, first=_LISTEN_NO_MORE)
            return
        _unlock(shell)  # somebody was quicker, and the container quicker still


def take_back(shell: Session, claim: LockToken, project: str) -> None:
    """After its shell was lost. Raises LockLost where it is somebody else's now, or nobody's."""
    deadline = time.monotonic() + RECLAIM
    while time.monotonic() < deadline:
        seen = _look(shell)
        if seen.claim is None or seen.claim.token != claim.token:
            raise lost(project, seen.claim)
        if shell.test(_TRY):
            _sign(shell, claim, seen.started)
            return
        if not seen.restarted:
            _end(shell)  # a shell of our own that hasn't noticed yet
        time.sleep(_PAUSE)
    raise lost(project, None)


def let_go(shell: Session) -> None:
    shell.run(f"rm -f {_HOLDER} {_WISH}; {_UNLOCK}")


def holder(shell: Session) -> LockOwner | None:
    """Who holds it now. Looks only: nobody is refused because somebody looked."""
    if not shell.run(_SHELLS).split():
        return None
    claim = _look(shell).claim
    return claim.owner if claim else _NOBODY_KNOWN


def listen(shell: Session) -> None:
    shell.run(f": >{_WISH}")


def listen_no_more(shell: Session) -> None:
    shell.run(_LISTEN_NO_MORE)


def wished(shell: Session) -> SignalRequest | None:
    return parse_wish(shell.run(f"cat {_WISH} 2>/dev/null || true"))


def wish(shell: Session, one: SignalRequest) -> bool:
    """A later one takes the place of one that nobody has heard yet."""
    text = quote(wish_text(one))
    return bool(shell.run(_SHELLS).split()) and shell.test(
        f"[ -e {_WISH} ] && printf %s {text} >{_WISH}.new && mv {_WISH}.new {_WISH}"
    )


def release(shell: Session) -> LockOwner | None:
    """Ends the holder's shell; its owner finds its token gone and touches nothing any more."""
    found = holder(shell)
    shell.run(f"rm -f {_HOLDER}")
    _end(shell)
    return found


def held(project: str, claim: LockToken | None) -> LockHeld:
    return LockHeld(
        f"another deployment of {project} is under way: {_who(claim)}",
        hint=Hint(
            "run it again with --wait 5m, or later; ", Action.LOCK_STATUS, " shows who has it"
        ),
    )


def lost(project: str, claim: LockToken | None) -> LockLost:
    now = f"{_who(claim)} has it now" if claim else "it was released by force"
    return LockLost(
        f"this deployment of {project} has lost its lock: {now}",
        hint=Hint("nothing more was touched; ", Action.STATUS, " shows what serves"),
    )


_UNLOCK = "flock -u 9; exec 9>&-"
_NOBODY_KNOWN = LockOwner(
    "somebody", "a command that didn't say which", datetime.fromtimestamp(0, UTC)
)


def _may_come_back(claim: LockToken, waited: dict[str, float]) -> bool:
    began = waited.setdefault(claim.token, time.monotonic())
    return time.monotonic() - began < GRACE


def _look(shell: Session) -> _Seen:
    return _seen(shell.run(_LOOK))


def _seen(said: str) -> _Seen:
    started, _, text = said.partition("\n")
    document = HolderDocument.parse(text)
    return _Seen(started, document.owner, document.started) if document else _Seen(started)


def _sign(shell: Session, claim: LockToken, started: str, first: str = ":") -> None:
    text = quote(HolderDocument(claim, started).text())
    shell.run(f"{first}; printf %s {text} >{_HOLDER}.new && mv {_HOLDER}.new {_HOLDER}")


def _unlock(shell: Session) -> None:
    shell.run(_UNLOCK)


def _end(shell: Session) -> None:
    """Every shell that holds it, and what they started, but never the one that asks."""
    shell.run(f"for each in $({_SHELLS}); do [ $each = $$ ] || kill -9 $each 2>/dev/null; done; :")
    deadline = time.monotonic() + RECLAIM
    while shell.run(_SHELLS).split():
        if time.monotonic() > deadline:
            raise ProxyFailed("the lock's holder can't be ended", hint=Hint(Action.LOCK_STATUS))
        time.sleep(_PAUSE)


def _who(claim: LockToken | None) -> str:
    if claim is None:
        return "its holder didn't say who"
    since = claim.owner.since.astimezone()
    today = since.date() == datetime.now(UTC).astimezone().date()
    when = f"{since:%H:%M:%S}" if today else f"{since:%Y-%m-%d %H:%M:%S}"
    return f"{claim.owner.actor}, {claim.owner.what}, since {when}"
