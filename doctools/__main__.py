"""Rewrites the parts of the documentation that a program makes.

``python -m doctools generate`` writes the tables that come from the code. ``python -m doctools
record`` runs the commands of the tutorial on the Docker engine and writes what they print.
"""

from __future__ import annotations

import argparse

from doctools.pages import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m doctools", description=__doc__)
    parser.add_argument("command", choices=("generate", "record"))
    if parser.parse_args().command == "generate":
        from doctools.generate import generate as write  # noqa: PLC0415
    else:
        from doctools.record import record as write  # noqa: PLC0415
    for page in write():
        print(f"doctools: wrote {page.relative_to(ROOT)}")
    return 0


raise SystemExit(main())
