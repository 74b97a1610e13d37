"""The powers of a release: what its containers may do to the host and to other projects, in words for
people. They come from the stored model, which may have been changed on the engine, so a key of a service
that is not known to be harmless is a power too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from compose_bluegreen.domain.release import Release

_IMAGE_USER = "the user of its image"
_DEFAULT_CAPABILITIES = "the default capabilities"
_SETUID = "programs with setuid"
_READ_ONLY = " (read-only)"

_LONGEST = 160
"""Characters of a value that are shown. The digest tells two longer ones apart."""

_HARMLESS = frozenset(
    {
        "attach",
        "blkio_config",
        "cap_drop",
        "command",
        "container_name",
        "cpu_count",
        "cpu_percent",
        "cpu_period",
        "cpu_quota",
        "cpu_rt_period",
        "cpu_rt_runtime",
        "cpu_shares",
        "cpus",
        "cpuset",
        "depends_on",
        "dns",
        "dns_opt",
        "dns_search",
        "domainname",
        "entrypoint",
        "environment",
        "expose",
        "extra_hosts",
        "healthcheck",
        "hostname",
        "image",
        "init",
        "labels",
        "logging",
        "mac_address",
        "mem_limit",
        "mem_reservation",
        "mem_swappiness",
        "memswap_limit",
        "networks",
        "pids_limit",
        "platform",
        "pull_policy",
        "read_only",
        "restart",
        "scale",
        "shm_size",
        "stdin_open",
        "stop_grace_period",
        "stop_signal",
        "tmpfs",
        "tty",
        "ulimits",
        "user",
        "working_dir",
        "configs",
        "secrets",
        "deploy",
    }
)
"""Keys of a service that give no power, or whose powers come from the top level of the model."""

_CONFINED: Mapping[str, tuple[object, ...]] = {
    "privileged": (False, None),
    "network_mode": ("none", "bridge", "", None),
    "ipc": ("none", "private", "shareable", "", None),
    "cgroup": ("private", "", None),
}
"""Values of these keys that give no power."""


def powers(release: Release) -> frozenset[str]:
    """Such as ``privileged``, ``user root`` or ``mounts /var/run/docker.sock of the host``."""
    model = release.model
    service = _mapping(_mapping(model.get("services")).get(release.service))
    return frozenset((*_of_service(service), *_of_model(model), *_from_this_machine(model)))


def gained(release: Release, live: Release | None) -> frozenset[str]:
    """The powers that ``release`` has and ``live`` has not. Without a live release, what nearly each
    release has is no gain: the image's user, default capabilities, networks and volumes of the project."""
    has = powers(release)
    if live is None:
        return frozenset(power for power in has if not _is_usual(power, release))
    had = powers(live)
    return has - had - {weaker for power in had for weaker in _implied(power)}


def _implied(power: str) -> tuple[str, ...]:
    if power == "privileged":
        return (_DEFAULT_CAPABILITIES, _SETUID)
    if power == "user root":
        return (_IMAGE_USER,)
    return (power + _READ_ONLY,) if power.startswith("mounts ") else ()


def _is_usual(power: str, release: Release) -> bool:
    own = (f"{kind} {release.model.get('name')}_" for kind in ("network", "volume"))
    usual = {_IMAGE_USER, _DEFAULT_CAPABILITIES, _SETUID}
    return power in usual or any(power.startswith(begin) for begin in own)


# ── the service ──────────────────────────────────────────────────────────────────────────────


def _of_service(service: Mapping[str, Any]) -> Iterator[str]:
    yield from _user(service.get("user"))
    yield from _defaults(service)
    for key, value in service.items():
        if key in _LISTS:
            yield from filter(None, map(_LISTS[key], _items(value)))
        elif key in _CONFINED:
            yield from _unconfined(key, value)
        elif key not in _HARMLESS and not key.startswith("x-"):
            yield f"{_text(key)} {_text(value)}"
    yield from _inner(service)


def _defaults(service: Mapping[str, Any]) -> Iterator[str]:
    """What Docker gives to each container, unless the release does without."""
    if not any(_capability(item) == "ALL" for item in _items(service.get("cap_drop"))):
        yield _DEFAULT_CAPABILITIES
    if not any(_is_no_new_privileges(item) for item in _items(service.get("security_opt"))):
        yield _SETUID


