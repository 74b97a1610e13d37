"""An engine behind ``ssh://``: one login for each command, and a socket on this machine.

OpenSSH's own client logs in, so ``~/.ssh/config``, agents, keys and known hosts count as for
``docker``, which would log in once for each request. One remote program runs as long as its input
is open: the login ends with this process, however that ends.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from compose_bluegreen.adapters.connection.endpoint import LOCAL
from compose_bluegreen.domain.errors import EngineUnreachable, UsageError

_LOGIN = 120.0
"""Seconds: a person may have to type a password, or touch a key."""

_CHATTER = 1 << 16
_FORWARD = 20.0
_END = 5.0

_OPTIONS = {
    "ConnectTimeout": "20",
    # A connection that is frozen ends after nine seconds.
    "ServerAliveInterval": "3",
    "ServerAliveCountMax": "3",
    "ControlMaster": "yes",
    "ControlPersist": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    "PermitLocalCommand": "no",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "StreamLocalBindMask": "0177",
}

_MARK = "bluegreen-engine="
"""A login shell there may print lines of its own."""

_FIND_SOCKET = (
    f'echo {_MARK}$(docker context inspect --format "{{{{.Endpoints.docker.Host}}}}" 2>/dev/null'
    f' || echo "${{DOCKER_HOST:-{LOCAL}}}")'
)
_WAIT = "exec cat >/dev/null"
"""Until its input ends."""

_WITHOUT_INTERRUPTS = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
"""A Ctrl-C goes to the whole group of the terminal, and the undo needs the connection. ssh stays in the
group: it may have to ask for a password."""


@dataclass(frozen=True, slots=True)
class SshAddress:
    """``socket`` is the path on that machine, "" for what ``docker`` uses there."""

    host: str
    user: str | None
    port: int | None
    socket: str

    @classmethod
    def parse(cls, url: str) -> SshAddress:
        """Raises UsageError for what ``docker`` refuses, or ssh would take for an option."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _bad(url, str(error)) from error
        name = parts.hostname or ""
        # urlsplit makes it lower case, and an alias in ~/.ssh/config may have capitals.
        start = parts.netloc.rpartition("@")[2].lower().find(name)
        host = parts.netloc.rpartition("@")[2][start : start + len(name)]
        user = parts.username
        if not host or host.startswith("-") or (user or "").startswith("-"):
            raise _bad(url, "it needs a host")
        if parts.password is not None:
            raise UsageError(
                f"an address of an engine must not have a password: ssh://{user}@{host}",
                hint="let ssh ask for it, or use a key",
            )
        if parts.query or parts.fragment:
            raise _bad(url, "it must end with the host, the port or a path")
        return cls(host, user, port, parts.path.rstrip("/"))

    def __str__(self) -> str:
        return f"{self.user}@{self.host}" if self.user else self.host

    @property
    def words(self) -> list[str]:
        user = ["-l", self.user] if self.user else []
        port = ["-p", str(self.port)] if self.port else []
        return [*user, *port, "--", self.host]


def _bad(url: str, problem: str) -> UsageError:
    return UsageError(f"{url!r} is no address of an engine: {problem}", hint="ssh://user@host:port")


@contextmanager
def forwarded(url: str) -> Iterator[Path]:
    """The path of a socket on this machine, whose connections reach the engine at ``url``.

    Raises UsageError, and EngineUnreachable where ssh can't log in or forward.
    """
    address = SshAddress.parse(url)
    if shutil.which("ssh") is None:
        raise EngineUnreachable(
            f"{url} needs ssh, which is not in PATH", hint="install OpenSSH's client"
        )
    # The path of a socket has at most 108 bytes, and the state folder may be deep.
    folder = Path(tempfile.mkdtemp(prefix="bluegreen-"))
    try:
        with _logged_in(address, folder) as remote:
            socket = folder / "docker.sock"
            _forward(address, folder, f"{socket}:{remote}")
            yield socket
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _logged_in(address: SshAddress, folder: Path) -> Iterator[str]:
    """The remote end of a forwarding, as ssh takes it: a path, or host and port."""
    find = f"echo {_MARK}" if address.socket else _FIND_SOCKET
    command = f"sh -c '{find}; {_WAIT}'"
    options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
    ssh = ["ssh", *options, "-S", str(folder / "control"), *address.words, command]
    with (folder / "errors").open("w+b") as errors:
        process = subprocess.Popen(
            [*_WITHOUT_INTERRUPTS, *ssh],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            host = _marked(cast("IO[bytes]", process.stdout).fileno())
            if host is None:
                errors.seek(0)
                raise _unreachable(address, errors.read().decode(errors="replace"))
            yield address.socket or _remote_end(host, address)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_END)
            process.kill()
            process.wait(_END)


def _marked(descriptor: int) -> str | None:
    """What follows the mark, up to the end of its line; None where it does not come in time."""
    text = b""
    while not text.endswith(b"\n") or _MARK.encode() not in text:
        ready, _, _ = select.select([descriptor], [], [], _LOGIN)
        more = os.read(descriptor, 1) if ready else b""
        if not more or len(text) > _CHATTER:
            return None
        text += more
    return text.decode(errors="replace").partition(_MARK)[2].strip()


def _remote_end(host: str, address: SshAddress) -> str:
    scheme, _, rest = host.partition("://")
    if scheme == "unix":
        return rest
    if scheme == "tcp":
        return rest.rstrip("/")
    raise EngineUnreachable(
        f"docker on {address} uses {host}, which can't be forwarded",
        hint=f"ssh://{address}/var/run/docker.sock names a socket",
    )


def _forward(address: SshAddress, folder: Path, forwarding: str) -> None:
    control = ["-S", str(folder / "control"), "-O", "forward", "-L", forwarding]
    try:
        subprocess.run(
            ["ssh", *control, *address.words],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_FORWARD,
        )
    except (subprocess.SubprocessError, OSError) as error:
        output = getattr(error, "stderr", None) or b""
        raise _unreachable(address, output.decode(errors="replace") or str(error)) from error


def _unreachable(address: SshAddress, detail: str) -> EngineUnreachable:
    return EngineUnreachable(
        f"no connection to the Docker engine on {address} by ssh",
        detail=detail.strip(),
        hint=f"ssh {' '.join(address.words[:-2])} {address.host} docker version tells more".replace(
            "  ", " "
        ),
    )
