"""Reports to a webhook how the deployments of this command ended. No deployment fails because of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from compose_bluegreen.cli import json_output
from compose_bluegreen.config.types import address
from compose_bluegreen.deployment.notifications import event
from compose_bluegreen.ports.history import History
from compose_bluegreen.ports.system import Observer
from compose_bluegreen.runtime.interrupts import shielded

VARIABLE = "BLUEGREEN_NOTIFY"

Send = Callable[[Mapping[str, Any]], str]
"""Sends one notification, and returns the reason of a failure, or ""."""


def webhook_address(
    environ: Mapping[str, str], in_the_file: str | None, observer: Observer
) -> str | None:
    """The webhook's address: from the environment, else from the compose file."""
    try:
        return address(environ.get(VARIABLE, "")) or address(in_the_file or "")
    except ValueError as error:
        observer.remark(
            f"warning: notifications are off, because notify has a wrong value: {error}"
        )
        return None


def send(post: Send, ended: Sequence[int], history: History, observer: Observer) -> None:
    """Never raises, and ignores interrupts: the deployments have ended already."""
    with shielded(observer.remark):
        for deployment in ended:
            try:
                failure = _tell(post, deployment, history)
            except Exception as error:  # noqa: BLE001 - the deployment has ended in any case
                failure = type(error).__name__
            if failure:
                warning = f"the webhook did not receive the result of deployment {deployment}"
                observer.remark(f"warning: {warning}: {failure}")


def _tell(post: Send, deployment: int, history: History) -> str:
    record = history.get(deployment)
    about = event(record) if record else None
    return post(json_output.notice(record, about)) if record and about else ""
