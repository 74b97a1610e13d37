"""A webhook on a real server: what it gets, how often it is tried, and how long anybody waits."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from compose_bluegreen.adapters.system.webhook import Patience, Webhook
from testkit.listener import Listener, listening

QUICK = Patience(each=5.0, together=20.0, pauses=(0.01, 0.01))


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


def test_it_gets_the_notice_as_json_once(listener: Listener) -> None:
    assert Webhook(listener.address, QUICK).tell({"event": "released"}) == ""
    ((path, headers, body),) = listener.heard
    assert path == "/hook?token=hush"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("compose-bluegreen/")
    assert body == {"event": "released"}


def test_a_password_in_the_address_goes_where_passwords_go(listener: Listener) -> None:
    address = f"http://ci:hu%40sh@127.0.0.1:{listener.port}/"
    assert Webhook(address, QUICK).tell({}) == ""
    ((path, headers, _),) = listener.heard
    assert path == "/"
    assert headers["Authorization"] == f"Basic {base64.b64encode(b'ci:hu@sh').decode()}"


@pytest.mark.parametrize("code", [500, 503, 429])
def test_what_may_go_better_is_tried_again_with_the_same_body(
    listener: Listener, code: int
) -> None:
    listener.answers = [code, code, 200]
    assert Webhook(listener.address, QUICK).tell({"delivery": "1"}) == ""
    assert [body for _, _, body in listener.heard] == [{"delivery": "1"}] * 3


def test_it_is_tried_three_times_and_no_more(listener: Listener) -> None:
    listener.answers = [502]
    assert Webhook(listener.address, QUICK).tell({}) == "it answered 502"
    assert len(listener.heard) == 3


@pytest.mark.parametrize("code", [400, 401, 404])
def test_what_was_refused_is_refused_again_so_it_is_not_tried(
    listener: Listener, code: int
) -> None:
    listener.answers = [code]
    assert Webhook(listener.address, QUICK).tell({}) == f"it answered {code}"
    assert len(listener.heard) == 1


def test_a_secret_is_not_carried_elsewhere(listener: Listener) -> None:
    listener.answers = [302]
    assert Webhook(listener.address, QUICK).tell({}) == "it answered 302"
    assert [path for path, _, _ in listener.heard] == ["/hook?token=hush"]


def test_where_nobody_listens_that_is_said_without_the_address() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/hush"
        assert Webhook(address, QUICK).tell({}) == "Connection refused"


@contextmanager
def silent() -> Iterator[str]:
    """Somebody who accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/hush"


def test_nobody_waits_long_for_one_that_never_answers() -> None:
    patience = Patience(each=60.0, together=0.2)
    with silent() as address:
        began = time.monotonic()
        assert Webhook(address, patience).tell({}) == "no answer within 0.2 s"
        assert time.monotonic() - began < 30


def test_one_that_hangs_is_given_up_at_each_try() -> None:
    patience = Patience(each=0.1, together=60.0, pauses=(0.01,))
    with silent() as address:
        assert "hush" not in Webhook(address, patience).tell({})
        assert Webhook(address, patience).tell({}) in {"TimeoutError", "timed out"}
