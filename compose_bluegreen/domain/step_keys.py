"""Keys of steps. Code compares keys; the name of a step is text for people and can change.

A key is ``kind[:detail…]``, for example ``hook:pre_deploy:1:web``. History keeps it forever, so a kind is
never renamed and its details keep their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Self


class StepKind(StrEnum):
    """What a step does. ``DETAILS`` lists what follows it in a key."""

    DEPENDENCIES = "dependencies"
    """Start the dependencies that compose-bluegreen does not release."""
    BUILD = "build"
    """Build the image of a service."""
    PULL = "pull"
    """Pull the image of a service."""
    USE = "use"
    """Use an image of a service that the engine has already."""
    RUN = "run"
    """Run a one-off job, once for each release."""
    PROXY = "proxy"
    """Change the proxy's container or its configuration, or renew its image."""
    REPLACE_WAITING = "replace_waiting"
    """Remove the deployment that waits, because a new one needs its place."""
    HOOK = "hook"
    """Run a hook. The number is its place among the hooks of that moment, from 1."""
    START = "start"
    """Start the idle colours."""
    WAKE = "wake"
    """Use the idle colours that are running already, on standby."""
    HEALTH = "health"
    """Wait until the idle colours are healthy."""
    PREVIEW = "preview"
    """Open the idle colours to preview users."""
    HOLD = "hold"
    """Leave the deployment waiting for `promote`."""
    PROMOTE = "promote"
    """Check a deployment that waited again, before its switch."""
    CANARY = "canary"
    """Send a percentage of the requests to the new colours. The number is the stage, from 1."""
    STOP_FIRST = "stop_first"
    """Replace workers that must never run twice, or start the old ones again."""
    SWITCH = "switch"
    """Switch all requests to the new colours."""
    TAKE_OVER = "take_over"
    """Take the ports and names over from the user's own containers."""
    VERIFY = "verify"
    """Check that the new colours are healthy with traffic."""
    BAKE = "bake"
    """Watch the new colours while the old ones are still running."""
    DRAIN = "drain"
    """Wait until the old colours have no in-flight requests."""
    RETIRE = "retire"
    """Remove or stop the old colours, or keep them on standby for a while."""
    IMAGE = "image"
    """Keep the image of a service for a rollback, point its tag at the live image, or remove old images."""
    REMOVE = "remove"
    """Remove the user's own containers after a take-over, an idle colour that was left over, or colours
    whose standby has ended."""
    SWITCH_BACK = "switch_back"
    """In a recovery or an abort: switch all requests back to the old colours."""
    GIVE_BACK = "give_back"
    """In a recovery: return the ports and names to the user's own containers."""
    RESTORE = "restore"
    """In an abort: start the old colour again and wait until it is healthy."""
    REPAIR = "repair"
    """Repair one kind of drift."""
    DOWN = "down"
    """Remove everything that compose-bluegreen runs for the project."""
    UNDO = "undo"
    """Undo the step whose key follows."""
    OTHER = "other"
    """A step that was recorded by an earlier version, with a name that this version does not know."""


DETAILS: Mapping[StepKind, tuple[str, ...]] = MappingProxyType(
    dict.fromkeys(StepKind, ("",))
    | {
        StepKind.BUILD: ("SERVICE",),
        StepKind.PULL: ("SERVICE",),
        StepKind.USE: ("SERVICE",),
        StepKind.RUN: ("SERVICE",),
        StepKind.PROXY: ("create", "start", "reload", "hand_over", "recreate", "image"),
        StepKind.REPLACE_WAITING: ("ID",),
        StepKind.HOOK: ("MOMENT:NUMBER:SERVICE",),
        StepKind.PROMOTE: ("health",),
        StepKind.CANARY: ("NUMBER",),
        StepKind.STOP_FIRST: ("stop", "start", "health", "restore"),
        StepKind.VERIFY: ("", "SERVICE"),
        StepKind.RETIRE: ("remove", "stop", "standby:DURATION"),
        StepKind.IMAGE: ("keep:SERVICE", "point:SERVICE", "prune:SERVICE"),
        StepKind.REMOVE: ("own", "leftover:SERVICE", "standby"),
        StepKind.RESTORE: ("start:SERVICE", "health:SERVICE"),
        StepKind.REPAIR: ("DRIFT", "DRIFT:SERVICE"),
        StepKind.UNDO: ("KEY",),
    }
)
"""What can follow a kind. A word in capitals is a placeholder; the rest is literal."""


@dataclass(frozen=True, slots=True)
class StepKey:
    kind: StepKind
    detail: str = ""

    @classmethod
    def of(cls, kind: StepKind, *details: object) -> Self:
        return cls(kind, ":".join(map(str, details)))

    def __str__(self) -> str:
        return f"{self.kind}:{self.detail}" if self.detail else self.kind.value

    @property
    def services(self) -> tuple[str, ...]:
        """The service that the key itself names, if any."""
        pattern = next((detail for detail in DETAILS[self.kind] if detail.endswith("SERVICE")), "")
        _, *parts = str(self).split(":")
        return (parts[-1],) if pattern and len(parts) == len(pattern.split(":")) else ()

    @property
    def undo(self) -> StepKey:
        """The key of this step's undo."""
        return StepKey(StepKind.UNDO, str(self))


HOLD = StepKey(StepKind.HOLD)
