"""The engine is behind TLS: contexts, variables and flags, with an authority of its own."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from testkit.own_engine import OwnEngine
from testkit.shell import config_folder
from testkit.stage import Stage, service

pytestmark = pytest.mark.engine


@dataclass(frozen=True, slots=True)
class Pki:
    """``folder`` has docker's names: ``ca.pem``, ``cert.pem`` and ``key.pem`` of a client."""

    folder: Path

    def make(self, address: str) -> None:
        self.folder.mkdir()
        extension = self.folder / "extension"
        extension.write_text(f"subjectAltName=IP:{address}")
        new = ("req", "-newkey", "rsa:2048", "-nodes")
        self._openssl(
            *new, "-x509", "-days=2", "-subj=/CN=authority", "-keyout=ca.key", "-out=ca.pem"
        )
        for name, key in (("server", "server.key"), ("cert", "key.pem")):
            self._openssl(*new, f"-subj=/CN={name}", f"-keyout={key}", f"-out={name}.csr")
            self._openssl(
                *("x509", "-req", "-days=2", "-CAcreateserial", "-CA=ca.pem", "-CAkey=ca.key"),
                *(f"-in={name}.csr", f"-out={name}.pem", f"-extfile={extension}"),
            )

    def _openssl(self, *words: str) -> None:
        command = [part for word in words for part in word.split("=", 1 if word[0] == "-" else 0)]
        subprocess.run(("openssl", *command), cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(daemon: OwnEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pki]:
    """The test's own engine listens with TLS too."""
    pki = Pki(tmp_path_factory.mktemp("pki") / "pki")
    pki.make(daemon.address)
    daemon.end(signal.SIGTERM)
    daemon.options = (
        f"--host=tcp://{daemon.address}:2376",
        "--tlsverify",
        f"--tlscacert={pki.folder}/ca.pem",
        f"--tlscert={pki.folder}/server.pem",
        f"--tlskey={pki.folder}/server.key",
    )
    daemon.start()
    yield pki
    daemon.end(signal.SIGTERM)
    daemon.options = ()
    daemon.start()


@pytest.fixture(scope="module")
def site(stages: Callable[..., Any], daemon: OwnEngine, pki: Pki) -> Iterator[Stage]:
    with stages() as stage:
        stage.environment |= {
            "DOCKER_HOST": f"tcp://{daemon.address}:2376",
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(pki.folder),
        }
        stage.write(web=service(f"{stage.port}:8080"))
        stage.up("v1")
        yield stage
        stage.bluegreen("down").ended(0)


def test_a_release_and_a_rollback(site: Stage, daemon: OwnEngine) -> None:
    site.up("v2")
    site.bluegreen("rollback").ended(0)
    site.serves("v1", host=daemon.address)


@pytest.mark.parametrize(
    "variables",
    [
        {"REQUESTS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"},
        {"CURL_CA_BUNDLE": "/nowhere.pem"},
        {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "10.0.0.0/8"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_variables_for_the_internet_do_not_matter(variables: dict[str, str], site: Stage) -> None:
    site.bluegreen("status", **variables).ended(0)
    site.bluegreen("history", **variables).ended(0)


def _without_variables() -> dict[str, str]:
    return {"DOCKER_HOST": "", "DOCKER_TLS_VERIFY": "", "DOCKER_CERT_PATH": ""}


def test_flags_of_docker(site: Stage, daemon: OwnEngine, pki: Pki) -> None:
    files = [
        f"--tlscacert={pki.folder}/ca.pem",
        f"--tlscert={pki.folder}/cert.pem",
        f"--tlskey={pki.folder}/key.pem",
    ]
    flags = ("-H", f"tcp://{daemon.address}:2376", "--tlsverify", *files)
    site.bluegreen(*flags, "status", **_without_variables()).ended(0)


def _context(site: Stage, name: str, endpoint: str) -> dict[str, str]:
    config = config_folder(site.folder / name, site.environment)
    variables = _without_variables() | {"DOCKER_CONFIG": str(config)}
    before = dict(site.environment)
    site.environment |= variables
    try:
        site.docker("context", "create", name, "--docker", endpoint)
    finally:
        site.environment = before
    return variables | {"DOCKER_CONTEXT": name}


def test_a_context(site: Stage, daemon: OwnEngine, pki: Pki) -> None:
    files = f"ca={pki.folder}/ca.pem,cert={pki.folder}/cert.pem,key={pki.folder}/key.pem"
    variables = _context(site, "far", f"host=tcp://{daemon.address}:2376,{files}")
    assert site.bluegreen("status", **variables).ended(0).err == ""


def test_a_context_that_does_not_verify_is_told_once(
    site: Stage, daemon: OwnEngine, pki: Pki
) -> None:
    files = f"cert={pki.folder}/cert.pem,key={pki.folder}/key.pem,skip-tls-verify=true"
    variables = _context(site, "careless", f"host=tcp://{daemon.address}:2376,{files}")
    for command in ("status", "up", "history"):
        run = site.bluegreen(command, VERSION="v1", **variables).ended(0)
        assert run.err.count("is not verified") == 1
        assert "InsecureRequestWarning" not in run.err


def test_an_engine_of_another_authority_is_refused(
    site: Stage, daemon: OwnEngine, pki: Pki, tmp_path: Path
) -> None:
    other = Pki(tmp_path / "other")
    other.make(daemon.address)
    run = site.bluegreen("status", DOCKER_CERT_PATH=str(other.folder)).ended(1)
    assert "CERTIFICATE_VERIFY_FAILED" in run.err
    assert "Traceback" not in run.err
