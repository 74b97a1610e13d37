"""Who can see what: secrets, statistics, the proxy's own rights."""

from __future__ import annotations

import json
import secrets
import stat
import subprocess
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from compose_bluegreen.adapters.haproxy.config import render
from compose_bluegreen.adapters.haproxy.container_spec import FILES_USER
from compose_bluegreen.config.settings import ProjectSettings
from compose_bluegreen.config.settings_reader import service_settings
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import BadSetting, ProxyFailed
from compose_bluegreen.domain.topology import Check, ColourBackend, Published, Route, Topology
from testkit.command_lines import watching
from testkit.stage import Model, Stage, other, service

pytestmark = pytest.mark.engine


NETWORK = IPv4Network("172.30.0.0/16")
SECRET = f"hush-{secrets.token_hex(8)}"


def _secretive(stage: Stage, **more: object) -> None:
    web = service(
        f"{stage.port}:8080",
        environment={
            "VERSION": "${VERSION}",
            "NEVER_START": "${NEVER_START:-}",
            "PASSWORD": SECRET,
        },
        labels={"com.example.token": SECRET},
        build="./src",
        image="",
        **more,
    )
    (stage.folder / "src").mkdir(exist_ok=True)
    (stage.folder / "src" / "Dockerfile").write_text("FROM localhost:1/bgtest/sample\n")
    stage.write(web=web, worker=other(networks=["default"]))


def _open_to_others(folder: Path) -> list[str]:
    return [
        f"{stat.filemode(each.lstat().st_mode)} {each}"
        for each in (folder, *folder.rglob("*"))
        if stat.S_IMODE(each.lstat().st_mode) & 0o077 and not each.is_symlink()
    ]


def test_a_secret_is_told_to_nobody(stage: Stage) -> None:
    _secretive(stage)
    said = []
    with stage.step("the watcher sees what there is to see"), watching(SECRET) as found:
        stage.docker("run", "--rm", "localhost:1/bgtest/sample", "true", SECRET)
    assert found
    with stage.step("not in the arguments of any process"), watching(SECRET) as found:
        said.append(stage.up("v1"))
        said.append(stage.up("v2"))
        said.append(stage.bluegreen("rollback").ended(0))
        said.append(
            stage.bluegreen("up", "--timeout", "1s", VERSION="v3", NEVER_START="1").ended(1)
        )
    assert found == []
    with stage.step("not in what any command says, for people or for programs"):
        for words in (
            *(("history",), ("show", "1"), ("show", "4"), ("status",), ("prune", "--dry-run")),
            *(("up", "--dry-run"), ("up", "--progress", "json")),
        ):
            said += [stage.bluegreen(*words, VERSION="v4").ended(0)]
        said += [
            stage.bluegreen(*words, "--format", "json").ended(0)
            for words in (("history",), ("show", "1"), ("show", "4"), ("status",))
        ]
    assert [str(run) for run in said if SECRET in run.out + run.err] == []
    with stage.step("in no file that anybody else may read"):
        assert _open_to_others(stage.folder.parent / "state" / "compose-bluegreen") == []
    with stage.step("nor in the proxy, nor in what it says"):
        everything = "find /var/lib/bluegreen -type f -exec cat {} +; env"
        assert SECRET not in stage.in_the_proxy(everything)
        assert SECRET not in stage.docker("logs", stage.proxy)
        assert SECRET not in json.dumps(stage.inspect(stage.proxy))


@pytest.fixture(scope="module")
def site(shared: Stage) -> Stage:
    shared.write(
        web=service(f"{shared.port}:8080", networks=["default", "aaa"]),
        worker=other(networks=["default", "aaa"]),
        top={"networks": {"aaa": {"name": f"{shared.project}_aaa"}}},
    )
    shared.up("v1")
    shared.compose("up", "--detach", "worker").ended(0)
    return shared


