"""Where notifications go, and what a failed one changes."""

from __future__ import annotations

import pytest

from compose_bluegreen.adapters.system.webhook import Webhook
from compose_bluegreen.cli import notify
from compose_bluegreen.deployment.notifications import EndedDeployments
from compose_bluegreen.domain.errors import HistoryUnusable
from testkit.fakes.observer import FakeObserver
from testkit.fakes.site import Site


def test_the_environment_comes_before_the_file() -> None:
    said = FakeObserver()
    own = {"BLUEGREEN_NOTIFY": "https://own/"}
    assert notify.webhook_address(own, "https://file/", said) == "https://own/"
    assert notify.webhook_address({}, "https://file/", said) == "https://file/"
    assert notify.webhook_address({"BLUEGREEN_NOTIFY": ""}, None, said) is None
    assert said.remarks == []


def test_what_is_no_address_is_a_warning_here_and_no_obstacle() -> None:
    said = FakeObserver()
    assert notify.webhook_address({"BLUEGREEN_NOTIFY": "hush"}, None, said) is None
    (remark,) = said.remarks
    assert "hush" not in remark


def test_a_webhook_that_is_not_there_is_a_warning(site: Site, noted: EndedDeployments) -> None:
    site.release("v1")
    notify.send(
        Webhook("http://127.0.0.1:9/hush").send, noted.ended, site.ctx.history, site.observer
    )
    (remark,) = site.observer.remarks
    assert remark.startswith("warning: the webhook did not receive the result of deployment 1: ")
    assert "hush" not in remark


@pytest.mark.parametrize("error", [HistoryUnusable("disk gone"), RuntimeError("a bug, hush")])
def test_so_is_anything_else(site: Site, noted: EndedDeployments, error: Exception) -> None:
    site.release("v1")
    site.world.calls.fail("history.get", error)
    notify.send(Webhook("http://127.0.0.1:9/").send, noted.ended, site.ctx.history, site.observer)
    (remark,) = site.observer.remarks
    assert remark.endswith(f": {type(error).__name__}")
