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
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.plan import PlannedStep
from compose_bluegreen.domain.states import Outcome, State
from compose_bluegreen.domain.topology import Change

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
        return _dump([json_output.deployment(deployment) for deployment in deployments])
    if not deployments:
        return "no deployments yet; docker bluegreen up makes the first\n"
    head = ("ID", "STATE", "SERVICES", "COLOUR", "IMAGE ID", "STARTED", "TOOK", "NOTE")
    rows = [_row(deployment, zone) for deployment in deployments]
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
    observed: Status,
    monitor: str | None,
    format: str,  # noqa: A002
    terminal: Terminal | None = None,
    zone: tzinfo | None = None,
) -> str:
    if format == "json":
        return _dump(json_output.status(observed, monitor))
    terminal = terminal or terminal_of(sys.stdout)
    statistics = f", statistics at http://{monitor}" if monitor else ""
    lines = [f"project {observed.project}: proxy {observed.proxy}{statistics}"]
    lines += _haproxy(observed)
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
    rows = [_service(service, zone) for service in observed.services]
    lines += table(head, rows, terminal, _COLOURS) if rows else ["nothing is released yet"]
    lines += _under_way(observed.under_way, terminal, zone) if observed.under_way else []
    lines += _waiting(observed.waits, terminal, zone) if observed.waits else []
    lines += [
        f"  preview: {_preview(service, service.preview)}"
        for service in observed.services
        if service.preview
    ]
    for drift in observed.all_drift:
        lines += _drift(drift, terminal)
    return _text(lines)


def _haproxy(observed: Status) -> Iterator[str]:
    haproxy = observed.haproxy
    if haproxy is None:
        return
    built_at = observed.proxy_image_built_at
    built = f", its image was built on {built_at:%Y-%m-%d}" if built_at else ""
    if haproxy.version:
        yield f"  HAProxy {haproxy.version}{built}"
    recreate = hint_text(Hint(Action.PROXY_RECREATE))
    if haproxy.renewal is Change.RECREATE:
        yield (
            "  an earlier version of compose-bluegreen created the proxy, and HAProxy can read the journal"
            f" of history: {recreate} replaces it once, with a downtime of less than a second"
        )
    elif haproxy.is_outdated:
        yield (
            "  this version of compose-bluegreen has another image of the proxy:"
            f" {recreate} takes it, without downtime"
        )


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
    return one_line(f"{holder.actor}, {holder.command}, since {local(holder.since, zone)}")


def pruned(result: Pruned, request: PruneRequest) -> str:
    went = "would remove" if request.dry_run else "removed"
    lines = [f"{went}: {name}, its standby has ended" for name in result.ended]
    lines += [f"{went}: {name}" for name in result.images]
    lines += [f"kept: {name}: --failed removes it" for name in result.failed]
    return _text(lines or ["nothing to remove"])


def _under_way(under_way: UnderWay, terminal: Terminal, zone: tzinfo | None) -> list[str]:
    subject = f"deployment {under_way.deployment} is" if under_way.deployment else "something is"
    location = f", at “{one_line(under_way.step.name)}”" if under_way.step else ""
    return [
        f"{terminal.mark(Outcome.RUNNING)} {subject} under way by {_holder(under_way.owner, zone)}{location}"
    ]


def _waiting(deployment: Deployment, terminal: Terminal, zone: tzinfo | None) -> list[str]:
    message = f": {one_line(deployment.message)}" if deployment.message else ""
    since = f"since {local(deployment.held_since, zone)}, by {one_line(deployment.actor)}{message}"
    mark = terminal.mark(Outcome.RUNNING)
    return [
        f"{mark} deployment {deployment.id} waits on {_colours(deployment)} {since}",
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
        f"{terminal.mark(Outcome.DONE)} {one_line(drift.problem)}: repaired" for drift in done.cured
    ]
    lines += [line for drift in done.remaining for line in _drift(drift, terminal)]
    return _text(lines or ["nothing to repair"])


def _preview(service: ServiceStatus, preview: Previewed) -> str:
    ways = [preview.address or "", "by its key" if preview.by_key else ""]
    return f"{service.service}-{preview.colour} {' or '.join(filter(None, ways))}"


