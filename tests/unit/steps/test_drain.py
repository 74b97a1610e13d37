"""What is in flight on a colour that gets no new requests: it ends, is closed, or is cut."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from compose_bluegreen.config.settings import ProjectSettings
from compose_bluegreen.config.settings_reader import service_settings
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import Unhealthy
from compose_bluegreen.domain.release import Model
from compose_bluegreen.steps.drain import Old, drain
from testkit.fakes.calls import When
from testkit.fakes.site import Site, a_service
from testkit.fakes.world import Behaviour

CLOSE: Model = {"long_connections": "close", "close_after": "3s", "drain_timeout": "20s"}


def a_site(**settings: object) -> Site:
    site = Site(web=a_service(bluegreen=CLOSE | settings))
    site.release("v1")
    return site


def busy(site: Site, *web_sockets: float, ordinary: tuple[float, ...] = ()) -> None:
    """For so many seconds each."""
    for seconds in web_sockets:
        site.world.busy("web", Colour.BLUE, seconds, web_socket=True)
    for seconds in ordinary:
        site.world.busy("web", Colour.BLUE, seconds)


def waited(site: Site, **settings: object) -> str:
    """For blue alone, which is still live."""
    own = service_settings(settings, ProjectSettings(), "compose.yaml")
    assert own is not None
    return drain([Old("web", Colour.BLUE, own)], site.ctx)


def drained(site: Site) -> tuple[str, float]:
    """What the step says, and its seconds."""
    site.source("v2")
    done = site.up()
    assert done is not None
    step = next(step for step in done.steps if step.key == "drain")
    assert step.duration is not None
    return step.detail, step.duration.total_seconds()


def test_nothing_in_flight_needs_no_wait(serving: Site) -> None:
    began = serving.world.time
    assert waited(serving) == ""
    assert serving.world.time == began


def test_a_drain_ends_with_the_last_request(serving: Site) -> None:
    began = serving.world.time
    busy(serving, ordinary=(0.5, 1.5))
    assert waited(serving) == ""
    assert 1.5 <= serving.world.time - began < 1.6


def test_a_drain_ends_with_its_deadline_and_counts_who_is_left(serving: Site) -> None:
    busy(serving, ordinary=(1, 60, 60))
    assert waited(serving, drain_timeout="2s") == "2 still in flight after 2 s were cut"


@pytest.mark.parametrize("long_connections", ["drain", "close"])
def test_no_time_for_a_drain_is_one_look(serving: Site, long_connections: str) -> None:
    busy(serving, ordinary=(60,))
    said = waited(serving, drain_timeout="0s", long_connections=long_connections)
    assert said == "1 still in flight after 0 s were cut"
    assert len(serving.world.calls.of("proxy.in_flight")) == 1


def test_several_are_drained_side_by_side(serving: Site) -> None:
    """Each by its own settings."""
    busy(serving, 60)
    closing = service_settings(CLOSE, ProjectSettings(), "compose.yaml")
    short = service_settings({"drain_timeout": "2s"}, ProjectSettings(), "compose.yaml")
    assert closing
    assert short
    blue = Colour.BLUE
    said = drain([Old("web", blue, closing), Old("web", blue, short)], serving.ctx)
    assert said == (
        "1 long connection was closed on web-blue after 3 s; "
        "1 still in flight on web-blue after 2 s were cut"
    )


def test_a_drain_waits_for_long_connections_unless_the_file_says_otherwise() -> None:
    site = Site(web=a_service(bluegreen={"drain_timeout": "20s"}))
    site.release("v1")
    busy(site, 60)
    said, seconds = drained(site)
    assert said == "1 still in flight after 20 s were cut"
    assert seconds >= 20


def test_long_connections_are_closed_after_their_grace_and_told() -> None:
    site = a_site()
    busy(site, 60, 60)
    said, seconds = drained(site)
    assert said == "2 long connections were closed after 3 s"
    assert 3 <= seconds < 4
    assert site.world.cut == []


def test_one_that_ends_within_the_grace_is_left_alone() -> None:
    site = a_site()
    busy(site, 2)
    said, seconds = drained(site)
    assert (said, seconds < 3) == ("", True)
    assert site.world.calls.of("proxy.hang_up") == []


def test_ordinary_requests_finish_before_anything_is_closed() -> None:
    site = a_site()
    busy(site, 60, ordinary=(10,))
    said, seconds = drained(site)
    assert said == "1 long connection was closed after 10 s"
    assert 10 <= seconds < 11
    assert site.world.cut == []


def test_a_request_that_outlasts_the_drain_is_cut_as_ever() -> None:
    site = a_site()
    busy(site, 60, ordinary=(60,))
    said, seconds = drained(site)
    assert said == "2 still in flight after 20 s were cut"
    assert 20 <= seconds < 21


def test_nothing_in_flight_costs_one_look() -> None:
    site = a_site()
    said, seconds = drained(site)
    assert (said, seconds) == ("", 0)
    assert site.world.calls.of("proxy.long_lived") == []


def test_over_plain_tcp_every_connection_is_a_long_one() -> None:
    site = a_site(mode="tcp")
    busy(site, ordinary=(60, 60, 60))
    assert drained(site)[0] == "3 long connections were closed after 3 s"


@pytest.mark.parametrize("close_after", ["30s", "20s"])
def test_no_grace_is_longer_than_the_drain(close_after: str) -> None:
    site = a_site(close_after=close_after)
    busy(site, 60)
    said, seconds = drained(site)
    assert said == "1 long connection was closed after 20 s"
    assert 20 <= seconds < 22


def test_a_switch_back_closes_what_came_to_the_new_colour() -> None:
    site = a_site()
    site.source("v2", does=Behaviour(sick_after=0.1))
    arrives = partial(site.world.busy, "web", Colour.GREEN, 60, web_socket=True)
    site.world.calls.at("proxy.route_to", arrives, when=When.AFTER)
    site.world.calls.at("proxy.route_to", lambda: site.ctx.clock.sleep(1), when=When.AFTER)
    with pytest.raises(Unhealthy):
        site.up(timeout=timedelta(seconds=1))
    back = next(step for step in site.records[0].steps if step.key == "undo:switch")
    assert back.detail == "1 long connection was closed after 3 s"
    assert site.serving() == {"v1"}
