"""A release from history that may do more than this machine has ever seen: it needs an agreement."""

from __future__ import annotations

import pytest

from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.release import Model
from compose_bluegreen.domain.states import State
from testkit.fakes.calls import Call, When
from testkit.fakes.powers import FakePowers
from testkit.fakes.site import Site, a_service
from testkit.killing import kill

ROOT = {"type": "bind", "source": "/", "target": "/host"}
POWERFUL: Model = {"user": "root", "volumes": [ROOT]}
GAINS = "the release of web in deployment 1 gains mounts / of the host, user root"


def two_releases() -> Site:
    site = Site()
    site.release("v1")
    site.release("v2")
    return site


def rewritten(site: Site) -> Site:
    """The record of the first deployment was changed on the engine."""
    oldest = site.records[-1].parts[0].release
    oldest.model["services"]["web"] |= POWERFUL
    return site


def elsewhere(site: Site) -> Site:
    """The commands come from a fresh machine now."""
    site.powers.seen.clear()
    return site


def test_a_rewritten_release_is_refused_before_anything_moves() -> None:
    site = rewritten(two_releases())
    site.forget()
    with pytest.raises(BluegreenError, match=GAINS) as refused:
        site.rollback()
    assert refused.value.exit_code == 1
    assert hint_text(refused.value.hint) == "if you want that, docker bluegreen rollback --force"
    assert site.serving() == {"v2"}
    assert len(site.records) == 2
    assert [call for call in site.world.calls.made if not call.looks] == []


def test_the_flag_that_agrees_is_named_with_what_was_asked_for() -> None:
    site = rewritten(two_releases())
    with pytest.raises(BluegreenError, match=GAINS) as refused:
        site.rollback("web", to=1)
    assert hint_text(refused.value.hint).endswith("docker bluegreen rollback web --to 1 --force")


def test_with_an_agreement_it_runs_says_what_it_gains_and_counts_as_seen() -> None:
    site = rewritten(two_releases())
    assert site.rollback(force=True) is not None
    assert site.serving() == {"v1"}
    assert GAINS in site.observer.remarks
    site.rollback(to=2)
    assert site.rollback(to=1) is not None


def test_a_dry_run_says_what_it_would_gain() -> None:
    site = rewritten(two_releases())
    plan: list[str] = []
    site.rollback(tell_plan=lambda step: plan.append(step.name))
    assert f"{GAINS}; it needs --force" in site.observer.remarks
    assert "switch to web-blue" in plan
    assert len(site.records) == 2


def test_what_a_compose_file_on_this_machine_had_is_never_refused() -> None:
    site = Site(web=a_service(**POWERFUL))
    site.release("v1")
    site.file["services"]["web"] = a_service(user="1000", cap_drop=["ALL"])
    site.release("v2")
    assert site.rollback() is not None
    assert site.serving() == {"v1"}


def test_nor_on_a_fresh_machine_what_the_live_release_has() -> None:
    site = Site(web=a_service(**POWERFUL))
    site.release("v1")
    site.release("v2")
    assert elsewhere(site).rollback() is not None
    assert site.serving() == {"v1"}


def test_on_a_fresh_machine_what_the_live_release_no_longer_has_needs_an_agreement() -> None:
    site = Site(web=a_service(**POWERFUL))
    site.release("v1")
    site.file["services"]["web"] = a_service()
    site.release("v2")
    with pytest.raises(BluegreenError, match=GAINS):
        elsewhere(site).rollback()
    assert site.rollback(force=True) is not None


def test_of_several_services_each_is_named() -> None:
    site = Site(web=a_service(**POWERFUL), api=a_service("api", port="", privileged=True))
    site.source("w1"), site.source("a1", "api")
    site.up()
    site.file["services"] |= {"web": a_service(), "api": a_service("api", port="")}
    site.source("w2"), site.source("a2", "api")
    site.up()
    with pytest.raises(BluegreenError) as refused:
        elsewhere(site).rollback()
    assert f"{GAINS}; the release of api in deployment 1 gains privileged" in refused.value.message


def test_a_killed_release_that_gains_is_not_resumed_on_another_machine() -> None:
    site = Site()
    site.release("v1")
    site.file["services"]["web"] = a_service(**POWERFUL)
    site.source("v2")
    kill(site, Call("workloads.start_colours", 1), When.BEFORE)
    mine, site.powers.seen = site.powers.seen, set()
    with pytest.raises(BluegreenError, match="in deployment 2 gains mounts / of the host") as no:
        site.resume()
    assert "docker bluegreen abort removes it" in hint_text(no.value.hint)
    assert site.serving() == {"v1"}
    site.powers.seen = mine
    assert site.resume() is not None
    assert site.serving() == {"v2"}


def test_a_worker_that_a_promotion_would_start_is_refused_and_keeps_waiting() -> None:
    worker = {"traffic": "none", "order": "stop-first"}
    site = Site(web=a_service(), jobs=a_service("jobs", port="", bluegreen=worker))
    site.source("w1"), site.source("j1", "jobs")
    site.up()
    site.file["services"]["jobs"] |= POWERFUL
    site.source("w2"), site.source("j2", "jobs")
    site.up(no_switch=True)
    mine, site.powers.seen = site.powers.seen, set()
    with pytest.raises(BluegreenError, match="of jobs in deployment 2 gains") as refused:
        site.promote()
    assert "docker bluegreen abort removes it" in hint_text(refused.value.hint)
    assert site.records[0].state is State.WAITING
    site.powers.seen = mine
    done = site.promote()
    assert done is not None
    assert done.state is State.LIVE


def test_a_machine_that_can_note_nothing_still_asks() -> None:
    site = rewritten(two_releases())
    assert isinstance(site.ctx.powers, FakePowers)
    site.powers.full = True
    assert site.rollback(force=True) is not None
    site.rollback(to=2)
    with pytest.raises(BluegreenError, match=GAINS):
        site.rollback(to=1)
