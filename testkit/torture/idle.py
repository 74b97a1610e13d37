"""Clients that are idle while a deploy runs, and ask once it has ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from testkit.idle import Http1Client
from testkit.load.target import Target
from testkit.torture.reckoning import IdleAnswer

METHODS = ("GET", "POST")


class Idle:
    """Every other one asks by POST."""

    def __init__(self, clients: list[Http1Client]) -> None:
        self._clients = clients

    def ask(self, expected: str) -> list[IdleAnswer]:
        """One request of each."""
        return [
            _asked(client, METHODS[number % 2], expected)
            for number, client in enumerate(self._clients)
        ]


@contextmanager
def idle(count: int, target: Target) -> Iterator[Idle]:
    """Their connections are open, and each has had one answer."""
    clients = [Http1Client(target.address[1], target.host) for _ in range(count)]
    try:
        found = Idle(clients)
        found.ask("")
        yield found
    finally:
        for client in clients:
            client.close()


def _asked(client: Http1Client, method: str, expected: str) -> IdleAnswer:
    try:
        status, version = client.ask(method)
    except (OSError, HTTPException):
        client.close()
        return IdleAnswer(0, "", expected)
    return IdleAnswer(status, version, expected)
