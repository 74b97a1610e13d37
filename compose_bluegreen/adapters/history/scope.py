"""Whose deployments are meant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """Numbers count within one project on one engine.

    ``engine`` None is for looking only, where no engine answers: it means all of them.
    """

    engine: str | None
    project: str
