"""Interrupts, and secrets that no report may repeat.

Start with ``interrupts``. Imports ``domain``.
"""
