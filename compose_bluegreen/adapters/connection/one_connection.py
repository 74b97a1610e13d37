"""One connection for a whole command, its ``docker`` and ``docker compose`` included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager

from compose_bluegreen.adapters.connection.endpoint import Endpoint, find_endpoint

_SSH = "ssh://"
_VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY")


@contextmanager
def one_connection(
    environ: MutableMapping[str, str], remark: Callable[[str], None]
) -> Iterator[Endpoint]:
    """Where the engine is behind ssh, ``environ`` leads to a socket on this machine inside.

    Yields the endpoint that the user chose. Raises UsageError for an address or a context that is not
    one, EngineUnreachable where ssh can't log in.
    """
    endpoint = find_endpoint(environ)
    if endpoint.tls and not endpoint.tls.verifies:
        remark(f"{endpoint.name}: the engine's certificate is not verified")
    if not endpoint.host.startswith(_SSH):
        yield endpoint
        return
    from compose_bluegreen.adapters.connection.ssh_tunnel import forwarded  # noqa: PLC0415 - rare

    with forwarded(endpoint.host) as socket:
        before = {name: environ.pop(name) for name in _VARIABLES if name in environ}
        environ["DOCKER_HOST"] = f"unix://{socket}"
        try:
            yield endpoint
        finally:
            del environ["DOCKER_HOST"]
            environ.update(before)
