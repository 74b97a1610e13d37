"""When the commands of a stage may have switched, for the check of a load's records."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from testkit.commands import Running
from testkit.load.linearizability import Switching

_SWITCHING = {"up", "rollback", "promote", "abort", "resume", "repair", "down"}


def switching(commands: Iterable[Running], since: float, *, split: bool) -> list[Switching]:
    """Of those that were not over at ``since``. ``split``: each ``up`` has a canary, which stays
    where it is killed until the next command that ends."""
    found: list[Switching] = []
    waits_for_an_end: list[Switching] = []
    for one in sorted(commands, key=lambda command: command.began):
        if not _SWITCHING.intersection(one.command):
            continue
        ends = inf if one.ended is None else one.ended
        is_split = split and "up" in one.command
        this = Switching(one.began, ends, split=is_split)
        found += [Switching(each.begins, ends, split=True) for each in waits_for_an_end]
        waits_for_an_end = [this] if is_split and (one.process.poll() or 0) < 0 else []
        found.append(this)
    return [one for one in found if one.ends >= since]
