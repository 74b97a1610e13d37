"""What can fail, when and how, for the tests that let each call of a deploy fail."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from compose_bluegreen.domain.errors import (
    BluegreenError,
    HistoryUnusable,
    Interrupted,
    NeedsPerson,
)
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import State
from testkit.fakes.calls import Call, When
from testkit.fakes.site import Site
from testkit.fakes.world import ENGINE, Behaviour

BLUE, GREEN = "shop-bluegreen-web-blue-1", "shop-bluegreen-web-green-1"
QUICK = Behaviour(healthy_after=0.0)

ERRORS: dict[str, Callable[[], Exception]] = {
    "error": lambda: BluegreenError("boom"),
    "interrupt": lambda: Interrupted("interrupted by SIGINT"),
    "bug": lambda: RuntimeError("boom"),
}


def failures(
    calls: Iterable[Call], kinds: Collection[str] = ERRORS.keys()
) -> list[tuple[Call, When, str]]:
    """Parameters ``call``, ``when`` and ``kind``: all that can go wrong, each way of it once."""
    return [
        (call, when, kind)
        for call in calls
        for when in ([When.BEFORE] if call.looks else [When.BEFORE, When.AFTER])
        for kind in kinds
        if kind != "bug" or (when is When.BEFORE and not call.looks)
    ]


def made(site: Site, act: Callable[[], object]) -> list[Call]:
    """The calls to the outside that an act makes; telling a person about it is none."""
    act()
    return [call for call in site.world.calls.made if not call.name.startswith("observer")]


def the_error(kind: str, call: Call) -> Exception:
    history = call.name.startswith("history")
    return HistoryUnusable("boom") if history and kind == "error" else ERRORS[kind]()


def outcome(act: Callable[[], object]) -> BaseException | None:
    """What it raised, if anything."""
    try:
        act()
    except Exception as raised:  # noqa: BLE001 - a bug is one of the cases
        return raised
    return None


def before_the_first() -> Site:
    """``v1`` is ready to be built, and nothing serves."""
    site = Site()
    site.source("v1", does=QUICK)
    return site


def before_the_second() -> Site:
    """Blue serves ``v1``, and ``v2`` is ready to be built."""
    site = Site()
    site.release("v1")
    site.source("v2", does=QUICK)
    return site


def assert_v1_serves(site: Site) -> None:
    """And nothing else runs."""
    assert site.serving() == {"v1"}
    assert site.world.running() == [BLUE]
    assert site.world.names["web:latest"] == "sha256:v1"
    assert site.history.live(ProjectRef(ENGINE, "shop"), "web") is not None


def assert_v2_serves(site: Site) -> None:
    """The old colour may be left over, if it could not be removed."""
    assert site.serving() == {"v2"}
    assert GREEN in site.world.running()
    assert site.world.names["web:latest"] == "sha256:v2"


def assert_told(site: Site, raised: BaseException | None, error: Exception) -> None:
    """Nothing new was raised that nobody can understand, and each reason is in the record."""
    assert raised is None or isinstance(raised, BluegreenError) or raised is error
    assert not isinstance(raised, NeedsPerson) or site.records[0].state is State.LIVE
    for record in site.records:
        if record.state is State.FAILED:
            assert "boom" in record.reason
        if record.state is State.INTERRUPTED:
            assert "SIGINT" in record.reason


def assert_the_next_one_works(site: Site, version: str = "v9") -> None:
    """Given by somebody whose disk and engine are well."""
    site.forget()
    site.world.owner = None  # the lock ended with its holder
    site.source(version)
    if any(one.state is State.STUCK for one in site.records[:1]):
        assert isinstance(outcome(site.up), NeedsPerson)
        site.abort()
        site.source(version)
    done = site.up()
    assert done is not None
    assert site.serving() == {version}
    assert len(site.world.running()) == 1
    assert site.history.unfinished(ProjectRef(ENGINE, "shop")) == []
