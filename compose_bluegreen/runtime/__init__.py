"""State of the whole process: interrupts, and secrets that no report may contain.

Start with ``interrupts``. Imports ``domain``.
"""
