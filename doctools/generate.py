"""Writes the tables that come from the code into the pages that have room for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from doctools import commands, deployments, settings
from doctools.pages import pages, rewritten

COMMAND = "python -m doctools generate"

TABLES: Mapping[str, Callable[[], str]] = {
    "command-overview": commands.overview,
    "shared-options": commands.shared,
    "commands": commands.details,
    "service-settings": settings.of_services,
    "project-settings": settings.of_projects,
    "hook-keys": settings.of_hooks,
    "hook-moments": settings.moments,
    "exit-codes": deployments.exit_codes,
    "deployment-states": deployments.states,
    "state-diagram": deployments.picture_of_states,
    "notification-keys": deployments.notification,
    "notification-events": deployments.events,
    "drift-kinds": deployments.drift,
    "step-keys": deployments.step_keys,
}


def generated() -> Iterator[tuple[Path, str]]:
    """Each page with such tables, and what it should be."""
    contents = {name: make() for name, make in TABLES.items()}
    for page in pages("generated"):
        yield page, rewritten(page.read_text(), "generated", contents)


def generate() -> list[Path]:
    """Returns the pages that were stale."""
    stale = [(page, text) for page, text in generated() if page.read_text() != text]
    for page, text in stale:
        page.write_text(text)
    return [page for page, _ in stale]
