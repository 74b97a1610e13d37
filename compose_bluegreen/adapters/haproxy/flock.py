"""A ``flock`` on the proxy's volume, held by a shell in the proxy's container.

The kernel releases it when that shell ends, and the shell ends when its input ends, however its owner
ended. So a lock is never stale. ``lock.holder`` beside it names the owner. The file stays when the
owner did not release the lock itself:

- If the container has not started since, the shell ended and so its owner is dead. The next command
  takes the lock at once.
- If the container has started since, all shells in it died, and the owner may be alive. The next
  command gives it some seconds to take the lock back.

An owner that comes back and does not find its own token there has lost the lock permanently.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote

from compose_bluegreen.adapters.haproxy.config import LOCK, STATE
from compose_bluegreen.adapters.haproxy.exec_shell import ExecShell
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
"""Seconds that an owner has to take the lock back after a restart of the container."""

RECLAIM = 10.0
"""Seconds in which an owner tries: another command may just be looking, or a shell of its own may
still be ending."""

_PAUSE = 0.05
_HOLDER = f"{STATE}/lock.holder"
_WISH = f"{STATE}/lock.wish"
"""There while the owner listens: empty, or with a request."""

# When the container's first process began, in ticks of this boot of the machine.
_STARTED = (
    "read -r all </proc/1/stat; set -- ${all##*) };"
    ' read -r boot </proc/sys/kernel/random/boot_id; echo "$boot-${20}"'
)
_LOOK = f"{_STARTED}; cat {_HOLDER} 2>/dev/null || true"
# Descriptor 9 exists only where the lock is held: an attempt uses descriptor 8.
_TRY = f"exec 8>>{LOCK}; if flock -n 8; then exec 9>&8 8>&-; else exec 8>&-; false; fi"
_UNLOCK = "flock -u 9; exec 9>&-"
_STOP_LISTENING = f"rm -f {_WISH}"
"""A command that takes the lock runs it too: the owner before it listens no more."""
_SHELLS = (
    f"for one in /proc/[0-9]*; do"
    f' if [ "$(readlink $one/fd/9 2>/dev/null)" = {LOCK} ]; then echo ${{one#/proc/}}; fi; done'
)
_UNKNOWN_OWNER = LockOwner("unknown user", "unknown command", datetime.fromtimestamp(0, UTC))


@dataclass(frozen=True, slots=True)
class _State:
    """``started`` names the present run of the container. ``token`` and ``taken_in`` are from
    ``lock.holder``: who owns or owned the lock, and the run in which it was taken."""

    started: str
    token: LockToken | None = None
    taken_in: str = ""

    @property
    def restarted(self) -> bool:
        """The container has started again since the lock was taken."""
        return self.token is not None and self.taken_in != self.started


def take(shell: ExecShell, token: LockToken, project: str) -> None:
    """Raises LockHeld at once where another command has it."""
    waited: dict[str, float] = {}
    while True:
        state = _look(shell)
        if state.token and state.restarted and _may_come_back(state.token, waited):
            time.sleep(_PAUSE)
            continue
        inside = _state(shell.run(f"if {_TRY}; then {_LOOK}; fi"))
        if not inside.started:
            raise held(project, _look(shell).token)
        if inside.token is None or not inside.restarted or inside.token.token in waited:
            _sign(shell, token, inside.started, first=_STOP_LISTENING)
            return
        # Another command took it meanwhile, and the container restarted after that.
        shell.run(_UNLOCK)


def take_back(shell: ExecShell, token: LockToken, project: str) -> None:
    """After its shell was lost. Raises LockLost where another command has the lock, or it was
    released."""
    deadline = time.monotonic() + RECLAIM
    while time.monotonic() < deadline:
        state = _look(shell)
        if state.token is None or state.token.token != token.token:
            raise lost(project, state.token)
        if shell.test(_TRY):
            _sign(shell, token, state.started)
            return
        if not state.restarted:
            _end_shells(shell)  # a shell of our own that has not noticed yet
        time.sleep(_PAUSE)
    raise lost(project, None)


def give_up(shell: ExecShell) -> None:
    """By its owner, at the end."""
    shell.run(f"rm -f {_HOLDER} {_WISH}; {_UNLOCK}")


def owner(shell: ExecShell) -> LockOwner | None:
    """It only looks: no other command is refused because of it."""
    if not shell.run(_SHELLS).split():
        return None
    token = _look(shell).token
    return token.owner if token else _UNKNOWN_OWNER


def listen(shell: ExecShell) -> None:
    shell.run(f": >{_WISH}")


def stop_listening(shell: ExecShell) -> None:
    shell.run(_STOP_LISTENING)


def requested_signal(shell: ExecShell) -> SignalRequest | None:
    return parse_wish(shell.run(f"cat {_WISH} 2>/dev/null || true"))


def signal(shell: ExecShell, request: SignalRequest) -> bool:
    """A later request replaces one that the owner has not read yet."""
    text = quote(wish_text(request))
    return bool(shell.run(_SHELLS).split()) and shell.test(
        f"[ -e {_WISH} ] && printf %s {text} >{_WISH}.new && mv {_WISH}.new {_WISH}"
    )


def release(shell: ExecShell) -> LockOwner | None:
    """Ends the owner's shell. The owner finds its token gone and changes nothing any more."""
    released = owner(shell)
    shell.run(f"rm -f {_HOLDER}")
    _end_shells(shell)
    return released


def held(project: str, token: LockToken | None) -> LockHeld:
    return LockHeld(
        f"another deployment of {project} is under way: {_description(token)}",
        hint=Hint(
            "run it again with --wait 5m, or later; ", Action.LOCK_STATUS, " shows who has it"
        ),
    )


def lost(project: str, token: LockToken | None) -> LockLost:
    now = f"{_description(token)} has it now" if token else "it was released by force"
    return LockLost(
        f"this deployment of {project} has lost its lock: {now}",
        hint=Hint("nothing more was changed; ", Action.STATUS, " shows the live colours"),
    )


def _may_come_back(token: LockToken, waited: dict[str, float]) -> bool:
    began = waited.setdefault(token.token, time.monotonic())
    return time.monotonic() - began < GRACE


def _look(shell: ExecShell) -> _State:
    return _state(shell.run(_LOOK))


def _state(output: str) -> _State:
    started, _, text = output.partition("\n")
    document = HolderDocument.parse(text)
    return _State(started, document.token, document.started) if document else _State(started)


def _sign(shell: ExecShell, token: LockToken, started: str, first: str = ":") -> None:
    text = quote(HolderDocument(token, started).text())
    shell.run(f"{first}; printf %s {text} >{_HOLDER}.new && mv {_HOLDER}.new {_HOLDER}")


def _end_shells(shell: ExecShell) -> None:
    """Every shell that holds the lock, and what they started, but never this one."""
    shell.run(f"for each in $({_SHELLS}); do [ $each = $$ ] || kill -9 $each 2>/dev/null; done; :")
    deadline = time.monotonic() + RECLAIM
    while shell.run(_SHELLS).split():
        if time.monotonic() > deadline:
            raise ProxyFailed(
                "the command that holds the lock can't be ended",
                hint=Hint(Action.LOCK_STATUS),
            )
        time.sleep(_PAUSE)


def _description(token: LockToken | None) -> str:
    if token is None:
        return "its owner is unknown"
    since = token.owner.since.astimezone()
    today = since.date() == datetime.now(UTC).astimezone().date()
    when = f"{since:%H:%M:%S}" if today else f"{since:%Y-%m-%d %H:%M:%S}"
    return f"{token.owner.actor}, {token.owner.command}, since {when}"