def test_the_proxy_has_no_rights_that_it_does_not_need(site: Stage) -> None:
    found = site.inspect(site.proxy)
    assert found["Config"]["User"] == "haproxy"
    host: Model = found["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Privileged"] is False
    mounts = [(one["Type"], one["Destination"]) for one in found["Mounts"]]
    assert {kind for kind, _ in mounts} == {"volume"}, "nothing of the host is in it"
    with site.step("and the kernel agrees"):
        said = site.docker(
            "exec", site.proxy, "grep", "-E", "^(Uid|CapEff|NoNewPrivs)", "/proc/1/status"
        )
        rights = dict(line.split(":", 1) for line in said.splitlines())
        assert int(rights["CapEff"], 16) == 0
        assert rights["NoNewPrivs"].strip() == "1"
        assert "0" not in rights["Uid"].split()


def test_its_files_are_its_own(site: Stage) -> None:
    """After a release that changed the configuration, too."""
    site.write(
        web=service(
            f"{site.port}:8080",
            networks=["default", "aaa"],
            **{"x-bluegreen": {"health": {"path": "/healthz"}, "drain_timeout": "4s", "keep": 4}},
        ),
        worker=other(networks=["default", "aaa"]),
        top={"networks": {"aaa": {"name": f"{site.project}_aaa"}}},
    )
    site.up("v1", "--force")
    user = FILES_USER.partition(":")[0]
    for folder, others in (("/var/lib/bluegreen", "027"), ("/var/lib/bluegreen-history", "077")):
        script = f"find {folder} -perm /{others} -o ! -user {user}"
        assert site.in_the_proxy(script) == ""


def test_who_breaks_into_haproxy_reads_no_journal_and_writes_no_file(site: Stage) -> None:
    """Visitors talk to HAProxy alone, so whoever attacks them runs as its user."""

    def as_haproxy(script: str) -> str:
        return site.in_the_proxy(f"{{ {script}; }} 2>&1 || true", user="haproxy")

    assert site.in_the_proxy("ls /var/lib/bluegreen-history").count(".json")
    assert "Permission denied" in as_haproxy("ls /var/lib/bluegreen-history")
    for file in site.in_the_proxy("ls /var/lib/bluegreen").split():
        assert "Permission denied" in as_haproxy(f"echo x >>/var/lib/bluegreen/{file}")
    for act in ("touch new", "rm route.map", "mv route.map x", "cat lock", "flock -n lock true"):
        assert "Permission denied" in as_haproxy(f"cd /var/lib/bluegreen && {act}"), act
    with site.step("and reaches no file through the command that holds the lock"):
        running = site.begin("up", "--force", "--progress", "json", VERSION="v1")
        running.until('"step_began"')
        root = "for p in /proc/[0-9]*; do ls $p/root/var/lib/bluegreen-history $p/fd/9; done"
        looked = as_haproxy(root)
        running.end().ended(0)
    assert "Permission denied" in looked
    assert ".json" not in looked
    assert "lock" not in looked.replace("block", "")


def test_statistics_are_for_the_docker_host_alone(site: Stage) -> None:
    def asked(url: str) -> str:
        program = (
            "import sys, urllib.request, urllib.error\n"
            "try: print(urllib.request.urlopen(sys.argv[1], timeout=5).status)\n"
            "except urllib.error.HTTPError as error: print(error.code)\n"
            "except OSError: print('nothing')\n"
        )
        return site.docker("exec", f"{site.project}-worker-1", "python3", "-c", program, url)

    (monitor,) = site.docker("port", site.proxy, "10000").split()
    assert monitor.startswith("127.0.0.1:")
    port = int(monitor.rpartition(":")[2])
    for path in ("/", "/metrics"):
        assert site.ask(path, port=port).status == 200
        for network, where in site.inspect(site.proxy)["NetworkSettings"]["Networks"].items():
            said = asked(f"http://{where['IPAddress']}:10000{path}")
            assert said in {"403", "nothing"}, f"{said} by {network}"
        assert asked(f"http://web:10000{path}") == "403"
    with site.step("which can change nothing"):
        assert site.ask("/;csv", port=port, body=b"s=web-blue-8080&action=shutdown").status != 200
    with site.step("and survive a restart, whatever addresses that brings"):
        site.docker("restart", "--time", "1", site.proxy)
        (monitor,) = site.docker("port", site.proxy, "10000").split()
        site.bluegreen("status").ended(0)
        assert site.ask("/metrics", port=int(monitor.rpartition(":")[2])).status == 200


