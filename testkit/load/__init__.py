"""A load of every kind of request, each ending in exactly one recorded outcome.

`python -m testkit.load URL --out FILE` by hand, `Load.running(...)` in a test.
"""

from testkit.load.mix import Mix
from testkit.load.process import Load, LoadError
from testkit.load.record import Kind, Outcome, Record
from testkit.load.report import Report

__all__ = ["Kind", "Load", "LoadError", "Mix", "Outcome", "Record", "Report"]
