"""Irreversible hooks: which rollback they refuse."""

from __future__ import annotations

import pytest

from compose_bluegreen.cli import output
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import BluegreenError, HookFailed
from testkit.fakes.runner import Command
from testkit.fakes.site import Site, a_service
from testkit.hooks import a_shop

FOR_GOOD = {"run": "migrate", "irreversible": "drops the column name"}


def test_a_rollback_past_what_cannot_be_taken_back_is_refused_with_the_reason() -> None:
    site = a_shop(pre_deploy=FOR_GOOD)
    site.release("v2")
    with pytest.raises(BluegreenError) as refused:
        site.rollback()
    assert refused.value.message == (
        "a rollback to deployment 1 is not safe: pre_deploy of web in deployment 2: drops the"
        " column name can't be undone"
    )
    assert "rollback --force" in hint_text(refused.value.hint)
    assert site.seen().rollback_unsafe == "pre_deploy of web in deployment 2: drops the column name"
    contract, table = (output.status(site.status(), None, how) for how in ("json", "table"))
    assert '"rollback_unsafe": "pre_deploy of web in deployment 2' in contract
    assert "1 (--force)" in table
    assert refused.value.exit_code == 1
    assert site.serving() == {"v2"}
    assert len(site.records) == 2
    assert site.rollback(force=True) is not None
    assert site.serving() == {"v1"}


def test_so_is_a_dry_run_of_it() -> None:
    site = a_shop(pre_deploy=FOR_GOOD)
    site.release("v2")
    with pytest.raises(BluegreenError, match="not safe"):
        site.rollback(tell_plan=lambda step: None)


def test_it_counts_for_all_older_releases_and_for_none_since() -> None:
    site = a_shop(pre_deploy=FOR_GOOD)
    site.release("v2")
    site.file["services"]["web"]["x-bluegreen"] = {}
    site.release("v3")
    with pytest.raises(BluegreenError, match="in deployment 2"):
        site.rollback(to=1)
    assert site.rollback() is not None
    assert site.serving() == {"v2"}


def test_it_counts_however_long_ago_it_was() -> None:
    site = a_shop(pre_deploy=FOR_GOOD)
    site.release("v2")
    site.file["services"]["web"]["x-bluegreen"] = {}
    for number in range(3, 20):
        site.release(f"v{number}")
    with pytest.raises(BluegreenError, match="in deployment 2"):
        site.rollback(to=1)


def test_half_of_it_is_enough_though_its_deployment_failed() -> None:
    site = a_shop()
    site.release("v2")
    site.file["services"]["web"]["x-bluegreen"] = {"hooks": {"pre_deploy": FOR_GOOD}}
    site.runner.does["migrate"] = Command(code=1)
    site.source("v3")
    with pytest.raises(HookFailed):
        site.up()
    with pytest.raises(BluegreenError, match="in deployment 3"):
        site.rollback()


def test_what_never_ran_needs_no_taking_back() -> None:
    site = a_shop(pre_deploy=["false", FOR_GOOD])
    site.runner.does["false"] = Command(code=1)
    with pytest.raises(HookFailed):
        site.up()
    site.file["services"]["web"]["x-bluegreen"] = {}
    site.release("v3")
    assert site.rollback() is not None


def test_another_services_doings_are_no_obstacle() -> None:
    site = Site(
        web=a_service(),
        api=a_service("api", port="", bluegreen={"hooks": {"pre_deploy": FOR_GOOD}}),
    )
    site.source("w1"), site.source("a1", "api")
    site.up()
    site.release("w2")
    site.release("a2", "api")
    assert site.rollback("web") is not None
    assert site.serving("web") == {"w1"}
