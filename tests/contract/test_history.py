"""What every history does: one body over the fake, a real SQLite file and a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta, timezone
from itertools import product

import pytest

from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.deployment import DeployedService, Kind, StepRecord
from compose_bluegreen.domain.project_ref import ProjectRef
from compose_bluegreen.domain.states import TRANSITIONS, UNFINISHED, Outcome, State, WrongTransition
from compose_bluegreen.ports.history import History
from testkit.drafts import ENGINE, LATER, NOON, PROJECT, a_draft, a_part, released, walked
from testkit.fakes.history import MemoryHistory
from tests.contract.helpers import Opened


def rolled_back(history: History, *parts: DeployedService, of: int) -> int:
    return released(history, *parts, kind=Kind.ROLLBACK, rollback_of=of)


def state_of(history: History, deployment: int) -> State:
    found = history.get(deployment)
    assert found is not None
    return found.state


def live_in(history: History, deployment: int) -> set[str]:
    found = history.get(deployment)
    assert found is not None
    return {part.service for part in found.parts if part.live}


def ids_proven(history: History, service: str = "web", limit: int | None = None) -> list[int]:
    return [
        each.id
        for each in history.rollback_candidates(ProjectRef(ENGINE, PROJECT), service, limit=limit)
    ]


def test_an_empty_history_knows_nothing(history: History) -> None:
    assert history.get(1) is None
    assert history.newest(PROJECT) == []
    assert history.unfinished(ProjectRef(ENGINE, PROJECT)) == []
    assert history.live(ProjectRef(ENGINE, PROJECT), "web") is None
    assert history.rollback_candidates(ProjectRef(ENGINE, PROJECT), "web") == []
    history.removed(ProjectRef(ENGINE, PROJECT), NOON)


def test_it_can_be_proved_writable_and_stays_empty(history: History) -> None:
    history.check_writable()
    history.check_writable()
    assert history.newest(PROJECT) == []


def test_a_deployment_begins_as_drafted(history: History) -> None:
    first = history.begin(a_draft())
    told = {"message": "back", "git_revision": "f00", "rollback_of": first, "restores": first}
    second = history.begin(a_draft("web", "api", kind=Kind.ROLLBACK, **told))
    found = history.get(second)
    assert found is not None
    assert (found.state, found.kind, found.services) == (
        State.PREPARING,
        Kind.ROLLBACK,
        ("web", "api"),
    )
    assert (found.engine, found.project, found.actor) == (ENGINE, PROJECT, "ada@laptop")
    assert (found.message, found.git_revision) == ("back", "f00")
    assert (found.rollback_of, found.restores) == (first, first)
    assert (found.started_at, found.finished_at, found.duration) == (NOON, None, None)
    assert (found.reason, found.parts, found.steps) == ("", (), ())


def test_ids_count_from_one_within_a_project_on_an_engine(opened: Opened) -> None:
    grounds = [("A", "shop"), ("A", "blog"), ("B", "shop")]
    for expected in (1, 2):
        for engine, project in grounds:
            new_deployment = a_draft(engine=engine, project=project)
            assert opened(engine, project).begin(new_deployment) == expected


def test_the_id_of_a_deployment_that_was_discarded_is_free_again(history: History) -> None:
    """Nobody was told of it."""
    first = history.begin(a_draft())
    second = history.begin(a_draft())
    history.discard(second)
    assert (first, history.begin(a_draft())) == (1, second)


def test_times_come_back_aware_in_utc_and_to_the_microsecond(history: History) -> None:
    elsewhere = timezone(timedelta(hours=-5))
    deployment = history.begin(a_draft(started_at=LATER.astimezone(elsewhere)))
    history.to(deployment, State.FAILED, (LATER + timedelta(seconds=2)).astimezone(elsewhere))
    found = history.get(deployment)
    assert found is not None
    assert found.finished_at is not None
    assert (found.started_at, found.duration) == (LATER, timedelta(seconds=2))
    if not isinstance(history, MemoryHistory):
        assert found.started_at.tzinfo is UTC
        assert found.finished_at.tzinfo is UTC


def test_a_discarded_deployment_is_forgotten_with_all_that_was_written_of_it(
    history: History,
) -> None:
    deployment = history.begin(a_draft())
    history.parts(deployment, [a_part()])
    history.step(deployment, StepRecord("build:web", "build web", "asked for", Outcome.DONE, NOON))
    history.discard(deployment)
    assert history.get(deployment) is None
    assert history.newest(PROJECT) == []


@pytest.mark.parametrize("state", sorted(set(State) - {State.PREPARING}))
def test_a_deployment_that_began_to_act_is_never_discarded(history: History, state: State) -> None:
    deployment = walked(history, history.begin(a_draft()), state)
    with pytest.raises(WrongTransition):
        history.discard(deployment)
    assert state_of(history, deployment) is state


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_the_door_lets_through_exactly_the_arrows_of_the_table(
    history: History, before: State, after: State
) -> None:
    deployment = history.begin(a_draft())
    history.parts(deployment, [a_part()])
    walked(history, deployment, before)
    if after in TRANSITIONS[before]:
        history.to(deployment, after, LATER)
        assert state_of(history, deployment) is after
    else:
        with pytest.raises(WrongTransition):
            history.to(deployment, after, LATER)
        assert state_of(history, deployment) is before


@pytest.mark.parametrize("state", list(State))
def test_exactly_the_live_state_has_live_parts(history: History, state: State) -> None:
    deployment = history.begin(a_draft())
    history.parts(deployment, [a_part()])
    walked(history, deployment, state)
    assert live_in(history, deployment) == ({"web"} if state is State.LIVE else set())
    live = history.live(ProjectRef(ENGINE, PROJECT), "web")
    assert (live is not None) == (state is State.LIVE)


@pytest.mark.parametrize("before", sorted(set(State) - {State.SWITCHING, State.STUCK}))
def test_only_a_switching_or_stuck_deployment_can_be_promoted(
    history: History, before: State
) -> None:
    served = released(history, a_part(image="0"))
    deployment = history.begin(a_draft("web", "other"))
    history.parts(deployment, [a_part("other")])
    walked(history, deployment, before)
    with pytest.raises(WrongTransition):
        history.promote(deployment, LATER)
    assert state_of(history, served) is State.LIVE


def test_the_end_of_an_attempt_sets_when_it_finished_and_why(history: History) -> None:
    deployment = history.begin(a_draft())
    history.to(deployment, State.STARTING, NOON)
    found = history.get(deployment)
    assert found is not None
    assert found.finished_at is None
    history.to(deployment, State.STUCK, NOON, "undo failed")
    history.to(deployment, State.FAILED, LATER)
    found = history.get(deployment)
    assert found is not None
    assert (found.finished_at, found.reason) == (LATER, "undo failed")


def test_being_replaced_does_not_make_a_deployment_longer(history: History) -> None:
    first = released(history, a_part())
    second = history.begin(a_draft())
    history.parts(second, [a_part(image="2")])
    walked(history, second, State.SWITCHING)
    history.promote(second, LATER + timedelta(days=1))
    found = history.get(first)
    assert found is not None
    assert (found.state, found.finished_at) == (State.SUPERSEDED, LATER)


def test_parts_come_back_whole_and_in_order(history: History) -> None:
    web = a_part()
    image = replace(a_part("api").release.image, repo_digest="r/api@sha256:9")
    api = replace(a_part("api"), release=replace(a_part("api").release, image=image))
    deployment = history.begin(a_draft("web", "api"))
    history.parts(deployment, [web, api])
    found = history.get(deployment)
    assert found is not None
    assert found.parts == (web, api)


def test_parts_given_again_replace_those_before(history: History) -> None:
    deployment = history.begin(a_draft("web", "api"))
    history.parts(deployment, [a_part(), a_part("api")])
    history.parts(deployment, [a_part(image="2")])
    found = history.get(deployment)
    assert found is not None
    assert found.parts == (a_part(image="2"),)


@pytest.mark.parametrize("state", sorted(set(State) - UNFINISHED))
def test_what_is_over_gets_no_other_parts(history: History, state: State) -> None:
    deployment = walked(history, history.begin(a_draft()), state)
    with pytest.raises(WrongTransition):
        history.parts(deployment, [a_part()])


def test_nobody_makes_a_part_live_but_a_promotion(history: History) -> None:
    deployment = history.begin(a_draft())
    history.parts(deployment, [replace(a_part(), live=True)])
    assert live_in(history, deployment) == set()


def test_a_promotion_makes_its_parts_live(history: History) -> None:
    deployment = released(history, a_part(), a_part("api"))
    assert live_in(history, deployment) == {"web", "api"}
    live = history.live(ProjectRef(ENGINE, PROJECT), "api")
    assert live is not None
    assert (live.id, live.state, live.finished_at) == (deployment, State.LIVE, LATER)
    assert live.part("api") == replace(a_part("api"), live=True)


def test_the_deployment_that_is_replaced_is_superseded(history: History) -> None:
    first = released(history, a_part())
    second = released(history, a_part(image="2", colour=Colour.GREEN))
    assert state_of(history, first) is State.SUPERSEDED
    assert live_in(history, first) == set()
    live = history.live(ProjectRef(ENGINE, PROJECT), "web")
    assert live is not None
    assert live.id == second


def test_the_deployment_that_is_taken_back_is_rolled_back(history: History) -> None:
    first = released(history, a_part())
    second = released(history, a_part(image="2"))
    third = rolled_back(history, a_part(), of=second)
    assert [state_of(history, each) for each in (first, second, third)] == [
        State.SUPERSEDED,
        State.ROLLED_BACK,
        State.LIVE,
    ]


def test_a_deployment_stays_live_while_one_of_its_parts_is(history: History) -> None:
    both = released(history, a_part(), a_part("api"))
    released(history, a_part(image="2"))
    assert state_of(history, both) is State.LIVE
    assert live_in(history, both) == {"api"}
    released(history, a_part("api", image="2"))
    assert state_of(history, both) is State.SUPERSEDED


def test_a_deployment_taken_back_service_by_service_ends_as_rolled_back(history: History) -> None:
    both = released(history, a_part(), a_part("api"))
    rolled_back(history, a_part(image="0"), of=both)
    assert state_of(history, both) is State.LIVE
    rolled_back(history, a_part("api", image="0"), of=both)
    assert state_of(history, both) is State.ROLLED_BACK


def test_one_promotion_can_end_several_deployments(history: History) -> None:
    web, api = released(history, a_part()), released(history, a_part("api"))
    rolled_back(history, a_part(image="0"), a_part("api", image="0"), of=api)
    assert state_of(history, web) is State.SUPERSEDED
    assert state_of(history, api) is State.ROLLED_BACK


def test_engines_and_projects_do_not_touch_each_other(history: History, opened: Opened) -> None:
    mine = released(history, a_part())
    blog, elsewhere = opened(ENGINE, "blog"), opened("WXYZ", PROJECT)
    released(blog, a_part(image="2"), project="blog")
    released(elsewhere, a_part(image="3"), engine="WXYZ")
    assert state_of(history, mine) is State.LIVE
    blog.removed(ProjectRef(ENGINE, "blog"), LATER)
    elsewhere.removed(ProjectRef("WXYZ", PROJECT), LATER)
    assert state_of(history, mine) is State.LIVE
    assert [state_of(blog, 1), state_of(elsewhere, 1)] == [State.REMOVED] * 2
    assert ids_proven(history) == [mine]
    assert history.unfinished(ProjectRef(ENGINE, PROJECT)) == []


def test_a_removed_project_has_nothing_live_and_its_releases_stay_proven(
    history: History,
) -> None:
    web, api = released(history, a_part()), released(history, a_part("api"))
    history.removed(ProjectRef(ENGINE, PROJECT), LATER)
    assert {state_of(history, web), state_of(history, api)} == {State.REMOVED}
    assert history.live(ProjectRef(ENGINE, PROJECT), "web") is None
    assert ids_proven(history) == [web]


def test_proven_are_the_releases_that_passed_and_were_not_taken_back(history: History) -> None:
    first = released(history, a_part(image="1"))
    second = released(history, a_part(image="2"))
    failed = history.begin(a_draft())
    history.parts(failed, [a_part(image="3")])
    history.to(failed, State.FAILED, LATER, "never healthy")
    bad = released(history, a_part(image="4"))
    back = rolled_back(history, a_part(image="2"), of=bad)
    other = released(history, a_part("api"))
    assert ids_proven(history) == [back, second, first]
    assert ids_proven(history, limit=2) == [back, second]
    assert ids_proven(history, "api") == [other]
    assert history.rollback_candidates(ProjectRef(ENGINE, PROJECT), "web")[-1].parts == (
        a_part(image="1"),
    )


def test_a_part_that_was_taken_back_is_no_target_though_its_deployment_still_serves(
    history: History,
) -> None:
    both = released(history, a_part(), a_part("api"))
    back = rolled_back(history, a_part(image="0"), of=both)
    assert ids_proven(history) == [back]
    assert ids_proven(history, "api") == [both]


def test_a_rollback_of_several_takes_back_each_part_that_it_replaces(history: History) -> None:
    web, api = released(history, a_part()), released(history, a_part("api"))
    back = rolled_back(history, a_part(image="0"), a_part("api", image="0"), of=api)
    assert ids_proven(history) == [back]
    assert ids_proven(history, "api") == [back]
    assert state_of(history, web) is State.SUPERSEDED


def test_unfinished_are_those_that_nobody_ended(history: History) -> None:
    standing = {
        state: walked(history, history.begin(a_draft(f"s-{state}")), state) for state in State
    }
    found = {each.state: each.id for each in history.unfinished(ProjectRef(ENGINE, PROJECT))}
    assert found == {state: standing[state] for state in UNFINISHED}


def test_what_waits_was_not_killed_and_comes_with_parts_and_steps(history: History) -> None:
    for state in State:
        walked(history, history.begin(a_draft(f"s-{state}")), state)
    deployment = history.begin(a_draft())
    history.parts(deployment, [a_part()])
    step = StepRecord("hold", "leave web-blue waiting", "--no-switch", Outcome.DONE, NOON, LATER)
    history.step(deployment, step)
    walked(history, deployment, State.WAITING)
    newest, *others = history.waiting(ProjectRef(ENGINE, PROJECT))
    assert (newest.id, newest.parts, newest.steps) == (deployment, (a_part(),), (step,))
    assert [each.state for each in others] == [State.WAITING]
    assert history.waiting(ProjectRef("another engine", PROJECT)) == []


def test_unfinished_ones_come_with_whole_parts(history: History) -> None:
    deployment = history.begin(a_draft())
    history.parts(deployment, [a_part()])
    assert history.unfinished(ProjectRef(ENGINE, PROJECT))[0].parts == (a_part(),)


def test_steps_are_numbered_and_come_back_in_order(history: History) -> None:
    deployment, other = history.begin(a_draft()), history.begin(a_draft())
    build = StepRecord("build:web", "build web", "asked for", Outcome.RUNNING, NOON)
    skip = StepRecord("drain", "drain blue", "switched", Outcome.WARNED, NOON, LATER, "2 were cut")
    assert [history.step(deployment, build), history.step(deployment, skip)] == [1, 2]
    assert history.step(other, build) == 1
    history.step_ended(deployment, 1, Outcome.FAILED, LATER, "no space left")
    found = history.get(deployment)
    assert found is not None
    ended = replace(build, outcome=Outcome.FAILED, finished_at=LATER, detail="no space left")
    assert found.steps == (ended, skip)


def test_a_step_that_never_began_cannot_end(history: History) -> None:
    deployment = history.begin(a_draft())
    with pytest.raises(LookupError):
        history.step_ended(deployment, 1, Outcome.DONE, LATER)


def test_an_unknown_deployment_is_a_bug_of_ours(history: History) -> None:
    step = StepRecord("build:web", "build web", "asked for", Outcome.RUNNING, NOON)
    for act in (
        lambda: history.to(7, State.STARTING, NOON),
        lambda: history.promote(7, NOON),
        lambda: history.discard(7),
        lambda: history.parts(7, [a_part()]),
        lambda: history.step(7, step),
    ):
        with pytest.raises(LookupError):
            act()
