"""Several services behind one published port, by host name and path."""

from __future__ import annotations

import json

import pytest

from testkit.stage import Model, Stage, other, service

pytestmark = pytest.mark.engine


def a_service(stage: Stage, version: str, **own: object) -> Model:
    settings = {"health": {"path": "/healthz"}, "drain_timeout": "5s"} | own
    port, environment = f"{stage.port}:8080", {"VERSION": version}
    return service(port, environment=environment, **{"x-bluegreen": settings})


def test_services_share_a_port_and_are_switched_alone(stage: Stage) -> None:
    admin = {"hosts": ["admin.example.com"], "paths": ["/events", "/healthz"]}

    def write(api: str, **of_admin: object) -> None:
        stage.write(
            web=a_service(stage, "web-1"),
            api=a_service(stage, api, paths=["/headers", "/slow"]),
            admin=a_service(stage, "admin-1", **(admin | of_admin)),
            worker=other(),
        )

    def answers(path: str = "/", host: str = "127.0.0.1") -> tuple[int, str]:
        found = stage.ask(path, headers={"Host": host})
        return found.status, found.version

    def others() -> None:
        assert answers() == (200, "web-1")
        assert answers("/healthz", "admin.example.com") == (200, "admin-1")

    with stage.step("what can't be told apart is refused before anything is made"):
        write("api-1", paths=["/"])
        run = stage.bluegreen("up").ended(2)
        assert "compose.yaml: services.api.x-bluegreen.hosts: admin and api share" in run.err
        assert "admin.example.com; any host/headers" in run.err
        assert stage.containers() == []
    with stage.step("released together, told apart"):
        write("api-1")
        stage.bluegreen("up").ended(0)
        others()
        assert answers("/headers") == (200, "api-1")
        assert answers("/headers/below") == (404, "api-1")
        assert answers("/headers-not") == (404, "web-1")
        assert answers("/slow?ms=1", "any.example.com") == (200, "api-1")
        assert answers("/healthz", "Admin.Example.com:8000") == (200, "admin-1")
        assert answers("/", "admin.example.com") == (200, "web-1")
        assert answers("/healthz", "example.com") == (200, "web-1")
    with stage.step("inside the project each answers all that is asked of its name"):
        stage.compose("up", "--detach", "worker").ended(0)
        asked = (
            "import urllib.request as ask;"
            "print(ask.urlopen('http://admin:8080/').headers['X-Version'])"
        )
        worker = f"{stage.project}-worker-1"
        assert stage.docker("exec", worker, "python3", "-c", asked) == "admin-1"
    with stage.step("one is switched, and the others go on"), stage.load(by_kind=True):
        write("api-2")
        run = stage.bluegreen("up", "api").ended(0)
        assert "the proxy" not in run.err
        assert answers("/headers") == (200, "api-2")
        others()
    with stage.step("another path is a reload, and nothing is released"), stage.load(by_kind=True):
        write("api-2", paths=["/events", "/healthz", "/echo"])
        run = stage.bluegreen("up").ended(0)
        assert "reload the proxy" in run.err
        assert json.loads(stage.ask("/headers").body)
        assert answers("/echo", "admin.example.com") == (405, "admin-1")
        others()
    with stage.step("what nobody wants any more is turned away"):
        stage.write(
            web=a_service(stage, "web-1", hosts=["app.example.com"]),
            api=a_service(stage, "api-2", hosts=["app.example.com"], paths=["/headers"]),
            admin=a_service(stage, "admin-1", **admin),
            worker=other(),
        )
        stage.bluegreen("up").ended(0)
        assert answers("/", "app.example.com") == (200, "web-1")
        found = stage.ask("/", headers={"Host": "other.example.com"})
        assert (found.status, found.body) == (404, b"Nothing here answers to that name and path.\n")
