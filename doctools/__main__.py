"""python -m doctools generate: rewrites the tables of the documentation that come from the code."""

from __future__ import annotations

import argparse

from doctools.generate import generate
from doctools.pages import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m doctools", description=__doc__)
    parser.add_argument("command", choices=("generate",))
    parser.parse_args()
    for page in generate():
        print(f"doctools: wrote {page.relative_to(ROOT)}")
    return 0


raise SystemExit(main())
