"""A webhook on a real server: what it gets, how often it is tried, and how long anybody waits."""

from __future__ import annotations

import base64
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from compose_bluegreen.adapters.system.webhook import Timeouts, Webhook
from testkit.listener import Listener, listening

QUICK = Timeouts(attempt=5.0, total=20.0, pauses=(0.01, 0.01))


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


def test_it_gets_the_notice_as_json_once(listener: Listener) -> None:
    assert Webhook(listener.address, QUICK).send({"event": "released"}) == ""
    ((path, headers, body),) = listener.heard
    assert path == "/hook?token=hush"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("compose-bluegreen/")
    assert body == {"event": "released"}


def test_a_password_in_the_address_goes_where_passwords_go(listener: Listener) -> None:
    address = f"http://ci:hu%40sh@127.0.0.1:{listener.port}/"
    assert Webhook(address, QUICK).send({}) == ""
    ((path, headers, _),) = listener.heard
    assert path == "/"
    assert headers["Authorization"] == f"Basic {base64.b64encode(b'ci:hu@sh').decode()}"


@pytest.mark.parametrize("code", [500, 503, 429])
def test_what_may_go_better_is_tried_again_with_the_same_body(
    listener: Listener, code: int
) -> None:
    listener.answers = [code, code, 200]
    assert Webhook(listener.address, QUICK).send({"delivery": "1"}) == ""
    assert [body for _, _, body in listener.heard] == [{"delivery": "1"}] * 3


def test_it_is_tried_three_times_and_no_more(listener: Listener) -> None:
    listener.answers = [502]
    assert Webhook(listener.address, QUICK).send({}) == "it answered 502"
    assert len(listener.heard) == 3


@pytest.mark.parametrize("code", [400, 401, 404])
def test_what_was_refused_is_refused_again_so_it_is_not_tried(
    listener: Listener, code: int
) -> None:
    listener.answers = [code]
    assert Webhook(listener.address, QUICK).send({}) == f"it answered {code}"
    assert len(listener.heard) == 1


def test_a_secret_is_not_carried_elsewhere(listener: Listener) -> None:
    listener.answers = [302]
    assert Webhook(listener.address, QUICK).send({}) == "it answered 302"
    assert [path for path, _, _ in listener.heard] == ["/hook?token=hush"]


def test_where_nobody_listens_that_is_said_without_the_address() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/hush"
        assert Webhook(address, QUICK).send({}) == "Connection refused"


@contextmanager
def silent() -> Iterator[str]:
    """Somebody who accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/hush"


def test_nobody_waits_long_for_one_that_never_answers() -> None:
    timeouts = Timeouts(attempt=60.0, total=0.2)
    with silent() as address:
        began = time.monotonic()
        assert Webhook(address, timeouts).send({}) == "no answer within 0.2 s"
        assert time.monotonic() - began < 30


def test_one_that_hangs_is_given_up_at_each_try() -> None:
    timeouts = Timeouts(attempt=0.1, total=60.0, pauses=(0.01,))
    with silent() as address:
        assert Webhook(address, timeouts).send({}) == "timed out"


def test_a_user_without_a_password_is_sent(listener: Listener) -> None:
    assert Webhook(f"http://t%C3%B6ken@127.0.0.1:{listener.port}/", QUICK).send({}) == ""
    ((_, headers, _),) = listener.heard
    assert headers["Authorization"] == f"Basic {base64.b64encode('töken:'.encode()).decode()}"


def test_no_password_of_netrc_is_sent(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ci password hush\n", encoding="utf-8")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert Webhook(listener.address, QUICK).send({}) == ""
    ((_, headers, _),) = listener.heard
    assert "Authorization" not in headers


def test_no_warning_in_a_log_repeats_the_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), silent() as address:
        Webhook(address, Timeouts(attempt=0.1, total=60.0, pauses=(0.01,))).send({})
    assert "hush" not in caplog.text


@pytest.mark.parametrize("address", ["http://[hush", "http://host:hush/", "http://.hush./"])
def test_an_address_that_is_none_is_not_repeated(address: str) -> None:
    assert "hush" not in Webhook(address, QUICK).send({})
