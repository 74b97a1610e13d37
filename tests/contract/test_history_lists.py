"""The lists of every history: the newest deployments first, over the fake, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from compose_bluegreen.domain.deployment import DeployedService, StepRecord
from compose_bluegreen.domain.states import Outcome
from compose_bluegreen.ports.history import History
from testkit.drafts import ENGINE, NOON, PROJECT, a_draft, a_part, released
from tests.contract.helpers import Opened


def test_the_newest_come_first_and_only_as_many_as_asked_for(
    history: History, opened: Opened
) -> None:
    ids = [history.begin(a_draft()) for _ in range(5)]
    opened(ENGINE, "blog").begin(a_draft(project="blog"))
    assert [each.id for each in history.newest(PROJECT)] == ids[::-1]
    assert [each.id for each in history.newest(PROJECT, limit=2)] == ids[:2:-1]
    assert history.newest(PROJECT, limit=0) == []


def test_the_newest_of_a_service_are_those_that_were_asked_for_it(history: History) -> None:
    web = history.begin(a_draft("web"))
    both = history.begin(a_draft("api", "web"))
    history.begin(a_draft("api"))
    history.begin(a_draft("Web", "web2"))
    assert [each.id for each in history.newest(PROJECT, service="web")] == [both, web]
    assert [each.id for each in history.newest(PROJECT, service="web", limit=1)] == [both]


def test_a_list_of_the_newest_has_neither_models_nor_steps(history: History) -> None:
    deployment = released(history, a_part())
    history.step(deployment, StepRecord("build:web", "build web", "asked for", Outcome.DONE, NOON))
    (found,) = history.newest(PROJECT)
    assert found.steps == ()
    part = a_part()
    assert found.parts == (
        DeployedService(replace(part.release, model={}), part.colour, live=True),
    )
