"""The engine that ``docker`` itself would talk to: from the environment, or from a docker context.

The docker SDK reads contexts too, but it looks in the current folder where there is no ``config.json``,
and leaves out the certificate authority of a context without a client certificate.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compose_bluegreen.domain.errors import UsageError

LOCAL = "unix:///var/run/docker.sock"
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files. Without ``authority``, the certificate authorities of this machine count."""

    authority: str | None
    certificate: str | None
    key: str | None
    verifies: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``host`` is an address as in DOCKER_HOST. ``name`` says where it comes from."""

    host: str
    name: str
    tls: Tls | None = None

    @property
    def is_here(self) -> bool:
        """On this machine, as far as the address shows it."""
        return self.host.startswith("unix://")


def find_endpoint(environ: Mapping[str, str]) -> Endpoint:
    """Raises UsageError for a context that is not there or can't be read."""
    folder = config_folder(environ)
    name = environ.get("DOCKER_CONTEXT") or _current_context(folder)
    if host := environ.get("DOCKER_HOST"):
        return Endpoint(host, host, _tls_of(environ, folder))
    if name == _DEFAULT:
        return Endpoint(LOCAL, f"context {name}", _tls_of(environ, folder))
    return _context(name, folder / "contexts")


def config_folder(environ: Mapping[str, str]) -> Path:
    """Where ``docker`` keeps its configuration."""
    chosen = environ.get("DOCKER_CONFIG")
    return Path(chosen) if chosen else Path(environ.get("HOME") or Path.home()) / ".docker"


def _current_context(folder: Path) -> str:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return str(config.get("currentContext") or _DEFAULT)
    except (OSError, ValueError, AttributeError):
        return _DEFAULT  # docker warns of such a file


def _context(name: str, contexts: Path) -> Endpoint:
    key = hashlib.sha256(name.encode()).hexdigest()
    file = contexts / "meta" / key / "meta.json"
    try:
        endpoint: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["Endpoints"][
            "docker"
        ]
        host, skips = str(endpoint.get("Host") or LOCAL), bool(endpoint.get("SkipTLSVerify"))
    except FileNotFoundError:
        raise UsageError(f"no docker context {name!r}", hint="docker context ls") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"the docker context {name!r} can't be read from {file}: {error!r}",
            hint=f"docker context rm {name}, and create it again",
        ) from error
    files = _pem_files(contexts / "tls" / key / "docker")
    tls = Tls(*files, verifies=not skips) if skips or any(files) else None
    return Endpoint(host, f"context {name}", tls)


def _tls_of(environ: Mapping[str, str], folder: Path) -> Tls | None:
    verifies = bool(environ.get("DOCKER_TLS_VERIFY"))
    if not verifies and not environ.get("DOCKER_TLS"):
        return None
    chosen = environ.get("DOCKER_CERT_PATH")
    return Tls(*_pem_files(Path(chosen) if chosen else folder), verifies=verifies)


def _pem_files(folder: Path) -> tuple[str | None, str | None, str | None]:
    authority, certificate, key = (
        str(file) if (file := folder / f"{name}.pem").is_file() else None
        for name in ("ca", "cert", "key")
    )
    return authority, certificate, key
