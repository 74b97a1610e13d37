"""Each step has a documented key, unique in its deployment, and no code decides by text for people."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import compose_bluegreen
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.states import State
from compose_bluegreen.domain.step_keys import DETAILS, StepKey, StepKind
from testkit.failures import QUICK, outcome
from testkit.fakes.calls import When
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour
from testkit.killing import Dead, Killed

NEVER = Behaviour(healthy_after=1e9)
ENDS = {
    "migrate": {"condition": "service_completed_successfully"},
    "db": {"condition": "service_started"},
}
HOOKS = {
    "pre_deploy": ["check", "migrate"],
    "post_start": "warm-up",
    "pre_switch": "smoke",
    "post_switch": ["purge", "announce"],
    "on_failure": "report",
    "on_rollback": "report",
}
_PLACEHOLDERS = {"SERVICE": r"[\w.-]+", "NUMBER": r"\d+", "ID": r"\d+", "DURATION": r"\w+"}


def is_documented(key: str) -> bool:
    kind, _, detail = key.partition(":")
    if kind not in list(StepKind):
        return False
    if kind == StepKind.UNDO:
        return is_documented(detail)
    patterns = [_pattern(one) for one in DETAILS[StepKind(kind)]]
    return any(re.fullmatch(one, detail) for one in patterns)


def _pattern(documented: str) -> str:
    words = documented.split(":")
    return ":".join(_PLACEHOLDERS.get(one, r"\w+" if one.isupper() else one) for one in words)


# ── what a key is ────────────────────────────────────────────────────────────────────────────


def test_a_key_is_its_kind_and_its_details() -> None:
    assert str(StepKey(StepKind.SWITCH)) == "switch"
    key = StepKey.of(StepKind.HOOK, "pre_deploy", 1, "web")
    assert str(key) == "hook:pre_deploy:1:web"
    assert str(key.undo) == "undo:hook:pre_deploy:1:web"


@pytest.mark.parametrize(
    ("key", "documented"),
    [
        ("switch", True),
        ("verify", True),
        ("verify:web.1", True),
        ("hook:pre_deploy:1:web", True),
        ("undo:proxy:recreate", True),
        ("switch:web", False),
        ("hook:pre_deploy:web", False),
        ("undo", False),
        ("proxy:paint", False),
        ("feed", False),
    ],
)
def test_the_grammar_tells_keys_apart(key: str, *, documented: bool) -> None:
    assert is_documented(key) is documented


# ── the keys of whole commands ───────────────────────────────────────────────────────────────


def a_shop(**more: Any) -> Site:
    """A service with everything, one beside it, a worker that stops first, a job and a database."""
    own = {"hooks": HOOKS, "preview": {"key": "let-me-see-it-please"}, "standby": "1h"} | more
    worker = {"traffic": "none", "order": "stop-first"}
    site = Site(
        web=a_service(depends_on=ENDS, bluegreen=own),
        api=a_service("api", port="", bluegreen={"standby": "stopped"}),
        jobs=a_service("jobs", port="", bluegreen=worker) | {"expose": []},
        db={"image": "db:16", "networks": {"default": None}},
        migrate={"build": {"context": "/m"}, "image": "migrate:1", "networks": {"default": None}},
    )
    site.world.make_image("migrate", Behaviour(ends_after=0.2))
    site.world.make_image("db", QUICK)
    site.world.names |= {"migrate:1": "sha256:migrate", "db:16": "sha256:db"}
    site.world.builds["migrate"] = "sha256:migrate"
    return site


def build(site: Site, version: int, web: Behaviour = QUICK) -> None:
    site.forget()
    for service in ("web", "api", "jobs"):
        site.source(f"{service}{version}", service, web if service == "web" else QUICK)


def first(site: Site) -> None:
    """Takes over from the user's own container."""
    site.world.run_by_hand("web", "v0", ":8000")
    build(site, 1)
    site.up(take_over=True)


def second(site: Site) -> None:
    first(site)
    build(site, 2)
    site.up()


def failing(site: Site) -> None:
    second(site)
    build(site, 3, NEVER)
    outcome(lambda: site.up(timeout=timedelta(seconds=5)))


def unhealthy_with_traffic(site: Site) -> None:
    second(site)
    build(site, 3, Behaviour(healthy_after=0.0, sick_after=15.0))
    outcome(site.up)


def waiting_and_promoted(site: Site) -> None:
    second(site)
    for version in (3, 4):
        build(site, version)
        site.up(no_switch=True)
    site.promote()


def rolled_back(site: Site) -> None:
    second(site)
    site.forget()
    site.rollback()


def killed_and_resumed(site: Site) -> None:
    second(site)
    build(site, 3)
    killed(site, "proxy.route_to", When.AFTER)
    site.resume()


def killed_and_settled(site: Site) -> None:
    second(site)
    build(site, 3)
    killed(site, "proxy.route_to", When.BEFORE)
    build(site, 4)
    site.up()


def killed(site: Site, call: str, when: When) -> None:
    site.world.calls.at(call, Dead(site), when=when)
    with pytest.raises(Killed):
        site.up()
    site.forget()
    site.world.owner = None


COMMANDS = [
    first,
    second,
    failing,
    unhealthy_with_traffic,
    waiting_and_promoted,
    rolled_back,
    killed_and_resumed,
    killed_and_settled,
]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_key_is_documented(command: Callable[[Site], None]) -> None:
    site = a_shop(canary={"steps": "5%:10s,25%:20s"}, bake="30s")
    command(site)
    found = {step.key for one in site.records for step in one.steps}
    assert {key for key in found if not is_documented(key)} == set()


