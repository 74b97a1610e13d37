"""A load of every kind of request, each ending in exactly one recorded outcome.

`python -m tests.load URL --out FILE` by hand, `Load.running(...)` in a test.
"""

from tests.load.mix import Mix
from tests.load.process import Load, LoadError
from tests.load.record import Kind, Outcome, Record
from tests.load.report import Report

__all__ = ["Kind", "Load", "LoadError", "Mix", "Outcome", "Record", "Report"]
