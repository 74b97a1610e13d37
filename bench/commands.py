"""What Docker's user waits for at each Tab press and each --help, beside what can't be saved."""

from __future__ import annotations

from bench.command import Command
from bench.comparison import Comparison
from bench.figures import Beside, Goal, Measure, Row, Sample, Unit
from bench.machine import Machine

_TIMES = 5
"""How often each run does it: these take milliseconds."""


def measure(stage: Comparison, machine: Machine, runs: int) -> list[Row]:
    handshake = [str(stage.plugin), "docker-cli-plugin-metadata"]
    nothing = [_interpreter(stage), "-c", "pass"]
    ours, compose = ["docker", "bluegreen", "--help"], ["docker", "compose", "--help"]
    found: dict[str, list[float]] = {}
    for run in range(runs * _TIMES):
        if run % _TIMES == 0:
            machine.until_quiet()
        for words in (handshake, nothing, ours, compose):
            found.setdefault(" ".join(words), []).append(1000 * _seconds(stage.begin(*words)))

    def of(words: list[str]) -> Sample:
        return Sample.of(found[" ".join(words)], Unit.MILLISECONDS)

    bare = Beside("bare python", of(nothing))
    return [
        Row(
            "docker-bluegreen docker-cli-plugin-metadata",
            of(handshake),
            bare,
            Goal(30, Measure.EXCESS),
        ),
        Row("docker bluegreen --help", of(ours), Beside("docker compose --help", of(compose))),
    ]


def _seconds(command: Command) -> float:
    command.end()
    return command.seconds


def _interpreter(stage: Comparison) -> str:
    """The one that the console script names."""
    with stage.plugin.open() as script:
        return script.readline().removeprefix("#!").strip()
