"""The entry point of the plugin.

Docker asks each plugin for its metadata at each Tab press and before each run, so that answer
imports nothing.
"""

from __future__ import annotations

import gc
import sys

from compose_bluegreen import __version__

METADATA = "docker-cli-plugin-metadata"
COMPLETE = "__complete"

_WHO_WE_ARE = (
    '{"SchemaVersion":"0.1.0","Vendor":"compose-bluegreen contributors","Version":"%s",'
    '"ShortDescription":"Release Compose services blue/green, with one command to roll back"}\n'
)


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == [METADATA]:
        sys.stdout.write(_WHO_WE_ARE % __version__)
        return 0
    # What imports make stays: to look through it for garbage takes 40 ms of each command.
    gc.disable()
    try:
        from compose_bluegreen.cli.error_handler import handle_errors  # noqa: PLC0415
        from compose_bluegreen.cli.main import run_command_line  # noqa: PLC0415
    except KeyboardInterrupt:
        return 130
    return handle_errors(lambda: run_command_line(arguments))


if __name__ == "__main__":
    sys.exit(main())
