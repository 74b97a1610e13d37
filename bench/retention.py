"""python -m bench.retention: many releases in a row, and what they leave behind. Needs an engine."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.command import CommandFailed
from bench.comparison import Comparison, opened

KEEP = 5


@dataclass(frozen=True, slots=True)
class Left:
    """``kept`` are images of releases, ``nameless`` those that have lost their name, ``volumes``
    those that nothing mounts; ``files`` and ``bytes`` are of the state folder without history."""

    releases: int
    kept: int
    nameless: int
    containers: int
    networks: int
    volumes: int
    files: int
    bytes: int
    history_bytes: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.retention", description=__doc__)
    parser.add_argument("--releases", type=int, default=200, metavar="N")
    asked = parser.parse_args()
    try:
        with opened(None) as stage:
            seen = _measured(stage, asked.releases)
    except CommandFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    first, last = seen[0], seen[-1]
    grown = [
        name
        for name, before, after in zip(asdict(last), *map(_facts, (first, last)), strict=True)
        if after > before and name not in {"releases", "history_bytes"}
    ]
    print(f"grown since the first {first.releases}: {', '.join(grown) or 'nothing but history'}")
    return 1 if grown or last.kept > KEEP else 0


def _facts(left: Left) -> list[int]:
    return list(asdict(left).values())


def _measured(stage: Comparison, releases: int) -> list[Left]:
    """Looks after the first that have filled what is kept, and after each fifth of all."""
    before, images, seen = _unused(stage), [], []
    looks = {KEEP + 1, *range(releases, KEEP + 1, -max(1, releases // 5))}
    began = time.monotonic()
    for number in range(1, releases + 1):
        images.append(_released(stage, number))
        if number in looks:
            seen.append(_left(stage, number, images, before))
            print(json.dumps(asdict(seen[-1])), flush=True)
            sys.stderr.write(f"bench: {number} releases in {time.monotonic() - began:.0f} s\n")
    return seen


def _released(stage: Comparison, number: int) -> str:
    """An image of its own, whose containers have a volume without a name; the image's id."""
    source = stage.folder / "source"
    source.mkdir(exist_ok=True)
    # The project's name, too: what an earlier run built has the same id, and may be kept by it.
    label = f"LABEL number={number} of={stage.project}"
    lines = (f"FROM {stage.image}", label, "VOLUME /scratch")
    (source / "Dockerfile").write_text("\n".join(lines) + "\n")
    file = stage.folder / "ours" / "compose.yaml"
    model = json.loads(file.read_text())
    model["services"]["web"] |= {"build": str(source), "image": f"{stage.project}-many"}
    model["services"]["web"]["x-bluegreen"]["keep"] = KEEP
    file.write_text(json.dumps(model))
    stage.release("0")
    return str(stage.last()["parts"][0]["image_id"])


def _left(stage: Comparison, number: int, images: list[str], before: tuple[int, int]) -> Left:
    nameless, volumes = _unused(stage)
    known = set(_ids(stage, "images", "--all", "--quiet", "--no-trunc"))
    mine = ("--filter", f"name={stage.project}-bluegreen", "--quiet")
    state = stage.state / "compose-bluegreen"
    files = [one for one in state.rglob("*") if one.is_file() and one.name != "history.db"]
    return Left(
        releases=number,
        kept=len(known.intersection(images)),
        nameless=nameless - before[0],
        containers=len(_ids(stage, "ps", "--all", *mine)),
        networks=len(_ids(stage, "network", "ls", *mine)),
        volumes=volumes - before[1],
        files=len(files),
        bytes=sum(one.stat().st_size for one in files),
        history_bytes=Path(state, "history.db").stat().st_size,
    )


def _unused(stage: Comparison) -> tuple[int, int]:
    """Images without a name and volumes that nothing mounts, of everybody on this engine."""
    dangling = ("--filter", "dangling=true", "--quiet")
    return len(_ids(stage, "images", *dangling)), len(_ids(stage, "volume", "ls", *dangling))


def _ids(stage: Comparison, *words: str) -> list[str]:
    return stage.begin("docker", *words).end().split()


if __name__ == "__main__":
    sys.exit(main())
