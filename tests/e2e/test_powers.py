"""A release whose record was changed on the engine: what it gains is shown, and needs an agreement."""

from __future__ import annotations

import json

import pytest

from testkit.forgery import forged
from testkit.stage import Model, Stage, service

pytestmark = pytest.mark.engine

ROOT: Model = {"type": "bind", "source": "/", "target": "/host"}


def _in_the_journal(stage: Stage, program: str, *arguments: str) -> str:
    """As root, with the volume mounted, as an attacker who got there."""
    volume = f"{stage.companion}_history:/journal"
    words = ("run", "--rm", "--user", "0", "--network", "none", "--volume", volume)
    image = "localhost:1/bgtest/sample"
    return stage.docker(*words, "--entrypoint", "python3", image, "-c", program, *arguments)


def _forge(stage: Stage, deployment: int, keys: Model) -> None:
    listed = _in_the_journal(stage, "import os; print(*os.listdir('/journal'), sep='\\n')")
    (old,) = (one for one in listed.split() if one.startswith(f"{deployment:06}."))
    read = "import sys; print(open('/journal/' + sys.argv[1]).read(), end='')"
    name, text = forged(old, _in_the_journal(stage, read, old).encode(), stage.project, keys)
    write = (
        "import os, sys\n"
        "old, new, text = sys.argv[1:]\n"
        "os.chdir('/journal')\n"
        "owner = os.stat(old)\n"
        "open(new, 'w').write(text + '\\n')\n"
        "os.chown(new, owner.st_uid, owner.st_gid)\n"
        "os.remove(old)\n"
    )
    _in_the_journal(stage, write, old, name, text)


def test_a_rewritten_release_gets_no_root_and_no_folder_of_the_host_without_an_agreement(
    stage: Stage,
) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    with stage.step("two releases"):
        stage.up("v1")
        stage.up("v2")
    _forge(stage, 1, {"user": "root", "volumes": [ROOT]})
    gains = "the release of web in deployment 1 gains mounts / of the host, user root"
    with stage.step("refused before anything moves"):
        run = stage.bluegreen("rollback").ended(1)
        assert gains in run.err
        assert "docker bluegreen rollback --force" in run.err
        stage.serves("v2")
        assert len(stage.history()) == 2
        assert gains in stage.bluegreen("rollback", "--dry-run").ended(0).err
    with stage.step("agreed to"):
        stage.bluegreen("rollback", "--force").ended(0)
        stage.serves("v1")
        found = stage.inspect(stage.container(stage.ask().colour))
        assert (found["Config"]["User"], found["HostConfig"]["Privileged"]) == ("root", False)
        assert ("/", "/host") in [(one["Source"], one["Destination"]) for one in found["Mounts"]]
    with stage.step("and seen from now on, by this machine alone"):
        stage.bluegreen("rollback", "--to", "2").ended(0)
        elsewhere = str(stage.folder.parent / "elsewhere")
        run = stage.bluegreen("rollback", "--to", "1", XDG_STATE_HOME=elsewhere).ended(1)
        assert gains in run.err
        stage.bluegreen("rollback", "--to", "1").ended(0)


def test_a_fresh_machine_rolls_back_what_has_the_mounts_of_the_live_release(stage: Stage) -> None:
    (stage.folder / "data").mkdir()
    mounts = [f"{stage.folder}/data:/data"]
    stage.write(web=service(f"{stage.port}:8080", volumes=mounts, user="0"))
    stage.up("v1")
    stage.up("v2")
    elsewhere = str(stage.folder.parent / "elsewhere")
    run = stage.bluegreen("rollback", "--format", "json", XDG_STATE_HOME=elsewhere).ended(0)
    assert json.loads(run.out)["kind"] == "rollback"
    stage.serves("v1")