HOSTILE = (
    *("/a?b=%[env(HOME)]", "/a#b", "/a;b", "/a b", "/a\nserver x 1.2.3.4:1", '/a"b', "/a'b"),
    *("/a\\", "/$HOME", "/é", "/a\0", "/{a}", "/a%20b", "/a%b", "/a?x=1&y=2", "/~a,b:c@d+e-f"),
)


STATUSES = ("200", "200-399", "200,301-308", "2٠٠", "399-200", "200 or 1", "200\n")
NAMES = ("web", "Web", "a.b-c_d", "0", "monitor", "nobody", "nobody-tcp", "x" * 60, "-a", "_", ".")
ODD_NAMES = ("a b", "a\nb", "a;b", "%[env(HOME)]", "é", "")


def _accepted(key: str, values: tuple[str, ...]) -> list[str]:
    """Those that the settings take."""
    found = []
    for value in values:
        with suppress(BadSetting):
            service_settings({"health": {key: value}}, ProjectSettings(), "here")
            found.append(value)
    return found


def test_what_is_not_refused_is_what_haproxy_reads(site: Stage) -> None:
    """By the real parser, beside the configuration that serves."""
    paths, statuses = _accepted("path", HOSTILE), _accepted("status", STATUSES)
    assert 4 <= len(paths) < len(HOSTILE)
    assert statuses == ["200", "200-399", "200,301-308"]
    routes = []
    for number, name in enumerate(NAMES):
        check = Check(paths[number % len(paths)], statuses[number % len(statuses)])
        target = ColourBackend(
            (16 + number,), 8080, ((8080, 8080), (10001 + number, 8080)), "http", check
        )
        internal_port = Published(f":{9000 + number}/tcp", "", str(9000 + number), 10001 + number)
        networks = (("shop_default", (name, "alias")),)
        routes.append(
            Route(name, (internal_port,), networks, ((Colour.BLUE, target), (Colour.GREEN, target)))
        )
    for odd in ODD_NAMES:
        with pytest.raises(ProxyFailed):
            render(Topology("shop", routes=(Route(odd, targets=routes[0].targets),)), NETWORK)
    text = render(Topology("shop", routes=tuple(routes)), NETWORK)
    assert text.count("    server ") == 2 * len(NAMES)
    script = (
        "cd /var/lib/bluegreen && cat >x.cfg && haproxy -c -f x.cfg; code=$?; rm x.cfg; exit $code"
    )
    asked = subprocess.run(
        ("docker", "exec", "-i", "--user", FILES_USER, site.proxy, "sh", "-c", script),
        input=text,
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert asked.returncode == 0, asked.stderr + asked.stdout


def test_a_hostile_file_is_refused_before_anything_moves(site: Stage) -> None:
    top = {"networks": {"aaa": {"name": f"{site.project}_aaa"}}}
    web = service(f"{site.port}:8080", networks=["default", "aaa"])
    before = site.inspect(site.proxy)["State"]["StartedAt"], site.live(), len(site.history())
    for key, value in (("path", "/a\n    server x 1.2.3.4:1"), ("status", "200\n  bind :1")):
        web["x-bluegreen"] = {"health": {key: value}}
        site.write(file="hostile.yaml", web=web, top=top)
        run = site.bluegreen("-f", "hostile.yaml", "up", VERSION="v9").ended(2)
        assert f"hostile.yaml: services.web.x-bluegreen.health.{key}: " in run.err
    after = site.inspect(site.proxy)["State"]["StartedAt"], site.live(), len(site.history())
    assert after == before
