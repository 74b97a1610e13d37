"""The commands: each binds its options and makes one call."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Protocol

import typer

from compose_bluegreen import __version__
from compose_bluegreen.cli.options import (
    Call,
    Canary,
    Database,
    DryRun,
    EnvFiles,
    Files,
    Format,
    Hooks,
    KeepFailed,
    Message,
    NoBake,
    Output,
    Profiles,
    Progress,
    ProjectDirectory,
    ProjectName,
    RecreateProxy,
    Service,
    Services,
    Timeout,
    Wait,
    duration,
    located,
    stages,
    where_flags,
)
from compose_bluegreen.cli.progress import Face, Json
from compose_bluegreen.config.requests import (
    LockAct,
    ProjectLocation,
    PromoteRequest,
    ProxyAct,
    ProxyRequest,
    PruneRequest,
    RollbackRequest,
    UpRequest,
)
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, ExitCode, Interrupted


class Commands(Protocol):
    """Who carries the commands out; each returns its exit code."""

    def up(
        self, where: ProjectLocation, order: UpRequest, progress: str, output: str, /
    ) -> int: ...
    def rollback(
        self, where: ProjectLocation, order: RollbackRequest, progress: str, output: str, /
    ) -> int: ...
    def history(
        self, where: ProjectLocation, service: str | None, limit: int, output: str, /
    ) -> int: ...
    def show(self, where: ProjectLocation, deployment: int, output: str, /) -> int: ...
    def status(self, where: ProjectLocation, check: bool, output: str, /) -> int: ...
    def repair(
        self, where: ProjectLocation, dry_run: bool, progress: str, output: str, /
    ) -> int: ...
    def logs(
        self,
        where: ProjectLocation,
        service: str | None,
        colour: Colour | None,
        follow: bool,
        tail: int | None,
        /,
    ) -> int: ...
    def down(self, where: ProjectLocation, patience: timedelta | None, progress: str, /) -> int: ...
    def resume(self, where: ProjectLocation, progress: str, output: str, /) -> int: ...
    def promote(
        self, where: ProjectLocation, order: PromoteRequest, progress: str, output: str, /
    ) -> int: ...
    def abort(self, where: ProjectLocation, progress: str, output: str, /) -> int: ...
    def lock(self, where: ProjectLocation, act: LockAct, output: str, /) -> int: ...
    def proxy(self, where: ProjectLocation, order: ProxyRequest, progress: str, /) -> int: ...
    def prune(self, where: ProjectLocation, order: PruneRequest, /) -> int: ...


def up(  # noqa: PLR0913, PLR0917 - one parameter a flag, here and below
    call: Call,
    services: Services = None,
    build: Annotated[
        bool, typer.Option(help="Build the images of services that have a `build` section.")
    ] = True,
    image: Annotated[
        str | None,
        typer.Option(metavar="REF", help="Release this image, for a single service."),
    ] = None,
    pull: Annotated[
        bool, typer.Option("--pull", help="Pull the images even if the engine has them.")
    ] = False,
    timeout: Timeout = None,
    message: Message = "",
    dry_run: DryRun = False,
    progress: Progress = Face.AUTO,
    force: Annotated[bool, typer.Option("--force", help="Deploy even if nothing changed.")] = False,
    together: Annotated[
        bool,
        typer.Option(
            "--all", help="Release unchanged services too if at least one service changed."
        ),
    ] = False,
    keep_failed: KeepFailed = False,
    no_hooks: Hooks = False,
    recreate_proxy: RecreateProxy = False,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Stop the container that has the published ports and take them over.",
        ),
    ] = False,
    no_switch: Annotated[
        bool,
        typer.Option("--no-switch", help="Stop before the switch; continue with promote or abort."),
    ] = False,
    wait: Wait = None,
    canary: Canary = None,
    no_bake: NoBake = False,
    output: Output = Format.TABLE,
) -> int:
    """Release services blue/green.

    Builds the images, starts the idle colour, waits until it is healthy, switches the traffic, then
    drains and removes the old colour. Without a SERVICE, releases every service with x-bluegreen.
    """
    order = UpRequest(
        services=tuple(services or ()),
        image=image,
        build=build,
        pull=pull,
        timeout=duration("--timeout", timeout),
        message=message,
        dry_run=dry_run,
        force=force,
        together=together,
        keep_failed=keep_failed,
        hooks=not no_hooks,
        recreate_proxy=recreate_proxy,
        take_over=take_over,
        no_switch=no_switch,
        patience=duration("--wait", wait),
        bake=not no_bake,
        canary=stages("--canary", canary),
    )
    return _told(
        progress, lambda: call.commands.up(call.where, order, progress.value, output.value)
    )


def rollback(  # noqa: PLR0913, PLR0917
    call: Call,
    services: Services = None,
    to: Annotated[
        int | None,
        typer.Option(min=1, metavar="ID", help="Deployment to roll back to."),
    ] = None,
    message: Message = "",
    timeout: Timeout = None,
    dry_run: DryRun = False,
    progress: Progress = Face.AUTO,
    force: Annotated[
        bool, typer.Option("--force", help="Roll back even if an irreversible hook ran since.")
    ] = False,
    no_hooks: Hooks = False,
    recreate_proxy: RecreateProxy = False,
    wait: Wait = None,
    output: Output = Format.TABLE,
) -> int:
    """Roll back to an earlier release.

    Restores the image and the configuration of the newest healthy release that is not live, or of
    the deployment given by --to. The compose file is not read.
    """
    order = RollbackRequest(
        services=tuple(services or ()),
        to=to,
        message=message,
        timeout=duration("--timeout", timeout),
        dry_run=dry_run,
        force=force,
        hooks=not no_hooks,
        recreate_proxy=recreate_proxy,
        patience=duration("--wait", wait),
    )
    return _told(
        progress, lambda: call.commands.rollback(call.where, order, progress.value, output.value)
    )


def history(
    call: Call,
    service: Service = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, metavar="N", help="Number of deployments.")
    ] = 20,
    output: Output = Format.TABLE,
) -> int:
    """List deployments, newest first."""
    return call.commands.history(call.where, service, limit, output.value)


def show(
    call: Call,
    deployment: Annotated[int, typer.Argument(min=1, metavar="ID", hidden=True)],
    output: Output = Format.TABLE,
) -> int:
    """Show one deployment and its steps.

    Shows the cause and the duration of each step, and the last output of what failed. history lists
    the IDs.
    """
    return call.commands.show(call.where, deployment, output.value)


def status(
    call: Call,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 if there is any drift, for monitoring.")
    ] = False,
    output: Output = Format.TABLE,
) -> int:
    """Show the live colours and any drift.

    Shows the live release and its age, its health as HAProxy and Docker report it, the target of a
    rollback, and every drift with its remedy.
    """
    return call.commands.status(call.where, check, output.value)


def repair(
    call: Call,
    dry_run: DryRun = False,
    progress: Progress = Face.AUTO,
    output: Output = Format.TABLE,
) -> int:
    """Repair drift that has exactly one remedy.

    Restores what status reports. Drift with more than one possible remedy is listed with the next
    command, and the exit code is 4.
    """
    return _told(
        progress, lambda: call.commands.repair(call.where, dry_run, progress.value, output.value)
    )


def logs(
    call: Call,
    service: Service = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow log output.")] = False,
    tail: Annotated[
        int | None,
        typer.Option("--tail", "-n", min=0, metavar="N", help="Show only the last N lines."),
    ] = None,
    colour: Annotated[
        Colour | None,
        typer.Option("--colour", "--color", help="Show this colour instead of the live one."),
    ] = None,
) -> int:
    """Show the log of the live colour."""
    try:
        return call.commands.logs(call.where, service, colour, follow, tail)
    except Interrupted:
        # The way to leave --follow; nothing went wrong, and nothing was undone.
        return ExitCode.INTERRUPTED


def down(call: Call, progress: Progress = Face.AUTO, wait: Wait = None) -> int:
    """Remove both colours and the proxy.

    Keeps the history. Does not touch the containers that docker compose created.
    """
    patience = duration("--wait", wait)
    return _told(progress, lambda: call.commands.down(call.where, patience, progress.value))


def resume(call: Call, progress: Progress = Face.AUTO, output: Output = Format.TABLE) -> int:
    """Finish an interrupted or stuck deployment.

    Checks the health of its colour, switches the traffic and promotes it, then drains and removes
    the old colour.
    """
    return _told(progress, lambda: call.commands.resume(call.where, progress.value, output.value))


def promote(  # noqa: PLR0913, PLR0917
    call: Call,
    timeout: Timeout = None,
    no_bake: NoBake = False,
    no_hooks: Hooks = False,
    progress: Progress = Face.AUTO,
    wait: Wait = None,
    output: Output = Format.TABLE,
) -> int:
    """Switch to the waiting deployment.

    Checks its health again before the switch; an unhealthy deployment keeps waiting. After the
    switch a failure is undone as in up. Also ends a running canary or bake early.
    """
    order = PromoteRequest(
        duration("--timeout", timeout),
        duration("--wait", wait),
        bake=not no_bake,
        hooks=not no_hooks,
    )
    return _told(
        progress, lambda: call.commands.promote(call.where, order, progress.value, output.value)
    )


def abort(call: Call, progress: Progress = Face.AUTO, output: Output = Format.TABLE) -> int:
    """Cancel a waiting, interrupted or stuck deployment.

    Routes the traffic to the previous version, which is started again if it is unhealthy, and
    removes the new colour. Also cancels a running canary or bake.
    """
    return _told(progress, lambda: call.commands.abort(call.where, progress.value, output.value))


def lock(
    call: Call,
    act: Annotated[LockAct, typer.Argument(metavar="status|release", hidden=True)],
    output: Output = Format.TABLE,
) -> int:
    """Show or release the deployment lock.

    status shows who is deploying. release takes the lock from a command that hangs: that command
    stops at its next step without further changes, and the next up cleans up.
    """
    return call.commands.lock(call.where, act, output.value)


def prune(
    call: Call,
    failed: Annotated[
        bool, typer.Option("--failed", help="Also remove images kept by up --keep-failed.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be removed, without removing it.")
    ] = False,
) -> int:
    """Remove old images and expired standby colours.

    Every release does this too. Keeps the images of running containers and of the newest releases,
    as many as `keep` says.
    """
    return call.commands.prune(call.where, PruneRequest(failed=failed, dry_run=dry_run))


def proxy(  # noqa: PLR0913, PLR0917
    call: Call,
    act: Annotated[ProxyAct, typer.Argument(metavar="reload|recreate|logs", hidden=True)],
    pull: Annotated[
        bool, typer.Option("--pull", help="Pull or rebuild the proxy's image before recreate.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Follow log output.")] = False,
    tail: Annotated[
        int | None,
        typer.Option("--tail", "-n", min=0, metavar="N", help="Show only the last N lines."),
    ] = None,
    progress: Progress = Face.AUTO,
    wait: Wait = None,
) -> int:
    """Reload or recreate the proxy, or show its log.

    reload applies the compose file's proxy settings without dropping requests. recreate replaces
    the container, for a new image or new ports, and reports the downtime.
    """
    order = ProxyRequest(act, pull, follow, tail, duration("--wait", wait))
    try:
        return _told(progress, lambda: call.commands.proxy(call.where, order, progress.value))
    except Interrupted:
        if act is not ProxyAct.LOGS:
            raise
        return ExitCode.INTERRUPTED


def install() -> int:
    """Register the plugin with docker."""
    from compose_bluegreen.cli import plugin_install  # noqa: PLC0415 - no other command needs it

    return plugin_install.install()


def uninstall() -> int:
    """Remove the plugin from docker.

    Containers and history stay.
    """
    from compose_bluegreen.cli import plugin_install  # noqa: PLC0415

    return plugin_install.uninstall()


def doctor() -> int:
    """Check this machine and print a remedy for each problem.

    Checks docker, compose, the engine, this plugin and the location of the history.
    """
    from compose_bluegreen.cli.doctor import doctor as examine  # noqa: PLC0415

    return examine()


_EXAMPLES: dict[Callable[..., int], tuple[str, ...]] = {
    up: (
        "docker bluegreen up",
        "docker bluegreen up web --message 'greets in Portuguese'",
        "docker bluegreen up web --image registry.example/web:1.4 --pull",
        "docker bluegreen up --no-switch",
        "docker bluegreen up web api --all",
        "docker bluegreen up --dry-run",
    ),
    rollback: ("docker bluegreen rollback", "docker bluegreen rollback web --to 41"),
    history: ("docker bluegreen history", "docker bluegreen history web --limit 5 --format json"),
    show: ("docker bluegreen show 42",),
    status: (
        "docker bluegreen status",
        "docker bluegreen status --check --format json",
    ),
    repair: ("docker bluegreen repair", "docker bluegreen repair --dry-run"),
    logs: ("docker bluegreen logs -f web", "docker bluegreen logs --colour green --tail 50 web"),
    down: ("docker bluegreen down",),
    resume: ("docker bluegreen resume",),
    promote: ("docker bluegreen promote", "docker bluegreen promote --wait 5m"),
    abort: ("docker bluegreen abort",),
    lock: ("docker bluegreen lock status", "docker bluegreen lock release"),
    prune: ("docker bluegreen prune --dry-run", "docker bluegreen prune --failed"),
    proxy: (
        "docker bluegreen proxy reload",
        "docker bluegreen proxy recreate --pull",
        "docker bluegreen proxy logs --follow",
    ),
    install: ("docker-bluegreen install",),
    uninstall: ("docker-bluegreen uninstall",),
    doctor: ("docker-bluegreen doctor",),
}
_ANYWHERE = {install, uninstall, doctor}


def build_app(commands: Callable[[], Commands]) -> typer.Typer:
    """``commands`` is asked for only when a command runs: --help need not wait for it."""
    app = typer.Typer(
        name="bluegreen",
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
    )

    @app.callback(invoke_without_command=True)
    def bluegreen(  # noqa: PLR0913, PLR0917
        context: typer.Context,
        file: Files = None,
        project_name: ProjectName = None,
        env_file: EnvFiles = None,
        profile: Profiles = None,
        project_directory: ProjectDirectory = None,
        database: Database = None,
        version: Annotated[bool, typer.Option("--version", "-v", help="Show the version.")] = False,
    ) -> int:
        """Release Docker Compose services blue/green: no request lost, one command to roll back."""
        where = where_flags(file, project_name, env_file, profile, project_directory, database)
        context.obj = Call(where, commands)
        if version:
            typer.echo(f"compose-bluegreen {__version__}")
            raise typer.Exit
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())
        return ExitCode.DONE

    for command, examples in _EXAMPLES.items():
        bound = command if command in _ANYWHERE else located(command)
        app.command(epilog="\b\nExamples:\n  " + "\n  ".join(examples))(bound)
    return app


def _told(face: Face, call: Callable[[], int]) -> int:
    """``--progress json`` promises that stderr is one object a line, and an error is no exception."""
    try:
        return call()
    except BluegreenError as error:
        if face is not Face.JSON:
            raise
        Json(sys.stderr).error(error)
        return error.exit_code