def _inner(service: Mapping[str, Any]) -> Iterator[str]:
    """Powers that are deeper than a key of the service."""
    for network in _mapping(service.get("networks")).values():
        if options := _mapping(network).get("driver_opts"):
            yield f"network options {_text(options)}"
    resources = _mapping(_mapping(service.get("deploy")).get("resources"))
    for device in _items(_mapping(resources.get("reservations")).get("devices")):
        yield f"devices {_text(device)}"


def _unconfined(key: str, value: Any) -> Iterator[str]:
    if value not in _CONFINED[key]:
        yield key if value is True else f"{key} {_text(value)}"


def _user(value: Any) -> Iterator[str]:
    if value in (None, ""):
        yield _IMAGE_USER
        return
    user, _, group = str(value).partition(":")
    if _is_root(user):
        yield "user root"
    if _is_root(group):
        yield "group root"


def _is_root(name: str) -> bool:
    """``+0`` and ``00`` are 0 to Docker too."""
    try:
        return int(name.strip()) == 0
    except ValueError:
        return name.strip() == "root"


def _mount(volume: Any) -> str:
    """Named volumes come from the top level of the model."""
    mount = _mapping(volume)
    kind, source = mount.get("type"), mount.get("source")
    if kind == "bind":
        propagation = _mapping(mount.get("bind")).get("propagation")
        way = f" with propagation {_text(propagation)}" if propagation else ""
        return f"mounts {_text(source)} of the host{way}" + (
            _READ_ONLY if mount.get("read_only") is True else ""
        )
    named = kind in ("volume", "tmpfs") and (not source or _is_name(source))
    return "" if named else f"mounts {_text(volume)}"


def _is_name(source: Any) -> bool:
    return isinstance(source, str) and not source.startswith((".", "~")) and "/" not in source


def _device(item: Any) -> str:
    if isinstance(item, dict):
        return f"device {_text(item.get('source'))} ({_text(item.get('permissions') or 'rwm')})"
    return f"device {_text(item)}"


def _is_no_new_privileges(item: Any) -> bool:
    return item in ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true")


def _security(item: Any) -> str:
    return "" if _is_no_new_privileges(item) else f"security option {_text(item)}"


def _capability(item: Any) -> str:
    return _text(item).upper().removeprefix("CAP_")


_LISTS: Mapping[str, Callable[[Any], str]] = {
    "cap_add": lambda item: f"capability {_capability(item)}",
    "devices": _device,
    "device_cgroup_rules": lambda item: f"device rule {_text(item)}",
    "security_opt": _security,
    "group_add": lambda item: f"group {_text(item)}",
    "volumes": _mount,
    "sysctls": lambda item: f"sysctl {_text(item)}",
}


# ── the model around it ──────────────────────────────────────────────────────────────────────


def _of_model(model: Mapping[str, Any]) -> Iterator[str]:
    for key, value in model.items():
        if key in ("networks", "volumes"):
            yield from (_external(key[:-1], item) for item in _mapping(value).values())
        elif key in ("configs", "secrets"):
            for item in _mapping(value).values():
                yield from _file(key[:-1], _mapping(item))
        elif key not in ("name", "services") and not key.startswith("x-"):
            yield f"{_text(key)} {_text(value)}"


def _external(kind: str, item: Any) -> str:
    """A release has networks and volumes of the project by name alone. Another definition of a volume
    can mount any folder of the host."""
    keys = _mapping(item)
    if keys.get("external") is True and keys.keys() <= {"name", "external"}:
        return f"{kind} {_text(keys.get('name'))}"
    return f"{kind} with options {_text(item)}"


def _file(kind: str, item: Mapping[str, Any]) -> Iterator[str]:
    if "file" in item:
        yield f"mounts {_text(item['file'])} of the host{_READ_ONLY}"
    for key, value in item.items():
        if key not in ("file", "name", "content"):
            yield f"{kind} from {_text(key)} {_text(value)}"


def _from_this_machine(value: Any) -> Iterator[str]:
    """Compose would replace ``${NAME}`` by a value of the environment here. In the model of a release
    each dollar sign is written twice."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _from_this_machine(item)
    elif isinstance(value, list):
        for item in value:
            yield from _from_this_machine(item)
    elif isinstance(value, str) and "$" in value.replace("$$", ""):
        yield f"values of the environment of this machine: {_text(value)}"


# ── values ───────────────────────────────────────────────────────────────────────────────────


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [f"{key}={_text(item)}" for key, item in value.items()]
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    shown = text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
    if len(shown) <= _LONGEST:
        return shown
    return f"{shown[:_LONGEST]}… ({hashlib.sha256(shown.encode()).hexdigest()[:16]})"
