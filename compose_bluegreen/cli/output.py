"""The answers on stdout: tables for people, or the JSON of ``json_output`` for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

from compose_bluegreen.cli import json_output
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.cli.table import local, table, took
from compose_bluegreen.cli.terminal import Terminal, clean, one_line, terminal_of
from compose_bluegreen.deployment.pending import DECIDE
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import Deployment, Kind, StepRecord
from compose_bluegreen.domain.plan import PlannedStep
from compose_bluegreen.domain.states import Outcome, State

if TYPE_CHECKING:
    from compose_bluegreen.commands.prune import Pruned
    from compose_bluegreen.commands.repair import Repair
    from compose_bluegreen.config.requests import PruneRequest
    from compose_bluegreen.inspection.drift import Drift
    from compose_bluegreen.inspection.status import (
        ColourStatus,
        Previewed,
        ServiceStatus,
        Status,
        UnderWay,
    )
    from compose_bluegreen.ports.lock import LockOwner

_STATES: dict[str, str] = {
    State.LIVE: "green",
    State.FAILED: "red",
    State.STUCK: "red",
    State.INTERRUPTED: "yellow",
    State.ROLLED_BACK: "yellow",
    State.PREPARING: "blue",
    State.STARTING: "blue",
    State.WAITING: "blue",
    State.SWITCHING: "blue",
}
_OUTCOMES: dict[str, str] = {Outcome.DONE: "green", Outcome.FAILED: "red", Outcome.WARNED: "yellow"}
_COLOURS: dict[str, str] = {Colour.BLUE: "blue", Colour.GREEN: "green", "none": "red"}


def history(
    deployments: Sequence[Deployment],
    format: str,  # noqa: A002
    terminal: Terminal | None = None,
    zone: tzinfo | None = None,
) -> str:
    if format == "json":
        return _dump([json_output.deployment(one) for one in deployments])
    if not deployments:
        return "no deployments yet; docker bluegreen up makes the first\n"
    head = ("ID", "STATE", "SERVICES", "COLOUR", "IMAGE ID", "STARTED", "TOOK", "NOTE")
    rows = [_row(one, zone) for one in deployments]
    return _text(table(head, rows, terminal or terminal_of(sys.stdout), _STATES))


def show(
    deployment: Deployment,
    format: str,  # noqa: A002
    terminal: Terminal | None = None,
    zone: tzinfo | None = None,
) -> str:
    if format == "json":
        return _dump(json_output.with_steps(deployment))
    terminal = terminal or terminal_of(sys.stdout)
    state = terminal.paint(deployment.state, _STATES.get(deployment.state, "dim"))
    lines = [f"deployment {deployment.id}: {deployment.kind} of {_names(deployment)}, {state}"]
    lines += [f"  {name:<9} {one_line(fact)}" for name, fact in _facts(deployment, zone) if fact]
    if deployment.steps:
        lines += ["", *_steps(deployment.steps, terminal)]
    return _text(lines)


def plan(steps: Sequence[PlannedStep], format: str = "table") -> str:  # noqa: A002
    """The answer of a dry run: one line a step, with its cause."""
    if format == "json":
        return _dump(json_output.plan(steps))
    return "".join(f"{step.name}  ({step.cause})\n" for step in steps)


def summary(deployment: Deployment | None, format: str = "table") -> str:  # noqa: A002
    """The last lines of ``up``, ``rollback`` and the like. None means that there is no deployment."""
    if format == "json":
        return _dump(json_output.with_steps(deployment) if deployment else None)
    if deployment is None:
        return ""
    return _text([_headline(deployment), *_images(deployment)])


def _headline(deployment: Deployment) -> str:
    if deployment.state is State.WAITING:
        return f"deployment {deployment.id}: {_colours(deployment)} waits; {hint_text(DECIDE)}"
    colours = _colours(deployment)
    duration = f" after {took(deployment.duration)}" if deployment.duration else ""
    return (
        f"deployment {deployment.id}: {colours or _names(deployment)} {deployment.state}{duration}"
    )


def _images(deployment: Deployment) -> Iterator[str]:
    for part in deployment.parts:
        image = part.release.image
        yield f"  {part.service}: {image.reference} {image.short_id}"
    if deployment.rollback_of:
        yield f"  takes back {deployment.rollback_of}, restores {deployment.restores}"


def _colours(deployment: Deployment) -> str:
    return ", ".join(f"{part.service}-{part.colour}" for part in deployment.parts)


def status(
    found: Status,
    monitor: str | None,
    format: str,  # noqa: A002
    terminal: Terminal | None = None,
    zone: tzinfo | None = None,
) -> str:
    if format == "json":
        return _dump(json_output.status(found, monitor))
    terminal = terminal or terminal_of(sys.stdout)
    statistics = f", statistics at http://{monitor}" if monitor else ""
    lines = [f"project {found.project}: proxy {found.proxy}{statistics}"]
    head = (
        "SERVICE",
        "LIVE",
        "DEPLOYMENT",
        "IMAGE ID",
        "SINCE",
        "DOCKER",
        "HAPROXY",
        "IDLE",
        "ROLLBACK TO",
    )
    rows = [_service(one, zone) for one in found.services]
    lines += table(head, rows, terminal, _COLOURS) if rows else ["nothing is released yet"]
    lines += _under_way(found.under_way, terminal, zone) if found.under_way else []
    lines += _waiting(found.waits, terminal, zone) if found.waits else []
    lines += [f"  preview: {_preview(one, one.preview)}" for one in found.services if one.preview]
    for drift in found.all_drift:
        lines += _drift(drift, terminal)
    return _text(lines)


def lock(
    project: str,
    holder: LockOwner | None,
    format: str,  # noqa: A002
    zone: tzinfo | None = None,
) -> str:
    if format == "json":
        return _dump(json_output.lock(project, holder))
    if holder is None:
        return f"no deployment of {project} is running\n"
    return f"{project} is being deployed by {_holder(holder, zone)}\n"


def released(
    project: str,
    holder: LockOwner | None,
    format: str,  # noqa: A002
    zone: tzinfo | None = None,
) -> str:
    if format == "json":
        return _dump(json_output.lock(project, holder))
    if holder is None:
        return f"no deployment of {project} was running: there was no lock to release\n"
    return (
        f"lock taken from {_holder(holder, zone)}: that command changes nothing more;"
        " docker bluegreen status shows what it left\n"
    )


def _holder(holder: LockOwner, zone: tzinfo | None) -> str:
    return one_line(f"{holder.actor}, {holder.what}, since {local(holder.since, zone)}")


def pruned(found: Pruned, request: PruneRequest) -> str:
    went = "would remove" if request.dry_run else "removed"
    lines = [f"{went}: {name}, its standby has ended" for name in found.ended]
    lines += [f"{went}: {name}" for name in found.gone]
    lines += [f"kept: {name}: --failed removes it" for name in found.failed]
    return _text(lines or ["nothing to remove"])


def _under_way(one: UnderWay, terminal: Terminal, zone: tzinfo | None) -> list[str]:
    what = f"deployment {one.deployment} is" if one.deployment else "something is"
    location = f", at “{one_line(one.step.name)}”" if one.step else ""
    return [
        f"{terminal.mark(Outcome.RUNNING)} {what} under way by {_holder(one.owner, zone)}{location}"
    ]


def _waiting(one: Deployment, terminal: Terminal, zone: tzinfo | None) -> list[str]:
    said = f": {one_line(one.message)}" if one.message else ""
    since = f"since {local(one.held_since, zone)}, by {one_line(one.actor)}{said}"
    mark = terminal.mark(Outcome.RUNNING)
    return [
        f"{mark} deployment {one.id} waits on {_colours(one)} {since}",
        f"  next: {hint_text(DECIDE)}",
    ]


def repair(
    done: Repair,
    format: str,  # noqa: A002
    terminal: Terminal | None = None,
) -> str:
    if format == "json":
        return _dump(json_output.repair(done))
    terminal = terminal or terminal_of(sys.stdout)
    lines = [
        f"{terminal.mark(Outcome.DONE)} {one_line(one.problem)}: repaired" for one in done.cured
    ]
    lines += [line for one in done.left for line in _drift(one, terminal)]
    return _text(lines or ["nothing to repair"])


def _preview(one: ServiceStatus, preview: Previewed) -> str:
    ways = [preview.address or "", "by its key" if preview.by_key else ""]
    return f"{one.service}-{preview.colour} {' or '.join(filter(None, ways))}"


def _row(one: Deployment, zone: tzinfo | None) -> tuple[str, ...]:
    return (
        str(one.id),
        one.state,
        _names(one),
        ",".join(dict.fromkeys(part.colour for part in one.parts)),
        ",".join(dict.fromkeys(part.release.image.short_id for part in one.parts)),
        local(one.started_at, zone),
        took(one.duration),
        _note(one),
    )


def _note(one: Deployment) -> str:
    back = f"rollback to {one.restores}" if one.kind is Kind.ROLLBACK else ""
    return ": ".join(text for text in (back, one.message, one.reason) if text)


def _names(one: Deployment) -> str:
    return ",".join(one.services)


def _facts(one: Deployment, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    for part in one.parts:
        image = part.release.image
        said = dict.fromkeys((image.reference, image.short_id, image.repo_digest or ""))
        live = "live" if part.live else "not live"
        yield part.service, f"{part.colour}, {live}: {' '.join(text for text in said if text)}"
    yield "started", local(one.started_at, zone)
    yield "finished", local(one.finished_at, zone)
    yield "took", took(one.duration)
    yield "by", one.actor
    yield "git", one.git_revision or ""
    yield "message", one.message
    yield "reason", one.reason
    yield "undoes", str(one.rollback_of or "")
    yield "restores", str(one.restores or "")


def _steps(steps: Sequence[StepRecord], terminal: Terminal) -> Iterator[str]:
    rows = [(step.name, step.outcome, took(step.duration), step.cause) for step in steps]
    head, *lines = table(("STEP", "OUTCOME", "TOOK", "CAUSE"), rows, terminal, _OUTCOMES)
    yield head
    for step, line in zip(steps, lines, strict=True):
        yield line
        yield from (f"    {said}" for said in clean(step.detail).splitlines() if said.strip())


def _service(one: ServiceStatus, zone: tzinfo | None) -> tuple[str, ...]:
    live, back = one.live, one.rollback_to
    return (
        one.service,
        live.colour if live else "none",
        str(live.deployment or "") if live else "",
        (live.image_id or "").removeprefix("sha256:")[:12] if live else "",
        local(live.since, zone) if live else "",
        _seen_by_docker(live) if live else "",
        _seen_by_haproxy(live) if live else "",
        _idle(one, zone),
        _way_back(back, one),
    )


def _idle(one: ServiceStatus, zone: tzinfo | None) -> str:
    if one.idle is None or one.standby is None:
        return one.idle.colour if one.idle else ""
    if one.standby.until:
        return f"{one.idle.colour}, on standby until {local(one.standby.until, zone)}"
    return f"{one.idle.colour}, on standby, {'running' if one.idle.runs else 'stopped'}"


def _way_back(target: Deployment | None, one: ServiceStatus) -> str:
    if target is None:
        return ""
    how = {"registry": " (pulls it)", "gone": " (gone)"}.get(one.rollback_image or "", "")
    return f"{target.id}{how}{' (--force)' if one.rollback_unsafe else ''}"


def _seen_by_docker(live: ColourStatus) -> str:
    return _counted(one.health or one.status for one in live.containers)


def _seen_by_haproxy(live: ColourStatus) -> str:
    flying = f", {live.in_flight} in flight" if live.in_flight else ""
    return _counted(one.status for one in live.servers) + flying


def _counted(words: Iterable[str]) -> str:
    """``UP``, or where there are replicas ``2 UP, 1 DOWN``."""
    said = list(words)
    return ", ".join(
        f"{said.count(word)} {word}" if len(said) > 1 else word for word in dict.fromkeys(said)
    )


def _drift(one: Drift, terminal: Terminal) -> tuple[str, str]:
    return (
        f"{terminal.mark(Outcome.WARNED)} {one_line(one.problem)}",
        f"  next: {one_line(hint_text(one.remedy))}",
    )


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _dump(answer: object) -> str:
    return json.dumps(answer, indent=2) + "\n"
