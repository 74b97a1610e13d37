"""The powers of a release: each key of Compose that gives one, and values that were made to hide one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.domain.powers import gained, powers
from compose_bluegreen.domain.release import Image, Model, Release

USUAL = {"the user of its image", "the default capabilities", "programs with setuid"}
HARDENED: Model = {
    "user": "1000:1000",
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
}


def a_release(service: Any = None, **model: Any) -> Release:
    whole = {"name": "shop", "services": {"web": service or {}}} | model
    return Release("web", Image("web", "sha256:1"), whole, {}, "0" * 16)


def hardened(service: Model | None = None, **model: Any) -> Release:
    return a_release(HARDENED | (service or {}), **model)


def test_a_plain_release_has_what_docker_gives_to_each_container() -> None:
    plain = {"image": "web", "environment": {"A": "$$1"}, "restart": "always", "x-note": "$$"}
    assert powers(a_release(plain)) == USUAL
    assert powers(hardened()) == set()


@pytest.mark.parametrize(
    ("service", "power"),
    [
        ({"privileged": True}, "privileged"),
        ({"privileged": "yes"}, "privileged yes"),
        ({"user": "root"}, "user root"),
        ({"user": "0"}, "user root"),
        ({"user": "+00:1000"}, "user root"),
        ({"user": 0}, "user root"),
        ({"user": "1000:0"}, "group root"),
        ({"user": ""}, "the user of its image"),
        ({"cap_drop": ["NET_RAW"]}, "the default capabilities"),
        ({"security_opt": ["no-new-privileges:false"]}, "security option no-new-privileges:false"),
        ({"security_opt": []}, "programs with setuid"),
        ({"cap_add": ["cap_sys_admin"]}, "capability SYS_ADMIN"),
        ({"cap_add": "ALL"}, "capability ALL"),
        ({"devices": ["/dev/kvm:/dev/kvm"]}, "device /dev/kvm:/dev/kvm"),
        ({"devices": [{"source": "/dev/sda", "target": "/x"}]}, "device /dev/sda (rwm)"),
        ({"device_cgroup_rules": ["c 1:3 mr"]}, "device rule c 1:3 mr"),
        ({"security_opt": ["seccomp:unconfined"]}, "security option seccomp:unconfined"),
        ({"security_opt": ["label:disable"]}, "security option label:disable"),
        ({"network_mode": "host"}, "network_mode host"),
        ({"network_mode": "container:db"}, "network_mode container:db"),
        ({"pid": "host"}, "pid host"),
        ({"ipc": "host"}, "ipc host"),
        ({"uts": "host"}, "uts host"),
        ({"userns_mode": "host"}, "userns_mode host"),
        ({"cgroup": "host"}, "cgroup host"),
        ({"sysctls": {"net.core.somaxconn": 1024}}, "sysctl net.core.somaxconn=1024"),
        ({"group_add": ["docker"]}, "group docker"),
        ({"gpus": "all"}, "gpus all"),
        ({"runtime": "other"}, "runtime other"),
        ({"use_api_socket": True}, "use_api_socket true"),
        ({"provider": {"type": "x"}}, 'provider {"type": "x"}'),
        ({"volumes_from": ["container:db"]}, 'volumes_from ["container:db"]'),
        ({"extends": {"file": "/a"}}, 'extends {"file": "/a"}'),
        ({"post_start": [{"user": "root"}]}, 'post_start [{"user": "root"}]'),
        ({"a\x1b[2J": 1}, "a\\x1b[2J 1"),
        ({"volumes": ["/:/host"]}, "mounts /:/host"),
        (
            {"volumes": [{"type": "bind", "source": "/", "target": "/host"}]},
            "mounts / of the host",
        ),
        (
            {"volumes": [{"type": "bind", "source": "/etc", "read_only": True}]},
            "mounts /etc of the host (read-only)",
        ),
        (
            {"volumes": [{"type": "bind", "source": "/a", "bind": {"propagation": "rshared"}}]},
            "mounts /a of the host with propagation rshared",
        ),
        ({"volumes": [{"type": "volume", "source": "/x"}]}, "mounts {"),
        ({"volumes": [{"type": "image", "source": "x"}]}, "mounts {"),
        ({"networks": {"a": {"driver_opts": {"x": "y"}}}}, 'network options {"x": "y"}'),
        (
            {"deploy": {"resources": {"reservations": {"devices": [{"count": 1}]}}}},
            'devices {"count": 1}',
        ),
        (
            {"environment": {"A": "$$ ${AWS_SECRET}"}},
            "values of the environment of this machine: $$ ${AWS_SECRET}",
        ),
    ],
)
def test_a_service_that_gains_something_says_so(service: Model, power: str) -> None:
    lost = {"programs with setuid"} - {power} if "security_opt" in service else set()
    (gain,) = gained(hardened(service), hardened()) - lost
    assert gain == power or (power.endswith("{") and gain.startswith(power))


@pytest.mark.parametrize(
    ("model", "power"),
    [
        ({"networks": {"a": {"name": "other_db", "external": True}}}, "network other_db"),
        ({"volumes": {"a": {"name": "other_data", "external": True}}}, "volume other_data"),
        (
            {"volumes": {"a": {"name": "x", "driver_opts": {"device": "/", "o": "bind"}}}},
            'volume with options {"driver_opts": {"device": "/", "o": "bind"}, "name": "x"}',
        ),
        ({"networks": {"a": None}}, "network with options null"),
        ({"secrets": {"a": {"file": "/etc/shadow"}}}, "mounts /etc/shadow of the host (read-only)"),
        ({"secrets": {"a": {"environment": "TOKEN"}}}, "secret from environment TOKEN"),
        ({"configs": {"a": {"file": "/b"}}}, "mounts /b of the host (read-only)"),
        ({"include": ["/x.yaml"]}, 'include ["/x.yaml"]'),
    ],
)
def test_so_does_the_model_around_it(model: Model, power: str) -> None:
    assert gained(hardened({}, **model), hardened()) == {power}


HARMLESS: list[Model] = [
    {"networks": {"default": None}},
    {"ipc": "private", "network_mode": "none", "cgroup": "private", "privileged": False},
    {"volumes": [{"type": "volume", "source": "data"}, {"type": "tmpfs", "target": "/t"}]},
    {"user": "app"},
    {"extra_hosts": ["a=1.2.3.4"], "deploy": {"resources": {"limits": {"cpus": "1"}}}},
]


@pytest.mark.parametrize("service", HARMLESS)
def test_what_gives_no_power_is_no_gain(service: Model) -> None:
    assert gained(hardened(service), hardened()) == set()


def test_what_the_live_release_has_is_no_gain() -> None:
    mounts = {"volumes": [{"type": "bind", "source": "/var/run/docker.sock"}], "user": "root"}
    assert gained(a_release(mounts), a_release(mounts)) == set()
    assert gained(a_release(), a_release({"user": "root"})) == set()
    assert gained(a_release(), a_release({"privileged": True})) == set()


def test_a_mount_that_may_be_written_is_more_than_one_that_may_be_read() -> None:
    def mount(**more: object) -> Release:
        return a_release({"volumes": [{"type": "bind", "source": "/a", **more}]})

    assert gained(mount(read_only=True), mount()) == set()
    assert gained(mount(), mount(read_only=True)) == {"mounts /a of the host"}


def test_the_protection_that_the_live_release_has_must_not_be_lost_unseen() -> None:
    assert gained(a_release(), hardened()) == USUAL


def test_without_a_live_release_only_what_is_unusual_counts() -> None:
    own = {"default": {"name": "shop_default", "external": True}}
    assert gained(a_release(networks=own), None) == set()
    assert gained(a_release({"privileged": True}, networks=own), None) == {"privileged"}


def test_two_long_values_differ_by_their_ends() -> None:
    first, second = (
        powers(hardened({"security_opt": [f"seccomp={'x' * 300}{end}"]})) for end in "ab"
    )
    assert first != second
    assert max(map(len, first | second)) < 250


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(
    ["user", "privileged", "volumes", "cap_add", "cap_drop", "security_opt", "networks", "deploy"]
)


@given(
    service=anything | st.dictionaries(keys | st.text(), anything),
    model=st.dictionaries(st.sampled_from(["networks", "volumes", "configs", "x"]), anything),
)
def test_no_value_breaks_it_and_each_power_can_be_shown(service: Any, model: Model) -> None:
    assert all(power.isprintable() for power in powers(a_release(service, **model)))
