"""Keys for steps that were recorded before steps had keys.

Their names and causes are those that the versions before migration 0004 wrote. They are stored on
users' machines, so nothing here follows a change of today's wording. A name sometimes says less than a
key: then the key is shorter, such as ``canary`` without the number of its stage.
"""

from __future__ import annotations

import re

_RULES = (
    # name, cause, key
    (r"put the proxy back", "undo", "undo:proxy:recreate"),
    (r"send all back", "undo", "undo:canary:1"),
    (r"switch back", "undo", "undo:switch"),
    (r"give back to .+", "undo", "undo:take_over"),
    (r"start .+ again", "undo", "undo:stop_first:stop"),
    (r"point .+ back", "undo", "undo:build"),
    (r"remove .+", "undo", "undo:start"),
    (r".*", "undo", "undo:other"),
    (r"(create|start|reload|recreate) the proxy", r".*", r"proxy:\1"),
    (
        r"(pre_deploy|post_start|pre_switch|post_switch|on_failure|on_rollback)(?: (\d+))? of (\S+)",
        r".*",
        r"hook:\1:\2:\3",
    ),
    (r"build (\S+)", r".*", r"build:\1"),
    (r"run (\S+)", r".*", r"run:\1"),
    (r"pull .+", r".*", "pull"),
    (r"use .+", r".*", "use"),
    (r"take deployment (\d+) away, which waited", r".*", r"replace_waiting:\1"),
    (r"start .+", "depends_on", "dependencies"),
    (r"(stop|start) .+", "order: stop-first", r"stop_first:\1"),
    (
        r"start .+ again",
        "it was taken away, and no other runs",  # words: stored
        "stop_first:restore",
    ),
    (
        r"start (\S+)-(?:blue|green)",
        "it served before, and isn't well",  # words: stored
        r"restore:start:\1",
    ),
    (r"start .+", r".*", "start"),
    (r"wake .+", r".*", "wake"),
    (
        r"wait until .+ healthy",
        "what isn't well is taken back",  # words: stored
        "stop_first:health",
    ),
    (r"wait until .+ healthy", r"it was proven .*", "promote:health"),  # words: stored
    (r"wait until .+ healthy", r".*", "health"),
    (r"show .+ to who may preview", r".*", "preview"),  # words: stored
    (r"hold .+ back", r".*", "hold"),
    (r"send .+", r".*", "canary"),
    (r"switch to .+", r".*", "switch"),
    (r"take over from .+", r".*", "take_over"),
    (
        r"see (\S+)-(?:blue|green) healthy under traffic",
        "it has the traffic already",
        r"verify:\1",
    ),
    (r"see .+ healthy under traffic", r".*", "verify"),
    (r"bake .+", r".*", "bake"),
    (r"drain .+", r".*", "drain"),
    (r"stop .+", "standby: stopped", "retire:stop"),
    (r"let .+ stand by", r"standby: (\S+)", r"retire:standby:\1"),  # words: stored
    (r"remove .+", "it is drained", "retire:remove"),
    (r"remove .+", "the proxy has its ports and its name", "remove:own"),
    (r"remove .+", "its standby is over", "remove:standby"),
    (r"remove (\S+)-(?:blue|green)", r".*", r"remove:leftover:\1"),
    (r"keep the image of (\S+)", r".*", r"image:keep:\1"),
    (r"point .+ at what serves", r".*", "image:point"),  # words: stored
    (r"let go of old images of (\S+)", r".*", r"image:prune:\1"),  # words: stored
    (r"switch back", r".*", "switch_back"),
    (r"give back to .+", r".*", "give_back"),
)


def key_of_name(name: str, cause: str) -> str:
    """The nearest key; ``other`` for a name that none of those versions wrote."""
    for names, causes, key in _RULES:
        match = re.fullmatch(f"{names}\n{causes}", f"{name}\n{cause}")
        if match:
            # A hook that was alone at its moment had no number.
            return match.expand(key).replace("::", ":1:")
    return "other"
