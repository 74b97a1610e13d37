"""A user interface gives a request to the application and gets a typed result."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from compose_bluegreen.commands.application import Application
from compose_bluegreen.commands.records import DeploymentRecords
from compose_bluegreen.config.requests import (
    DownRequest,
    HistoryRequest,
    LockAct,
    LogsRequest,
    PromoteRequest,
    ProxyAct,
    ProxyRequest,
    PruneRequest,
    RepairRequest,
    RollbackRequest,
    UpRequest,
)
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BluegreenError, ProxyFailed, UsageError
from compose_bluegreen.domain.states import State
from testkit.fakes.site import Site
from testkit.fakes.world import Behaviour

PATIENCE = 60.0


@pytest.fixture
def application(site: Site) -> Application:
    return Application(site.ctx)


def test_each_request_has_its_result(site: Site, application: Application) -> None:
    site.source("v1")
    first = application.up(UpRequest(), site.project)
    assert first is not None
    assert first.state is State.LIVE
    site.source("v2")
    waiting = application.up(UpRequest(no_switch=True), site.project)
    assert waiting is not None
    assert waiting.state is State.WAITING
    promoted = application.promote(PromoteRequest())
    assert promoted is not None
    assert promoted.id == waiting.id
    back = application.rollback(RollbackRequest())
    assert back is not None
    assert back.restores == first.id
    assert application.ended == [first.id, waiting.id, waiting.id, back.id]
    assert [service.service for service in application.status().services] == ["web"]
    assert application.repair(RepairRequest()).remaining == ()
    assert application.prune(PruneRequest(dry_run=True)).failed == ()
    assert application.lock(LockAct.STATUS) is None
    application.proxy(ProxyRequest(ProxyAct.RELOAD), site.project)


def test_down_leaves_no_service() -> None:
    site = Site()
    site.release("v1")
    application = Application(site.ctx)
    application.down(DownRequest())
    assert application.status().services == ()


def test_a_dry_run_shows_its_steps_and_changes_nothing(
    site: Site, application: Application
) -> None:
    site.source("v1")
    steps: list[str] = []
    done = application.up(
        UpRequest(dry_run=True), site.project, lambda step: steps.append(step.name)
    )
    assert done is None
    assert "start web-blue" in steps
    assert application.status().services == ()
    assert application.ended == []


def test_a_plan_that_is_not_shown_changes_nothing_either(
    site: Site, application: Application
) -> None:
    site.release("v1")
    site.source("v2")
    assert application.up(UpRequest(dry_run=True), site.project) is None
    assert site.routed() is Colour.BLUE


def test_an_error_has_the_deployment_that_failed(site: Site, application: Application) -> None:
    site.source("v1", does=Behaviour(ends_after=0.0))
    with pytest.raises(BluegreenError) as raised:
        application.up(UpRequest(), site.project)
    assert raised.value.deployment is not None
    assert raised.value.deployment.state is State.FAILED
    assert application.ended == [raised.value.deployment.id]


def test_an_error_before_any_deployment_has_none(site: Site, application: Application) -> None:
    with pytest.raises(BluegreenError) as raised:
        application.promote(PromoteRequest())
    assert raised.value.deployment is None


def test_the_records_are_read_without_an_engine(site: Site) -> None:
    site.release("v1")
    site.release("v2")
    records = DeploymentRecords(site.history, "shop")
    assert [one.id for one in records.newest(HistoryRequest(limit=1))] == [2]
    assert records.deployment(1).state is State.SUPERSEDED
    with pytest.raises(UsageError, match="there is no deployment 9 of shop"):
        records.deployment(9)


def test_logs_are_of_the_live_colour_unless_another_one_is_named(
    site: Site, application: Application
) -> None:
    site.release("v1")
    assert list(application.logs(LogsRequest("web"))) == [
        b"shop-bluegreen-web-blue-1 | listening\n"
    ]
    with pytest.raises(BluegreenError, match="no container of web runs in green"):
        application.logs(LogsRequest("web", Colour.GREEN))


def test_the_proxy_has_a_log_and_an_address_once_it_runs(
    site: Site, application: Application
) -> None:
    request = ProxyRequest(ProxyAct.LOGS, tail=1)
    assert application.monitor_address() is None
    with pytest.raises(ProxyFailed):
        application.proxy_log(request)
    site.release("v1")
    assert application.monitor_address()
    assert len(list(application.proxy_log(request))) == 1


def test_one_application_answers_several_threads(site: Site, application: Application) -> None:
    """Two ``status`` answer while ``up`` is about to start the colour."""
    site.release("v1")
    site.source("v2")
    starts, may_continue = Event(), Event()

    def pause() -> None:
        starts.set()
        assert may_continue.wait(PATIENCE)

    site.world.calls.at("workloads.start_colours", pause)
    with ThreadPoolExecutor(3) as threads:
        release = threads.submit(application.up, UpRequest(), site.project)
        try:
            assert starts.wait(PATIENCE)
            looks = [threads.submit(application.status) for _ in range(2)]
            first, second = (look.result(PATIENCE) for look in looks)
        finally:
            may_continue.set()
        done = release.result(PATIENCE)
    assert first == second
    assert first.under_way is not None
    assert done is not None
    assert application.ended == [done.id]