@pytest.mark.parametrize("command", [first, second, failing, unhealthy_with_traffic, rolled_back])
def test_each_key_is_in_a_deployment_once(command: Callable[[Site], None]) -> None:
    site = a_shop(canary={"steps": "5%:10s,25%:20s"}, bake="30s")
    command(site)
    for one in site.records:
        counts = Counter(step.key for step in one.steps)
        assert {key: count for key, count in counts.items() if count > 1} == {}, one.id


def test_a_deployment_that_waited_and_was_promoted_has_each_key_once() -> None:
    site = a_shop()
    waiting_and_promoted(site)
    assert site.records[0].state is State.LIVE
    counts = Counter(step.key for step in site.records[0].steps)
    assert counts.most_common(1)[0][1] == 1
    assert {"replace_waiting:3", "hold", "promote:health", "switch"} < counts.keys()


def test_the_keys_of_a_release_with_everything_are_in_this_order() -> None:
    site = a_shop(canary={"steps": "5%:10s,25%:20s"}, bake="30s")
    second(site)
    assert site.observer.keys == [step.key for step in site.records[0].steps]
    assert site.observer.keys == [
        "dependencies",
        *("build:web", "build:api", "build:jobs", "build:migrate"),
        "run:migrate",
        *("hook:pre_deploy:1:web", "hook:pre_deploy:2:web"),
        "start",
        "hook:post_start:1:web",
        "health",
        "preview",
        "hook:pre_switch:1:web",
        *("canary:1", "canary:2"),
        *("stop_first:stop", "stop_first:start", "stop_first:health"),
        "switch",
        "verify",
        *("hook:post_switch:1:web", "hook:post_switch:2:web"),
        "bake",
        "drain",
        *("retire:standby:1h", "retire:stop"),
        *("image:keep:web", "image:point:web", "image:prune:web"),
        *("image:keep:api", "image:point:api", "image:prune:api"),
        *("image:keep:jobs", "image:point:jobs", "image:prune:jobs"),
    ]


def test_an_undo_has_the_key_of_its_step() -> None:
    site = a_shop(canary={"steps": "5%:10s"}, bake="30s")
    unhealthy_with_traffic(site)
    assert site.records[0].state is State.FAILED
    assert [key for key in site.observer.keys if key.startswith("undo:")] == [
        "undo:switch",
        "undo:stop_first:start",
        "undo:stop_first:stop",
        "undo:canary:1",
        "undo:start",
        "undo:build:jobs",
        "undo:build:api",
        "undo:build:web",
    ]
    assert "hook:on_failure:1:web" in site.observer.keys


# ── steps outside of a deployment ────────────────────────────────────────────────────────────


def test_each_repair_has_a_key() -> None:
    site = Site()
    site.release("v1")
    site.ctx.workloads.stop(site.ctx.colour_containers("web", Colour.BLUE))
    site.repair()
    assert site.observer.keys == ["repair:live_stopped:web"]


def test_down_and_a_failure_before_the_lock_have_keys() -> None:
    site = Site()
    site.source("v1")
    site.world.calls.fail("proxy.apply", BluegreenError("no room"))
    outcome(site.up)
    assert [step.key for step in site.records[0].steps] == ["proxy:create"]
    site.release("v1")
    site.down()
    assert site.observer.keys == ["down"]


# ── no decision by text for people ───────────────────────────────────────────────────────────

CORE = (
    "domain",
    "config",
    "ports",
    "steps",
    "deployment",
    "inspection",
    "commands",
    "cli",
    "runtime",
)
PACKAGE = Path(compose_bluegreen.__file__).parent
TEXTS = {"cause", "cure", "reason", "message", "detail", "hint", "why", "told", "stopped", "serves"}
CUTS = {
    "startswith",
    "endswith",
    "partition",
    "rpartition",
    "split",
    "find",
    "index",
    "removeprefix",
}


def decisions(source: str) -> list[str]:
    """Comparisons with a text for people, and cuts through one."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.SetComp):  # a list is for people, a set to look things up
            sides = [node.elt]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            sides = [node.func.value] if node.func.attr in CUTS else []
        else:
            continue
        found += [ast.unparse(node) for side in sides if _is_text(side)]
    return found


def _is_text(node: ast.expr) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    of_a_step = ast.unparse(node.value).rpartition(".")[2] in (
        "step",
        "undo",
        "steps[-1]",
        "called",
    )
    return node.attr in TEXTS or (node.attr == "name" and of_a_step)


def _core() -> Iterator[Path]:
    for folder in CORE:
        yield from sorted((PACKAGE / folder).glob("*.py"))


@pytest.mark.parametrize("file", list(_core()), ids=lambda file: f"{file.parent.name}/{file.name}")
def test_the_core_decides_nothing_by_a_text_for_people(file: Path) -> None:
    assert decisions(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "found = step.name == 'hold'",
        "begun = {step.name for step in whole.steps}",
        "found = step.name.startswith('hold ')",
        "repairable = self.cure == REPAIR",
        "text = found.told.partition(' stopped ')[2]",
        "if 'no such' in error.message: pass",
        "last = deployment.steps[-1].name == name",
    ],
)
def test_a_decision_by_text_is_found(source: str) -> None:
    assert len(decisions(source)) == 1
