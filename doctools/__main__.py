"""Rewrites the parts of the documentation that a program makes.

``python -m doctools generate`` writes the tables that come from the code. ``python -m doctools
record`` runs the commands of the excerpts on the Docker engine and writes what they print.
"""

from __future__ import annotations

import argparse
from functools import partial

from doctools.pages import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m doctools", description=__doc__)
    parser.add_argument("command", choices=("generate", "record"))
    parser.add_argument("page", nargs="*", help="with record: only these, such as how-to/bake.md")
    asked = parser.parse_args()
    if asked.command == "generate":
        from doctools.generate import generate as write  # noqa: PLC0415
    else:
        from doctools.record import record  # noqa: PLC0415

        write = partial(record, asked.page)
    for page in write():
        print(f"doctools: wrote {page.relative_to(ROOT)}")
    return 0


raise SystemExit(main())
