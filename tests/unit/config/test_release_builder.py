"""A release: a compose file with one service, which stands alone."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from compose_bluegreen.config.project import read
from compose_bluegreen.config.release_builder import release
from compose_bluegreen.domain.release import Image, Model, Release, built_here, published, replicas
from testkit.fakes.site import a_file, a_service
from testkit.releases import IMAGE, released


def service_of(found: Release) -> Model:
    own: Model = found.model["services"]["web"]
    return own


# ── a release ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "key",
    [
        "build",
        "container_name",
        "depends_on",
        "develop",
        "ports",
        "profiles",
        "scale",
        "x-bluegreen",
    ],
)
def test_what_belongs_to_the_users_project_is_left_behind(key: str) -> None:
    found = released(
        container_name="web",
        depends_on={"db": {"condition": "service_started"}},
        develop={"watch": []},
        profiles=["prod"],
        scale=2,
    )
    assert key not in service_of(found)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("command", ["serve"]),
        ("entrypoint", ["/init"]),
        ("environment", {"A": "1"}),
        ("healthcheck", {"test": ["CMD", "true"], "interval": "1s"}),
        ("labels", {"team": "shop"}),
        ("expose", ["9090"]),
        ("user", "1000:1000"),
        ("stop_grace_period", "30s"),
        ("restart", "no"),
        ("read_only", True),
        ("deploy", {"resources": {"limits": {"memory": "64M"}}}),
    ],
)
def test_what_a_colour_needs_is_kept_as_it_is(key: str, value: Any) -> None:
    assert service_of(released(**{key: value}))[key] == value


def test_a_variable_without_a_value_does_not_come_from_the_shell_of_a_rollback() -> None:
    assert service_of(released(environment={"A": "1", "B": None, "C": ""}))["environment"] == {
        "A": "1",
        "C": "",
    }
    assert service_of(released(environment=["A=1", "B", "C="]))["environment"] == {
        "A": "1",
        "C": "",
    }


def test_replicas_are_ours_to_count() -> None:
    found = released(deploy={"replicas": 2, "resources": {}})
    assert replicas(found) == 2
    assert service_of(found)["deploy"] == {"resources": {}}


def test_a_key_that_older_engines_refuse_is_dropped() -> None:
    found = released(healthcheck={"test": ["CMD", "true"], "start_interval": "1s"})
    assert service_of(found)["healthcheck"] == {"test": ["CMD", "true"]}


def test_networks_and_volumes_of_the_project_are_external() -> None:
    mounts = [
        {"type": "volume", "source": "uploads", "target": "/data"},
        {"type": "volume", "target": "/anonymous"},
        {"type": "bind", "source": "/etc/x", "target": "/x"},
    ]
    volumes = {"uploads": {"name": "shop_uploads"}, "other": {"name": "shop_other"}}
    found = released(top={"volumes": volumes}, volumes=mounts)
    assert found.model["networks"] == {"default": {"name": "shop_default", "external": True}}
    assert found.model["volumes"] == {"uploads": {"name": "shop_uploads", "external": True}}
    assert service_of(found)["volumes"] == mounts


def test_configs_and_secrets_that_are_used_come_along() -> None:
    secrets = {"key": {"name": "shop_key", "file": "/k"}, "unused": {"file": "/u"}}
    found = released(top={"secrets": secrets}, secrets=[{"source": "key", "target": "key"}])
    assert found.model["secrets"] == {"key": {"name": "shop_key", "file": "/k"}}


def test_what_is_published_is_remembered_for_the_proxy() -> None:
    assert published(released()) == {":8000/tcp": 8080}
    assert not built_here(released())


def test_a_later_edit_of_the_file_does_not_reach_a_release() -> None:
    file = a_file(web=a_service(environment={"A": "1"}))
    project = read(file, "compose.yaml")
    found = release(project, project.services["web"], IMAGE)
    before = deepcopy(found)
    file["services"]["web"]["environment"]["A"] = "2"
    file["networks"]["default"]["name"] = "other"
    assert found == before


# ── when two are the same ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "more",
    [
        {"environment": {"A": "1"}},
        {"command": ["serve"]},
        {"labels": {"a": "b"}},
        {"scale": 2},
        {"port": "9000"},
        {"bluegreen": {"health": {"path": "/up"}}},
        {"bluegreen": {"port": 9000}},
    ],
)
def test_what_would_run_or_be_routed_differently_is_another_release(more: Model) -> None:
    assert released(**more).fingerprint != released().fingerprint


@pytest.mark.parametrize(
    "more",
    [
        {"bluegreen": {"keep": 9}},
        {"bluegreen": {"drain_timeout": "1s"}},
        {"container_name": "web"},
        {"profiles": ["prod"]},
        {"build": {"context": "/elsewhere"}},
    ],
)
def test_what_makes_no_difference_to_what_runs_is_the_same_release(more: Model) -> None:
    assert released(**more).fingerprint == released().fingerprint


def test_another_image_is_another_release() -> None:
    other = Image("web:latest", "sha256:other")
    assert released(other).fingerprint != released().fingerprint


def test_another_content_of_a_config_file_is_another_release(tmp_path: Path) -> None:
    file = tmp_path / "nginx.conf"
    top = {"configs": {"nginx": {"name": "shop_nginx", "file": str(file)}}}
    prints = set()
    for content in ("a", "b", "b"):
        file.write_text(content)
        prints.add(released(top=top, configs=[{"source": "nginx"}]).fingerprint)
    file.unlink()
    prints.add(released(top=top, configs=[{"source": "nginx"}]).fingerprint)
    assert len(prints) == 3
