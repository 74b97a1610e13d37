"""Twenty deploys and ten rollbacks under the full mix of load: no request fails, none is late."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from math import inf

import pytest

from testkit.commands import Run
from testkit.load import Mix, Report
from testkit.stage import Stage, service

pytestmark = pytest.mark.engine

MIX = Mix(new_per_s=100, keep_alive=6, keep_alive_per_s=25, long_per_s=2, long_ms=1000)
"""New connections, kept ones, requests of a second, POSTs, WebSockets."""

WITHOUT_WEB_SOCKETS = Mix(
    new_per_s=100, keep_alive=6, keep_alive_per_s=25, long_per_s=2, long_ms=1000, web_sockets=0
)
"""A WebSocket has no end that a drain could wait for, and a process that dies sends no close frame:
what such an application loses, it loses without us too."""


@dataclass(frozen=True, slots=True)
class Switch:
    """``began`` is before the switch to ``new``, ``reported`` when the command said it was done."""

    old: str
    new: str
    began: float
    reported: float


@dataclass(slots=True)
class Releases:
    stage: Stage
    serving: list[str] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)

    def deploy(self, version: str, **environment: str) -> None:
        self._switched(version, self.stage.up(version, **environment))
        self.serving.append(version)

    def rollback(self) -> None:
        self.serving.pop()
        self._switched(self.serving[-1], self.stage.bluegreen("rollback").ended(0))

    def _switched(self, version: str, run: Run) -> None:
        old = self.switches[-1].new if self.switches else ""
        self.switches.append(
            Switch(old, version, began=run.began, reported=run.moment("switch to web-"))
        )
        self.stage.serves(version)

    def late(self, report: Report) -> list[str]:
        """Answers of a version to requests that began after the switch away from it was reported,
        and before it was switched to again."""
        found = []
        for number, switch in enumerate(self.switches):
            later = self.switches[number + 1 :]
            until = next((one.began for one in later if one.new == switch.old), inf)
            late = report.late(switch.old, after=switch.reported, until=until)
            found += [f"switch {number}: {report.tell(one)}" for one in late]
        return found


@pytest.mark.parametrize(
    ("mix", "manners"),
    [
        pytest.param(MIX, {}, id="well-mannered"),
        pytest.param(WITHOUT_WEB_SOCKETS, {"ON_SIGTERM": "die"}, id="dies-at-once"),
    ],
)
def test_ten_deploys_and_five_rollbacks(stage: Stage, mix: Mix, manners: dict[str, str]) -> None:
    """Twice: twenty and ten."""
    # Longer than a long request, for WebSockets have no end and would be waited for.
    own = {"health": {"path": "/healthz"}, "drain_timeout": "2s"}
    stage.write(web=service(f"{stage.port}:8080", **{"x-bluegreen": own}))
    releases, versions = Releases(stage), count(1)
    with stage.step("the first release"):
        releases.deploy("v0", **manners)
    with stage.load(mix) as load:
        for round_ in range(1, 6):
            for _ in range(2):
                with stage.step(f"round {round_}: deploy"):
                    releases.deploy(f"v{next(versions)}", **manners)
            with stage.step(f"round {round_}: roll back"):
                releases.rollback()
    report = load.report()
    with stage.step("all that was released has answered, and nothing too late"):
        assert set(report.versions) == {f"v{number}" for number in range(11)}
        assert releases.late(report) == []
    with stage.step("a switch leaves nothing of the old colour behind"):
        assert len(stage.colours()) == 1
        assert stage.drift() == []
