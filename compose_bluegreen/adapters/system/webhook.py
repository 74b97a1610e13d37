"""Sends a notification to a webhook, with a few retries and a limit on the whole time.

The retries are ours: those of urllib3 log the path of the URL, which may be a secret, as a warning,
and they start without a pause.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import urldefragauth

from compose_bluegreen import __version__

_TEMPORARY = {408, 425, 429}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each ``attempt``, for the ``total`` of them, and for the ``pauses`` between."""

    attempt: float = 3.0
    total: float = 10.0
    pauses: tuple[float, ...] = (0.5, 1.5)


class Webhook:
    """``address`` may hold a secret: no text that is returned or raised repeats it."""

    def __init__(self, address: str, timeouts: Timeouts | None = None) -> None:
        self._address = address
        self._timeouts = timeouts or Timeouts()

    def send(self, notification: Mapping[str, Any]) -> str:
        """Returns the reason of the failure; "" after an answer with a 2xx code."""
        results = [f"no answer within {self._timeouts.total:g} s"]
        # A DNS lookup has no timeout. A daemon thread can hang in it without holding up the process.
        body = json.dumps(notification).encode()
        thread = Thread(target=self._send, args=(body, results), name="webhook", daemon=True)
        thread.start()
        thread.join(self._timeouts.total)
        return results[-1]

    def _send(self, body: bytes, results: list[str]) -> None:
        for pause in (*self._timeouts.pauses, None):
            failure, temporary = self._attempt(body)
            if not temporary or pause is None:
                results.append(failure)
                return
            time.sleep(pause)

    def _attempt(self, body: bytes) -> tuple[str, bool]:
        """Returns the reason of the failure, and whether a retry may help."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"compose-bluegreen/{__version__}",
        }
        try:
            with requests.post(
                urldefragauth(self._address),
                data=body,
                headers=headers,
                auth=_credentials(self._address),
                timeout=self._timeouts.attempt,
                # A redirect would lose the body, and would send the secret to another host.
                allow_redirects=False,
                stream=True,  # nothing reads the answer's body, however long it is
            ) as answer:
                code = answer.status_code
        except (requests.RequestException, OSError, ValueError) as error:
            return _reason(error), not isinstance(error, ValueError)
        if 200 <= code < 300:
            return "", False
        return f"it answered {code}", code >= 500 or code in _TEMPORARY


class _NoCredentials(AuthBase):
    """Without it, requests would send a password from ``~/.netrc``."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _credentials(address: str) -> AuthBase:
    parts = urlsplit(address)
    if parts.username is None:
        return _NoCredentials()
    return HTTPBasicAuth(unquote(parts.username).encode(), unquote(parts.password or "").encode())


def _reason(error: Exception) -> str:
    """The system's text for it. The library's own messages quote the URL."""
    if isinstance(error, requests.Timeout):
        return "timed out"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__
