"""What a load saw. Moments are seconds of CLOCK_MONOTONIC, as `time.monotonic()` gives them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, inf
from pathlib import Path
from typing import Any

from testkit.load.record import Kind, Outcome, Record, Stop


@dataclass(frozen=True)
class Report:
    records: tuple[Record, ...]
    began_at: float
    ended_at: float
    stopped_by: Stop
    cpu_s: float  # of one core, used by the generator

    @property
    def started(self) -> int:
        """As many as there are records: the generator refuses to report anything else."""
        return len(self.records)

    @cached_property
    def failed(self) -> list[Record]:
        return [record for record in self.records if record.outcome.failed]

    @cached_property
    def by_kind(self) -> dict[Kind, Counter[Outcome]]:
        counts: dict[Kind, Counter[Outcome]] = {}
        for record in self.records:
            counts.setdefault(record.kind, Counter())[record.outcome] += 1
        return counts

    @cached_property
    def versions(self) -> list[str]:
        """Those that answered, in the order of their first answer."""
        return list(dict.fromkeys(record.version for record in self.records if record.version))

    def kinds_apart(self) -> list["Report"]:
        """One report for each kind of request."""
        return [
            replace(self, records=tuple(one for one in self.records if one.kind is kind))
            for kind in self.by_kind
        ]

    @property
    def lag_ms(self) -> float:
        """The most that a request started after it was due: beyond some ms, the generator or the
        machine was too busy for its latencies to be the server's."""
        return max((each.started_at - each.due_at for each in self.records), default=0.0) * 1000

    def late(self, version: str, after: float, until: float = inf) -> list[Record]:
        """Those that began after that moment and were answered by that version all the same.

        A message counts as begun when its WebSocket was: on one from before, nothing is late.
        Where that version comes back later, `until` is when the switch to it was begun: what ended
        after that may have met it rightly, and is not counted.
        """
        return [
            record
            for record in self.records
            if record.version == version and after < record.routed_at and record.ended_at < until
        ]

    def first(self, version: str) -> Record:
        """The first that this version answered, by the end of the answer."""
        return min(self._by(version), key=lambda record: record.ended_at)

    def last(self, version: str) -> Record:
        """The last that was sent to this version, by when it could last be sent elsewhere."""
        return max(self._by(version), key=lambda record: record.routed_at)

    def p99(self, kind: Kind, since: float = -inf, until: float = inf) -> float:
        """Milliseconds, of those due in that time that were answered well."""
        return self.percentile(99, kind, since, until)

    def percentile(
        self, percent: float, kind: Kind, since: float = -inf, until: float = inf
    ) -> float:
        waits = sorted(
            record.ms
            for record in self.records
            if record.kind is kind
            and record.outcome is Outcome.OK
            and since <= record.due_at < until
        )
        if not waits:
            raise LookupError(f"no {kind} request was answered in that time")
        return waits[max(0, ceil(len(waits) * percent / 100) - 1)]

    def describe(self) -> str:
        """A few lines, for the message of an assertion."""
        seconds = self.ended_at - self.began_at
        failed = f"{len(self.failed)} failed, ended by {self.stopped_by}"
        lines = [f"{self.started} requests in {seconds:.1f} s, {failed}"]
        reasons = Counter(f"{record.kind} {record.outcome}" for record in self.failed)
        lines += [f"  {number} x {reason}" for reason, number in reasons.most_common()]
        lines += [f"  {self.tell(record)}" for record in self.failed[:5]]
        lines += [f"  {line}" for line in self._versions()]
        return "\n".join(lines)

    def tell(self, record: Record) -> str:
        """One request in one line."""
        by = " ".join(filter(None, (record.colour, record.version))) or "nobody"
        return (
            f"+{record.started_at - self.began_at:.3f} s {record.kind} {record.outcome} "
            f"after {record.ms:.1f} ms, answered by {by} {record.status or ''} {record.detail}"
        ).rstrip()

    def table(self) -> str:
        """A line a kind, a line a version, a line of what the load itself cost."""
        rows = [("kind", "started", "p50 ms", "p99 ms", "outcomes")]
        rows += [self._row(kind) for kind in Kind if kind in self.by_kind]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:4], widths[1:]), row[4]])
            for row in rows
        ]
        seconds = max(self.ended_at - self.began_at, 1e-9)
        lines += self._versions()
        lines.append(
            f"{self.started} started, {len(self.failed)} failed, "
            f"{seconds:.1f} s, ended by {self.stopped_by}; "
            f"{100 * self.cpu_s / seconds:.0f} % of a core, lag {self.lag_ms:.1f} ms"
        )
        return "\n".join(lines)

    def _row(self, kind: Kind) -> tuple[str, str, str, str, str]:
        counts = self.by_kind[kind]
        p50 = p99 = "-"
        if counts[Outcome.OK]:
            p50, p99 = (f"{self.percentile(percent, kind):.1f}" for percent in (50, 99))
        outcomes = ", ".join(f"{counts[each]} {each}" for each in Outcome if counts[each])
        return (str(kind), str(counts.total()), p50, p99, outcomes)

    def _versions(self) -> Iterator[str]:
        for version in self.versions:
            first, last = self.first(version), self.last(version)
            yield (
                f"{version} ({first.colour or 'no colour'}): first answer "
                f"+{first.ended_at - self.began_at:.3f} s, "
                f"last request +{last.routed_at - self.began_at:.3f} s"
            )

    def _by(self, version: str) -> list[Record]:
        found = [record for record in self.records if record.version == version]
        if not found:
            raise LookupError(f"{version} answered nothing; {', '.join(self.versions)} did")
        return found

    def write(self, path: Path) -> None:
        """JSON lines: the load, then an array a request in the order of Record's fields, and in
        the end their number, without which the file is not whole."""
        load = {
            "fields": Record._fields,
            "began_at": self.began_at,
            "ended_at": self.ended_at,
            "stopped_by": self.stopped_by,
            "cpu_s": self.cpu_s,
        }
        with path.open("w", encoding="utf-8") as file:
            file.writelines(_lines([load, *self.records, {"started": self.started}]))

    @classmethod
    def read(cls, path: Path) -> "Report":
        with path.open(encoding="utf-8") as file:
            load, *rows, end = map(json.loads, file)
        if not isinstance(end, dict) or end["started"] != len(rows):
            raise ValueError(f"{path} is not whole")
        del load["fields"]
        stopped_by = Stop(load.pop("stopped_by"))
        return cls(records=tuple(map(_record, rows)), stopped_by=stopped_by, **load)


def _lines(documents: Iterable[object]) -> Iterator[str]:
    return (json.dumps(document, separators=(",", ":")) + "\n" for document in documents)


_KINDS = {str(kind): kind for kind in Kind}
_OUTCOMES = {str(outcome): outcome for outcome in Outcome}


def _record(row: list[Any]) -> Record:
    kind, due_at, started_at, ended_at, outcome, *rest = row
    return Record(_KINDS[kind], due_at, started_at, ended_at, _OUTCOMES[outcome], *rest)
