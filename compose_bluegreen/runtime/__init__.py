"""What belongs to the whole process: interrupts, and secrets that no report may repeat.

Imports ``domain``.
"""
