"""What an attacker finds inside a colour: nothing of compose-bluegreen but the proxy's open ports."""

from __future__ import annotations

import pytest

from testkit.stage import Stage, service

pytestmark = pytest.mark.engine

LISTENS = "0A"
"""As ``/proc/net/tcp`` has it."""


def _open_ports(stage: Stage) -> set[int]:
    """Of the proxy, by the kernel; a port of Docker's name server is on the loopback alone."""
    lines = stage.docker("exec", stage.proxy, "cat", "/proc/net/tcp", "/proc/net/tcp6").splitlines()
    sockets = (line.split() for line in lines if ":" in line)
    listening = [fields[1] for fields in sockets if len(fields) > 3 and fields[3] == LISTENS]
    return {
        int(local.rpartition(":")[2], 16) for local in listening if not local.startswith("0B00007F")
    }


def test_there_is_no_socket_no_file_and_no_credential_of_ours(stage: Stage) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    stage.up("v1")
    found = stage.inspect(stage.container(stage.ask().colour))
    ours = [line for line in found["Config"]["Env"] if "bluegreen" in line.lower()]
    assert ours == [f"BLUEGREEN_COLOUR={stage.ask().colour}"]
    assert found["Mounts"] == []
    assert not found["HostConfig"]["Privileged"]
    with stage.step("the proxy listens at its ports for traffic and statistics, and nowhere else"):
        assert _open_ports(stage) == {8080, 10000, 10001}
    with stage.step("HAProxy's sockets are files, and only the proxy has them"):
        colour = stage.container(stage.ask().colour)
        script = "ls /var/lib/bluegreen /var/run/docker.sock 2>/dev/null || echo none"
        assert stage.docker("exec", colour, "sh", "-c", script).strip() == "none"
