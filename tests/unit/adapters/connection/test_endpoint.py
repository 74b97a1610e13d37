"""Which engine is meant, as ``docker`` decides it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from compose_bluegreen.adapters.connection.endpoint import LOCAL, Endpoint, Tls, find_endpoint
from compose_bluegreen.domain.errors import UsageError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "docker"
    folder.mkdir()
    return folder


def _context(config: Path, name: str, endpoint: object, *files: str) -> None:
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / key
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    tls = config / "contexts" / "tls" / key / "docker"
    tls.mkdir(parents=True)
    for file in files:
        (tls / file).touch()


def _find(config: Path, **environ: str) -> Endpoint:
    return find_endpoint({"DOCKER_CONFIG": str(config)} | environ)


def test_without_any_choice_it_is_the_local_one(config: Path) -> None:
    assert _find(config) == Endpoint(LOCAL, "context default")


def test_docker_host_counts_before_any_context(config: Path) -> None:
    (config / "config.json").write_text('{"currentContext": "far"}')
    assert _find(config, DOCKER_HOST="tcp://a:1", DOCKER_CONTEXT="far").host == "tcp://a:1"


@pytest.mark.parametrize("chosen", [{"DOCKER_CONTEXT": "far"}, {}], ids=["variable", "config.json"])
def test_a_context_is_found(chosen: dict[str, str], config: Path) -> None:
    _context(config, "far", {"Host": "ssh://far"})
    if not chosen:
        (config / "config.json").write_text('{"currentContext": "far"}')
    assert _find(config, **chosen) == Endpoint("ssh://far", "context far")


def test_a_context_without_a_config_file_is_found(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The docker SDK looks for it in ./contexts then."""
    _context(config, "far", {"Host": "ssh://far"})
    monkeypatch.chdir(tmp_path)
    assert _find(config, DOCKER_CONTEXT="far").host == "ssh://far"


def test_a_context_that_is_not_there_is_refused(config: Path) -> None:
    with pytest.raises(UsageError, match="no docker context 'far'"):
        _find(config, DOCKER_CONTEXT="far")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Endpoints": {"docker": 1}}', "\x00"])
def test_a_damaged_context_is_refused_by_file(text: str, config: Path) -> None:
    _context(config, "far", {})
    (file,) = config.rglob("meta.json")
    file.write_text(text)
    with pytest.raises(UsageError, match=r"can't be read from .*meta\.json"):
        _find(config, DOCKER_CONTEXT="far")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"currentContext": ""}'])
def test_a_damaged_config_file_means_the_default(text: str, config: Path) -> None:
    (config / "config.json").write_text(text)
    assert _find(config).host == LOCAL


def test_a_context_may_have_an_authority_only(config: Path) -> None:
    _context(config, "far", {"Host": "tcp://far:2376"}, "ca.pem")
    tls = _find(config, DOCKER_CONTEXT="far").tls
    assert tls is not None
    assert tls.verifies
    assert (tls.authority or "").endswith("/docker/ca.pem")
    assert tls.certificate is None


def test_a_context_may_leave_out_the_verification(config: Path) -> None:
    _context(config, "far", {"Host": "tcp://far:2376", "SkipTLSVerify": True})
    assert _find(config, DOCKER_CONTEXT="far").tls == Tls(None, None, None, verifies=False)


@pytest.mark.parametrize(
    ("environ", "verifies"),
    [
        ({}, None),
        ({"DOCKER_TLS_VERIFY": ""}, None),
        ({"DOCKER_TLS": "1"}, False),
        ({"DOCKER_TLS_VERIFY": "1"}, True),
        ({"DOCKER_TLS": "1", "DOCKER_TLS_VERIFY": "1"}, True),
    ],
)
def test_the_variables_of_tls_count(
    environ: dict[str, str], verifies: bool | None, config: Path
) -> None:
    found = _find(config, DOCKER_HOST="tcp://far:2376", DOCKER_CERT_PATH=str(config), **environ)
    assert (found.tls.verifies if found.tls else None) is verifies
