"""Rollback brings an earlier release back, image and configuration, whatever the file says now."""

from __future__ import annotations

import pytest

from testkit.sources import Sources
from testkit.stage import Model, Stage, service

pytestmark = pytest.mark.engine


def _configuration(stage: Stage) -> Model:
    """Of what serves, as Docker runs it."""
    found = stage.inspect(stage.container(stage.ask().colour))
    config = found["Config"]
    environment = dict(line.split("=", 1) for line in config["Env"])
    return {
        "image": found["Image"],
        "flavour": environment.get("FLAVOUR"),
        "command": config["Cmd"],
        "label": config["Labels"].get("flavour"),
        "check": config["Healthcheck"]["Test"],
    }


def _flavoured(stage: Stage, flavour: str) -> Model:
    """A configuration that differs in all that a release restores."""
    return service(
        f"{stage.port}:8080",
        build="./sample",
        image=f"{stage.project}-shop:latest",
        environment={"VERSION": flavour, "FLAVOUR": flavour},
        command=["python3", "/app/app.py", flavour],
        labels={"flavour": flavour},
        healthcheck={"test": ["CMD", "/app/healthcheck", flavour], "interval": "1s"},
    )


def test_image_and_configuration_come_back(stage: Stage) -> None:
    tag = f"{stage.project}-shop:latest"
    sources = Sources.copied(stage.folder / "sample")
    flavours = {}
    for flavour in ("mild", "hot", "wild"):
        with stage.step(f"release {flavour}"):
            sources.greet(flavour)
            stage.write(web=_flavoured(stage, flavour))
            stage.bluegreen("up", "--message", flavour).ended(0)
            flavours[flavour] = _configuration(stage)
            assert flavours[flavour]["flavour"] == flavour
    assert len({one["image"] for one in flavours.values()}) == 3

    with stage.step("the file is edited since: what it says must not matter"):
        stage.write(web=_flavoured(stage, "bland"))
    with stage.step("roll back, and again: further back"), stage.load():
        stage.bluegreen("rollback").ended(0)
        stage.serves("hot")
        assert _configuration(stage) == flavours["hot"]
        assert stage.image(tag) == flavours["hot"]["image"]
        stage.bluegreen("rollback").ended(0)
        stage.serves("mild")
        assert _configuration(stage) == flavours["mild"]
        assert stage.image(tag) == flavours["mild"]["image"]
    with stage.step("there is nothing before the first"):
        run = stage.bluegreen("rollback").ended(1)
        assert "no earlier healthy release" in run.err
        stage.serves("mild")

    with stage.step("with a file that nobody can read any more, by the project's name"):
        (stage.folder / "compose.yaml").write_text("services: [this is: not\n")
        stage.bluegreen("-p", stage.project, "rollback", "--to", "3").ended(0)
        stage.serves("wild")
        assert _configuration(stage) == flavours["wild"]
        assert stage.image(tag) == flavours["wild"]["image"]

    with stage.step("history tells it all"):
        name = ("-p", stage.project)
        said = stage.bluegreen(*name, "history", "--format", "json").ended(0).out
        stage.write(web=_flavoured(stage, "wild"))
        assert said == stage.bluegreen("history", "--format", "json").ended(0).out
        found = [
            (one["id"], one["kind"], one["state"], one["rollback_of"], one["restores"])
            for one in stage.history()
        ]
        assert found == [
            (6, "rollback", "live", 5, 3),
            (5, "rollback", "rolled_back", 4, 1),
            (4, "rollback", "rolled_back", 3, 2),
            (3, "up", "rolled_back", None, None),
            (2, "up", "superseded", None, None),
            (1, "up", "superseded", None, None),
        ]


def test_what_rollback_refuses(stage: Stage) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    with stage.step("before anything was released"):
        assert "nothing" in stage.bluegreen("rollback").ended(1).err
        assert stage.containers() == []
    with stage.step("a release, one that fails, and one more"):
        stage.up("v1")
        stage.bluegreen("up", "--timeout", "1s", VERSION="bad", NEVER_START="1").ended(1)
        stage.up("v2")
    with stage.step("to one that never went live"):
        assert "never went live" in stage.bluegreen("rollback", "--to", "2").ended(1).err
    with stage.step("to the one that is live"):
        assert "is live already" in stage.bluegreen("rollback", "--to", "3").ended(1).err
    with stage.step("to one that is not there"):
        assert "no deployment 77" in stage.bluegreen("rollback", "--to", "77").ended(2).err
    with stage.step("nothing moved, and the failed one is passed over"):
        stage.serves("v2")
        stage.bluegreen("rollback").ended(0)
        stage.serves("v1")


def test_a_rollback_that_fails_leaves_what_serves(stage: Stage) -> None:
    """The release was well in its day; what it needs has gone since."""
    data = stage.folder / "data"
    data.mkdir()
    mount = f"{data}:/data:ro"
    needy = ["sh", "-c", "test -e /data/needed && exec python3 /app/app.py"]
    (data / "needed").touch()
    with stage.step("two releases, of which the first needs a file"):
        stage.write(web=service(f"{stage.port}:8080", volumes=[mount], command=needy))
        stage.up("v1")
        stage.write(web=service(f"{stage.port}:8080"))
        stage.up("v2")
    (data / "needed").unlink()
    with stage.step("back to it, under load"), stage.load() as load:
        run = stage.bluegreen("rollback").ended(1)
        assert "crashed 3 times" in run.err
    assert load.report().versions == ["v2"]
    with stage.step("v2 is live still, and rollback would go there again"):
        found = stage.status()["services"][0]
        assert (found["live"]["deployment"], found["rollback_to"], found["drift"]) == (2, 1, [])


def test_kept_images_survive_prune_and_the_others_go(stage: Stage) -> None:
    own = {"health": {"path": "/healthz"}, "keep": 2}
    tag = f"{stage.project}-shop:latest"
    web = service(f"{stage.port}:8080", build="./sample", image=tag, **{"x-bluegreen": own})
    stage.write(web=web)
    sources = Sources.copied(stage.folder / "sample")
    images = []
    for version in ("v1", "v2", "v3"):
        with stage.step(f"release {version}"):
            sources.greet(version)
            stage.up(version)
            images.append(stage.image(tag) or "")
    with stage.step("docker image prune finds nothing of ours to take"):
        labelled = f"label=com.docker.compose.project={stage.project}"
        stage.docker("image", "prune", "--force", "--filter", labelled)
        assert [stage.image(one) for one in images] == [None, images[1], images[2]]
    with stage.step("rollback finds what it needs"):
        stage.bluegreen("rollback").ended(0)
        stage.serves("v2")
    with stage.step("beyond what is kept, it says so"):
        run = stage.bluegreen("rollback").ended(1)
        assert "was removed" in run.err
        stage.serves("v2")
