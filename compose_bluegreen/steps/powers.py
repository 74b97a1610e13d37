"""What a release from history may do that no release on this machine could: it needs an agreement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from compose_bluegreen.domain import powers
from compose_bluegreen.domain.errors import BluegreenError
from compose_bluegreen.domain.hints import Hint
from compose_bluegreen.domain.release import Release
from compose_bluegreen.ports.context import Context

Found = tuple[int, Release]
"""A release, and the deployment whose record it comes from."""


def note(releases: Iterable[Release], ctx: Context) -> None:
    """Records the powers of releases from a compose file on this machine, or that a person agreed to.

    A failure is a warning: then a later rollback on this machine may ask for ``--force``.
    """
    for release in releases:
        try:
            ctx.powers.note(release.service, powers.powers(release))
        except BluegreenError as error:
            ctx.observer.remark(f"warning: {error.message}; a rollback may need --force")


def gains(found: Sequence[Found], ctx: Context) -> list[str]:
    """For each release that gains powers, a sentence for people."""
    return [
        f"the release of {release.service} in deployment {deployment} gains {', '.join(gained)}"
        for deployment, release in found
        if (gained := _gained(release, ctx))
    ]


def refuse(found: Sequence[Found], hint: Hint, ctx: Context) -> None:
    """Raises BluegreenError if one of them gains a power."""
    if gained := gains(found, ctx):
        raise BluegreenError(
            f"{'; '.join(gained)}: neither the live release nor any compose file that was released"
            " from this machine had that",
            hint=hint,
        )


def _gained(release: Release, ctx: Context) -> list[str]:
    part = ctx.live_part(release.service)
    candidates = powers.gained(release, part.release if part else None)
    return sorted(ctx.powers.unseen(release.service, candidates))
