"""Which commands the excerpts of each page show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CHECKED = "HEALTHCHECK --interval=1s --timeout=2s --retries=3 CMD /app/healthcheck\n"

_PROGRAMS = """
USER root
WORKDIR /srv
RUN for name in manage.py smoke-test warm-up; do \\
      printf '#!/bin/sh\\necho "$(basename "$0") $*: OK"\\n' >"$name" && chmod +x "$name"; done
USER nobody
"""
_QUEUE = r"""
USER root
RUN printf '#!/bin/sh\ntrap "exit 0" TERM\nsleep infinity & wait\n' >/usr/local/bin/work && \
    printf '#!/bin/sh\necho migrated\n' >/usr/local/bin/migrate && \
    chmod +x /usr/local/bin/work /usr/local/bin/migrate
USER nobody
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """The ``commands`` that a part shows, after ``before``, which it doesn't show."""

    commands: tuple[str, ...]
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Play:
    """The scenes of one page, each under the name of its part.

    ``images`` are built on top of the sample service, each with the lines of its Dockerfile. They
    are what the compose file in the page names, its ``block``-th; without images, the repository's
    own demo is played. ``requests`` a second are sent to the first of the ``ports`` meanwhile.
    ``names`` has texts of the page, and what the engine has in their place.
    """

    page: str
    scenes: Mapping[str, Scene]
    project: str = "myapp"
    ports: tuple[int, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    block: int = 0
    requests: int = 0


DEMO = Play(
    page="tutorial/demo.md",
    project="bluegreen-demo",
    ports=(8000, 8404),
    names={"sample_service:latest": "{}/sample:latest"},
    scenes={
        "first-release": Scene(("docker bluegreen up", "curl http://localhost:8000/")),
        "second-release": Scene(
            (
                'sed -i \'s/"hello"/"ola"/\' sample_service/app.py',
                'docker bluegreen up --message "greets in Portuguese"',
                "curl http://localhost:8000/",
            )
        ),
        "failed-release": Scene(
            (
                "sed -i 's/^START_DELAY = .*/START_DELAY = 3600/' sample_service/app.py",
                "docker bluegreen up",
                "echo $?",
                "curl http://localhost:8000/",
            )
        ),
        "rollback": Scene(("docker bluegreen rollback", "curl http://localhost:8000/")),
        "history": Scene(("docker bluegreen history", "docker bluegreen status")),
        "down": Scene(("docker bluegreen down",)),
    },
)

OTHERS = (
    Play(
        page="how-to/hold-and-promote.md",
        ports=(80,),
        images={"you/web:1.4": CHECKED, "you/web:1.5": CHECKED},
        scenes={
            "hold": Scene(
                ("TAG=1.5 docker bluegreen up --no-switch", "docker bluegreen status"),
                before=("docker bluegreen up",),
            ),
            "promote": Scene(("docker bluegreen promote",)),
        },
    ),
    Play(
        page="how-to/several-services.md",
        ports=(8000,),
        images={
            **{f"you/{name}:{tag}": CHECKED for name in ("web", "api") for tag in (1, 2)},
            "you/mail:3": f"ENV PORT=8025\n{CHECKED}",
        },
        scenes={
            "several-services": Scene(
                (
                    "TAG=2 docker bluegreen up             # web and api changed",
                    "docker bluegreen rollback             # web and api together",
                ),
                before=("docker bluegreen up",),
            )
        },
    ),
    Play(
        page="how-to/standby.md",
        ports=(8000,),
        images={"you/web:1": CHECKED, "you/web:2": CHECKED},
        scenes={
            "standby": Scene(
                ("TAG=2 docker bluegreen up", "docker bluegreen rollback"),
                before=("docker bluegreen up",),
            )
        },
    ),
    Play(
        page="how-to/bake.md",
        ports=(8000,),
        images={"you/web:1": CHECKED, "you/web:2": f"ENV ERRORS=100\n{CHECKED}"},
        requests=50,
        scenes={
            "bake": Scene(
                ("TAG=2 docker bluegreen up", "echo $?"),
                before=("docker bluegreen up", "sleep 5"),
            )
        },
    ),
    Play(
        page="how-to/canary.md",
        ports=(8000,),
        # The page's own steps would take eleven minutes.
        names={"5%:1m,25%:5m,50%:5m": "5%:2s,25%:2s,50%:2s", "bake: 2m": "bake: 2s"},
        images={"you/web:1": CHECKED, "you/web:2": CHECKED},
        requests=20,
        scenes={
            "canary": Scene(
                ("TAG=2 docker bluegreen up",), before=("docker bluegreen up", "sleep 3")
            )
        },
    ),
    Play(
        page="how-to/workers.md",
        ports=(8000,),
        images={"you/shop:1": _QUEUE, "you/shop:2": _QUEUE},
        scenes={"workers": Scene(("TAG=2 docker bluegreen up",), before=("docker bluegreen up",))},
    ),
    Play(
        page="how-to/hooks.md",
        ports=(80,),
        images={"you/web:1.4": _PROGRAMS + CHECKED},
        scenes={
            "hooks": Scene(
                ("docker bluegreen up --dry-run", "docker bluegreen up"),
                before=(
                    "printf '#!/bin/sh\\necho purged\\n' >purge-cdn.sh; chmod +x purge-cdn.sh",
                ),
            )
        },
    ),
    Play(
        page="how-to/hooks.md",
        ports=(80,),
        images={"you/web:1.4": _PROGRAMS + CHECKED, "you/web:1.5": _PROGRAMS + CHECKED},
        block=1,
        scenes={
            "irreversible": Scene(
                ("docker bluegreen rollback", "echo $?"),
                before=(
                    "TAG=1.4 docker bluegreen up --no-hooks",
                    "TAG=1.5 docker bluegreen up",
                ),
            )
        },
    ),
)
PLAYS = (DEMO, *OTHERS)
