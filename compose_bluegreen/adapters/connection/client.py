"""A client of the engine that ``docker`` itself would talk to."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import docker
import docker.errors
import docker.tls
import requests.exceptions
import urllib3.exceptions

from compose_bluegreen.adapters.connection.endpoint import Tls, find_endpoint
from compose_bluegreen.domain.errors import EngineUnreachable

_SILENCE = 60
"""Seconds for which the engine may be silent in an answer."""


class Client:
    """The docker SDK's low-level client, whose errors are raised as ours.

    Only ``docker.errors.NotFound`` passes: not to be there is an answer.
    """

    def __init__(self, api: Any) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._api, name)

        def call(*arguments: Any, **options: Any) -> Any:
            with _mapped():
                return method(*arguments, **options)

        return call


class _Api(docker.APIClient):
    """Without what requests reads from the environment: with REQUESTS_CA_BUNDLE, the engine's own
    certificate authority does not count, and a proxy for the Internet does not reach the engine."""

    trust_env = property(lambda _: False, lambda _, __: None)


def connect() -> Client:
    """A client of the engine that ``docker`` itself would talk to.

    Raises UsageError for a context that isn't there, EngineUnreachable for one that doesn't answer.
    """
    endpoint = find_endpoint(os.environ)
    if endpoint.tls and not endpoint.tls.verifies:  # one_connection has reported it
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
    with _mapped():
        return Client(
            _Api(
                endpoint.host,
                tls=_tls(endpoint.tls) if endpoint.tls else False,
                version="auto",
                timeout=_SILENCE,
            )
        )


def _tls(tls: Tls) -> docker.tls.TLSConfig:
    pair = (tls.certificate, tls.key) if tls.certificate and tls.key else None
    return docker.tls.TLSConfig(client_cert=pair, ca_cert=tls.authority, verify=tls.verifies)


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except docker.errors.NotFound:
        raise
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise EngineUnreachable(
            "the Docker engine doesn't answer as it should",
            detail=str(error),
            hint="docker info tells more",
        ) from error
