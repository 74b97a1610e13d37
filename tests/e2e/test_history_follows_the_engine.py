"""History is the engine's: any machine tells the same story, and can take back what another did."""

from __future__ import annotations

import pytest

from testkit.commands import Run
from testkit.stage import Model, Stage, service

pytestmark = pytest.mark.engine


class Elsewhere:
    """The same project from a machine that knows nothing yet."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage = stage
        self.place = {"XDG_STATE_HOME": str(stage.folder.parent / name)}

    def bluegreen(self, *words: str, **environment: str) -> Run:
        return self._stage.bluegreen(*words, **self.place, **environment)

    def story(self) -> str:
        """As programs get it: the list, and the steps of one that has many."""
        words = ("history", "show 2")
        said = [self.bluegreen(*one.split(), "--format", "json").ended(0).out for one in words]
        return "\n".join(said)


def here(stage: Stage) -> Elsewhere:
    found = Elsewhere(stage, "state")
    found.place = {}
    return found


def documents(stage: Stage) -> list[str]:
    listed = stage.in_the_proxy("ls -l /var/lib/bluegreen-history")
    return [line for line in listed.splitlines() if line.endswith(".json")]


def test_another_machine_tells_the_same_story_and_rolls_back(stage: Stage) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    with stage.step("two releases and a failure, here"):
        stage.up("v1", "--message", "the first")
        stage.up("v2", "--message", "„zwei“ 'n\" $HOME `x` \\n %s")
        stage.bluegreen("up", "--timeout", "1s", VERSION="bad", NEVER_START="1").ended(1)
        mine = here(stage).story()
    with stage.step("the same to the last step, there"):
        assert Elsewhere(stage, "b").story() == mine
        status = Elsewhere(stage, "c").bluegreen("status", "--format", "json").ended(0)
        assert status.out == stage.bluegreen("status", "--format", "json").ended(0).out
        assert status.err == ""
    with stage.step("roll back from there"), stage.load():
        Elsewhere(stage, "d").bluegreen("rollback").ended(0)
        stage.serves("v1")
    with stage.step("which is known here, and goes on from here"):
        rows = [(one["id"], one["state"], one["rollback_of"]) for one in stage.history()]
        assert rows == [
            (4, "live", 2),
            (3, "failed", None),
            (2, "rolled_back", None),
            (1, "superseded", None),
        ]
        assert stage.live()["deployment"] == 4
        stage.up("v5")
        assert stage.history()[0]["id"] == 5
        assert Elsewhere(stage, "e").story() == here(stage).story()
    with stage.step("one document each, which nobody else can read"):
        found = documents(stage)
        assert len(found) == 5
        assert {line.split()[0] for line in found} == {"-rw-------"}
    with stage.step("with the proxy stopped"):
        stage.docker("stop", "--time", "1", stage.proxy)
        assert Elsewhere(stage, "f").story() == here(stage).story()
        stage.docker("start", stage.proxy)
    with stage.step("after down, from a machine that has never seen it"):
        Elsewhere(stage, "g").bluegreen("down").ended(0)
        assert stage.history()[0]["state"] == "removed"
        assert Elsewhere(stage, "h").story() == here(stage).story()
        assert stage.named("volume") == [f"{stage.companion}_history"]
    with stage.step("and it comes back from there"):
        Elsewhere(stage, "i").bluegreen("rollback", "--to", "2").ended(0)
        stage.serves("v2")


def test_runners_that_are_thrown_away_ten_times_in_a_row(stage: Stage) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    for run in range(1, 11):
        runner = Elsewhere(stage, f"runner-{run}")
        with stage.step(f"run {run}"):
            if run % 5:
                runner.bluegreen("up", VERSION=f"v{run}").ended(0)
                stage.serves(f"v{run}")
            else:
                runner.bluegreen("rollback").ended(0)
                stage.serves(f"v{run - 2}")
    found: list[Model] = stage.history()
    assert [(one["id"], one["kind"]) for one in found] == [
        (number, "rollback" if number % 5 == 0 else "up") for number in range(10, 0, -1)
    ]
    assert [one["state"] for one in found].count("live") == 1


def test_a_local_file_that_is_lost_or_broken(stage: Stage) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    stage.up("v1")
    stage.up("v2")
    (file,) = stage.folder.parent.glob("state/*/history.db")
    before = here(stage).story()
    with stage.step("deleted"):
        file.unlink()
        assert here(stage).story() == before
    with stage.step("broken: nothing moves, and the cure is named"):
        file.write_bytes(b"no database " * 400)
        run = stage.bluegreen("up", VERSION="v3").ended(1)
        assert f"next: move it away, and a new one is made: mv {file}" in run.err
        stage.serves("v2")
    with stage.step("moved away"):
        file.rename(file.with_suffix(".damaged"))
        stage.bluegreen("rollback").ended(0)
        stage.serves("v1")
        assert stage.history()[0]["rollback_of"] == 2


@pytest.mark.parametrize("lose", ["echo x > $(ls 000001.*)", "rm *"])
def test_a_journal_that_is_damaged_or_wiped(stage: Stage, lose: str) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    stage.up("v1")
    stage.up("v2")
    before = here(stage).story()
    stage.in_the_proxy(f"cd /var/lib/bluegreen-history && {lose}")
    with stage.step("nothing is lost here, and what is there doesn't hurt"):
        assert here(stage).story() == before
    with stage.step("who needs what is damaged puts it aside, who has it makes it whole"):
        Elsewhere(stage, "b").bluegreen("up", VERSION="v2").ended(0)
        stage.up("v2")
        assert Elsewhere(stage, "c").story() == before


def test_a_journal_that_cannot_be_written_is_a_warning(stage: Stage) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    stage.up("v1")
    stage.in_the_proxy("chmod 500 /var/lib/bluegreen-history")
    with stage.step("the deployment stands"):
        run = stage.up("v2")
        assert run.err.count("warning: the engine's copy of history can't be written") == 1
        assert "Permission denied" in run.err
        assert stage.live()["deployment"] == 2
    stage.in_the_proxy("chmod 700 /var/lib/bluegreen-history")
    with stage.step("and is sent the next time"):
        stage.up("v2")
        assert Elsewhere(stage, "b").story() == here(stage).story()


def test_while_docker_is_away_history_says_what_is_known_here(stage: Stage) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    stage.up("v1")
    before = stage.bluegreen("history").ended(0)
    run = stage.bluegreen("history", DOCKER_HOST="unix:///nowhere.sock").ended(0)
    assert run.out == before.out
    assert "the engine doesn't answer" in run.err
    assert before.err == ""
    shown = stage.bluegreen("show", "1", DOCKER_HOST="unix:///nowhere.sock").ended(0)
    assert "deployment 1: up of web, live" in shown.out


@pytest.mark.parametrize("words", [("history",), ("history", "--format", "json"), ("show", "1")])
@pytest.mark.parametrize("host", ["unix:///nowhere.sock", "ssh://nowhere.invalid"])
def test_a_machine_that_knows_nothing_and_can_not_ask_says_so(
    host: str, words: tuple[str, ...], stage: Stage
) -> None:
    stage.write(web=service(f"{stage.port}:8080"))
    run = stage.bluegreen(*words, DOCKER_HOST=host).ended(1)
    assert "the engine doesn't answer, and nothing is known here of" in run.err
    assert run.out == ""
