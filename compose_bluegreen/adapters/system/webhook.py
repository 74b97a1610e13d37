"""A webhook is told, a few times if need be, and nobody waits long for it."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from compose_bluegreen import __version__

_WORTH_ANOTHER_TRY = {408, 425, 429}


@dataclass(frozen=True, slots=True)
class Patience:
    """``each`` try and all of them ``together`` in seconds, ``pauses`` between them."""

    each: float = 3.0
    together: float = 10.0
    pauses: tuple[float, ...] = (0.5, 1.5)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The body would be lost on the way, and the secret go elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Webhook:
    """``address`` may hold a secret: nothing that is returned or raised repeats it."""

    def __init__(self, address: str, patience: Patience | None = None) -> None:
        self._address = address
        self._patience = patience or Patience()

    def tell(self, notice: Mapping[str, Any]) -> str:
        """What went wrong; "" if it has answered that it knows."""
        said = [f"no answer within {self._patience.together:g} s"]
        # A look-up of a name has no timeout of its own, so it is left behind where it hangs.
        teller = Thread(target=self._try, args=(json.dumps(notice).encode(), said), daemon=True)
        teller.start()
        teller.join(self._patience.together)
        return said[-1]

    def _try(self, body: bytes, said: list[str]) -> None:
        pauses = iter(self._patience.pauses)
        while True:
            wrong, again = self._once(body)
            pause = next(pauses, None) if again else None
            if pause is None:
                said.append(wrong)
                return
            time.sleep(pause)

    def _once(self, body: bytes) -> tuple[str, bool]:
        """What went wrong, and whether it may go better the next time."""
        try:
            opener = urllib.request.build_opener(_NoRedirects)
            with opener.open(self._request(body), timeout=self._patience.each):
                return "", False
        except urllib.error.HTTPError as error:
            error.close()
            return (
                f"it answered {error.code}",
                error.code >= 500 or error.code in _WORTH_ANOTHER_TRY,
            )
        except urllib.error.URLError as error:
            reason = error.reason
            why = reason.strerror if isinstance(reason, OSError) else None
            return why or type(reason).__name__, True
        except (OSError, http.client.HTTPException, ValueError) as error:
            return type(error).__name__, not isinstance(error, ValueError)

    def _request(self, body: bytes) -> urllib.request.Request:
        parts = urlsplit(self._address)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"compose-bluegreen/{__version__}",
        }
        if parts.username is not None:
            who = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(who.encode()).decode()}"
        host = parts.netloc.rpartition("@")[2]
        return urllib.request.Request(  # noqa: S310 - http and https alone get here
            parts._replace(netloc=host, fragment="").geturl(), body, headers, method="POST"
        )
