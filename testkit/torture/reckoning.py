"""From the records of a load to one row of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import inf

from testkit.load import Kind, Outcome, Record, Report
from testkit.load.linearizability import Switching, check
from testkit.torture.deploys import Deploy
from testkit.torture.ledger import compare

SLOW_S = 1.0
"""A good answer that needs so much longer than its request asks for is slow."""


@dataclass(frozen=True, slots=True)
class IdleAnswer:
    """To a client that was idle since before a deploy. ``status`` is 0 without an answer."""

    status: int
    version: str
    expected: str


@dataclass(frozen=True, slots=True)
class Seen:
    """All that one trial gives. ``received`` is None without a ledger."""

    report: Report
    deploys: Sequence[Deploy]
    idle: Sequence[IdleAnswer]
    long_ms: int
    received: Counter[str] | None


@dataclass(frozen=True, slots=True)
class Row:
    deploys: int
    kills: int
    failed_deploys: int
    seconds: float
    """Of a deploy that was not killed, the mean."""
    requests: int
    lost: int
    cut_sockets: int
    late: int
    stale: int
    repeated: int | None
    unseen: int | None
    slow: int
    outage_s: float
    """The longest time in which no new connection was answered well."""

    @property
    def is_clean(self) -> bool:
        """Not counted: WebSockets that an application cuts when it dies, and what was only slow."""
        wrong = (self.failed_deploys, self.lost, self.late, self.stale, self.repeated, self.unseen)
        return not any(wrong)

    def document(self) -> dict[str, object]:
        return asdict(self)


def reckon(seen: Seen) -> Row:
    report, deploys = seen.report, seen.deploys
    whole = [one for one in deploys if not one.was_killed]
    lost = [one for one in report.failed if one.kind is not Kind.MESSAGE]
    idle_lost = [one for one in seen.idle if one.status != 200]
    idle_late = [
        one for one in seen.idle if one.status == 200 and one.version not in {"", one.expected}
    ]
    posts = compare(report.records, seen.received) if seen.received is not None else None
    return Row(
        deploys=len(whole),
        kills=len(deploys) - len(whole),
        failed_deploys=sum(one.code != 0 for one in whole),
        seconds=sum(one.seconds for one in whole) / max(1, len(whole)),
        requests=report.started + len(seen.idle),
        lost=len(lost) + len(idle_lost),
        cut_sockets=len(report.failed) - len(lost),
        late=len(late(report, deploys)) + len(idle_late),
        stale=len(check(report, windows(deploys), by_colour=False).stale),
        repeated=posts.repeated if posts else None,
        unseen=posts.unseen if posts else None,
        slow=sum(_is_slow(one, seen.long_ms) for one in report.records),
        outage_s=outage(report),
    )


def outage(report: Report) -> float:
    """Between two good answers to new connections, or the load's begin or end."""
    good = [
        one.ended_at for one in report.records if one.kind is Kind.NEW and one.outcome is Outcome.OK
    ]
    moments = sorted([report.began_at, *good, report.ended_at])
    return max(later - earlier for earlier, later in pairwise(moments))


def late(report: Report, deploys: Sequence[Deploy]) -> list[Record]:
    """Requests that began after a deploy had ended well, and were answered by another version."""
    found: list[Record] = []
    for number, deploy in enumerate(deploys):
        if deploy.code:
            continue
        until = deploys[number + 1].began if number + 1 < len(deploys) else inf
        others = [one for one in report.versions if one != deploy.version]
        for version in others:
            found += report.late(version, after=deploy.ended, until=until)
    return found


def windows(deploys: Sequence[Deploy]) -> list[Switching]:
    """One switch for a deploy. One that is killed or fails may also switch back, and lasts until the
    next one has ended."""
    found: list[Switching] = []
    for number, deploy in enumerate(deploys):
        later = [one.ended for one in deploys[number + 1 :] if one.code == 0]
        if deploy.code == 0:
            found.append(Switching(deploy.began, deploy.ended, switches=1))
        else:
            ends = min(later, default=inf)
            found.append(Switching(deploy.began, ends, switches=2))
    return found


def _is_slow(record: Record, long_ms: int) -> bool:
    asked = long_ms if record.kind is Kind.LONG else 0
    return record.outcome is Outcome.OK and record.ms - asked > SLOW_S * 1000
