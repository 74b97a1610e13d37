"""TLS and HTTP/2 at the proxy, with curl for a client and certificates of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from testkit.certificates import Pair, expired, made
from testkit.commands import Running
from testkit.stage import Stage, free_port, service
from testkit.waiting import eventually

pytestmark = pytest.mark.engine

HOST = "app.example.com"


@dataclass(slots=True)
class Site:
    """``stage.port`` speaks HTTP, ``port`` TLS."""

    stage: Stage
    port: int = field(default_factory=free_port)

    @property
    def certs(self) -> Path:
        return self.stage.folder / "certs"

    def write(self) -> None:
        own = {"health": {"path": "/healthz"}, "drain_timeout": "5s", "tls": [self.port]}
        ports = f"{self.stage.port}:8080", f"{self.port}:8080"
        top = {"x-bluegreen": {"proxy": {"certificates": "./certs"}}}
        self.stage.write(top=top, web=service(*ports, **{"x-bluegreen": own}))

    def give(self, name: str, pair: Pair) -> None:
        self.certs.mkdir(exist_ok=True)
        (self.certs / name).write_text(pair.whole)

    def trust(self, *pairs: Pair) -> None:
        """curl reads them when it begins."""
        text = "".join(one.certificate for one in pairs)
        (self.stage.folder / "trusted.crt").write_text(text)

    def curl(self, *words: str, path: str = "/", again: bool = False) -> Running:
        """``again`` and again until there is a file ``left``, or one request fails."""
        where = ("--resolve", f"{HOST}:{self.port}:127.0.0.1", "--cacert", "trusted.crt")
        url = f"https://{HOST}:{self.port}{path}"
        command = (
            "curl",
            "--silent",
            "--show-error",
            "--fail",
            "--fail-early",
            *where,
            *words,
            url,
        )
        loop = ("sh", "-c", 'until [ -e left ]; do "$@" || exit; done', "sh") if again else ()
        return self.stage.begin_program(*loop, *command)

    def asked(self, *words: str, path: str = "/") -> str:
        return self.curl(*words, path=path).end().ended(0).out

    @contextmanager
    def visitors(self) -> Iterator[Callable[[], set[str]]]:
        """Two come over and over again, one of whom keeps his connection for a while: nothing fails.

        Yields what tells, by then and at the end, what they met.
        """
        form = "%header{x-version} %{http_version} %{http_code}\\n"
        many = ("--output", "/dev/null", "--write-out", form, "--rate", "40/s")
        kept = self.curl("--http2", *many, path="/?[1-20]", again=True)
        ends = ("--http1.1", "--header", "Connection: close")
        comes_and_goes = self.curl(*ends, *many, path="/?[1-20]", again=True)
        both = kept, comes_and_goes

        def met() -> set[str]:
            return {line for one in both for line in one.stdout.read_text().splitlines()}

        yield met
        (self.stage.folder / "left").touch()
        for running in both:
            running.end().ended(0)

    def secrets(self) -> list[str]:
        """Mode, owner and name of what HAProxy has of them."""
        look = "stat -c '%a %u %G %n' /var/lib/bluegreen/certificates-*/*"
        return self.stage.in_the_proxy(look).splitlines()


def test_certificates_that_are_no_good_are_refused_before_anything_is_made(
    stage: Stage, tmp_path: Path
) -> None:
    site = Site(stage)
    site.write()
    missing = stage.bluegreen("up", VERSION="v1").ended(2)
    assert f"compose.yaml: x-bluegreen.proxy.certificates: {site.certs}" in missing.err
    site.give("app.pem", made(tmp_path / "good", HOST))
    site.give("old.pem", expired(tmp_path / "old", "old.example.com"))
    old = stage.bluegreen("up", VERSION="v1").ended(2)
    assert f"{site.certs}/old.pem: certificate has expired" in old.err
    assert stage.containers() == []


def test_http_2_over_tls(stage: Stage, tmp_path: Path) -> None:
    site = Site(stage)
    site.write()
    first, second = made(tmp_path / "first", HOST), made(tmp_path / "second", HOST)
    site.give("app.pem", first)
    site.trust(first)
    with stage.step("HTTP/2 and HTTP/1.1, and plain HTTP beside it"):
        stage.up("v1")
        form = ("--output", "/dev/null", "--write-out", "%{http_version}")
        assert site.asked("--http2", *form) == "2"
        assert site.asked("--http1.1", *form) == "1.1"
        assert '"X-Forwarded-Proto": "https"' in site.asked("--http2", path="/headers")
        assert '"X-Forwarded-Proto": "http"' in stage.ask("/headers").body.decode()
    with stage.step("nobody but HAProxy reads the private keys"):
        (secret,) = site.secrets()
        assert secret.startswith("640 64999 haproxy ")
        assert secret.endswith("/app.pem")
    with stage.step("another certificate, and a release: nothing is lost"):
        site.trust(first, second)
        with site.visitors() as met:
            site.give("app.pem", second)
            stage.bluegreen("proxy", "reload").ended(0)
            stage.up("v2")
            expected = {"v1 2 200", "v2 2 200", "v1 1.1 200", "v2 1.1 200"}
            eventually(lambda: expected <= met(), "visitors who have met both")
        assert met() == expected
        assert "v2" in site.asked("--http2", "--head")
    with stage.step("it is the other one that is shown now"):
        site.trust(first)
        assert "certificate" in site.curl("--http2").end().ended(60).err
        site.trust(second)
        site.asked("--http2")
    with stage.step("up notices a new file though there is nothing to release"):
        site.give("more.pem", made(tmp_path / "third", "more.example.com"))
        run = stage.up("v2")
        assert "reload the proxy" in run.err
        assert "nothing changed" in run.err
        assert len({one.rpartition("/")[0] for one in site.secrets()}) == 2, "and the one before"
    with stage.step("a broken one is refused, and what serves is not touched"):
        (site.certs / "app.pem").write_text("broken")
        run = stage.bluegreen("up", VERSION="v3").ended(2)
        assert f"{site.certs}/app.pem: there is no certificate in it" in run.err
        assert "v2" in site.asked("--http2", "--head")
    with stage.step("a restart of the proxy, and a rollback, go on with them"):
        stage.docker("restart", stage.proxy)
        stage.bluegreen("rollback").ended(0)
        assert "v1" in site.asked("--http2", "--head")
