"""A host with two versions of the plugin: the release 78b6a6f, and this checkout that takes over.

``scripts/old-wheel`` installs the old release from its own wheel.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testkit.commands import Run, Running
from testkit.idle import Http1Client, idle_clients
from testkit.load import Kind, Load
from testkit.stage import Model, Stage, free_port, other, service
from testkit.waiting import eventually

Answers = dict[str, Any]
"""JSON by the words of the command that gave it."""

KEY = "a-word-that-only-we-know"
PROSE = frozenset({"cause", "cure", "rollback_unsafe"})
"""Keys of ``status`` whose text is for people: a version may word it differently."""

MOVING = frozenset({"in_flight", "check"})
"""Keys of ``status`` that differ between two looks at the same host under load."""


@dataclass(slots=True)
class Host:
    """A stage with both versions. ``stage`` runs this one, ``old`` is the old one's program."""

    stage: Stage
    old: Path
    preview: int = field(default_factory=free_port)

    @property
    def lost(self) -> dict[str, str]:
        """The environment of a machine that has lost its state folder."""
        return {"XDG_STATE_HOME": str(self.stage.folder.parent / "lost")}

    # ── the old version ──────────────────────────────────────────────────────────────────────

    def begin(self, *words: str, **environment: str) -> Running:
        # An installed program finds its own package; the stage's PYTHONPATH names this checkout.
        shell = [f"{name}={value}" for name, value in {**environment, "PYTHONPATH": ""}.items()]
        return self.stage.begin_program("env", *shell, str(self.old), *words)

    def bluegreen(self, *words: str, **environment: str) -> Run:
        return self.begin(*words, **environment).end()

    def up(self, version: str, *words: str, **environment: str) -> Run:
        return self.bluegreen("up", *words, VERSION=version, **environment).ended(0)

    def begin_up(self, at: str, version: str, **environment: str) -> Running:
        """An ``up`` of the old version that is under way, in the step that begins with ``at``."""
        running = self.begin("up", "--progress", "json", VERSION=version, **environment)
        running.until(f'"step_began", "step": "{at}')
        return running

    def kill(self, running: Running) -> None:
        """The command with its children. Both versions then see a release that is unfinished."""
        running.signal(signal.SIGKILL, group=True)
        running.end().ended(-signal.SIGKILL)
        eventually(lambda: self._answer("status")["under_way"] is None, "a lock that is free")
        status = self.same_answers(self.answers())
        drift = [status["drift"], *(one["drift"] for one in status["services"])]
        assert "unfinished" in {one["kind"] for each in drift for one in each}

    def answers(self) -> Answers:
        """To ``history``, ``status`` and ``show`` of each deployment. It gives them only until this
        version has opened the history, because that may bring the tables to a newer schema."""
        history = self._answer("history")
        shown = {words: self._answer(words) for words in (f"show {one['id']}" for one in history)}
        return {"history": history, **shown, "status": self._answer("status")}

    def _answer(self, words: str) -> Any:
        return read_json(self.bluegreen(*words.split(), "--format", "json").ended(0))

    # ── both ─────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def under_load(self, *, split: bool = False) -> Iterator[Load]:
        """Fails if a request fails, POSTs and those of idle clients included, or if the proxy is replaced or restarted.

        ``split``: each ``up`` has a canary.
        """
        before = self._proxy()
        with (
            idle_clients(20, lambda: Http1Client(self.stage.port)) as idle,
            self.stage.load(split=split) as load,
        ):
            yield load
            answers = idle.ask()
        assert {status for status, _ in answers} == {200}, answers
        assert load.report().by_kind[Kind.POST].total() > 0
        assert self._proxy() == before

    def same_answers(self, answers: Answers, **environment: str) -> Model:
        """This version answers what the old one answered; returns its status."""
        found: Model = {}
        for words, told in answers.items():
            with self.stage.step(words):
                run = self.stage.bluegreen(*words.split(), "--format", "json", **environment)
                found = read_json(run.ended(0))
                _keeps(told, found, PROSE | MOVING if words == "status" else frozenset())
        return found

    def old_copes(self, version: str, **environment: str) -> None:
        """The old version reads what this one has written, or refuses it in plain words; its ``up``
        works and this version knows of it, or it changes nothing. ``environment`` is its own."""
        for words in ("history", "status", "show 1"):
            _is_plain(self.bluegreen(*words.split(), **environment))
        served, before = self.stage.ask().version, self.stage.history()
        run = self.bluegreen("up", VERSION=version, **environment)
        _is_plain(run)
        now = self.stage.history()
        if run.code == 0:
            self.stage.serves(version)
            assert len(now) == len(before) + 1
        else:
            self.stage.serves(served)
            assert now == before, run

    def _proxy(self) -> tuple[str, str]:
        found = self.stage.inspect(self.stage.proxy)
        return found["Id"], found["State"]["StartedAt"]

    # ── the project ──────────────────────────────────────────────────────────────────────────

    def write(self, *, web: Model | None = None, **settings: Any) -> None:
        """web and api are one release; ``settings`` are further ones of web."""
        own = {
            "health": {"path": "/healthz"},
            "drain_timeout": "5s",
            "preview": {"key": KEY, "port": self.preview},
        }
        changes = {"x-bluegreen": own | settings, **(web or {})}
        self.stage.write(
            top={"x-bluegreen": {"proxy": {"timeout": "10m"}}},
            web=service(f"{self.stage.port}:8080", **changes),
            api=service(expose=["8080"]),
            db=other(),
        )

    def image(self) -> str:
        """Of the container that serves."""
        return str(self.stage.inspect(self.stage.container(self.stage.ask().colour))["Image"])

    def api(self) -> str:
        """The version of api that the live web reaches by its name."""
        asked = "import urllib.request as ask; print(ask.urlopen('http://api:8080/').headers['X-Version'])"
        web = self.stage.container(self.stage.ask().colour)
        return self.stage.docker("exec", web, "python3", "-c", asked)

    def newest(self, **environment: str) -> Model:
        run = self.stage.bluegreen("history", "--limit", "1", "--format", "json", **environment)
        (found,) = read_json(run.ended(0))
        return dict(found)

    def is_clean(self) -> None:
        """Each service has one colour, and status reports no drift."""
        assert self.stage.drift() == []
        assert [len(self.stage.colours(name)) for name in ("web", "api")] == [1, 1]


def read_json(run: Run) -> Any:
    return json.loads(run.out)


def _keeps(told: Any, found: Any, but: frozenset[str] = frozenset(), where: str = "$") -> None:
    """``found`` has all that ``told`` has; only its objects may have further keys."""
    if isinstance(told, dict):
        assert isinstance(found, dict), where
        assert told.keys() <= found.keys(), where
        for key in told.keys() - but:
            _keeps(told[key], found[key], but, f"{where}.{key}")
    elif isinstance(told, list):
        assert isinstance(found, list), where
        assert len(found) == len(told), where
        for number, (one, other_) in enumerate(zip(told, found, strict=True)):
            _keeps(one, other_, but, f"{where}[{number}]")
    else:
        assert found == told, where


def _is_plain(run: Run) -> None:
    """It worked, or its error names what to do next."""
    assert "Traceback" not in run.err, run
    assert run.code in {0, 1}, run
    if run.code:
        assert "error: " in run.err, run
        assert "next: " in run.err, run
