"""Imports a command early."""

from __future__ import annotations

from importlib import import_module

_MODULES = {"status": "inspection.status", "lock": "ports.lock"}
"""Commands without a file of their name in this folder."""


def prepare(command: str) -> None:
    """Imports what a command needs, while its caller waits for something else."""
    import_module(f"compose_bluegreen.{_MODULES.get(command, f'commands.{command}')}")
