"""Each call of the product that can wait, with what ends its wait.

A new call that can wait fails here until it has a row, and a row without its call fails too. Clients
of an engine, a database or a webhook have their deadline where they are made, so that is their row.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from testkit.checkout import ROOT

WAITS = {
    "accept",
    "acquire",
    "_Api",
    "attach_socket",
    "check_call",
    "check_output",
    "communicate",
    "create_connection",
    "create_engine",
    "DockerClient",
    "flock",
    "get_nowait",
    "input",
    "lockf",
    "logs",
    "Popen",
    "recv",
    "recv_into",
    "result",
    "sendall",
    "settimeout",
    "sleep",
    "ThreadPoolExecutor",
    "urlopen",
    "wait",
}
"""Names of functions and methods that wait, whatever they are called on."""

WAITS_ON = {
    "requests": {"get", "post", "put", "request"},
    "select": {"select", "poll"},
    "subprocess": {"run", "call"},
    "line": {"connect"},
    "thread": {"join"},
    "process": {"poll"},
}
"""Names that wait only where they are called on one of these names."""

PASSED_ON = {"application"}
"""Calls on these are calls of the product's own, whose calls are listed."""

CALLER = "the caller's loop has a deadline"
STREAM = "a log that the user follows; Ctrl-C, or the end of docker, ends it"
DOCKER = (
    "docker's own: it reports progress, and it ends with Ctrl-C or with this process (child.py)"
)
SHORT = "it does not wait"

DEADLINES = {
    # ── loops over the clock's port ──────────────────────────────────────────────────────────
    "commands/repair.py:_remaining:sleep": "_LOOKS_AGAIN",
    "commands/repair.py:_DriftContext.until_healthy:sleep": "one interval of the check",
    "deployment/remote_control.py:_until_it_ends:sleep": "as long as the deployment that was signalled",
    "steps/analysis.py:analyse:sleep": "bake.time, or that of the canary's step",
    "steps/dependencies.py:until_dependencies:sleep": "--timeout or deploy_timeout",
    "steps/drain.py:until_all:sleep": "drain_timeout",
    "steps/health.py:until_all_healthy:sleep": "--timeout or deploy_timeout",
    "steps/locking.py:until_alone:sleep": "--wait",
    "adapters/system/clock.py:SystemClock.sleep:sleep": CALLER,
    # ── the engine ───────────────────────────────────────────────────────────────────────────
    "adapters/compose/client.py:WhalesCompose._client:DockerClient": DOCKER,
    "adapters/compose/client.py:WhalesCompose.logs:logs": STREAM,
    "commands/application.py:Application.logs:logs": STREAM,
    "commands/logs.py:logs:logs": STREAM,
    "adapters/connection/client.py:connect:_Api": "_SILENCE, for each read",
    "adapters/compose/engine.py:SdkEngine.log_tail:logs": "_SILENCE: it follows nothing",
    "adapters/compose/engine.py:SdkEngine.probe_all:ThreadPoolExecutor": "that of each probe",
    "adapters/compose/exec_command.py:run_in:sleep": "the deadline that it is given",
    "adapters/compose/runner.py:HookRunner.one_off:sleep": "the hook's timeout",
    "adapters/compose/runner.py:HookRunner.one_off:logs": "_SILENCE: it follows nothing",
    "adapters/system/exec_stream.py:ExecStream.__init__:settimeout": "30 s, or the caller's",
    "adapters/system/exec_stream.py:ExecStream.read:recv": "settimeout; ExecProgram's _WHOLE",
    "adapters/system/exec_stream.py:ExecStream.read_to_end:settimeout": "_LOOK_AGAIN",
    "adapters/system/exec_stream.py:ExecStream.send:sendall": "settimeout",
    # ── programs on this machine ─────────────────────────────────────────────────────────────
    "adapters/compose/config_reader.py:ConfigReader.__init__:Popen": "_output waits for it",
    "adapters/compose/config_reader.py:ConfigReader._output:communicate": "_PATIENCE",
    "adapters/compose/runner.py:HookRunner.here:Popen": "the hook's timeout",
    "adapters/compose/runner.py:HookRunner.here:wait": "the hook's timeout",
    "adapters/compose/runner.py:_end:poll": SHORT,
    "adapters/compose/runner.py:_end:wait": "_GRACE, then SIGKILL",
    "adapters/history/journal_reader.py:_docker:Popen": "answer waits for it",
    "adapters/history/journal_reader.py:answer:communicate": "PATIENCE",
    "cli/composition.py:ProjectReader._read_git_revision:communicate": "_GIT_PATIENCE",
    "cli/composition.py:_git_revision:Popen": "_read_git_revision waits for it",
    "cli/machine_checks.py:_ask:run": "60 s",
    "cli/plugin_install.py:plugin_in_docker:run": "60 s",
    "adapters/connection/ssh_tunnel.py:_marked:select": "_LOGIN",
    "adapters/connection/ssh_tunnel.py:_forward:run": "_FORWARD",
    "adapters/connection/ssh_tunnel.py:_logged_in:Popen": "_LOGIN, then ServerAliveInterval",
    "adapters/connection/ssh_tunnel.py:_logged_in:communicate": "_END, then SIGKILL",
    "adapters/connection/ssh_tunnel.py:_logged_in:wait": "_END",
    # ── the proxy and the lock in it ─────────────────────────────────────────────────────────
    "adapters/haproxy/container_swap.py:ContainerSwap.hand_over:sleep": "_FINISH",
    "adapters/haproxy/creation_lock.py:_created:sleep": "_PATIENCE",
    "adapters/haproxy/flock.py:_end_shells:sleep": "RECLAIM",
    "adapters/haproxy/flock.py:take:sleep": "GRACE for each owner that may come back",
    "adapters/haproxy/flock.py:take_back:sleep": "RECLAIM",
    "adapters/haproxy/handover.py:Handover._await:logs": "_SILENCE",
    "adapters/haproxy/handover.py:Handover._await:sleep": "_READY",
    "adapters/haproxy/handover.py:Handover._until_finished:sleep": "_FINISH",
    "adapters/haproxy/lock.py:EngineLock._keep:acquire": SHORT,
    "adapters/haproxy/lock.py:EngineLock._keep:wait": "_WATCH_SECONDS, in a daemon thread",
    "adapters/haproxy/proxy_container.py:ProxyContainer.end:wait": "_ENDS_WITHIN",
    "adapters/haproxy/creation_lock.py:alone:attach_socket": "_SILENCE",
    "adapters/haproxy/proxy_container.py:ProxyContainer.log:logs": STREAM,
    "adapters/haproxy/proxy_container.py:ProxyContainer.log_tail:logs": "_SILENCE",
    "adapters/haproxy/proxy_container.py:ProxyContainer.own_volumes:logs": "_SILENCE",
    "adapters/haproxy/proxy_container.py:ProxyContainer.own_volumes:wait": "_ENDS_WITHIN",
    "adapters/haproxy/proxy_session.py:ProxySession._answered:sleep": "READY_SECONDS",
    # ── files, databases, threads and signals ────────────────────────────────────────────────
    "adapters/history/postgres.py:_engine_on:create_engine": "connect_timeout, tcp_user_timeout;"
    " lock_timeout in _alone. A server that stops in an answer is waited for until Ctrl-C",
    "adapters/history/sqlite.py:_engine_on:create_engine": "sqlite's timeout, for a lock",
    "adapters/system/child.py:main:flock": "a command holds the exclusive lock for an instant",
    "adapters/system/children.py:Children.lock:flock": "the same",
    "adapters/system/children.py:Children.wait_for_orphans:sleep": "_PATIENCE",
    "adapters/system/children.py:_taken:flock": SHORT,
    "adapters/system/preload.py:arrived:wait": "_PATIENCE",
    "adapters/system/private_files.py:_exclusive:flock": SHORT,
    "adapters/system/private_files.py:_exclusive:sleep": "_PATIENCE",
    "adapters/system/webhook.py:Webhook._attempt:post": "Timeouts.attempt",
    "adapters/system/webhook.py:Webhook._send:sleep": "Timeouts.total, in a daemon thread",
    "adapters/system/webhook.py:Webhook.send:join": "Timeouts.total",
    "cli/error_handler.py:_reader_left:poll": SHORT,
    "runtime/interrupts.py:_until_closed:connect": "none: a daemon thread that waits for docker's end",
    "runtime/interrupts.py:_until_closed:recv": "the same",
}


