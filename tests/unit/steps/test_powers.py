"""Which releases from history need an agreement, and what is noted on this machine."""

from __future__ import annotations

import pytest

from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import Action, Hint
from compose_bluegreen.domain.release import Release
from compose_bluegreen.steps import powers
from testkit.fakes.site import Site

HINT = Hint(Action.ROLLBACK)


def found(site: Site, **service: object) -> tuple[int, Release]:
    """The release of the oldest deployment, with these keys besides."""
    site.release("v1")
    part = site.records[-1].parts[0]
    part.release.model["services"]["web"] |= service
    return 7, part.release


def test_a_gain_is_refused_with_service_deployment_and_each_power(site: Site) -> None:
    target = found(site)
    site.release("v2")
    target[1].model["services"]["web"] |= {"privileged": True, "pid": "host"}
    with pytest.raises(BluegreenError) as refused:
        powers.refuse([target], HINT, site.ctx)
    assert refused.value.message == (
        "the release of web in deployment 7 gains pid host, privileged: neither the live release nor"
        " any compose file that was released from this machine had that"
    )
    assert refused.value.hint == HINT


def test_what_was_noted_is_no_gain(site: Site) -> None:
    target = found(site)
    site.release("v2")
    target[1].model["services"]["web"]["privileged"] = True
    powers.note([target[1]], site.ctx)
    powers.refuse([target], HINT, site.ctx)
    assert powers.gains([target], site.ctx) == []


def test_where_nothing_can_be_noted_a_release_goes_on_with_a_warning(site: Site) -> None:
    site.powers.full = True
    site.source("v1")
    assert site.up() is not None
    assert site.serving() == {"v1"}
    (remark,) = site.observer.remarks
    assert remark.startswith("warning: can't note in ")
    assert remark.endswith("No space left on device; a rollback may need --force")