def _row(deployment: Deployment, zone: tzinfo | None) -> tuple[str, ...]:
    return (
        str(deployment.id),
        deployment.state,
        _names(deployment),
        ",".join(dict.fromkeys(part.colour for part in deployment.parts)),
        ",".join(dict.fromkeys(part.release.image.short_id for part in deployment.parts)),
        local(deployment.started_at, zone),
        took(deployment.duration),
        _note(deployment),
    )


def _note(deployment: Deployment) -> str:
    back = f"rollback to {deployment.restores}" if deployment.kind is Kind.ROLLBACK else ""
    return ": ".join(text for text in (back, deployment.message, deployment.reason) if text)


def _names(deployment: Deployment) -> str:
    return ",".join(deployment.services)


def _facts(deployment: Deployment, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    for part in deployment.parts:
        image = part.release.image
        names = dict.fromkeys((image.reference, image.short_id, image.repo_digest or ""))
        live = "live" if part.live else "not live"
        yield part.service, f"{part.colour}, {live}: {' '.join(text for text in names if text)}"
    yield "started", local(deployment.started_at, zone)
    yield "finished", local(deployment.finished_at, zone)
    yield "took", took(deployment.duration)
    yield "by", deployment.actor
    yield "git", deployment.git_revision or ""
    yield "message", deployment.message
    yield "reason", deployment.reason
    yield "undoes", str(deployment.rollback_of or "")
    yield "restores", str(deployment.restores or "")


def _steps(steps: Sequence[StepRecord], terminal: Terminal) -> Iterator[str]:
    rows = [(step.name, step.outcome, took(step.duration), step.cause) for step in steps]
    head, *lines = table(("STEP", "OUTCOME", "TOOK", "CAUSE"), rows, terminal, _OUTCOMES)
    yield head
    for step, line in zip(steps, lines, strict=True):
        yield line
        yield from (
            f"    {detail_line}"
            for detail_line in clean(step.detail).splitlines()
            if detail_line.strip()
        )


def _service(service: ServiceStatus, zone: tzinfo | None) -> tuple[str, ...]:
    live, back = service.live, service.rollback_to
    return (
        service.service,
        live.colour if live else "none",
        str(live.deployment or "") if live else "",
        (live.image_id or "").removeprefix("sha256:")[:12] if live else "",
        local(live.since, zone) if live else "",
        _seen_by_docker(live) if live else "",
        _seen_by_haproxy(live) if live else "",
        _idle(service, zone),
        _rollback_target(back, service),
    )


def _idle(service: ServiceStatus, zone: tzinfo | None) -> str:
    if service.idle is None or service.standby is None:
        return service.idle.colour if service.idle else ""
    if service.standby.until:
        return f"{service.idle.colour}, on standby until {local(service.standby.until, zone)}"
    return f"{service.idle.colour}, on standby, {'running' if service.idle.runs else 'stopped'}"


def _rollback_target(target: Deployment | None, service: ServiceStatus) -> str:
    if target is None:
        return ""
    availability = {"registry": " (pulls it)", "gone": " (gone)"}.get(
        service.rollback_image or "", ""
    )
    return f"{target.id}{availability}{' (--force)' if service.rollback_unsafe else ''}"


def _seen_by_docker(live: ColourStatus) -> str:
    return _counted(container.health or container.status for container in live.containers)


def _seen_by_haproxy(live: ColourStatus) -> str:
    flying = f", {live.in_flight} in flight" if live.in_flight else ""
    return _counted(server.status for server in live.servers) + flying


def _counted(statuses: Iterable[str]) -> str:
    """``UP``, or where there are replicas ``2 UP, 1 DOWN``."""
    listed = list(statuses)
    return ", ".join(
        f"{listed.count(word)} {word}" if len(listed) > 1 else word
        for word in dict.fromkeys(listed)
    )


def _drift(drift: Drift, terminal: Terminal) -> tuple[str, str]:
    return (
        f"{terminal.mark(Outcome.WARNED)} {one_line(drift.problem)}",
        f"  next: {one_line(hint_text(drift.remedy))}",
    )


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _dump(answer: object) -> str:
    return json.dumps(answer, indent=2) + "\n"