def waiting_calls() -> Iterator[str]:
    package = ROOT / "compose_bluegreen"
    for file in sorted(package.rglob("*.py")):
        module = file.relative_to(package).as_posix()
        for scope, call in _calls(ast.parse(file.read_text(encoding="utf-8")), ()):
            if name := _waits(call):
                yield f"{module}:{'.'.join(scope)}:{name}"


def _calls(node: ast.AST, scope: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ast.Call]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield scope, child
        inside = scope
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inside = (*scope, child.name)
        yield from _calls(child, inside)


def _waits(call: ast.Call) -> str:
    """The name of what is called, "" where it can't wait."""
    function = call.func
    if isinstance(function, ast.Name):
        return function.id if function.id in WAITS else ""
    if not isinstance(function, ast.Attribute):
        return ""
    on = function.value
    name = on.id if isinstance(on, ast.Name) else on.attr if isinstance(on, ast.Attribute) else ""
    if name in PASSED_ON:
        return ""
    waits = function.attr in WAITS or function.attr in WAITS_ON.get(name, ())
    return function.attr if waits else ""


def test_each_call_that_can_wait_has_a_deadline() -> None:
    missing = sorted(set(waiting_calls()) - DEADLINES.keys())
    assert missing == [], "give each of these a deadline, and a row that says where it comes from"


def test_each_deadline_has_its_call() -> None:
    assert sorted(DEADLINES.keys() - set(waiting_calls())) == []


def test_processes_and_locks_name_their_deadline_where_they_wait() -> None:
    """A row is not enough for these: without an argument they wait for ever."""
    package = Path(ROOT / "compose_bluegreen")
    bare = [
        f"{file.name}:{call.lineno}"
        for file in package.rglob("*.py")
        for _, call in _calls(ast.parse(file.read_text(encoding="utf-8")), ())
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in {"communicate", "wait", "acquire", "result"}
        and not (call.args or call.keywords)
    ]
    assert bare == []
